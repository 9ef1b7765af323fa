// A delayed replica: it receives its master's stream at once and applies it `replica-apply-delay` seconds later, so
// that a mistake can be stopped before it arrives here.
//
// What waits are the stream's bytes behind `applied`, which the StreamLog holds. The parser of the master's stream is
// fed only with what is due: whatever it was given may be applied. Times are those of the receipt, by this node's own
// clock: bytes that come late, after a lost connection, wait as long as all others.
// Source: spec/replication.md 5.4, spec/decisions.md B4.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replication/core/node.h"

namespace replication {

struct NodeCommand;

struct Delay {
  // The bytes behind those of the mark before, up to `through`, arrived at that time or up to a second later.
  struct Mark {
    Offset through = 0;
    MonoTime at{};
    base::WallTime wall{};
  };
  std::deque<Mark> marks;  // oldest first; those of which everything is applied are gone
  Offset fed = 0;          // the last byte that the parser was given

  bool paused = false;
  std::optional<Offset> until;  // APPLY UNTIL: applied up to here although it is paused

  // The history that our master goes on from ends here, and what was received behind is not its: given up as soon as it
  // has said +CONTINUE.
  std::optional<Offset> aside;
  // A full resync would end the delayed view before its time: since when it is put off.
  std::optional<MonoTime> resync_wanted_at;
  bool over_limit = false;  // more waits than replica-apply-delay-max-bytes: it is applied before its time
};

// Is (or was, until everything is applied) this replica behind on purpose?
bool IsDelayed(const NodeState& state);
// The number of the last byte received.
Offset Received(const NodeState& state);
Offset PendingBytes(const NodeState& state);

// Bytes of the stream have been appended.
void NoteReceived(NodeState& state, const Now& now);
// Gives the parser what is due, at most about `budget` bytes, and applies it.
void ApplyDue(NodeState& state, std::size_t budget, const Now& now);
// Is there something to apply now?
bool DelayWorkWaits(const NodeState& state, const Now& now);
std::optional<MonoTime> DelayDeadline(const NodeState& state);

// The connection is lost: does what has been received stay? Otherwise it is asked for again.
bool KeepsReceived(const NodeState& state);
// The data set is another one, and nothing of its stream has been received.
void ForgetPending(NodeState& state);
// Before a promotion: everything is applied, unless an operator has paused it: then the rest is given up. O(pending).
void EndDelay(NodeState& state, const Now& now);

// What is to be asked for next, from a master of whom this INFO was read (empty: none was).
Offset AskFrom(NodeState& state, std::string_view info);
// The master goes on from there.
void OnGoesOn(NodeState& state, const Now& now);
// A full resync was offered. True: it is put off, since it would take the delayed view away.
bool PutsResyncOff(NodeState& state, const Now& now);
// Until when it is put off; empty: it is not.
std::optional<MonoTime> ResyncPutOffUntil(const NodeState& state);

// The time of the data: what clients here see expired, and what is left of a time to live.
Now DataTime(const NodeState& state, const Now& now);

// REPLDELAY.
std::span<const NodeCommand> DelayCommands();

}  // namespace replication
