// sentinel.conf: what is accepted is written so that it is accepted again, and after the second time written the same
// (the line of a default user that was not mentioned gets one more word then, as in stock).
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
  const std::string again = RenderSettings(second, written);
  State third(1);
  fuzz::Require(LoadSettings(again, third, now).has_value(), "and again");
  fuzz::Require(RenderSettings(third, again) == again, "written once more it is the same");
  fuzz::Require(first.masters.size() == second.masters.size(), "no master is lost");
  fuzz::Require(first.current_epoch == second.current_epoch && first.my_id == second.my_id, "nor who we are");
  for (const auto& [name, master] : first.masters) {
    const Master* read = FindMaster(second, name);
    fuzz::Require(read != nullptr && read->address == master.address && read->quorum == master.quorum &&
                      read->auth_pass == master.auth_pass && read->auth_user == master.auth_user &&
                      read->notification_script == master.notification_script &&
                      read->config_epoch == master.config_epoch && read->vote.epoch == master.vote.epoch &&
                      read->replicas.size() == master.replicas.size() &&
                      read->sentinels.size() == master.sentinels.size(),
                  "nor anything of a master");
  }
  return 0;
}
