#include "sentinel/core/choose_replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "sentinel/core/restart.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

// Ages beyond which an answer says nothing any more. They do not follow the periods that SENTINEL DEBUG sets: asking
// more often makes old facts no worse.
constexpr Millis kMaxPingAge{5 * 1000};
constexpr Millis kMaxInfoAge{3 * 10000};

const InfoReport* FactsOf(const Replica& replica, Evidence evidence) {
  if (evidence == Evidence::kTwoReads) return replica.second_read ? &replica.second_read->info : nullptr;
  return replica.info_at ? &replica.info : nullptr;
}

// What speaks against a replica whatever the others are like.
std::string ReasonAgainst(const Master& master, const Replica& replica, Evidence evidence, MonoTime now) {
  if (replica.liveness.down()) return "it is down";
  if (!replica.command.up()) return "there is no connection to it";
  // What it answers to PING it would answer to SLAVEOF.
  const bool refuses = replica.liveness.answered_at && *replica.liveness.answered_at > replica.liveness.proof_at;
  if (refuses && !replica.conduct.auth_failed.empty()) return "it refuses our password";
  if (now - replica.liveness.proof_at > kMaxPingAge) return "it has not answered PING lately";
  const InfoReport* info = FactsOf(replica, evidence);
  // Nobody waits for the two answers of one that says so.
  if (info == nullptr && replica.info_at && replica.info.priority == 0) return "its priority is 0";
  if (info == nullptr)
    return evidence == Evidence::kTwoReads ? "it has not answered twice" : "it has not answered INFO";
  if (evidence == Evidence::kAnyInfo && now - *replica.info_at > kMaxInfoAge) return "it has not answered INFO lately";
  if (info->priority == 0) return "its priority is 0";
  if (info->loading) return "it is loading its data";
  if (info->delayed) return "it applies late";
  Millis master_down = master.liveness.down() ? now - *master.liveness.down_since : Millis(0);
  // Nobody can follow a master that is a replica itself, perhaps of the very one that follows it.
  if (master.role_reported == Role::kReplica) master_down = std::max(master_down, now - master.role_reported_at);
  // One that holds on to its data has had no link since the process that they came from went, however often an empty
  // one has come in its place and was up; and one that says that it refuses an empty master has not missed anything.
  if (CameBackEmpty(master)) master_down = std::max(master_down, now - master.restart->gone_at);
  const bool missed = info->role != Role::kMaster && !info->empty_refused;
  if (missed && info->master_link_down_for > master_down + 10 * master.down_after) {
    return fmt::format("it lost its master {} ms ago", info->master_link_down_for.count());
  }
  return {};
}

Candidate CandidateOf(const Master& master, const Replica& replica, Evidence evidence, MonoTime now) {
  Candidate candidate;
  candidate.address = replica.address;
  candidate.id = replica.id;
  candidate.against = ReasonAgainst(master, replica, evidence, now);
  candidate.named = replica.address == master.led_replica;
  if (const InfoReport* info = FactsOf(replica, evidence)) {
    candidate.info = *info;
    candidate.priority = info->priority;
    candidate.offset = info->role == Role::kMaster ? info->master_offset : info->offset;
    candidate.run_id = info->run_id;
  }
  return candidate;
}

// Its history forks off from what the others still follow: a predecessor has sent it SLAVEOF NO ONE.
bool IsPromoted(const Candidate& candidate, const Master& master, const std::vector<Candidate>& all) {
  if (candidate.info.role != Role::kMaster || candidate.info.replid2.empty()) return false;
  if (candidate.info.replid2 == master.info.replid) return true;
  return std::any_of(all.begin(), all.end(), [&](const Candidate& other) {
    return other.id != candidate.id && other.info.replid == candidate.info.replid2;
  });
}

// Applied bytes that `other`'s history has replaced by different ones.
bool IsProvenOlder(const Candidate& candidate, const Candidate& other) {
  return !candidate.info.replid.empty() && candidate.info.replid == other.info.replid2 &&
         other.info.second_offset >= 0 && candidate.offset >= other.info.second_offset;
}

