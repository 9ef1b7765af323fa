#include "sentinel/core/simulate.h"

#include "replication/base/text.h"

namespace sentinel {
namespace {

constexpr int kCrashExitCode = 99;

bool Crash(bool wanted, Actions& out) {
  if (!wanted) return false;
  out.push_back(LogLine{base::LogLevel::kWarning, "Sentinel CRASH because of SENTINEL simulate-failure"});
  out.push_back(Stop{kCrashExitCode, true});
  return true;
}

}  // namespace

bool CrashAfterElection(const State& state, Actions& out) {
  return Crash(state.crash_after_election, out);
}

bool CrashAfterPromotion(const State& state, Actions& out) {
  return Crash(state.crash_after_promotion, out);
}

void SimulateFailureCommand(Call& call) {
  State& state = call.state;
  state.crash_after_election = false;
  state.crash_after_promotion = false;
  for (std::size_t i = 2; i < call.words.size(); ++i) {
    if (base::EqualsIgnoreCase(call.words[i], "crash-after-election")) {
      state.crash_after_election = true;
    } else if (base::EqualsIgnoreCase(call.words[i], "crash-after-promotion")) {
      state.crash_after_promotion = true;
    } else if (base::EqualsIgnoreCase(call.words[i], "help")) {
      call.reply.Array(2);
      call.reply.Bulk("crash-after-election");
      call.reply.Bulk("crash-after-promotion");
      return;
    } else {
      return call.reply.Error("ERR Unknown failure simulation specified");
    }
  }
  call.reply.Ok();
}

}  // namespace sentinel
