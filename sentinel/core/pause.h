// An operator's pause: no automatic failover and no repair of a master until it is over.
//
// Votes are given and an operator's FAILOVER runs as always. A pause is durable before it is confirmed, told to all
// peers of ours, and asked of them on every new connection, so that one that was away learns it. It expires by itself.
// Stock sentinels know nothing of it: while one is known it would do less than it says, and is refused.
// Source: spec/decisions.md A12.
#pragma once

#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

inline constexpr std::string_view kPaused = "paused";

inline bool IsPaused(const Master& master, const base::Now& now) {
  return master.pause.until && now.mono < *master.pause.until;
}

struct PauseRequest {
  base::Millis length{};
  std::string reason;
  bool anyway = false;  // although stock sentinels vote
};
// Announces +pause, ends an automatic failover of ours that has not yet done anything irreversible, tells the peers.
// Returns the change that the reply promises. Errors carry the text of the reply.
base::Result<ChangeNumber> PauseMaster(State& state, Master& master, const PauseRequest& request, const base::Now& now,
                                       Actions& out);
// Announces -pause. Also when nothing is paused here: another sentinel may hold a pause that we have not heard of.
ChangeNumber ResumeMaster(State& state, Master& master, const base::Now& now, Actions& out);
// The timer: the pause has lasted as long as it was to.
void PauseOver(State& state, Master& master, const base::Now& now, Actions& out);

// One record as sentinels of ours tell it: `SENTINEL PAUSED <name> <version> <remaining-ms> <length-ms> <id> <reason>`.
struct PauseNotice {
  std::string master;
  std::uint64_t version = 0;
  base::Millis remaining{0};  // 0: resumed, or over
  base::Millis length{0};
  base::RunId by;
  std::string reason;
};
// Takes over what is newer than our own; unknown masters are ignored. Returns the change that knowing it rests on.
ChangeNumber TakePauseNotice(State& state, const PauseNotice& notice, const base::Now& now, Actions& out);
// What we would tell of `master`; empty when it was never paused.
std::vector<std::string> PauseNoticeOf(const Master& master, const base::Now& now);
// The answer of a peer to `SENTINEL PAUSED`: an array of such notices.
void TakePauses(State& state, const ReplyValue& reply, const base::Now& now, Actions& out);
base::Result<PauseNotice> ReadPauseNotice(const std::vector<std::string>& fields);

// The longest pause that may be asked for: a week.
inline constexpr base::Millis kLongestPause{7LL * 24 * 3600 * 1000};
inline constexpr std::size_t kLongestReason = 200;

}  // namespace sentinel
