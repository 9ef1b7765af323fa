// Exact deadlines in one heap: finding the next one costs O(1), moving one to later O(1), to earlier O(log n), whatever
// the number of masters. Nothing is scanned.
#pragma once

#include <compare>
#include <optional>
#include <unordered_map>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/core/link.h"

namespace sentinel {

// What is due. The order is the order in which things due at the same moment are done.
enum class TimerKind : std::uint8_t {
  kReconnect,
  kPing,
  kInfo,
  kHello,
  kDownCheck,      // the moment at which silence becomes a subjective down
  kTestimony,      // ask a silent master's replicas whether they still hear it
  kAsk,            // ask the peers again
  kOpinionExpiry,  // a peer's opinion becomes too old to count
  kStand,          // stand for election (rank, retry, patience, back-off)
  kElection,       // an attempt has lasted long enough
  kPreVote,        // ask those again who could not answer a pre-vote yet
  kSecondRead,     // the second INFO of the candidates
  kSelect,         // candidates have had their time
  kLastLook,       // the last look has had its time
  kHandover,       // the next look at the nodes of a planned failover, and the end of patience with them
  kSettle,         // the former master has not answered for too long
  kPromotion,      // SLAVEOF NO ONE must have worked by now
  kLeading,        // tell ours that we still lead
  kReconfigure,    // a replica that was told to follow has not moved; or the whole stage has lasted too long
  kFailoverTimeout,
  kPause,      // an operator's pause is over
  kForget,     // who could not be forgotten yet is looked at again
  kMending,    // does the master still do what a leader left behind?
  kRoleCheck,  // a claim (wrong role, wrong master) has lasted long enough to be corrected
  kConflict,   // an address conflict is to be settled, or its survey has had its time
  kRestart,    // a master that came back is read again, until it has loaded its data
  kScript,
  kSaveRetry,
  kTilt,
  kRights,  // somebody has waited for long enough to hear what we may do at a master
  kLeave,   // good-byes have had their time
};

struct TimerKey {
  InstanceId instance = InstanceId::kNone;  // kNone: the sentinel itself
  TimerKind kind = TimerKind::kReconnect;
  std::uint64_t detail = 0;  // tells apart several of a kind: a command and a pub/sub link
  auto operator<=>(const TimerKey&) const = default;
};

class Timers {
 public:
  // Sets or moves.
  void Set(const TimerKey& key, base::MonoTime at);
  // Sets unless it is already set to an earlier moment.
  void SetNoLater(const TimerKey& key, base::MonoTime at);
  void Cancel(const TimerKey& key);
  // All of an instance that is going away.
  void CancelAll(InstanceId instance);
  std::optional<base::MonoTime> At(const TimerKey& key) const;
  std::optional<base::MonoTime> Next();
  // Takes the earliest timer that is due at `now`.
  std::optional<TimerKey> PopDue(base::MonoTime now);

 private:
  // A timer that is set. Its entry in the heap is at `queued_at`, which is never later than `at`: a timer that is moved
  // away, as most are before they fire, is put in its new place only when its old one has reached the top.
  struct Slot {
    TimerKind kind{};
    std::uint64_t detail = 0;
    base::MonoTime at{};
    base::MonoTime queued_at{};
  };
  struct Entry {
    base::MonoTime at{};
    TimerKey key;
    // For the heap functions, whose top is the largest.
    bool operator<(const Entry& other) const { return at != other.at ? at > other.at : key > other.key; }
  };

  Slot* Find(const TimerKey& key);
  const Slot* Find(const TimerKey& key) const;
  void Queue(Slot& slot, const TimerKey& key);
  // Brings an entry to the top whose timer is due at that very moment.
  void Settle();
  // Takes out the entries of timers that were cancelled or moved to earlier: one for each timer is left.
  void Sweep();

  // Few for each instance: they are looked through.
  std::unordered_map<InstanceId, std::vector<Slot>> slots_;
  std::size_t size_ = 0;
  std::vector<Entry> heap_;
  bool settled_ = true;  // nothing has changed since Settle()
};

}  // namespace sentinel
