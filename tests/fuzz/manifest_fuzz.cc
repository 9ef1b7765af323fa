// Manifests of append-only directories: what is accepted is written so that it says the same again.
#include "replication/core/journal_format.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = replication::ParseManifest(fuzz::Text(data, size));
  if (!manifest) {
    fuzz::Require(!manifest.error().text.empty(), "a refusal has a reason");
    return 0;
  }
  fuzz::Require(manifest->base.has_value() || !manifest->incrs.empty(), "an accepted manifest names a file of data");
  const auto inside = [](const replication::JournalFile& file) {
    fuzz::Require(!file.name.empty() && file.name.find('/') == std::string::npos && file.name != "..",
                  "no file lies outside the folder");
  };
  if (manifest->base) inside(*manifest->base);
  for (const replication::JournalFile& file : manifest->incrs) inside(file);
  for (const replication::JournalFile& file : manifest->history) inside(file);
  const auto again = replication::ParseManifest(replication::RenderManifest(*manifest));
  fuzz::Require(again.has_value(), "what we write is accepted");
  fuzz::Require(*again == *manifest, "and says the same");
  return 0;
}
