// vigil switchover: a failover that the master takes part in, with its plan first and its way back looked at.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

bool Confirmed() {
  std::fputs("Go on? [y/N] ", stdout);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// After a switchover that came to nothing: is the old master the master again, and does it take writes?
void ReportRollback(const FailoverOptions& options, const base::Endpoint& before) {
  const auto found = FindSentinels(options.ask);
  if (!found) return;
  // The sentinels end the pause and the demotion within half a second; a slow one may need a little more.
  for (int look = 0; look < 50; ++look) {
    const auto address = AskAddress(found->where, options.master);
    const NodeView node = AskNode(before, options.ask.credentials);
    if (address && *address == before && node.answers && node.writable) {
      Complain(
          fmt::format("rolled back: {} is still the master of {} and takes writes", before.ToString(), options.master),
          "nothing was lost; `vigil why " + options.master + "` says what stood in the way");
      return;
    }
    if (address && *address != before) {
      Complain(fmt::format("clients are sent to {} now", address->ToString()), "`vigil status` shows the rest");
      return;
    }
    if (!Pause(std::chrono::milliseconds(100))) return;
  }
  Complain(fmt::format("{} does not take writes again", before.ToString()),
           "`vigil show " + options.master + "` shows what it is now");
}

}  // namespace

int Switchover(const FailoverOptions& options) {
  const bool asks_back = !options.yes && !options.json && isatty(STDIN_FILENO) == 1 && OnTerminal();
  if (asks_back) {
    PlanOptions plan;
    plan.ask = options.ask;
    plan.kind = "switchover";
    plan.master = options.master;
    plan.to = options.to;
    if (const int code = PlanSwitch(plan); code != kDone) return code;
    if (!Confirmed()) {
      Complain("nothing was done");
      return kRefused;
    }
  }
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto before = AskAddress(found->where, options.master);
  if (!before) return ReportAskError(before.error(), *found, options.master);
  const int code = Failover(options);
  if (code == kFailed || code == kTimedOut) ReportRollback(options, *before);
  return code;
}

}  // namespace cli
