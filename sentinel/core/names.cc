#include "sentinel/core/names.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sentinel/core/changes.h"
#include "sentinel/core/conduct.h"
#include "sentinel/core/events.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/numeric_host.h"

namespace sentinel {
namespace {

constexpr base::Millis kAskAgain{1000};

// A replica is filed under its address, so it moves; its id and timers stay. False when another stood there already.
bool FileReplica(State& state, Master& master, const base::Endpoint& from, const base::Endpoint& to,
                 const std::string& hostname, Actions& out) {
  if (to == master.address || master.replicas.contains(to)) {
    // It was known by its address already. That one gets the name.
    const auto other = master.replicas.find(to);
    if (other != master.replicas.end()) other->second.hostname = hostname;
    RemoveReplica(state, master, from, out);
    return false;
  }
  auto entry = master.replicas.extract(from);
  entry.key() = to;
  entry.mapped().hostname = hostname;
  entry.mapped().address = to;
  master.replicas.insert(std::move(entry));
  return true;
}

// The answer for a host that is still filed under its name, or under an earlier address of it.
bool Concerns(const std::string& name, const base::Endpoint& address, const std::string& hostname, const Link& link,
              const std::string& answer) {
  if (address.host == name) return true;
  return hostname == name && address.host != answer && !link.up();
}

void AnnounceMove(State& state, const Master* about, const Watched& watched, const std::string& name,
                  const std::string& from, const std::string& to, Actions& out) {
  if (from == name) return;  // it had no address before
  AnnounceEvent(state, about, "+host-moved", fmt::format("{} {} {} {}", DescribeAny(state, watched), name, from, to),
                state.newest_change, out);
}

void MovePeer(State& state, Peer& peer, const NameResolved& resolved, const base::Now& now, Actions& out) {
  const std::string from = peer.address.host;
  CloseLinks(state, WatchedOf(peer), out);
  peer.name_record.previous_address = from == resolved.name ? "" : from;
  peer.hostname = resolved.name;
  peer.address.host = *resolved.address;
  MarkChanged(state, out);
  AnnounceMove(state, nullptr, WatchedOf(peer), resolved.name, from, *resolved.address, out);
  OpenLinks(state, WatchedOf(peer), now, out);
}

void MoveMaster(State& state, Master& master, const NameResolved& resolved, const base::Now& now, Actions& out) {
  const base::Endpoint to{*resolved.address, master.address.port};
  // Whoever was listed under this address is the master; while a failover deals with it, names have to wait.
  if (master.replicas.contains(to)) {
    if (master.failover.active()) return;
    RemoveReplica(state, master, to, out);
  }
  const std::string from = master.address.host;
  CloseLinks(state, WatchedOf(master), out);
  master.name_record.previous_address = from == resolved.name ? "" : from;
  master.hostname = resolved.name;
  master.address.host = *resolved.address;
  master.address_change = MarkChanged(state, out);
  AnnounceMove(state, &master, WatchedOf(master), resolved.name, from, *resolved.address, out);
  OpenLinks(state, WatchedOf(master), now, out);
}

void MoveReplica(State& state, Master& master, const base::Endpoint& from, const NameResolved& resolved,
                 const base::Now& now, Actions& out) {
  Replica& replica = master.replicas.at(from);
  if (master.failover.promoted == replica.id && from.host != resolved.name) return;  // its address is spoken of
  CloseLinks(state, WatchedOf(master, replica), out);
  replica.name_record.previous_address = from.host == resolved.name ? "" : from.host;
  const base::Endpoint to{*resolved.address, from.port};
  if (!FileReplica(state, master, from, to, resolved.name, out)) return;
  MarkChanged(state, out);
  Replica& moved = master.replicas.at(to);
  AnnounceMove(state, &master, WatchedOf(master, moved), resolved.name, from.host, to.host, out);
  OpenLinks(state, WatchedOf(master, moved), now, out);
}

}  // namespace

bool MayBeHost(const State& state, std::string_view host) {
  return IsNumericHost(host) || (state.resolve_hostnames && IsHostName(host));
}

bool IsAt(const base::Endpoint& wanted, const base::Endpoint& address, const std::string& hostname) {
  return wanted.port == address.port && (wanted.host == address.host || (!hostname.empty() && wanted.host == hostname));
}

base::Endpoint KnownAs(const Master& master, const base::Endpoint& endpoint) {
  if (IsAt(endpoint, master.address, master.hostname)) return master.address;
  if (master.replicas.contains(endpoint) || IsNumericHost(endpoint.host)) return endpoint;
  for (const auto& [address, replica] : master.replicas) {
    if (IsAt(endpoint, address, replica.hostname)) return address;
  }
  return endpoint;
}

bool NeedsResolving(const Watched& watched, Actions& out) {
  const std::string& host = watched.address().host;
  if (host.empty() || IsNumericHost(host)) return false;
  out.push_back(Resolve{host});
  return true;
}

bool AskNameAgain(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  const std::string& name = watched.node != nullptr ? watched.node->hostname : watched.peer->hostname;
  NameRecord& record = watched.node != nullptr ? watched.node->name_record : watched.peer->name_record;
  if (name.empty() || !state.resolve_hostnames) return false;
  if (record.asked_at && now.mono - *record.asked_at < kAskAgain) return false;
  record.asked_at = now.mono;
  out.push_back(Resolve{name});
  return true;
}

void TakeResolved(State& state, const NameResolved& resolved, const base::Now& now, Actions& out) {
  if (!resolved.address) {
    LogNotice(out, fmt::format("cannot resolve {}: {}", resolved.name, resolved.address.error().text));
    return;  // asked again with the next attempt to connect
  }
  for (auto& [id, peer] : state.peers) {
    if (Concerns(resolved.name, peer.address, peer.hostname, peer.command, *resolved.address)) {
      MovePeer(state, peer, resolved, now, out);
    }
  }
  for (auto& [name, master] : state.masters) {
    if (Concerns(resolved.name, master.address, master.hostname, master.command, *resolved.address)) {
      MoveMaster(state, master, resolved, now, out);
    }
    std::vector<base::Endpoint> waiting;
    for (const auto& [address, replica] : master.replicas) {
      if (Concerns(resolved.name, address, replica.hostname, replica.command, *resolved.address)) {
        waiting.push_back(address);
      }
    }
    for (const base::Endpoint& from : waiting) MoveReplica(state, master, from, resolved, now, out);
  }
}

}  // namespace sentinel
