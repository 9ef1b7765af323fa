// What a sentinel remembers of its decisions: why, who agreed, whom it chose and whom not, how long it took, what was
// lost. Plain data, bounded; evidence.h fills it in, history.h shows it, <config>.vigil keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/time.h"

namespace sentinel {

// The steps of a failover, in their order. Each lasts from the end of the one before; the first begins with the last
// proof of life, or with the operator's command.
enum class Phase : std::uint8_t {
  kDetection,    // silence, until this sentinel calls it down
  kAgreement,    // until a quorum does
  kElection,     // until a leader has its votes; attempts that came to nothing included
  kSelection,    // until the candidates have answered twice and one is chosen
  kLastLook,     // until SLAVEOF NO ONE leaves
  kPromotion,    // until the replica says that it is a master
  kPublication,  // until its address is durable, and with that announced
  kRepointing,   // until the other replicas follow it
};
inline constexpr std::size_t kPhases = 8;
// "detection", "agreement" ...
std::string_view PhaseWord(Phase phase);

// What one sentinel said when the master was judged objectively down.
struct Agreement {
  base::RunId sentinel;
  bool down = false;
  // How old its word was; empty: it had said nothing.
  std::optional<base::Millis> age;
};

struct Ballot {
  base::RunId voter;
  base::RunId candidate;
};

// A replica as it was judged when one was chosen.
struct Considered {
  base::Endpoint address;
  int rank = 0;        // from 1; 0: it could not be chosen
  std::string reason;  // why not, or what put it first
  int priority = 100;
  base::Offset offset = -1;
  base::ReplicationId replid;
};

enum class LossKind : std::uint8_t { kUnknown, kExact, kAtMost };
// "unknown", "exact", "at-most".
std::string_view LossWord(LossKind kind);

// What was acknowledged and is not in the history that goes on. In bytes of the replication stream.
struct Loss {
  LossKind kind = LossKind::kUnknown;
  std::int64_t bytes = 0;  // no meaning while unknown
  std::string how;         // how that is known, or why it is not
};

enum class Outcome : std::uint8_t {
  kRunning,
  kSwitched,     // there is a new master
  kMasterBack,   // the old one answered again in time
  kAbandoned,    // an operator's failover that came to nothing
  kInterrupted,  // this sentinel ended before it knew the outcome
  kNoted,        // no failover: a single thing that was decided
};
std::string_view OutcomeWord(Outcome outcome);

struct Decision {
  std::uint64_t number = 0;  // of this master, here; grows
  std::string kind;          // "failover", "manual-failover", or what the caller of NoteDecision named
  Outcome outcome = Outcome::kRunning;
  base::WallTime began{};    // the last proof of life, or the operator's command
  base::WallTime noticed{};  // when this record was begun
  base::Epoch epoch;         // the one that it was decided in; 0 as long as nobody stood
  base::RunId led_by;        // empty: not known (yet)
  base::RunId told_by;       // the leader's own report has completed this record
  base::Endpoint from;
  base::Endpoint to;
  std::string cause;   // "silence", "role-mismatch" ...
  std::string detail;  // one sentence about it
  int quorum = 0;
  int voters = 0;
  std::vector<Agreement> agreed;
  std::vector<Ballot> votes;
  std::vector<Considered> replicas;
  // The end of each phase, since `began`; empty: not reached, or not seen from here.
  std::array<std::optional<base::Millis>, kPhases> ended;
  std::vector<std::string> remarks;  // "+1203 ms: ...": what was aborted and why, among others
  Loss loss;

  mutable std::string line;  // as it stands in <config>.vigil; empty: to be made anew

  // For the bookkeeping while it runs; not kept, but for what the loss is judged by.
  base::MonoTime began_mono{};
  base::ReplicationId old_replid;      // of the history that the old master wrote
  base::Offset kept = -1;              // the new master holds that history up to here
  base::Offset last_known = -1;        // the old master's offset when it was last heard
  base::Millis last_known_age{0};      // how old that was when it was last proven alive
  std::uint64_t published_change = 0;  // the phase of publication ends when this is durable

  bool open() const { return outcome == Outcome::kRunning; }
};

// Bounds: a record takes at most some 8 KB, typically 1.
inline constexpr std::size_t kDecisionsPerMaster = 32;
inline constexpr std::size_t kListedPerDecision = 16;
inline constexpr std::size_t kRemarksPerDecision = 24;
inline constexpr std::size_t kRemarkLength = 200;

// One master's decisions, oldest first; at most kDecisionsPerMaster.
struct Chronicle {
  std::vector<Decision> decisions;
  std::uint64_t last_number = 0;
};

}  // namespace sentinel
