#include "sentinel/core/pause.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/roles.h"

namespace sentinel {
namespace {

using base::Millis;

// In milliseconds since 1970, the year 9999: no clock that gives versions shows more.
constexpr std::uint64_t kLastVersion = 253402300799000;

TimerKey PauseKey(const Master& master) {
  return TimerKey{master.id, TimerKind::kPause, 0};
}

// What was held back is looked at again: the election, and the replicas' claims.
void GoOn(State& state, Master& master, const base::Now& now, Actions& out) {
  state.timers.Cancel(PauseKey(master));
  master.pause.until.reset();
  master.delay_told.reset();
  ScheduleStand(state, master, now, out);
  for (auto& [address, replica] : master.replicas) CorrectReplica(state, master, replica, now, out);
}

void Hold(State& state, Master& master, const base::Now& now, Actions& out) {
  state.timers.Set(PauseKey(master), *master.pause.until);
  const Failover& failover = master.failover;
  const bool reversible = failover.active() && !failover.slaveof_sent && failover.stage != Stage::kReconfigure &&
                          failover.stage != Stage::kUpdateConfig;
  if (reversible && !failover.forced) {
    AbortFailover(state, master, "-failover-abort-paused", now, out);
  } else {
    ScheduleStand(state, master, now, out);
  }
}

void AnnouncePaused(State& state, const Master& master, Millis remaining, Actions& out) {
  std::string text = fmt::format("{} {} ms by {}", Describe(state, master), remaining.count(), master.pause.by.hex);
  if (!master.pause.reason.empty()) text += " " + master.pause.reason;
  AnnounceEvent(state, &master, "+pause", text, master.pause.change, out);
}

void AnnounceGoingOn(State& state, const Master& master, std::string_view why, Actions& out) {
  AnnounceEvent(state, &master, "-pause", fmt::format("{} {}", Describe(state, master), why), master.pause.change, out);
}

void Tell(State& state, const Master& master, const base::Now& now, Actions& out) {
  std::vector<std::string> words = {"SENTINEL", "PAUSED"};
  for (std::string& field : PauseNoticeOf(master, now)) words.push_back(std::move(field));
  PushWords(state, master, kPaused, words, master.pause.change, out);
}

std::uint64_t NextVersion(const Master& master, const base::Now& now) {
  const auto wall = static_cast<std::uint64_t>(std::max<std::int64_t>(base::UnixMillis(now.wall), 1));
  return std::max(wall, master.pause.version + 1);
}

}  // namespace

base::Result<ChangeNumber> PauseMaster(State& state, Master& master, const PauseRequest& request, const base::Now& now,
                                       Actions& out) {
  const auto refuse = [](std::string text) { return base::Fail(base::ErrorCode::kInvalid, std::move(text)); };
  if (request.length.count() < 1 || request.length > kLongestPause) {
    return refuse(fmt::format("ERR a pause lasts 1 to {} milliseconds", kLongestPause.count()));
  }
  if (base::HasControlCharacters(request.reason) || request.reason.size() > kLongestReason) {
    return refuse(
        fmt::format("ERR a reason has at most {} characters, none of them control characters", kLongestReason));
  }
  if (!request.anyway) {
    for (const auto& [id, opinion] : master.sentinels) {
      const Peer* peer = FindPeer(state, id);
      if (peer == nullptr || peer->make == Peer::Make::kOurs) continue;
      // One that cannot be reached, and never could be, may be anything; it will ask when it is ours.
      if (peer->make == Peer::Make::kUnknown && !peer->command.up()) continue;
      return refuse(
          fmt::format("ERR sentinel {} does not know of pauses and would fail over all the same; with ANYWAY the "
                      "others are paused",
                      id.hex));
    }
  }
  master.pause.version = NextVersion(master, now);
  master.pause.by = state.my_id;
  master.pause.length = request.length;
  master.pause.reason = request.reason;
  master.pause.ends_at = now.wall + request.length;
  master.pause.until = now.mono + request.length;
  master.pause.change = MarkChanged(state, out);
  AnnouncePaused(state, master, request.length, out);
  Hold(state, master, now, out);
  Tell(state, master, now, out);
  return master.pause.change;
}

ChangeNumber ResumeMaster(State& state, Master& master, const base::Now& now, Actions& out) {
  const bool was_paused = IsPaused(master, now);
  master.pause = Pause{NextVersion(master, now), state.my_id, Millis(0), now.wall, std::nullopt, {}, 0};
  master.pause.change = MarkChanged(state, out);
  if (was_paused) AnnounceGoingOn(state, master, "resumed by " + state.my_id.hex, out);
  Tell(state, master, now, out);
  GoOn(state, master, now, out);
  return master.pause.change;
}

void PauseOver(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.pause.until) return;
  if (now.mono < *master.pause.until) {  // prolonged meanwhile
    state.timers.Set(PauseKey(master), *master.pause.until);
    return;
  }
  AnnounceGoingOn(state, master, "is over", out);
  GoOn(state, master, now, out);
}

