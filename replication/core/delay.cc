#include "replication/core/delay.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/core/apply.h"
#include "replication/core/state.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

using base::LogLevel;

// A mark for each second of the stream: what it is worth to be exact.
constexpr base::Millis kMarkEvery{1000};
constexpr std::size_t kPiece = 64 << 10;

base::Millis DelayOf(const NodeState& state) {
  return state.settings.replica_apply_delay;
}

// The last byte that is due; at most what was received.
Offset DueThrough(const NodeState& state, const Now& now) {
  const Delay& delay = *state.delay;
  const Offset received = Received(state);
  if (delay.paused) return std::min(delay.until.value_or(delay.fed), received);
  if (DelayOf(state).count() == 0) return received;
  Offset due = delay.fed;
  for (const Delay::Mark& mark : delay.marks) {
    if (mark.at + DelayOf(state) > now.mono) break;
    due = mark.through;
  }
  const auto limit = static_cast<Offset>(state.settings.replica_apply_delay_max_bytes);
  if (limit > 0 && received - due > limit) due = received - limit;
  return std::clamp(due, delay.fed, std::max(received, delay.fed));
}

}  // namespace

bool IsDelayed(const NodeState& state) {
  const Delay& delay = *state.delay;
  return !state.is_master() && (DelayOf(state).count() > 0 || delay.paused || delay.fed < Received(state));
}

Offset Received(const NodeState& state) {
  return state.backlog ? state.stream.end() - 1 : state.applied;
}

Offset PendingBytes(const NodeState& state) {
  return Received(state) - state.applied;
}

void NoteReceived(NodeState& state, const Now& now) {
  Delay& delay = *state.delay;
  const Offset received = Received(state);
  if (!delay.marks.empty() && now.mono - delay.marks.back().at < kMarkEvery) {
    delay.marks.back().through = received;
  } else {
    delay.marks.push_back({received, now.mono, now.wall});
  }
  const auto limit = static_cast<Offset>(state.settings.replica_apply_delay_max_bytes);
  const bool over = !delay.paused && limit > 0 && PendingBytes(state) > limit;
  if (over && !std::exchange(delay.over_limit, true)) {
    state.Say(LogLevel::kWarning,
              fmt::format("More than replica-apply-delay-max-bytes ({}) wait: the oldest are applied before their time",
                          limit));
  }
  if (PendingBytes(state) < limit / 2) delay.over_limit = false;
}

void ApplyDue(NodeState& state, std::size_t budget, const Now& now) {
  Delay& delay = *state.delay;
  NodeClient* master = state.master.client.get();
  if (master == nullptr) return;
  while (delay.fed < DueThrough(state, now) && budget > 0 && !state.scripts.turns.suspended) {
    const Offset until = std::min(DueThrough(state, now), delay.fed + static_cast<Offset>(std::min(budget, kPiece)));
    const auto views = state.stream.Read(delay.fed + 1, until + 1, kPiece);
    if (!views || views->empty()) break;
    std::size_t taken = 0;
    for (const std::string_view view : *views) {
      master->parser.Feed(view);
      taken += view.size();
    }
    delay.fed += static_cast<Offset>(taken);
    budget -= std::min(budget, taken);
    ApplyReceived(state, now);
    if (state.master.client.get() != master) return;  // the stream was broken, or stopped
  }
  while (!delay.marks.empty() && delay.marks.front().through <= state.applied) delay.marks.pop_front();
  if (delay.until && state.applied >= *delay.until) delay.until.reset();
}

bool DelayWorkWaits(const NodeState& state, const Now& now) {
  return state.master.client != nullptr && !state.scripts.turns.suspended && state.delay->fed < DueThrough(state, now);
}

std::optional<MonoTime> DelayDeadline(const NodeState& state) {
  const Delay& delay = *state.delay;
  if (delay.paused || state.master.client == nullptr) return std::nullopt;
  for (const Delay::Mark& mark : delay.marks) {
    if (mark.through > delay.fed) return mark.at + DelayOf(state);
  }
  return std::nullopt;
}

bool KeepsReceived(const NodeState& state) {
  // Without offsets nothing can be asked for from a place, and without a name nobody goes on with it.
  return IsDelayed(state) && state.resumable && !state.master.plain_sync && state.master.client != nullptr &&
         PendingBytes(state) > 0;
}

