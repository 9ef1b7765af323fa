#include "sentinel/core/hello.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/text.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/conduct.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/foreign.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/health.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/names.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/steps.h"
#include "sentinel/core/vote.h"

namespace sentinel {
namespace {

// Without an answer to the earlier ones more than this many would only repeat them.
constexpr int kMaxHellosUnderWay = 3;

// How often a jump of the epoch is announced that somebody unknown claims.
constexpr base::Millis kStrangersPace{10000};

// The sentinel `hello` speaks for is not known under this master at this address: enters it, or moves it. False when
// there are too many already.
bool Introduce(State& state, Master& master, const Hello& hello, const base::Now& now, Actions& out) {
  const bool moved = master.sentinels.contains(hello.run_id);
  if (moved) {
    AnnounceEvent(state, &master, "+sentinel-address-switch",
                  fmt::format("{} ip {} port {} for {}", Describe(state, master), hello.sentinel.host,
                              hello.sentinel.port, hello.run_id.hex),
                  0, out);
  } else {
    if (TooManySentinels(state, master, out)) return false;
    for (const auto& [id, opinion] : master.sentinels) {
      const Peer* other = FindPeer(state, id);
      if (other == nullptr || other->address != hello.sentinel) continue;
      AnnounceEvent(state, &master, "+sentinel-invalid-addr", Describe(state, master, *other), 0, out);
      const base::RunId displaced = id;  // its entry is about to go
      for (auto& [name, any] : state.masters) {
        if (any.sentinels.contains(displaced)) RemovePeer(state, any, displaced, out);
      }
      break;
    }
  }

  const bool shared = !moved && FindPeer(state, hello.run_id) != nullptr;
  Peer& peer = AddPeer(state, master, hello.run_id, hello.sentinel, now, out);
  if (!IsAt(hello.sentinel, peer.address, peer.hostname)) {
    CloseLinks(state, WatchedOf(peer), out);
    peer.address = hello.sentinel;
    peer.hostname.clear();
    OpenLinks(state, WatchedOf(peer), now, out);
    const auto others = std::count_if(state.masters.begin(), state.masters.end(), [&](const auto& entry) {
      return entry.first != master.name && entry.second.sentinels.contains(hello.run_id);
    });
    if (others > 0) {
      AnnounceEvent(state, &master, "+sentinel-address-update",
                    fmt::format("{} {} additional matching instances", Describe(state, master, peer), others), 0, out);
    }
  }
  if (moved) return true;
  if (shared) SendHello(state, master, WatchedOf(peer), now, out);
  AnnounceEvent(state, &master, "+sentinel", Describe(state, master, peer), state.newest_change, out);
  return true;
}

}  // namespace

void TakeConfiguration(State& state, Master& master, Opinion& opinion, const Hello& hello, const base::Now& now,
                       Actions& out) {
  const base::Endpoint current = AddressOf(state, master).endpoint;
  // Who has not yet heard that the name stands for another address now speaks of the same node. While we publish a
  // replica that we have promoted, the former master is none of that: others may have agreed to keep it.
  const bool spelled_otherwise =
      current == master.address && (IsAt(hello.master, master.address, master.hostname) ||
                                    IsAt(hello.master, master.address, master.name_record.previous_address));
  const bool same = hello.master == current || spelled_otherwise;
  if (hello.config_epoch <= master.config_epoch) {
    if (hello.config_epoch == master.config_epoch && !same) {
      // Perhaps it has looked up the name later than we have.
      if (AskNameAgain(state, WatchedOf(master), now, out)) return;
      NoteConflict(state, master, opinion, hello, now, out);
    } else {
      opinion.conflict = {};
    }
    return;
  }
  master.config_epoch = hello.config_epoch;
  const ChangeNumber change = MarkChanged(state, out);
  opinion.conflict = {};
  if (same) {
    // The promotion that we lead is older than what the others agree on, although the address is the same one.
    master.address_change = change;
    return;
  }
  const Peer& peer = *FindPeer(state, hello.run_id);
  AnnounceEvent(state, &master, "+config-update-from", Describe(state, master, peer), change, out);
  AnnounceSwitch(state, master, SwitchRole::kObserver, current, hello.master, change, out);
  SwitchAddress(state, master, hello.master, hello.run_id, change, now, out);
}

base::Result<Hello> ParseHello(std::string_view payload) {
  const std::vector<std::string_view> fields = base::Split(payload, ',');
  if (fields.size() != 8) return base::Fail(base::ErrorCode::kInvalid, "a hello has eight fields");
  Hello hello;
  const auto sentinel_port = base::ParsePort(fields[1]);
  const auto run_id = base::ParseHexId<base::RunId>(fields[2]);
  const auto current_epoch = base::ParseInt<std::uint64_t>(fields[3]);
  const auto master_port = base::ParsePort(fields[6]);
  const auto config_epoch = base::ParseInt<std::uint64_t>(fields[7]);
  if (fields[0].empty() || fields[4].empty() || fields[5].empty() || base::HasControlCharacters(payload)) {
    return base::Fail(base::ErrorCode::kInvalid, "a field of the hello is empty or unprintable");
  }
  if (!sentinel_port || !run_id || !current_epoch || !master_port || !config_epoch) {
    return base::Fail(base::ErrorCode::kInvalid, "a number or the id of the hello is malformed");
  }
  hello.sentinel = base::Endpoint{CanonicalHost(fields[0]), *sentinel_port};
  hello.run_id = *run_id;
  hello.current_epoch = base::Epoch{*current_epoch};
  hello.master_name = std::string(fields[4]);
  hello.master = base::Endpoint{CanonicalHost(fields[5]), *master_port};
  hello.config_epoch = base::Epoch{*config_epoch};
  return hello;
}

OwnHello MakeHello(const State& state, const Master& master, const std::string& local_host) {
  const CurrentAddress address = AddressOf(state, master);
  const base::Endpoint shown = ShownEndpoint(state, master, address.endpoint);
  OwnHello hello;
  hello.payload =
      fmt::format("{},{},{},{},{},{},{},{}", state.announce_ip.empty() ? local_host : state.announce_ip,
                  state.announce_port != 0 ? state.announce_port : state.port, state.my_id.hex,
                  state.current_epoch.value, master.name, shown.host, shown.port, master.config_epoch.value);
  hello.change = std::max({address.change, state.epoch_change, state.id_change});
  return hello;
}

void SendHello(State& state, const Master& master, const Watched& to, const base::Now& /*now*/, Actions& out) {
  Link& link = *to.command;
  if (!link.up() || link.pending >= kMaxPending || HelloWithheld(master, to)) return;
  const int limit =
      to.peer == nullptr ? kMaxHellosUnderWay : kMaxHellosUnderWay * static_cast<int>(state.masters.size());
  if (link.hellos >= limit) return;
  OwnHello hello = MakeHello(state, master, link.local_host);
  // What it promises must be durable before anyone hears it. It is not queued until then but made when the save is
  // there: by that time it may have more to say, and while a disk is full nothing piles up.
  if (!state.Durable(hello.change)) {
    state.hellos_owed.insert(master.name);
    return;
  }
  const std::string verb = to.peer == nullptr ? Verb(master, "PUBLISH") : "PUBLISH";
  SendOne(link, Command{Request::kHello, master.name, 0, {verb, std::string(kHelloChannel), std::move(hello.payload)}},
          hello.change, out);
}

void SendOwedHellos(State& state, const base::Now& now, Actions& out) {
  for (const std::string& name : std::exchange(state.hellos_owed, {})) {
    if (Master* master = FindMaster(state, name)) HelloDue(state, *master, now, out);
  }
}

void HelloDue(State& state, Master& master, const base::Now& now, Actions& out) {
  const base::Millis period = state.periods.publish;
  state.timers.Set(TimerKey{master.id, TimerKind::kHello, 0}, OnBeat(now.mono + period, period));
  SendHello(state, master, WatchedOf(master), now, out);
  for (auto& [address, replica] : master.replicas) SendHello(state, master, WatchedOf(master, replica), now, out);
  for (auto& [id, opinion] : master.sentinels) {
    if (Peer* peer = FindPeer(state, id)) SendHello(state, master, WatchedOf(*peer), now, out);
  }
  AskVotersThere(state, master, out);
}

void HelloAtOnce(State& state, Master& master, const base::Now& now, Actions& out) {
  HelloDue(state, master, now, out);
}

void TakeHelloReply(State& /*state*/, const Watched& watched, const ReplyValue& reply, const base::Now& now) {
  if (watched.node != nullptr && !reply.is_error()) watched.node->hello_sent_at = now.mono;
}

bool IsWithinReach(const State& state, base::Epoch epoch) {
  return epoch <= state.current_epoch || epoch.value - state.current_epoch.value <= kMaxEpochJump;
}

bool BelieveEpoch(State& state, const base::RunId& from, base::Epoch epoch, const base::Now& now, Actions& out) {
  Peer* peer = FindPeer(state, from);
  if (IsWithinReach(state, epoch)) {
    if (peer != nullptr) peer->claimed_epoch = {};  // whatever it claimed before, it does no longer
    AdoptEpoch(state, epoch, out);
    return true;
  }
  bool first = false;
  if (peer != nullptr) {
    first = std::exchange(peer->claimed_epoch, epoch) != epoch;
  } else if (!state.jump_announced_at || now.mono - *state.jump_announced_at >= kStrangersPace) {
    first = true;  // a stranger's claims are as many as it likes
    state.jump_announced_at = now.mono;
  }
  // What a majority says is believed: as far as all of them say it.
  std::vector<base::Epoch> claims;
  for (const auto& [id, other] : state.peers) {
    if (!IsWithinReach(state, other.claimed_epoch)) claims.push_back(other.claimed_epoch);
  }
  // Of all sentinels: we, who do not claim it, are one of them.
  const std::size_t majority = (state.peers.size() + 1) / 2 + 1;
  if (peer != nullptr && claims.size() >= majority) {
    AdoptEpoch(state, *std::min_element(claims.begin(), claims.end()), out);
    return epoch <= state.current_epoch;
  }
  if (first) {
    AnnounceEvent(state, nullptr, "-epoch-jump",
                  fmt::format("{} by {}, here it is {}", epoch.value, from.hex, state.current_epoch.value), 0, out);
  }
  return false;
}

void ApplyHello(State& state, std::string_view payload, InstanceId via, const base::Now& now, Actions& out) {
  auto hello = payload.size() <= kMaxHelloBytes
                   ? ParseHello(payload)
                   : base::Result<Hello>(base::Fail(base::ErrorCode::kInvalid, "too long"));
  if (!hello) {
    ++state.hellos_dropped;
    return;
  }
  if (DataNode* node = DataNodeOf(state, via)) node->hello_heard_at = now.mono;
  if (hello->run_id == state.my_id) return;
  NoteForeignHello(state, *hello, via, now, out);
  Master* master = FindMaster(state, hello->master_name);
  if (master == nullptr || !MayBeHost(state, hello->sentinel.host) || !MayBeHost(state, hello->master.host)) {
    ++state.hellos_dropped;
    return;
  }
  const Peer* known = FindPeer(state, hello->run_id);
  const bool same_place = known != nullptr && IsAt(hello->sentinel, known->address, known->hostname);
  if (!master->sentinels.contains(hello->run_id) || !same_place) {
    if (!Introduce(state, *master, *hello, now, out)) {
      ++state.hellos_dropped;
      return;
    }
  }
  // Nodes that are announced by their names are known here by their addresses.
  hello->master = KnownAs(*master, hello->master);
  Peer& peer = *FindPeer(state, hello->run_id);
  peer.hello_heard_at = now.mono;
  // A config epoch is one that the clock has reached: a message that claims otherwise would lift an address beyond
  // every later election.
  const base::Epoch clock = std::max(hello->current_epoch, hello->config_epoch);
  if (!BelieveEpoch(state, hello->run_id, clock, now, out)) return;
  TakeConfiguration(state, *master, master->sentinels.at(hello->run_id), *hello, now, out);
}

}  // namespace sentinel
