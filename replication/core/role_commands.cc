// REPLICAOF, ROLE, PSYNC, SYNC and REPLCONF.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/full_sync.h"
#include "replication/core/journal.h"
#include "replication/core/roles.h"

namespace replication {
namespace {

using base::LogLevel;
using serve::ClientKind;
using Stage = Replica::Stage;

void ReplicaOf(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
               resp::ReplyWriter& reply) {
  if (state.failover.stage != Failover::Stage::kNo) {
    return reply.Error("ERR REPLICAOF not allowed while failing over.");
  }
  if (client.kind != ClientKind::kNormal) return reply.Error("ERR Command is not valid when client is a replica.");
  if (base::EqualsIgnoreCase(words[1], "no") && base::EqualsIgnoreCase(words[2], "one")) {
    if (!state.is_master()) {
      state.Say(LogLevel::kNotice, fmt::format("MASTER MODE enabled (user request from '{}')", client.peer));
      Promote(state, now);
    }
    return reply.Ok();
  }
  const auto port = base::ParsePort(words[2]);
  if (!port || words[1].empty() || base::HasControlCharacters(words[1])) return reply.Error("ERR Invalid master port");
  const base::Endpoint master{std::string(words[1]), *port};
  if (!state.is_master() && state.settings.replicaof.port == master.port &&
      base::EqualsIgnoreCase(state.settings.replicaof.host, master.host)) {
    return reply.Simple("OK Already connected to specified master");
  }
  state.Say(LogLevel::kNotice,
            fmt::format("REPLICAOF {} enabled (user request from '{}')", master.ToString(), client.peer));
  Follow(state, master, now);
  reply.Ok();
}

void Role(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (!state.is_master()) {
    reply.Array(5);
    reply.Bulk("slave");
    reply.Bulk(state.settings.replicaof.host);
    reply.Integer(state.settings.replicaof.port);
    reply.Bulk(LinkStateName(state.master));
    reply.Integer(state.link_up() ? state.applied : -1);
    return;
  }
  std::vector<const Replica*> online;
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.stage == Stage::kOnline) online.push_back(&replica);
  }
  reply.Array(3);
  reply.Bulk("master");
  reply.Integer(state.applied);
  reply.Array(online.size());
  for (const Replica* replica : online) {
    reply.Array(3);
    reply.Bulk(replica->ip);
    reply.BulkNumber(replica->announced.listening_port);
    reply.BulkNumber(replica->ack);
  }
}

// The host of "127.0.0.1:40000" or "[::1]:40000".
std::string HostOf(std::string_view peer) {
  peer = peer.substr(0, peer.rfind(':'));
  if (peer.size() > 2 && peer.front() == '[') peer = peer.substr(1, peer.size() - 2);
  return std::string(peer);
}

Replica& MakeReplica(NodeState& state, NodeClient& client, bool plain_sync, const Now& now) {
  if (state.is_master() && state.replicas.empty() && !state.backlog) {
    // Without a backlog offsets stood still while the data changed: the name that stood for them is used up.
    state.history.Begin(state.random);
    OpenBacklog(state);
    state.Say(LogLevel::kNotice,
              fmt::format("Replication backlog created, my new replication id is '{}'", state.history.replid.hex));
  }
  OpenBacklog(state);
  if (state.replicas.empty()) state.pinged_at = now.mono;
  state.no_replicas_since.reset();
  ForgetTransaction(state, client);
  client.kind = ClientKind::kReplica;
  Replica& replica = state.replicas.Add(client.id);
  replica.announced = client.announced;
  replica.ip = client.announced.ip.empty() ? HostOf(client.peer) : client.announced.ip;
  replica.plain_sync = plain_sync;
  replica.attached_at = replica.since = replica.progress_at = replica.ack_at = now.mono;
  replica.newline_at = now.mono + base::Seconds(1);
  return replica;
}

// Is there a stream that we can pass on? The error's text if not.
std::string WhyNotServed(const NodeState& state, const NodeClient& client) {
  if (!state.is_master() && !state.link_up()) return "NOMASTERLINK Can't SYNC while not connected with my master";
  if (state.failover.stage != Failover::Stage::kNo) return "NOMASTERLINK Can't SYNC while failing over";
  if (state.shutdown.stage != Shutdown::Stage::kNo) return "NOMASTERLINK Can't SYNC while shutting down";
  if (client.announced.no_data && !client.announced.eof) return "ERR Filtered replica requires EOF capability";
  return {};
}