void ForgetPending(NodeState& state) {
  Delay& delay = *state.delay;
  delay.marks.clear();
  delay.fed = state.applied;
  delay.until.reset();
  delay.aside.reset();
  delay.resync_wanted_at.reset();
}

void EndDelay(NodeState& state, const Now& now) {
  Delay& delay = *state.delay;
  if (PendingBytes(state) > 0 && !delay.paused) {
    state.Say(LogLevel::kNotice, fmt::format("Applying {} delayed bytes before the promotion", PendingBytes(state)));
    const auto configured = std::exchange(state.settings.replica_apply_delay, base::Seconds(0));
    ApplyDue(state, SIZE_MAX, now);
    state.settings.replica_apply_delay = configured;
  }
  if (const Offset rest = PendingBytes(state); rest > 0) {
    state.Say(
        LogLevel::kWarning,
        fmt::format("{} bytes of the former master's stream behind offset {} are not applied{}: they are given up",
                    rest, state.applied, delay.paused ? ", since REPLDELAY has paused it" : ""));
    state.stream.CutFrom(state.applied + 1);
  }
  delay.paused = false;
  ForgetPending(state);
}

Offset AskFrom(NodeState& state, std::string_view info) {
  Delay& delay = *state.delay;
  delay.aside.reset();
  if (!KeepsReceived(state)) return state.applied + 1;
  const auto theirs = ParseOtherHistory(info);
  if (theirs && theirs->history.replid != state.history.replid) {
    const auto common = LastCommonOf(state.history.replid, *theirs);
    // Behind it, what we have received is not in the history that goes on.
    if (common && *common >= state.applied && *common < Received(state)) {
      // What the parser has begun to read cannot be taken back: then all of it is asked for again.
      delay.aside = *common >= delay.fed ? *common : state.applied;
    }
  }
  return delay.aside.value_or(Received(state)) + 1;
}

void OnGoesOn(NodeState& state, const Now& now) {
  Delay& delay = *state.delay;
  delay.resync_wanted_at.reset();
  if (!delay.aside) return;
  state.Say(LogLevel::kWarning,
            fmt::format("{} bytes behind offset {} were received from a former master alone and not applied: given up",
                        Received(state) - *delay.aside, *delay.aside));
  state.stream.CutFrom(*delay.aside + 1);
  while (!delay.marks.empty() && delay.marks.back().through > *delay.aside) delay.marks.pop_back();
  if (delay.marks.empty() || delay.marks.back().through < *delay.aside) {
    delay.marks.push_back({*delay.aside, now.mono, now.wall});
  }
  delay.aside.reset();
}

bool PutsResyncOff(NodeState& state, const Now& now) {
  Delay& delay = *state.delay;
  const bool has_view = state.resumable && state.keyspace.TotalSize() > 0;
  if (!has_view || (DelayOf(state).count() == 0 && !delay.paused)) return false;
  if (!delay.resync_wanted_at) {
    delay.resync_wanted_at = now.mono;
    state.Say(LogLevel::kWarning,
              "The master can only send everything anew, which would end the delayed view: this is put off until "
              "what it replaces is as old as replica-apply-delay. REPLDELAY SET 0 takes it now");
  }
  const auto until = ResyncPutOffUntil(state);
  return until && now.mono < *until;
}

std::optional<MonoTime> ResyncPutOffUntil(const NodeState& state) {
  const Delay& delay = *state.delay;
  if (!delay.resync_wanted_at) return std::nullopt;
  if (delay.paused) return MonoTime::max();
  return *delay.resync_wanted_at + DelayOf(state);
}

Now DataTime(const NodeState& state, const Now& now) {
  if (!IsDelayed(state)) return now;
  const Delay& delay = *state.delay;
  base::Millis behind = DelayOf(state);
  if (!delay.marks.empty() && PendingBytes(state) > 0) {
    const base::Millis oldest = now.mono - delay.marks.front().at;
    behind = delay.paused ? std::max(behind, oldest) : behind;
  }
  Now then = now;
  then.wall -= behind;
  return then;
}

}  // namespace replication
