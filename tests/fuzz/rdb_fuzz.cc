// Whole RDB files, cut in two ways: refused with the same reason or loaded as the same data; and what was loaded is
// written so that it is loaded again and is the same. The checksum is left out: it keeps nobody out.
#include "replication/data/data_digest.h"
#include "tests/fuzz/fuzz_keyspace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kChecksum = 8;
  if (size < 10 + kChecksum) return 0;
  std::string file(fuzz::Text(data, size));
  const std::size_t piece = 1 + static_cast<unsigned char>(file.back()) % 32;
  file.replace(file.size() - kChecksum, kChecksum, kChecksum, '\0');

  data::Keyspace whole(16);
  data::Keyspace pieces(16);
  std::size_t whole_taken = 0;
  std::size_t pieces_taken = 0;
  const std::string fault = fuzz::ReadFile(whole, file, file.size(), &whole_taken);
  const std::string same_fault = fuzz::ReadFile(pieces, file, piece, &pieces_taken);
  fuzz::Require(fault.empty() == same_fault.empty(), "the same verdict however the bytes are cut");
  if (!fault.empty()) return 0;
  fuzz::Require(whole_taken == pieces_taken, "the file ends at the same place");
  const std::string digest = data::DataDigest(whole);
  fuzz::Require(data::DataDigest(pieces) == digest, "the same data however the bytes are cut");

  data::Keyspace again(16);
  const std::string written = fuzz::WriteFile(whole);
  fuzz::Require(fuzz::ReadFile(again, written, written.size()).empty(), "what we write can be read");
  fuzz::Require(data::DataDigest(again) == digest, "and is the same");
  return 0;
}
