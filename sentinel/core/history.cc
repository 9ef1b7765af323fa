#include "sentinel/core/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/decision_text.h"
#include "sentinel/core/explain.h"
#include "sentinel/core/map_fields.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr std::size_t kShortId = 8;

struct Took {
  Phase phase;
  Millis length;
};

// Each phase that was seen to end, by how long after the one before.
std::vector<Took> PhasesOf(const Decision& decision) {
  std::vector<Took> took;
  Millis before{0};
  for (std::size_t i = 0; i < kPhases; ++i) {
    if (!decision.ended[i]) continue;
    took.push_back({static_cast<Phase>(i), *decision.ended[i] - before});
    before = *decision.ended[i];
  }
  return took;
}

// Until clients could write again: the replicas that follow later keep nobody waiting.
std::optional<Millis> UntilPublished(const Decision& decision) {
  return decision.ended[static_cast<std::size_t>(Phase::kPublication)];
}

std::string LossText(const Loss& loss) {
  switch (loss.kind) {
    case LossKind::kExact:
      return loss.bytes == 0 ? "nothing" : fmt::format("exactly {} bytes", loss.bytes);
    case LossKind::kAtMost:
      return fmt::format("at most {} bytes", loss.bytes);
    case LossKind::kUnknown:
      break;
  }
  return "unknown";
}

std::string AddressOrDash(const base::Endpoint& address) {
  return address.empty() ? "" : address.ToString();
}

void ReplyAgreed(const State& state, const Decision& decision, resp::ReplyWriter& reply) {
  reply.Bulk("agreed");
  reply.Array(decision.agreed.size());
  for (const Agreement& agreement : decision.agreed) {
    reply.Map(4);
    Put(reply, "sentinel", NameOf(state, agreement.sentinel));
    Put(reply, "runid", agreement.sentinel.hex);
    Put(reply, "said", !agreement.age ? "nothing" : agreement.down ? "down" : "not down");
    Put(reply, "age-ms", agreement.age ? agreement.age->count() : -1);
  }
}

void ReplyVotes(const State& state, const Decision& decision, resp::ReplyWriter& reply) {
  reply.Bulk("votes");
  reply.Array(decision.votes.size());
  for (const Ballot& ballot : decision.votes) {
    reply.Map(4);
    Put(reply, "sentinel", NameOf(state, ballot.voter));
    Put(reply, "runid", ballot.voter.hex);
    Put(reply, "for", ballot.candidate.empty() ? "not known any more" : NameOf(state, ballot.candidate));
    Put(reply, "for-runid", ballot.candidate.hex);
  }
}

void ReplyReplicas(const Decision& decision, resp::ReplyWriter& reply) {
  reply.Bulk("replicas");
  reply.Array(decision.replicas.size());
  for (const Considered& replica : decision.replicas) {
    reply.Map(7);
    Put(reply, "address", replica.address.ToString());
    Put(reply, "rank", replica.rank);
    Put(reply, "verdict", replica.rank == 1 ? "chosen" : replica.rank > 1 ? "possible" : "excluded");
    Put(reply, "reason", replica.reason);
    Put(reply, "priority", replica.priority);
    Put(reply, "offset", replica.offset);
    Put(reply, "replid", replica.replid.hex);
  }
}

void ReplySteps(const Decision& decision, resp::ReplyWriter& reply) {
  const std::vector<Took> took = PhasesOf(decision);
  reply.Bulk("steps");
  reply.Map(took.size());
  Millis total{0};
  for (const Took& step : took) {
    Put(reply, PhaseWord(step.phase), step.length.count());
    total += step.length;
  }
  Put(reply, "total-ms", total.count());
}

void History(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  std::size_t count = kDecisionsPerMaster;
  if (call.words.size() > 3) {
    const auto number = call.words.size() == 5 ? base::ParseInt<std::int64_t>(call.words[4]) : std::nullopt;
    if (!base::EqualsIgnoreCase(call.words[3], "count") || call.words.size() != 5) {
      return call.reply.Error("ERR syntax error");
    }
    if (!number || *number < 1) return call.reply.Error("ERR COUNT must be a positive number");
    count = static_cast<std::size_t>(std::min<std::int64_t>(*number, kDecisionsPerMaster));
  }
  const std::vector<Decision>& all = master->chronicle.decisions;
  count = std::min(count, all.size());
  call.RestsOn(master->address_change);
  call.reply.Array(count);
  for (std::size_t i = 0; i < count; ++i) ReplyDecision(call.state, *master, all[all.size() - 1 - i], call.reply);
}