std::vector<std::string> PauseNoticeOf(const Master& master, const base::Now& now) {
  const Pause& pause = master.pause;
  if (pause.version == 0) return {};
  const Millis remaining = pause.until ? std::max(*pause.until - now.mono, Millis(0)) : Millis(0);
  return {master.name,
          fmt::format("{}", pause.version),
          fmt::format("{}", remaining.count()),
          fmt::format("{}", pause.length.count()),
          pause.by.hex,
          pause.reason};
}

base::Result<PauseNotice> ReadPauseNotice(const std::vector<std::string>& fields) {
  const auto malformed = [] { return base::Fail(base::ErrorCode::kInvalid, "ERR malformed pause"); };
  if (fields.size() != 6) return malformed();
  const auto version = base::ParseInt<std::uint64_t>(fields[1]);
  const auto remaining = base::ParseInt<std::int64_t>(fields[2]);
  const auto length = base::ParseInt<std::int64_t>(fields[3]);
  const auto by = base::ParseHexId<base::RunId>(fields[4]);
  // A version that no clock shows would leave room for none after it.
  const bool fits = version && *version > 0 && *version <= kLastVersion && remaining && length && by &&
                    *remaining >= 0 && *length >= *remaining && Millis(*length) <= kLongestPause &&
                    fields[5].size() <= kLongestReason && !base::HasControlCharacters(fields[5]);
  if (!fits) return malformed();
  return PauseNotice{fields[0], *version, Millis(*remaining), Millis(*length), *by, fields[5]};
}

ChangeNumber TakePauseNotice(State& state, const PauseNotice& notice, const base::Now& now, Actions& out) {
  Master* master = FindMaster(state, notice.master);
  if (master == nullptr) return 0;
  Pause& pause = master->pause;
  if (std::pair(notice.version, notice.by) <= std::pair(pause.version, pause.by)) return pause.change;
  const bool was_paused = IsPaused(*master, now);
  pause = Pause{notice.version, notice.by,     notice.length,          now.wall + notice.remaining,
                std::nullopt,   notice.reason, MarkChanged(state, out)};
  if (notice.remaining.count() > 0) {
    pause.until = now.mono + notice.remaining;
    AnnouncePaused(state, *master, notice.remaining, out);
    Hold(state, *master, now, out);
    return pause.change;
  }
  if (was_paused) {
    AnnounceGoingOn(state, *master, notice.length.count() > 0 ? "is over" : "resumed by " + notice.by.hex, out);
  }
  GoOn(state, *master, now, out);
  return master->pause.change;
}

void TakePauses(State& state, const ReplyValue& reply, const base::Now& now, Actions& out) {
  if (reply.kind != ReplyValue::Kind::kArray) return;
  for (const ReplyValue& record : reply.elements) {
    std::vector<std::string> fields;
    for (const ReplyValue& field : record.elements) fields.push_back(field.text);
    if (const auto notice = ReadPauseNotice(fields)) TakePauseNotice(state, *notice, now, out);
  }
}

}  // namespace sentinel
