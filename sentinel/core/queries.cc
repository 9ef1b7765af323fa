// SENTINEL subcommands that only look. Texts and shapes as a running redis-sentinel 7.0 answers.
#include <fmt/format.h>

#include <array>
#include <set>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/features.h"
#include "sentinel/core/instance_report.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/vote.h"

namespace sentinel {
namespace {

void CheckQuorumOf(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  const QuorumReport report = CheckQuorum(call.state, *master);
  if (report.quorum_reachable && report.majority_reachable) {
    std::string text =
        fmt::format("OK {} usable Sentinels. Quorum and failover authorization can be reached", report.usable);
    // Stock's sentence alone, unless something is switched off.
    if (const std::string off = SwitchedOffBy(call.state, *master); !off.empty()) text += ". " + off;
    return call.reply.Simple(text);
  }
  std::string text = fmt::format("NOQUORUM {} usable Sentinels", report.usable);
  if (!report.quorum_reachable) {
    text += ". Not enough available Sentinels to reach the specified quorum for this master";
  }
  if (!report.majority_reachable) {
    text += ". Not enough available Sentinels to reach the majority and authorize a failover";
  }
  call.reply.Error(text);
}

void GetMasterAddr(Call& call) {
  const Master* master = FindMaster(call.state, call.words[2]);
  if (master == nullptr) return call.reply.NullArray();
  const CurrentAddress current = AddressOf(call.state, *master);
  const base::Endpoint shown = ShownEndpoint(call.state, *master, current.endpoint);
  call.RestsOn(current.change);
  call.reply.Array(2);
  call.reply.Bulk(shown.host);
  call.reply.BulkNumber(shown.port);
}

void Help(Call& call) {
  serve::ReplyHelp(call.state.server.commands, "sentinel", call.reply);
}

void ReplyCachedInfo(const DataNode& node, const base::Now& now, resp::ReplyWriter& reply) {
  reply.Array(2);
  reply.Integer(AgeOf(now, node.info_at));
  if (node.info_at) {
    reply.Bulk(node.info_text);
  } else {
    reply.Null();
  }
}

void InfoCache(Call& call) {
  std::set<const Master*> seen;
  std::vector<const Master*> asked;
  for (std::size_t i = 2; i < call.words.size(); ++i) {
    const Master* master = FindMaster(call.state, call.words[i]);
    if (master != nullptr && seen.insert(master).second) asked.push_back(master);
  }
  call.reply.Array(2 * asked.size());
  for (const Master* master : asked) {
    call.reply.Bulk(master->name);
    call.reply.Array(1 + master->replicas.size());
    ReplyCachedInfo(*master, call.now, call.reply);
    for (const auto& [endpoint, replica] : master->replicas) ReplyCachedInfo(replica, call.now, call.reply);
  }
}

// The question that peers ask each other, and their request for a vote. Asked with an id, it may change our state:
// that is what an election is.
void IsMasterDownByAddr(Call& call) {
  const auto port = base::ParseInt<std::int64_t>(call.words[3]);
  const auto epoch = base::ParseInt<std::uint64_t>(call.words[4]);
  if (!port || !epoch) return call.reply.Error("ERR value is not an integer or out of range");
  Question question;
  // A port that cannot be names a master that we do not know.
  if (*port > 0 && *port <= 65535) question.master = {CanonicalHost(call.words[2]), static_cast<std::uint16_t>(*port)};
  question.epoch.value = *epoch;
  if (auto candidate = base::ParseHexId<base::RunId>(call.words[5])) question.candidate = *std::move(candidate);
  const Answer answer = AnswerQuestion(call.state, question, call.now, call.out);
  call.RestsOn(answer.change);
  call.reply.Array(3);
  call.reply.Integer(answer.down ? 1 : 0);
  call.reply.Bulk(answer.leader);
  call.reply.Integer(static_cast<std::int64_t>(answer.leader_epoch.value));
}

void ShowMaster(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  call.RestsOn(AddressOf(call.state, *master).change);
  ReplyMaster(call.state, *master, call.now, call.reply);
}

void ShowMasters(Call& call) {
  call.reply.Array(call.state.masters.size());
  for (const auto& [name, master] : call.state.masters) {
    call.RestsOn(AddressOf(call.state, master).change);
    ReplyMaster(call.state, master, call.now, call.reply);
  }
}

void MyId(Call& call) {
  call.RestsOn(call.state.id_change);
  call.reply.Bulk(call.state.my_id.hex);
}

void PendingScripts(Call& call) {
  const base::MonoTime now = call.now.mono;
  call.reply.Array(call.state.scripts.size());
  for (const ScriptJob& job : call.state.scripts) {
    call.reply.Map(5);
    call.reply.Bulk("argv");
    call.reply.Array(job.argv.size());
    for (const std::string& word : job.argv) call.reply.Bulk(word);
    call.reply.Bulk("flags");
    call.reply.Bulk(job.running() ? "running" : "scheduled");
    call.reply.Bulk("pid");
    call.reply.BulkNumber(job.pid);
    if (job.running()) {
      call.reply.Bulk("run-time");
      call.reply.BulkNumber((now - *job.started_at).count());
    } else {
      call.reply.Bulk("run-delay");
      call.reply.BulkNumber(std::max(base::Millis(0), job.not_before - now).count());
    }
    call.reply.Bulk("retry-num");
    call.reply.BulkNumber(job.runs);
  }
}

void Replicas(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  std::vector<const Replica*> shown;
  for (const auto& [endpoint, replica] : master->replicas) {
    if (replica.info.announced) shown.push_back(&replica);
  }
  call.reply.Array(shown.size());
  for (const Replica* replica : shown) ReplyReplica(call.state, *master, *replica, call.now, call.reply);
}

void Sentinels(Call& call) {
  const Master* master = MasterOfCall(call);
  if (master == nullptr) return;
  std::vector<std::pair<const Peer*, const Opinion*>> shown;
  for (const auto& [run_id, opinion] : master->sentinels) {
    if (const auto peer = call.state.peers.find(run_id); peer != call.state.peers.end()) {
      shown.push_back({&peer->second, &opinion});
    }
  }
  call.reply.Array(shown.size());
  for (const auto& [peer, opinion] : shown) ReplyPeer(call.state, *master, *peer, *opinion, call.now, call.reply);
}

constexpr std::array kCommands = {
    SentinelCommand{
        SentinelRow("sentinel|ckquorum", 3, "<master>", "Tells whether enough sentinels can be reached for a failover"),
        &CheckQuorumOf},
    SentinelCommand{SentinelRow("sentinel|get-master-addr-by-name", 3, "<master>", "Returns the address to write to"),
                    &GetMasterAddr},
    SentinelCommand{{"sentinel|help",
                     2,
                     serve::kLoading | serve::kStale,
                     {},
                     0,
                     "sentinel",
                     "Returns helpful text about the different subcommands"},
                    &Help},
    SentinelCommand{SentinelRow("sentinel|info-cache", -3, "<master> [<master> ...]",
                                "Returns the last INFO of masters and their replicas"),
                    &InfoCache},
    SentinelCommand{SentinelRow("sentinel|is-master-down-by-addr", 6, "<ip> <port> <epoch> <id>|*",
                                "Tells a peer whether a master looks down, and votes when it asks for a vote"),
                    &IsMasterDownByAddr},
    SentinelCommand{SentinelRow("sentinel|master", 3, "<master>", "Returns the state of a master"), &ShowMaster},
    SentinelCommand{SentinelRow("sentinel|masters", 2, "", "Returns the state of all masters"), &ShowMasters},
    SentinelCommand{SentinelRow("sentinel|myid", 2, "", "Returns the id of this sentinel"), &MyId},
    SentinelCommand{SentinelRow("sentinel|pending-scripts", 2, "", "Returns the scripts that wait or run"),
                    &PendingScripts},
    SentinelCommand{SentinelRow("sentinel|replicas", 3, "<master>", "Returns the state of a master's replicas"),
                    &Replicas},
    SentinelCommand{SentinelRow("sentinel|sentinels", 3, "<master>", "Returns the other sentinels that watch a master"),
                    &Sentinels},
    SentinelCommand{SentinelRow("sentinel|slaves", 3, "<master>", "Returns the state of a master's replicas"),
                    &Replicas},
};

}  // namespace

std::span<const SentinelCommand> QueryCommands() {
  return kCommands;
}

}  // namespace sentinel
