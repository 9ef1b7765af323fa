#include "sentinel/core/foreign.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/events.h"
#include "sentinel/core/names.h"

namespace sentinel {
namespace {

// It is the process that was our master, or has its data: then replicas that we do not know have come to it behind our
// backs, before we asked it again or since. Only the master's word counts: a replica that was left behind may follow
// whoever has the address now.
bool IsOurs(const Master& master, const Replica& replica) {
  const auto& former = replica.former;
  if (former && !former->was_new && !former->run_id.empty() && former->run_id == replica.info.run_id) return true;
  const auto names = [&](const base::ReplicationId& history) {
    if (history.empty()) return false;
    return history == master.info.replid || history == master.info.replid2 || (former && history == former->history);
  };
  return names(replica.info.replid) || names(replica.info.replid2);
}

std::string WhyForeign(const State& state, const Master& master, const Replica& replica) {
  if (!replica.foreign.hello.empty()) return fmt::format("hellos of {}", replica.foreign.hello);
  for (const auto& [name, other] : state.masters) {
    // Two names for one master, of which the other has not switched yet, look the same; then it is left alone until
    // it has.
    if (name != master.name && other.address == replica.address) return fmt::format("master of {}", name);
  }
  if (replica.info.role != Role::kMaster || IsOurs(master, replica)) return {};
  for (const base::Endpoint& address : replica.info.replicas) {
    const base::Endpoint known = KnownAs(master, address);
    if (known == master.address || master.replicas.contains(known)) continue;
    return fmt::format("unknown replica {}", address.ToString());
  }
  return {};
}

}  // namespace

void NoteForeignHello(State& state, const Hello& hello, InstanceId via, const base::Now& now, Actions& out) {
  Replica* replica = ReplicaOf(state, via);
  Master* master = MasterOf(state, via);
  if (replica == nullptr || master == nullptr || hello.master_name == master->name) return;
  // One master under two names.
  const base::Endpoint named = KnownAs(*master, hello.master);
  const bool ours = named == master->address || (named != replica->address && master->replicas.contains(named));
  if (ours) {
    // They had not switched yet when they spoke of this node as theirs.
    if (replica->foreign.hello != hello.master_name) return;
    replica->foreign.hello.clear();
    replica->foreign.heard_at.reset();
    IsForeign(state, *master, *replica, out);
    return;
  }
  replica->foreign.hello = hello.master_name;
  replica->foreign.heard_at = now.mono;
  IsForeign(state, *master, *replica, out);
}

void ForgetForeignHello(DataNode& node) {
  const bool before = node.foreign.heard_at && node.command.up() && *node.foreign.heard_at < *node.command.up_at;
  if (!before) return;
  node.foreign.hello.clear();
  node.foreign.heard_at.reset();
}

bool IsForeign(State& state, const Master& master, Replica& replica, Actions& out) {
  std::string why = WhyForeign(state, master, replica);
  const bool foreign = !why.empty();
  // Our data go on under a new name when it has restarted: the next process will name this one.
  if (!foreign && replica.former && replica.info.role == Role::kMaster && IsOurs(master, replica)) {
    replica.former->history = replica.info.replid;
  }
  if (why == replica.foreign.why) return foreign;
  const bool changed = foreign != !replica.foreign.why.empty();
  const std::string shown = foreign ? why : replica.foreign.why;
  replica.foreign.why = std::move(why);
  if (changed) {
    AnnounceEvent(state, &master, foreign ? "+foreign-node" : "-foreign-node",
                  fmt::format("{} #{}", Describe(state, master, replica), shown), 0, out);
  }
  return foreign;
}

bool MayBeOrdered(const Replica& replica) {
  return replica.foreign.why.empty() && replica.command.up() && replica.info_at &&
         *replica.info_at >= *replica.command.up_at;
}

}  // namespace sentinel
