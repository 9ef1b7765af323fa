#include "sentinel/core/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sentinel/core/choose_replica.h"
#include "sentinel/core/election.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/features.h"
#include "sentinel/core/health.h"
#include "sentinel/core/history.h"
#include "sentinel/core/map_fields.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/rights.h"
#include "sentinel/core/testimony.h"

namespace sentinel {
namespace {

using base::Millis;

// One sentinel, this one included, as it counts for a failover of this master.
struct Voter {
  base::RunId id;
  bool counts = false;
  std::string reason;
  std::string make;  // "vigil", "stock", "unknown"
  bool sees_down = false;
};

std::vector<Voter> VotersNow(const State& state, const Master& master, const base::Now& now) {
  std::vector<Voter> voters;
  voters.push_back({state.my_id, !state.save_failing,
                    state.save_failing ? "its state cannot be saved, so it cannot vote" : "", "vigil",
                    master.liveness.down()});
  for (const auto& [id, opinion] : master.sentinels) {
    Voter voter{id, true, "", "unknown", CountsAsDown(state, opinion, now)};
    const Peer* peer = FindPeer(state, id);
    if (peer != nullptr && peer->words_known) voter.make = peer->ours() ? "vigil" : "stock";
    if (peer == nullptr) {
      voter.reason = "its address is not known";
    } else if (peer->liveness.down()) {
      voter.reason = "it is down";
    } else if (!peer->command.up()) {
      voter.reason = "there is no connection to it";
      if (!peer->command.last_error.empty()) voter.reason += fmt::format(" ({})", peer->command.last_error);
    }
    voter.counts = voter.reason.empty();
    voters.push_back(std::move(voter));
  }
  return voters;
}

std::string Names(const State& state, const std::vector<Voter>& voters, bool counting) {
  std::string names;
  for (const Voter& voter : voters) {
    if (voter.counts != counting) continue;
    names += (names.empty() ? "" : ", ") + NameOf(state, voter.id);
    if (!voter.reason.empty()) names += ": " + voter.reason;
  }
  return names;
}

// What keeps an automatic failover from beginning at once although the master is down. A row for each sort; an empty
// sentence means that it does not apply.
struct Hold {
  std::string_view name;
  std::string (*sentence)(const State& state, const Master& master, const base::Now& now);
};

std::string FieldHeld(const State& state, const Master& master, const base::Now& now) {
  if (!FieldIsTaken(master, now)) return {};
  return fmt::format("{} leads or was voted for in epoch {}; it is left alone for {} ms more",
                     NameOf(state, master.field->leader), master.field->epoch.value,
                     (master.field->until - now.mono).count());
}

std::string BackOffHeld(const State&, const Master& master, const base::Now& now) {
  const Millis wait = BackOffOf(master, now);
  if (wait.count() == 0) return {};
  return fmt::format("{} failovers in quick succession: the next one waits {} ms more", master.recent_failovers.size(),
                     wait.count());
}

std::string RetryHeld(const State&, const Master& master, const base::Now& now) {
  if (now.mono >= master.stand_after) return {};
  return fmt::format("the last attempt came to nothing; the next one begins in {} ms",
                     (master.stand_after - now.mono).count());
}

std::string TestimonyHeld(const State&, const Master& master, const base::Now& now) {
  if (!IsHeldByTestimony(master, now)) return {};
  const Replica* witness = WitnessFor(master, now);
  return fmt::format("replica {} still receives from the master: it is we who have lost it; for {} ms more at most",
                     witness == nullptr ? "?" : witness->address.ToString(),
                     (TestimonyTimeoutAt(master) - now.mono).count());
}

std::string PauseHeld(const State& state, const Master& master, const base::Now& now) {
  if (!IsPaused(master, now)) return {};
  std::string text = fmt::format("paused by an operator at {}, for {} ms more", NameOf(state, master.pause.by),
                                 (*master.pause.until - now.mono).count());
  return master.pause.reason.empty() ? text : fmt::format("{} ({})", text, master.pause.reason);
}

constexpr std::array kHolds = {
    Hold{"pause", &PauseHeld},      Hold{"testimony", &TestimonyHeld}, Hold{"field", &FieldHeld},
    Hold{"back-off", &BackOffHeld}, Hold{"retry", &RetryHeld},
};

struct Outlook {
  std::vector<Voter> voters;
  int counting = 0;
  int majority = 0;
  int needed = 0;
  std::vector<Candidate> ranked;
  std::vector<std::string> obstacles;  // a failover could not succeed
  std::vector<std::pair<std::string_view, std::string>> holds;
};

Outlook LookAt(const State& state, const Master& master, const base::Now& now) {
  Outlook outlook;
  outlook.voters = VotersNow(state, master, now);
  outlook.counting = static_cast<int>(std::ranges::count_if(outlook.voters, &Voter::counts));
  outlook.majority = MajorityOf(master);
  outlook.needed = std::max(outlook.majority, master.quorum);
  outlook.ranked = RankReplicas(state, master, Evidence::kAnyInfo, now.mono);
  if (outlook.counting < outlook.needed) {
    outlook.obstacles.push_back(fmt::format("only {} of {} sentinels can be counted on and {} are needed; missing: {}",
                                            outlook.counting, VotersOf(master), outlook.needed,
                                            Names(state, outlook.voters, false)));
  }
  if (master.quorum > VotersOf(master)) {
    outlook.obstacles.push_back(
        fmt::format("the quorum of {} is more than the {} sentinels that are known", master.quorum, VotersOf(master)));
  }
  if (outlook.ranked.empty()) {
    outlook.obstacles.emplace_back("no replica is known");
  } else if (BestOf(outlook.ranked) == nullptr) {
    outlook.obstacles.emplace_back("no replica can be chosen: see replicas");
  }
  for (const Hold& hold : kHolds) {
    if (std::string sentence = hold.sentence(state, master, now); !sentence.empty()) {
      outlook.holds.emplace_back(hold.name, std::move(sentence));
    }
  }
  return outlook;
}

std::string MasterState(const Master& master, const base::Now& now) {
  const auto ago = [&](base::MonoTime at) { return (now.mono - at).count(); };
  if (master.liveness.down()) {
    return fmt::format("{}down for {} ms; last proof of life {} ms ago",
                       master.objective_down_since ? "objectively " : "subjectively ", ago(*master.liveness.down_since),
                       ago(master.liveness.proof_at));
  }
  return fmt::format("up; last proof of life {} ms ago", ago(master.liveness.proof_at));
}

// "3 sentinels", and what a stock sentinel still counts among them.
std::string VotersText(const Master& master) {
  std::string text = fmt::format("{} sentinels", VotersOf(master));
  if (master.silent_voters > 0) {
    text += fmt::format(" ({} forgotten, which a stock sentinel still counts)", master.silent_voters);
  }
  return text;
}

std::string Verdict(const State& state, const Master& master, const Outlook& outlook) {
  const std::string address = master.address.ToString();
  if (master.failover.active()) {
    const auto promoted = std::ranges::find_if(
        master.replicas, [&](const auto& entry) { return entry.second.id == master.failover.promoted; });
    return fmt::format("This sentinel is failing {} over{}: stage {}, epoch {}.", address,
                       promoted == master.replicas.end() ? "" : " to " + promoted->first.ToString(),
                       StageWord(master.failover.stage), master.failover.epoch.value);
  }
  const std::string when = master.liveness.down()
                               ? fmt::format("{} is down", address)
                               : fmt::format("If {} fell silent now, it would count as down after {} ms", address,
                                             master.down_after.count());
  if (!outlook.obstacles.empty()) {
    return fmt::format("{}, and a failover could NOT succeed: {}.", when, fmt::join(outlook.obstacles, "; "));
  }
  std::string text = fmt::format("{}, and {} would be promoted with the votes of {} of {} sentinels.", when,
                                 outlook.ranked.front().address.ToString(), outlook.needed, VotersOf(master));
  for (const auto& [name, sentence] : outlook.holds) text += fmt::format(" It would wait: {}.", sentence);
  if (state.save_failing) text += " WARNING: this sentinel cannot save its state and gives no votes.";
  return text;
}

}  // namespace

void ExplainCommand(Call& call) {
  Master* found = MasterOfCall(call);
  if (found == nullptr || AwaitRights(call, *found)) return;
  const State& state = call.state;
  const Master& master = *found;
  const Outlook outlook = LookAt(state, master, call.now);
  resp::ReplyWriter& reply = call.reply;
  call.RestsOn(master.address_change);

  reply.Map(17);
  Put(reply, "verdict", Verdict(state, master, outlook));
  Put(reply, "would-succeed", outlook.obstacles.empty() ? "yes" : "no");
  reply.Bulk("obstacles");
  reply.Array(outlook.obstacles.size());
  for (const std::string& obstacle : outlook.obstacles) reply.Bulk(obstacle);
  reply.Bulk("holds");
  reply.Map(outlook.holds.size());
  for (const auto& [name, sentence] : outlook.holds) Put(reply, name, sentence);
  Put(reply, "master", master.address.ToString());
  Put(reply, "master-state", MasterState(master, call.now));
  Put(reply, "detection",
      fmt::format("down after {} ms without an acceptable answer; pinged every {} ms", master.down_after.count(),
                  PingPeriod(WatchedOf(*found)).count()));
  Put(reply, "config-epoch", static_cast<std::int64_t>(master.config_epoch.value));
  Put(reply, "arithmetic",
      fmt::format("{}; quorum {} to agree that it is down; majority {}; {} votes to lead; {} count now: {}",
                  VotersText(master), master.quorum, outlook.majority, outlook.needed, outlook.counting,
                  Names(state, outlook.voters, true)));
  Put(reply, "voters", VotersOf(master));
  Put(reply, "quorum", master.quorum);
  Put(reply, "majority", outlook.majority);
  Put(reply, "votes-needed", outlook.needed);
  Put(reply, "votes-reachable", outlook.counting);

  reply.Bulk("sentinels");
  reply.Array(outlook.voters.size());
  for (const Voter& voter : outlook.voters) {
    reply.Map(6);
    Put(reply, "sentinel", NameOf(state, voter.id));
    Put(reply, "runid", voter.id.hex);
    Put(reply, "make", voter.make);
    Put(reply, "counts", voter.counts ? "yes" : "no");
    Put(reply, "reason", voter.reason);
    Put(reply, "sees-master", voter.sees_down ? "down" : "up");
  }

  const std::vector<Considered> replicas = Considerations(outlook.ranked);
  reply.Bulk("replicas");
  reply.Array(replicas.size());
  for (const Considered& replica : replicas) {
    reply.Map(7);
    Put(reply, "address", replica.address.ToString());
    Put(reply, "rank", replica.rank);
    Put(reply, "verdict", replica.rank == 1 ? "would be chosen" : replica.rank > 1 ? "possible" : "excluded");
    Put(reply, "reason", replica.reason);
    Put(reply, "priority", replica.priority);
    Put(reply, "offset", replica.offset);
    Put(reply, "make", master.replicas.at(replica.address).info.vigil ? "vigil" : "stock");
  }

  reply.Bulk("features");
  const auto features = FeaturesOf(state, master, call.now);
  reply.Map(features.size());
  for (const auto& [name, text] : features) Put(reply, name, text);
}

}  // namespace sentinel
