#include "sentinel/core/instance_report.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"

namespace sentinel {
namespace {

// Numbers are bulk strings too: clients read the map as text.
class Fields {
 public:
  void Add(std::string_view name, std::string value) { fields_.push_back({name, std::move(value)}); }
  void Add(std::string_view name, std::int64_t value) { Add(name, std::to_string(value)); }
  void Write(resp::ReplyWriter& reply) const {
    reply.Map(fields_.size());
    for (const Field& field : fields_) {
      reply.Bulk(field.name);
      reply.Bulk(field.value);
    }
  }

 private:
  struct Field {
    std::string_view name;
    std::string value;
  };
  std::vector<Field> fields_;
};

class Flags {
 public:
  void Add(bool condition, std::string_view word) {
    if (!condition) return;
    if (!text_.empty()) text_ += ',';
    text_ += word;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

bool Disconnected(const DataNode& node) {
  return !node.command.up() || !node.pubsub.up();
}

std::string MasterFlags(const Master& master) {
  Flags flags;
  flags.Add(master.liveness.down(), "s_down");
  flags.Add(master.objective_down_since.has_value(), "o_down");
  flags.Add(true, "master");
  flags.Add(Disconnected(master), "disconnected");
  flags.Add(master.failover.active(), "failover_in_progress");
  flags.Add(master.failover.active() && master.failover.forced, "force_failover");
  flags.Add(master.liveness.script_kill_sent, "script_kill_sent");
  return flags.text();
}

std::string ReplicaFlags(const Master& master, const Replica& replica) {
  Flags flags;
  flags.Add(replica.liveness.down(), "s_down");
  flags.Add(true, "slave");
  flags.Add(Disconnected(replica), "disconnected");
  flags.Add(replica.id != InstanceId::kNone && master.failover.promoted == replica.id, "promoted");
  flags.Add(replica.reconfiguration == Reconfiguration::kSent, "reconf_sent");
  flags.Add(replica.reconfiguration == Reconfiguration::kInProgress, "reconf_inprog");
  flags.Add(replica.reconfiguration == Reconfiguration::kDone, "reconf_done");
  flags.Add(replica.liveness.script_kill_sent, "script_kill_sent");
  return flags.text();
}

std::string PeerFlags(const State& state, const Peer& peer, const Opinion& opinion, const base::Now& now) {
  Flags flags;
  flags.Add(peer.liveness.down(), "s_down");
  flags.Add(true, "sentinel");
  flags.Add(!peer.command.up(), "disconnected");
  flags.Add(CountsAsDown(state, opinion, now), "master_down");
  return flags.text();
}

struct Link {
  std::int64_t pending = 0;
  std::int64_t owners = 1;
};

void AddIdentity(Fields& fields, std::string name, std::string host, std::uint16_t port, const base::RunId& run_id,
                 std::string flags, const Link& link) {
  fields.Add("name", std::move(name));
  fields.Add("ip", std::move(host));
  fields.Add("port", port);
  fields.Add("runid", run_id.hex);
  fields.Add("flags", std::move(flags));
  fields.Add("link-pending-commands", link.pending);
  fields.Add("link-refcount", link.owners);
}

void AddLiveness(Fields& fields, const Liveness& liveness, const base::Now& now) {
  fields.Add("last-ping-sent", AgeOf(now, liveness.waiting_since));
  fields.Add("last-ok-ping-reply", AgeOf(now, liveness.proof_at));
  fields.Add("last-ping-reply", AgeOf(now, liveness.answered_at.value_or(liveness.proof_at)));
  if (liveness.down()) fields.Add("s-down-time", AgeOf(now, liveness.down_since));
}

void AddRole(Fields& fields, const DataNode& node, const base::Now& now) {
  fields.Add("info-refresh", AgeOf(now, node.info_at));
  fields.Add("role-reported", node.role_reported == Role::kReplica ? "slave" : "master");
  fields.Add("role-reported-time", AgeOf(now, node.role_reported_at));
}

// Behind what stock has, and only when there is something to say.
void AddConduct(Fields& fields, const Conduct& conduct) {
  if (!conduct.auth_failed.empty()) fields.Add("auth-failed", conduct.auth_failed);
  if (conduct.offences > 0) fields.Add("bad-replies", std::to_string(conduct.offences));
}

std::string Name(const base::Endpoint& endpoint, const std::string& host) {
  return base::Endpoint{host, endpoint.port}.ToString();
}

}  // namespace

std::int64_t AgeOf(const base::Now& now, const std::optional<base::MonoTime>& then) {
  return then ? std::max<std::int64_t>(0, (now.mono - *then).count()) : 0;
}

void ReplyMaster(const State& state, const Master& master, const base::Now& now, resp::ReplyWriter& reply) {
  Fields fields;
  AddIdentity(fields, master.name, ShownHost(state, master.address, master.hostname), master.address.port,
              master.info.run_id, MasterFlags(master), {master.command.pending + master.pubsub.pending, 1});
  if (master.failover.active()) fields.Add("failover-state", std::string(StageWord(master.failover.stage)));
  AddLiveness(fields, master.liveness, now);
  if (master.objective_down_since) fields.Add("o-down-time", AgeOf(now, master.objective_down_since));
  fields.Add("down-after-milliseconds", master.down_after.count());
  AddRole(fields, master, now);
  fields.Add("config-epoch", std::to_string(master.config_epoch.value));
  fields.Add("num-slaves", static_cast<std::int64_t>(master.replicas.size()));
  fields.Add("num-other-sentinels", static_cast<std::int64_t>(master.sentinels.size()));
  fields.Add("quorum", master.quorum);
  fields.Add("failover-timeout", master.failover_timeout.count());
  fields.Add("parallel-syncs", master.parallel_syncs);
  if (!master.notification_script.empty()) fields.Add("notification-script", master.notification_script);
  if (!master.reconfig_script.empty()) fields.Add("client-reconfig-script", master.reconfig_script);
  // Ours, behind what stock has, and only when there is something to say.
  if (IsPaused(master, now)) {
    fields.Add("paused-for", (*master.pause.until - now.mono).count());
    fields.Add("paused-by", master.pause.by.hex);
    fields.Add("pause-reason", master.pause.reason);
  }
  if (const base::Millis wait = BackOffOf(master, now); wait.count() > 0)
    fields.Add("failover-delayed-for", wait.count());
  AddConduct(fields, master.conduct);
  if (!master.forgotten.empty()) fields.Add("num-forgotten", static_cast<std::int64_t>(master.forgotten.size()));
  if (master.silent_voters > 0) fields.Add("num-silent-voters", master.silent_voters);
  fields.Write(reply);
}

void ReplyReplica(const State& state, const Master& master, const Replica& replica, const base::Now& now,
                  resp::ReplyWriter& reply) {
  const std::string& host = ShownHost(state, replica.address, replica.hostname);
  const InfoReport& info = replica.info;
  Fields fields;
  AddIdentity(fields, Name(replica.address, host), host, replica.address.port, info.run_id,
              ReplicaFlags(master, replica), {replica.command.pending + replica.pubsub.pending, 1});
  AddLiveness(fields, replica.liveness, now);
  fields.Add("down-after-milliseconds", master.down_after.count());
  AddRole(fields, replica, now);
  fields.Add("master-link-down-time", std::max<std::int64_t>(0, info.master_link_down_for.count()));
  fields.Add("master-link-status", info.master_link_up ? "ok" : "err");
  fields.Add("master-host", info.master.host.empty() ? "?" : info.master.host);
  fields.Add("master-port", info.master.port);
  fields.Add("slave-priority", info.priority);
  fields.Add("slave-repl-offset", std::max<std::int64_t>(0, info.offset));
  fields.Add("replica-announced", info.announced ? 1 : 0);
  AddConduct(fields, replica.conduct);
  fields.Write(reply);
}

void ReplyPeer(const State& state, const Master& master, const Peer& peer, const Opinion& opinion, const base::Now& now,
               resp::ReplyWriter& reply) {
  const auto owners = std::ranges::count_if(
      state.masters, [&](const auto& item) { return item.second.sentinels.contains(peer.run_id); });
  Fields fields;
  AddIdentity(fields, peer.run_id.hex, ShownHost(state, peer.address, peer.hostname), peer.address.port, peer.run_id,
              PeerFlags(state, peer, opinion, now), {peer.command.pending, owners});
  AddLiveness(fields, peer.liveness, now);
  fields.Add("down-after-milliseconds", master.down_after.count());
  fields.Add("last-hello-message", AgeOf(now, peer.hello_heard_at.value_or(state.started.mono)));
  fields.Add("voted-leader", opinion.vote.candidate.empty() ? "?" : opinion.vote.candidate.hex);
  fields.Add("voted-leader-epoch", std::to_string(opinion.vote.epoch.value));
  AddConduct(fields, peer.conduct);
  if (peer.left_at) fields.Add("said-good-bye", AgeOf(now, peer.left_at));
  fields.Write(reply);
}

}  // namespace sentinel
