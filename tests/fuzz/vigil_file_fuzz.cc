// <config>.vigil beside a fixed sentinel.conf: what is accepted is written so that it is accepted again, and then
// written the same.
#include "sentinel/core/settings.h"
#include "sentinel/core/vigil_file.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr std::string_view kConfig =
    "sentinel myid 1111111111111111111111111111111111111111\n"
    "sentinel monitor m 127.0.0.1 7000 2\n"
    "sentinel monitor \"two words\" 127.0.0.1 7001 2\n"
    "sentinel current-epoch 7\n"
    "sentinel leader-epoch m 7\n"
    "sentinel config-epoch m 5\n"
    "sentinel known-replica m 127.0.0.1 7002\n"
    "sentinel known-sentinel m 127.0.0.1 26002 2222222222222222222222222222222222222222\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sentinel;
  const base::Now now{base::MonoTime(base::Millis(1000000)), base::FromUnixMillis(1700000000000)};
  const std::string text(fuzz::Text(data, size));
  State first(1);
  fuzz::Require(LoadSettings(kConfig, first, now).has_value(), "the configuration is good");
  if (!LoadVigil(text, first, now)) return 0;
  const std::string written = RenderVigil(first, text);
  State second(1);
  (void)LoadSettings(kConfig, second, now);
  fuzz::Require(LoadVigil(written, second, now).has_value(), "what we write can be read");
  fuzz::Require(RenderVigil(second, written) == written, "written once more it is the same");
  return 0;
}