// A replica may be asked for bytes that are still on their way to it: the asker followed somebody faster until now. It
// is told to come back, for so long; only then is it believed to have gone its own way.
constexpr base::Millis kAheadPatience = base::Seconds(5);
constexpr std::size_t kMostAhead = 64;

bool MayBeAheadOfUs(NodeState& state, const NodeClient& client, const PsyncRequest& request, const Now& now) {
  auto& ahead = state.snapshots.ahead;
  const std::string who = fmt::format("{}:{}", client.announced.ip.empty() ? HostOf(client.peer) : client.announced.ip,
                                      client.announced.listening_port);
  const bool is_ahead = !state.is_master() && base::EqualsIgnoreCase(request.replid, state.history.replid.hex) &&
                        request.offset > state.applied + 1;
  const auto found = ahead.find(who);
  if (!is_ahead) {
    if (found != ahead.end()) ahead.erase(found);
    return false;
  }
  if (found != ahead.end() && found->second.offset == request.offset && found->second.replid == state.history.replid) {
    if (now.mono - found->second.since < kAheadPatience) return true;
    ahead.erase(found);
    return false;
  }
  if (ahead.size() >= kMostAhead) ahead.clear();
  ahead.insert_or_assign(who, AheadOfUs{state.history.replid, request.offset, now.mono});
  return true;
}

// What stands in front of the answer in the client's output (stock refuses then) is sent before it anyway.
void Psync(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  if (client.kind != ClientKind::kNormal) return;
  if (words.size() == 4 && base::EqualsIgnoreCase(words[3], "failover")) {
    if (state.is_master()) return reply.Error("ERR PSYNC FAILOVER can't be sent to a master.");
    if (!base::EqualsIgnoreCase(words[1], state.history.replid.hex)) {
      return reply.Error("ERR PSYNC FAILOVER replid must match my replid.");
    }
    state.Say(LogLevel::kWarning, fmt::format("Failover request received from {}: becoming master", client.peer));
    Promote(state, now);
  }
  if (const std::string error = WhyNotServed(state, client); !error.empty()) return reply.Error(error);
  const auto offset = base::ParseInt<Offset>(words[2]);
  if (!offset) return reply.Error("ERR value is not an integer or out of range");

  const PsyncRequest request{words[1], *offset};
  const auto refusal = WhyNotContinue(state.history, WindowOf(state), request);
  if (MayBeAheadOfUs(state, client, request, now)) {
    return reply.Error("NOMASTERLINK Can't SYNC yet: my master has not sent me that byte");
  }
  if (!refusal) {
    Replica& replica = MakeReplica(state, client, false, now);
    replica.stage = Stage::kOnline;
    replica.cursor = *offset;
    replica.ack = -1;  // a delayed replica has received what it asks to go on from, and not applied it
    ++state.stats.sync_partial_ok;
    reply.Simple(client.announced.psync2 ? "CONTINUE " + state.history.replid.hex : "CONTINUE");
    state.Say(LogLevel::kNotice,
              fmt::format("Partial resynchronization request from {} accepted: {} bytes from offset {}", client.peer,
                          state.applied + 1 - *offset, *offset));
    return;
  }
  if (request.replid != "?") ++state.stats.sync_partial_err;
  state.Say(LogLevel::kNotice, fmt::format("Full resync requested by replica {}: {}", client.peer, *refusal));
  WaitForFullSync(state, MakeReplica(state, client, false, now), now);
}

void Sync(NodeState& state, NodeClient& client, const resp::Words&, const Now& now, resp::ReplyWriter& reply) {
  if (client.kind != ClientKind::kNormal) return;
  if (const std::string error = WhyNotServed(state, client); !error.empty()) return reply.Error(error);
  WaitForFullSync(state, MakeReplica(state, client, true, now), now);
}

