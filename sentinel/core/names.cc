#include "sentinel/core/names.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sentinel/core/events.h"
#include "sentinel/core/links.h"
#include "sentinel/core/numeric_host.h"

namespace sentinel {
namespace {

// A replica is filed under its address, so it moves; its id and timers stay.
void RenameReplica(State& state, Master& master, const base::Endpoint& from, const base::Endpoint& to) {
  auto entry = master.replicas.extract(from);
  entry.key() = to;
  entry.mapped().hostname = from.host;
  entry.mapped().address = to;
  const InstanceId id = entry.mapped().id;
  if (!master.replicas.insert(std::move(entry)).inserted) {
    state.timers.CancelAll(id);  // it was known by its address already, and never connected under its name
    state.instances.erase(id);
    return;
  }
}

}  // namespace

bool NeedsResolving(const Watched& watched, Actions& out) {
  const std::string& host = watched.address().host;
  if (host.empty() || IsNumericHost(host)) return false;
  out.push_back(Resolve{host});
  return true;
}

void TakeResolved(State& state, const NameResolved& resolved, const base::Now& now, Actions& out) {
  if (!resolved.address) {
    LogNotice(out, fmt::format("cannot resolve {}: {}", resolved.name, resolved.address.error().text));
    return;  // asked again with the next attempt to connect
  }
  for (auto& [id, peer] : state.peers) {
    if (peer.address.host != resolved.name) continue;
    peer.hostname = resolved.name;
    peer.address.host = *resolved.address;
    OpenLinks(state, WatchedOf(peer), now, out);
  }
  for (auto& [name, master] : state.masters) {
    if (master.address.host == resolved.name) {
      master.hostname = resolved.name;
      master.address.host = *resolved.address;
      OpenLinks(state, WatchedOf(master), now, out);
    }
    std::vector<base::Endpoint> waiting;
    for (const auto& [address, replica] : master.replicas) {
      if (address.host == resolved.name) waiting.push_back(address);
    }
    for (const base::Endpoint& from : waiting) {
      const base::Endpoint to{*resolved.address, from.port};
      RenameReplica(state, master, from, to);
      const auto replica = master.replicas.find(to);
      OpenLinks(state, WatchedOf(master, replica->second), now, out);
    }
  }
}

}  // namespace sentinel