// It holds nothing while the other holds data, and is not simply ahead of it in the same history (a FLUSHALL).
bool IsEmptyBeside(const Candidate& candidate, const Candidate& other) {
  const bool empty = candidate.info.keys == 0 || candidate.offset <= 0;
  const bool other_holds = other.info.keys > 0 || (other.info.keys < 0 && other.offset > 0);
  const bool ahead = !candidate.info.replid.empty() && candidate.info.replid == other.info.replid &&
                     candidate.offset >= other.offset && candidate.offset > 0;
  return empty && other_holds && !ahead;
}

bool LostItsMasterLongBefore(const Candidate& candidate, const Candidate& other, Millis down_after) {
  const auto down_for = [](const InfoReport& info) {
    return info.role == Role::kMaster || info.empty_refused ? Millis(0) : info.master_link_down_for;
  };
  const Millis mine = down_for(candidate.info);
  const Millis others = down_for(other.info);
  return mine.count() >= 0 && others.count() >= 0 && mine > others + 10 * down_after;
}

// It already follows a master that lost its data, the other still holds what was there before (A8).
bool FollowedTheEmpty(const Restart& restart, const Candidate& candidate, const Candidate& other) {
  return IsOld(restart, other.info.replid) && !IsOld(restart, candidate.info.replid) &&
         !IsOld(restart, candidate.info.replid2);
}

// Excludes those against which another usable one speaks, as long as one is left.
void Compare(std::vector<Candidate>& all, const std::string& reason,
             const std::function<bool(const Candidate&, const Candidate&)>& speaks_against) {
  for (Candidate& candidate : all) {
    if (!candidate.usable()) continue;
    const bool excluded = std::any_of(all.begin(), all.end(), [&](const Candidate& other) {
      return other.id != candidate.id && other.usable() && speaks_against(candidate, other);
    });
    if (excluded) candidate.against = reason;
  }
}

}  // namespace

std::vector<Candidate> RankReplicas(const State& /*state*/, const Master& master, Evidence evidence, MonoTime now) {
  std::vector<Candidate> all;
  for (const auto& [address, replica] : master.replicas) all.push_back(CandidateOf(master, replica, evidence, now));
  for (Candidate& candidate : all) candidate.promoted = IsPromoted(candidate, master, all);

  // A master of another cluster at an address that was ours.
  for (Candidate& candidate : all) {
    const bool foreign = !master.replicas.at(candidate.address).foreign.why.empty();
    if (foreign && candidate.usable() && !candidate.promoted) candidate.against = "it belongs to another cluster";
  }
  if (CameBackEmpty(master)) {
    Compare(all, "it follows a master that lost its data",
            [&](const Candidate& a, const Candidate& b) { return FollowedTheEmpty(*master.restart, a, b); });
  }
  Compare(all, "another holds a newer history", IsProvenOlder);
  Compare(all, "it is empty while another holds data", IsEmptyBeside);
  Compare(all, "it lost its master long before another did",
          [&](const Candidate& a, const Candidate& b) { return LostItsMasterLongBefore(a, b, master.down_after); });

  // Compared by id and address last, so that every sentinel picks the same replica from the same facts.
  const bool offset_first = master.offset_first;
  std::stable_sort(all.begin(), all.end(), [offset_first](const Candidate& a, const Candidate& b) {
    const auto key = [offset_first](const Candidate& c) {
      return std::make_tuple(!c.usable(), !c.promoted, !c.named, offset_first ? -c.offset : c.priority,
                             offset_first ? c.priority : -c.offset, c.run_id.empty(), std::cref(c.run_id.hex),
                             std::cref(c.address));
    };
    return key(a) < key(b);
  });
  return all;
}

const Candidate* BestOf(const std::vector<Candidate>& ranked) {
  return !ranked.empty() && ranked.front().usable() ? &ranked.front() : nullptr;
}

}  // namespace sentinel
