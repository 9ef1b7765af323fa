#include "sentinel/core/manual_failover.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "sentinel/core/candidates.h"
#include "sentinel/core/choose_replica.h"
#include "sentinel/core/election.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/numeric_host.h"

namespace sentinel {
namespace {

tl::unexpected<base::Error> Refuse(std::string text) {
  return base::Fail(base::ErrorCode::kInvalid, std::move(text));
}

// The address under which we know the replica that the operator named.
base::Endpoint AddressOfReplica(const Master& master, const base::Endpoint& named) {
  for (const auto& [address, replica] : master.replicas) {
    if (address == named ||
        (!replica.hostname.empty() && replica.hostname == named.host && address.port == named.port)) {
      return address;
    }
  }
  return {};
}

// Why `target`, or, when it is empty, why nobody can be promoted; empty when somebody can.
std::string WhyNobody(const Master& master, const base::Endpoint& target, const std::vector<Candidate>& ranked) {
  if (target.empty()) return BestOf(ranked) != nullptr ? "" : "NOGOODSLAVE No suitable replica to promote";
  const auto found = std::ranges::find(ranked, target, &Candidate::address);
  if (found == ranked.end()) return fmt::format("ERR No such replica of '{}': {}", master.name, target.ToString());
  if (found->usable()) return {};
  return fmt::format("NOGOODSLAVE Replica {} cannot be promoted: {}", target.ToString(), found->against);
}

}  // namespace

base::Result<ManualWish> ParseManualWish(const serve::Words& words) {
  ManualWish wish;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::size_t left = words.size() - i - 1;
    if (base::EqualsIgnoreCase(words[i], "coordinated")) {
      wish.coordinated = true;
    } else if (base::EqualsIgnoreCase(words[i], "force")) {
      wish.force = true;
    } else if (base::EqualsIgnoreCase(words[i], "to") && left >= 2 && wish.target.empty()) {
      const auto port = base::ParsePort(words[i + 2]);
      if (!port || *port == 0) return Refuse("ERR Invalid port number.");
      wish.target = {CanonicalHost(words[i + 1]), *port};
      i += 2;
    } else if (base::EqualsIgnoreCase(words[i], "timeout") && left >= 1 && !wish.timeout) {
      const auto timeout = base::ParseInt<std::int64_t>(words[++i]);
      if (!timeout || *timeout < 1 || *timeout > kLongestTimeout.count()) {
        return Refuse("ERR TIMEOUT is a number of milliseconds, at least 1 and at most a day");
      }
      wish.timeout = base::Millis(*timeout);
    } else {
      return Refuse("ERR syntax error");
    }
  }
  return wish;
}

base::Result<void> StartManualFailover(State& state, Master& master, const ManualWish& asked, const base::Now& now,
                                       Actions& out) {
  const bool too_late = master.failover.slaveof_sent || master.failover.stage == Stage::kReconfigure ||
                        master.failover.stage == Stage::kUpdateConfig;
  const bool busy = master.failover.active() || FieldIsTaken(master, now);
  if (busy && (!asked.force || too_late)) return Refuse("INPROG Failover already in progress");

  // Nothing of a failover leaves before it is durable: it would hang for failover-timeout, after an OK.
  if (state.save_failing) return Refuse("ERR The state of this sentinel cannot be saved. Check server logs.");

  ManualWish wish = asked;
  if (!wish.target.empty()) {
    wish.target = AddressOfReplica(master, asked.target);
    if (wish.target.empty()) {
      return Refuse(fmt::format("ERR No such replica of '{}': {}", master.name, asked.target.ToString()));
    }
  }
  const std::vector<Candidate> ranked = RankReplicas(state, master, Evidence::kAnyInfo, now.mono);
  if (std::string why = WhyNobody(master, wish.target, ranked); !why.empty()) {
    ExplainCandidates(ranked, out);
    return Refuse(std::move(why));
  }
  if (wish.coordinated && (master.liveness.down() || !master.command.up())) {
    return Refuse(fmt::format("ERR Master '{}' does not answer: it cannot hand over its role", master.name));
  }
  out.push_back(
      LogLine{base::LogLevel::kWarning, fmt::format("Executing user requested FAILOVER of '{}'", master.name)});
  if (master.failover.active()) AbortFailover(state, master, "-failover-abort-not-elected", now, out);
  StopReads(state, master);
  Stand(state, master, true, now, out);
  if (!master.failover.active()) return {};  // somebody has been elected meanwhile: told by event
  master.failover.target = wish.target;
  BeginHandover(state, master, wish, now, out);
  return {};
}

}  // namespace sentinel