constexpr std::array kCommands = {
    SentinelCommand{SentinelRow("sentinel|explain", 3, "<master>",
                                "Tells what would happen to a master now, and what stands in the way"),
                    &ExplainCommand},
    SentinelCommand{SentinelRow("sentinel|history", -3, "<master> [COUNT <n>]",
                                "Returns what was decided about a master, newest first: why, by whom, how fast"),
                    &History},
};

}  // namespace

std::span<const SentinelCommand> EvidenceCommands() {
  return kCommands;
}

std::string NameOf(const State& state, const base::RunId& id) {
  if (id.empty()) return "";
  if (id == state.my_id) return fmt::format("this sentinel ({})", id.hex.substr(0, kShortId));
  const Peer* peer = FindPeer(state, id);
  if (peer == nullptr) return id.hex;
  return fmt::format("{} ({})", peer->address.ToString(), id.hex.substr(0, kShortId));
}

std::string Summary(const State& state, const Decision& decision) {
  const std::string why = decision.detail.empty() ? decision.cause : decision.detail;
  if (decision.outcome == Outcome::kNoted) return fmt::format("{}: {}", decision.kind, why);
  std::string text = decision.kind;
  switch (decision.outcome) {
    case Outcome::kSwitched:
      text += fmt::format(" from {} to {}", AddressOrDash(decision.from), AddressOrDash(decision.to));
      if (const auto length = UntilPublished(decision)) text += fmt::format(" in {} ms", length->count());
      break;
    case Outcome::kRunning:
      text += fmt::format(" of {}, under way", AddressOrDash(decision.from));
      break;
    case Outcome::kMasterBack:
      text += fmt::format(" of {} not needed: the master answered again", AddressOrDash(decision.from));
      break;
    case Outcome::kAbandoned:
      text += fmt::format(" of {} abandoned", AddressOrDash(decision.from));
      break;
    case Outcome::kInterrupted:
      text += fmt::format(" of {}; this sentinel stopped before it knew the outcome", AddressOrDash(decision.from));
      break;
    case Outcome::kNoted:
      break;
  }
  text += ": " + why;
  if (!decision.agreed.empty()) {
    const auto down = std::ranges::count_if(decision.agreed, &Agreement::down);
    text += fmt::format("; {} of {} sentinels agreed (quorum {})", down, decision.voters, decision.quorum);
  }
  if (!decision.led_by.empty()) {
    text += fmt::format("; led by {} in epoch {}", NameOf(state, decision.led_by), decision.epoch.value);
  }
  if (decision.outcome == Outcome::kSwitched) {
    text += fmt::format("; acknowledged data lost: {}", LossText(decision.loss));
  }
  return text;
}

void ReplyDecision(const State& state, const Master& master, const Decision& decision, resp::ReplyWriter& reply) {
  const bool noted = decision.outcome == Outcome::kNoted;
  reply.Map(noted ? 8 : 27);
  Put(reply, "time", TimeText(decision.noticed));
  Put(reply, "summary", Summary(state, decision));
  Put(reply, "number", static_cast<std::int64_t>(decision.number));
  Put(reply, "master", master.name);
  Put(reply, "kind", decision.kind);
  Put(reply, "outcome", OutcomeWord(decision.outcome));
  Put(reply, "time-unix-ms", base::UnixMillis(decision.noticed));
  Put(reply, "detail", decision.detail);
  if (noted) return;
  Put(reply, "cause", decision.cause);
  Put(reply, "began-unix-ms", base::UnixMillis(decision.began));
  Put(reply, "from", AddressOrDash(decision.from));
  Put(reply, "to", AddressOrDash(decision.to));
  Put(reply, "epoch", static_cast<std::int64_t>(decision.epoch.value));
  Put(reply, "led-by", NameOf(state, decision.led_by));
  Put(reply, "led-by-runid", decision.led_by.hex);
  Put(reply, "told-by", NameOf(state, decision.told_by));
  Put(reply, "quorum", decision.quorum);
  Put(reply, "voters", decision.voters);
  ReplyAgreed(state, decision, reply);
  ReplyVotes(state, decision, reply);
  ReplyReplicas(decision, reply);
  ReplySteps(decision, reply);  // and total-ms
  reply.Bulk("remarks");
  reply.Array(decision.remarks.size());
  for (const std::string& remark : decision.remarks) reply.Bulk(remark);
  Put(reply, "lost", LossWord(decision.loss.kind));
  if (decision.loss.kind == LossKind::kUnknown) {
    Put(reply, "lost-bytes", "unknown");
  } else {
    Put(reply, "lost-bytes", decision.loss.bytes);
  }
  Put(reply, "lost-how", decision.loss.how);
}

}  // namespace sentinel
