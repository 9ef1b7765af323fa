// sentinel.conf: what is accepted is written so that it is accepted again, and then written the same.
#include "sentinel/core/settings.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sentinel;
  const base::Now now{base::MonoTime(base::Millis(1000000)), base::FromUnixMillis(1700000000000)};
  const std::string text(fuzz::Text(data, size));
  State first(1);
  if (!LoadSettings(text, first, now)) return 0;
  const std::string written = RenderSettings(first, text);
  State second(1);
  fuzz::Require(LoadSettings(written, second, now).has_value(), "what we write can be read");
  fuzz::Require(RenderSettings(second, written) == written, "written once more it is the same");
  fuzz::Require(first.masters.size() == second.masters.size(), "no master is lost");
  fuzz::Require(first.current_epoch == second.current_epoch && first.my_id == second.my_id, "nor who we are");
  for (const auto& [name, master] : first.masters) {
    const Master* again = FindMaster(second, name);
    fuzz::Require(again != nullptr && again->address == master.address && again->quorum == master.quorum &&
                      again->auth_pass == master.auth_pass && again->auth_user == master.auth_user &&
                      again->notification_script == master.notification_script &&
                      again->config_epoch == master.config_epoch && again->vote.epoch == master.vote.epoch &&
                      again->replicas.size() == master.replicas.size() &&
                      again->sentinels.size() == master.sentinels.size(),
                  "nor anything of a master");
  }
  return 0;
}