// REPLCONF ACK <applied> [FACK <durable>].
void TakeAck(NodeState& state, const NodeClient& client, const resp::Words& words, const Now& now) {
  Replica* replica = state.replicas.Find(client.id);
  if (replica == nullptr) return;
  const auto offset = base::ParseInt<Offset>(words[2]);
  if (!offset) return;
  if (words.size() > 4 && base::EqualsIgnoreCase(words[3], "fack")) {
    const auto durable = base::ParseInt<Offset>(words[4]);
    if (durable) replica->durable = std::max(replica->durable, std::min(*durable, state.applied));
  }
  // Nobody can have more than there is: a number beyond would fulfil a WAIT that nothing fulfils.
  replica->ack = std::max(replica->ack, std::min(*offset, state.applied));
  replica->ack_at = now.mono;
  if (replica->stage == Stage::kOnline) replica->held = false;
  state.waiters.changed = true;
}

void ReplConf(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
              resp::ReplyWriter& reply) {
  if (words.size() % 2 == 0) return reply.Error("ERR syntax error");
  Announced announced = client.announced;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const std::string option = base::ToLower(words[i]);
    const std::string_view value = words[i + 1];
    if (option == "listening-port") {
      const auto port = base::ParseInt<std::uint16_t>(value);
      if (!port) return reply.Error("ERR value is not an integer or out of range");
      announced.listening_port = *port;
    } else if (option == "ip-address") {
      if (value.size() > 255 || base::HasControlCharacters(value)) {
        return reply.Error(
            fmt::format("ERR REPLCONF ip-address provided by replica instance is too long: {} bytes", value.size()));
      }
      announced.ip = value;
    } else if (option == "capa") {
      if (base::EqualsIgnoreCase(value, "eof")) announced.eof = true;
      if (base::EqualsIgnoreCase(value, "psync2")) announced.psync2 = true;
      if (base::EqualsIgnoreCase(value, "vigil")) announced.vigil = true;
    } else if (option == "ack") {
      if (i == 1) TakeAck(state, client, words, now);
      return;  // never answered: what follows on this connection is the stream
    } else if (option == "getack") {
      if (client.kind != ClientKind::kMaster) return;
      if (base::EqualsIgnoreCase(value, kGetAckDurable)) AckWhenDurable(state);
      return SendAck(state, now);
    } else if (option == "rdb-only") {
      const auto on = base::ParseInt<int>(value);
      if (!on || *on < 0 || *on > 1) return reply.Error("ERR value is out of range, value must between 0 and 1");
      announced.rdb_only = *on == 1;
    } else if (option == "rdb-filter-only") {
      announced.no_data = announced.no_functions = true;
      for (const std::string_view part : base::Split(value, ' ')) {
        if (part.empty()) continue;
        if (!base::EqualsIgnoreCase(part, "functions")) {
          return reply.Error(fmt::format("ERR Unsupported rdb-filter-only option: {}", part.substr(0, 128)));
        }
        announced.no_functions = false;
      }
    } else {
      return reply.Error(fmt::format("ERR Unrecognized REPLCONF option: {}", words[i].substr(0, 128)));
    }
  }
  client.announced = announced;
  if (Replica* replica = state.replicas.Find(client.id)) replica->announced = announced;
  reply.Ok();
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"psync",
                 -3,
                 kAdmin | kNoScript | kNoAsyncLoading | kNoMulti,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Goes on with a replication stream, or begins one",
                 "<replicationid> <offset>"},
                &Psync},
    NodeCommand{{"replconf",
                 -1,
                 kAdmin | kNoScript | kLoading | kStale | kAllowBusy,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Arranges replication between servers"},
                &ReplConf},
    NodeCommand{{"replicaof",
                 3,
                 kAdmin | kNoScript | kStale | kNoAsyncLoading,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Makes this server a replica, or a master",
                 "(<host> <port>)|(NO ONE)"},
                &ReplicaOf},
    NodeCommand{{"role",
                 1,
                 kNoScript | kLoading | kStale | kFast,
                 {},
                 kCatAdmin | kCatFast | kCatDangerous,
                 "server",
                 "Returns the replication role"},
                &Role},
    NodeCommand{{"sync",
                 1,
                 kAdmin | kNoScript | kNoAsyncLoading | kNoMulti,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Begins a replication stream, without offsets"},
                &Sync},
};

}  // namespace

std::span<const NodeCommand> RoleCommands() {
  return kRows;
}

}  // namespace replication
