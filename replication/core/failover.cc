#include "replication/core/failover.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/roles.h"

namespace replication {
namespace {

using base::LogLevel;
using Stage = Failover::Stage;

// Everybody may write again, wherever that now leads them.
void Clear(NodeState& state, const Now& now) {
  state.failover = Failover{};
  state.pause.by_failover = false;
  CheckPause(state, now);
}

void Abort(NodeState& state, std::string_view why, const Now& now) {
  state.Say(LogLevel::kNotice, fmt::format("FAILOVER aborted: {}", why));
  const bool had_left = state.failover.stage == Stage::kInProgress;
  state.failover.stage = Stage::kNo;
  if (had_left) Promote(state, now);
  Clear(state, now);
}

base::Endpoint AddressOf(const Replica& replica) {
  return {replica.ip, replica.announced.listening_port};
}

// The replica that takes over, if it has everything.
const Replica* Ready(const NodeState& state) {
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.stage != Replica::Stage::kOnline || replica.held || replica.ack < state.failover.offset) continue;
    if (state.Find(id)->closing == serve::Client::Closing::kNow) continue;
    if (state.failover.target.empty() || AddressOf(replica) == state.failover.target) return &replica;
  }
  return nullptr;
}

void HandOver(NodeState& state, const base::Endpoint& target, const Now& now) {
  state.Say(LogLevel::kNotice, fmt::format("Failover target is {}, asking it to take over", target.ToString()));
  state.failover.stage = Stage::kInProgress;
  state.failover.target = target;
  state.failover.until.reset();
  Follow(state, target, now);
}

struct Request {
  base::Endpoint target;
  bool force = false;
  bool abort = false;
  std::int64_t timeout = 0;  // ms; 0: none
};

// The error's text; empty when the words make sense.
std::string Parse(const resp::Words& words, Request& request) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t left = words.size() - i - 1;
    if (base::EqualsIgnoreCase(words[i], "timeout") && left >= 1 && request.timeout == 0) {
      const auto timeout = base::ParseInt<std::int64_t>(words[++i]);
      if (!timeout) return "ERR value is not an integer or out of range";
      if (*timeout <= 0) return "ERR FAILOVER timeout must be greater than 0";
      request.timeout = std::min<std::int64_t>(*timeout, std::int64_t{1} << 40);
    } else if (base::EqualsIgnoreCase(words[i], "abort") && words.size() == 2) {
      request.abort = true;
    } else if (base::EqualsIgnoreCase(words[i], "to") && left >= 2 && request.target.empty()) {
      const auto port = base::ParsePort(words[i + 2]);
      if (!port) return "ERR value is not an integer or out of range";
      request.target = {std::string(words[i + 1]), *port};
      i += 2;
      if (i + 1 < words.size() && base::EqualsIgnoreCase(words[i + 1], "force")) {
        request.force = true;
        ++i;
      }
    } else {
      return "ERR syntax error";
    }
  }
  return {};
}

std::string WhyNot(const NodeState& state, const Request& request) {
  if (state.failover.stage != Stage::kNo) return "ERR FAILOVER already in progress.";
  if (!state.is_master()) return "ERR FAILOVER is not valid when server is a replica.";
  if (state.replicas.empty()) return "ERR FAILOVER requires connected replicas.";
  if (request.force && (request.timeout == 0 || request.target.empty())) {
    return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
  }
  if (state.shutdown.stage != Shutdown::Stage::kNo) return "ERR FAILOVER is not valid while shutting down.";
  if (request.target.empty()) return {};
  for (const auto& [id, replica] : state.replicas.all()) {
    if (AddressOf(replica) != request.target) continue;
    return replica.stage == Replica::Stage::kOnline ? "" : "ERR FAILOVER target replica is not online.";
  }
  return "ERR FAILOVER target HOST and PORT is not a replica.";
}

void FailoverCommand(NodeState& state, NodeClient&, const resp::Words& words, const Now& now,
                     resp::ReplyWriter& reply) {
  Request request;
  if (const std::string error = Parse(words, request); !error.empty()) return reply.Error(error);
  if (request.abort) {
    if (state.failover.stage == Stage::kNo) return reply.Error("ERR No failover in progress.");
    Abort(state, "manually", now);
    return reply.Ok();
  }
  if (const std::string error = WhyNot(state, request); !error.empty()) return reply.Error(error);
  state.Say(LogLevel::kNotice, request.target.empty()
                                   ? std::string("FAILOVER requested.")
                                   : fmt::format("FAILOVER requested to {}.", request.target.ToString()));
  Failover& failover = state.failover;
  failover = Failover{.stage = Stage::kWaitForSync, .target = request.target, .force = request.force};
  if (request.timeout > 0) failover.until = now.mono + base::Millis(request.timeout);
  failover.offset = state.applied;
  state.pause.by_failover = true;
  // Asked only if nobody is known to have everything: the question itself is acknowledged without its own bytes, since
  // the replica counts them after it has answered.
  if (Ready(state) == nullptr) FeedAlone(state, {"REPLCONF", "GETACK", "*"});
  state.waiters.changed = true;  // looked at as soon as this request is done
  reply.Ok();
}

constexpr std::array kRows = {
    NodeCommand{{"failover",
                 -1,
                 serve::kAdmin | serve::kNoScript | serve::kStale | serve::kNoMulti,
                 {},
                 serve::kCatAdmin | serve::kCatSlow | serve::kCatDangerous,
                 "server",
                 "Hands the master's role to a replica",
                 "([TO <host> <port> [FORCE]] [TIMEOUT <ms>])|ABORT"},
                &FailoverCommand},
};

}  // namespace

std::span<const NodeCommand> FailoverCommands() {
  return kRows;
}

std::string_view FailoverName(const Failover& failover) {
  switch (failover.stage) {
    case Stage::kNo:
      return "no-failover";
    case Stage::kWaitForSync:
      return "waiting-for-sync";
    case Stage::kInProgress:
      return "failover-in-progress";
  }
  return "no-failover";
}

void CheckFailover(NodeState& state, const Now& now) {
  if (state.failover.stage != Stage::kWaitForSync) return;
  if (const Replica* ready = Ready(state)) return HandOver(state, AddressOf(*ready), now);
  if (!state.failover.until || now.mono < *state.failover.until) return;
  if (state.failover.force) return HandOver(state, state.failover.target, now);
  Abort(state, "replica never caught up before timeout", now);
}

void EndFailover(NodeState& state, bool accepted, const Now& now) {
  if (state.failover.stage != Stage::kInProgress) return;
  if (!accepted) return Abort(state, "Failover target rejected psync request", now);
  state.Say(LogLevel::kNotice, "FAILOVER succeeded: the target has taken over");
  Clear(state, now);
}

}  // namespace replication
