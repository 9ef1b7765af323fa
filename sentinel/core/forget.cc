#include "sentinel/core/forget.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/links.h"
#include "sentinel/core/members.h"
#include "sentinel/core/names.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/quorum.h"

namespace sentinel {
namespace {

constexpr std::string_view kNoId = "-";

// How often one that was refused is looked at again, and for how long beyond down-after: the master's INFO, which may
// still list it, comes every ten seconds.
constexpr base::Millis kLookAgain{200};
constexpr base::Millis kLookFor{60000};

tl::unexpected<base::Error> Refuse(std::string text) {
  return base::Fail(base::ErrorCode::kInvalid, std::move(text));
}

// "host:port" or "[host]:port"; empty host when it is neither.
base::Endpoint ReadAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  const auto port = base::ParsePort(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port || host.empty()) return {};
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return base::Endpoint{CanonicalHost(host), *port};
}

// What the operator named, as it would stand on a tombstone; empty when there is no such thing.
std::optional<Tombstone> Find(const State& state, const Master& master, std::string_view what) {
  const auto id = base::ParseHexId<base::RunId>(what);
  const base::Endpoint wanted = id ? base::Endpoint{} : ReadAddress(what);
  for (const auto& [run_id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, run_id);
    if (peer == nullptr) continue;
    if (id ? run_id == *id : IsAt(wanted, peer->address, peer->hostname)) {
      return Tombstone{run_id, peer->address, {}, {}};
    }
  }
  for (const auto& [address, replica] : master.replicas) {
    if (id ? replica.info.run_id == *id : IsAt(wanted, address, replica.hostname)) {
      return Tombstone{{}, address, {}, {}};
    }
  }
  return std::nullopt;
}

bool IsAttached(const Master& master, const Replica& replica) {
  if (master.liveness.down() || master.info.role != Role::kMaster) return false;
  return std::any_of(master.info.replicas.begin(), master.info.replicas.end(),
                     [&](const base::Endpoint& listed) { return IsAt(listed, replica.address, replica.hostname); });
}

// Why it cannot be forgotten; empty when it can, or is not known here. Until we have heard of it ourselves, `others`
// who know better are believed; to an operator we say that it is too early to tell.
std::string Against(const State& state, const Master& master, const Tombstone& stone, bool others) {
  const auto alive = [&](const Liveness& liveness, bool heard) {
    return !liveness.down() && (!others || heard || liveness.answered_at);
  };
  if (stone.is_sentinel()) {
    const Peer* peer = master.sentinels.contains(stone.sentinel) ? FindPeer(state, stone.sentinel) : nullptr;
    if (peer != nullptr && alive(peer->liveness, peer->hello_heard_at.has_value())) return "it is alive";
    return {};
  }
  const auto found = master.replicas.find(stone.address);
  if (found == master.replicas.end()) return {};
  const Replica& replica = found->second;
  if (alive(replica.liveness, replica.info_at.has_value())) return "it is alive";
  if (IsAttached(master, replica)) return "the master lists it as attached";
  if (master.failover.promoted == replica.id) return "a failover is promoting it";
  return {};
}

// It was heard of, or the master has listed it, after it had been forgotten elsewhere: that tombstone is out of date.
bool SeenSince(const State& state, const Master& master, const Tombstone& stone, const base::Now& now) {
  const auto wall = [&](base::MonoTime at) { return now.wall - (now.mono - at); };
  if (stone.is_sentinel()) {
    const Peer* peer = master.sentinels.contains(stone.sentinel) ? FindPeer(state, stone.sentinel) : nullptr;
    return peer != nullptr && peer->hello_heard_at && wall(*peer->hello_heard_at) > stone.at;
  }
  const auto found = master.replicas.find(stone.address);
  if (found == master.replicas.end()) return false;
  if (found->second.info_at && wall(*found->second.info_at) > stone.at) return true;
  return master.info_at && wall(*master.info_at) > stone.at && IsAttached(master, found->second);
}

base::MonoTime EndOfLooking(const Master& master, const Tombstone& stone, const base::Now& now) {
  return now.mono + std::min(stone.at - now.wall, base::WallTime::duration(0)) + master.down_after + kLookFor;
}

void LookAgainLater(State& state, Master& master, const Tombstone& stone, const base::Now& now) {
  if (EndOfLooking(master, stone, now) <= now.mono) return;
  if (!master.forget_later) master.forget_later = std::vector<Tombstone>();
  std::vector<Tombstone>& later = *master.forget_later;
  std::erase_if(later, [&](const Tombstone& other) { return other.Names(stone); });
  if (later.size() >= kMaxTombstones) later.erase(later.begin());
  later.push_back(stone);
  state.timers.SetNoLater(TimerKey{master.id, TimerKind::kForget, 0}, now.mono + kLookAgain);
}

std::string DescribeStone(const State& state, const Master& master, const Tombstone& stone) {
  const std::string of = fmt::format("{} {} @ {} {} {}", stone.address.host, stone.address.port, master.name,
                                     ShownHost(state, master.address, master.hostname), master.address.port);
  if (stone.is_sentinel()) return fmt::format("sentinel {} {}", stone.sentinel.hex, of);
  return fmt::format("slave {} {}", stone.address.ToString(), of);
}

// Who still counts it: stock sentinels, and those of which we do not know what they are.
std::vector<std::string> WhoStillCounts(const State& state, const Master& master) {
  std::vector<std::string> ids;
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (peer != nullptr && peer->make != Peer::Make::kOurs) ids.push_back(id.hex);
  }
  return ids;
}

ChangeNumber Bury(State& state, Master& master, const Tombstone& stone, Actions& out) {
  if (stone.is_sentinel()) {
    if (master.sentinels.contains(stone.sentinel)) RemovePeer(state, master, stone.sentinel, out);
    // What stock peers counted before this is no measure of what they count now.
    for (auto& [id, opinion] : master.sentinels) opinion.voters_there.reset();
  } else {
    RemoveReplica(state, master, stone.address, out);
  }
  std::erase_if(master.forgotten, [&](const Tombstone& other) { return other.Names(stone); });
  if (master.forgotten.size() >= kMaxTombstones) master.forgotten.erase(master.forgotten.begin());
  master.forgotten.push_back(stone);
  const ChangeNumber change = MarkChanged(state, out);
  CountSilentVoters(state, master);
  AskVotersThere(state, master, out);
  std::string text = DescribeStone(state, master, stone) + " by " + stone.by.hex;
  if (master.silent_voters > 0) {
    text += fmt::format(" #stock sentinels count it until RESET there: majority {} of {}", MajorityOf(master),
                        VotersOf(master));
  }
  AnnounceEvent(state, &master, "+forget", text, change, out);
  return change;
}

}  // namespace

base::Result<ForgetResult> Forget(State& state, Master& master, std::string_view what, const base::Now& now,
                                  Actions& out) {
  auto stone = Find(state, master, what);
  if (!stone) return Refuse("ERR No such replica or sentinel: name it by its id, or by host:port");
  if (const std::string reason = Against(state, master, *stone, false); !reason.empty()) {
    return Refuse(fmt::format("ERR {} is not forgotten: {}",
                              stone->is_sentinel() ? stone->sentinel.hex : stone->address.ToString(), reason));
  }
  stone->at = now.wall;
  stone->by = state.my_id;
  ForgetResult result;
  result.change = Bury(state, master, *stone, out);
  std::vector<std::string> words = {"SENTINEL", "FORGOTTEN"};
  for (std::string& field : ForgottenNotice(master, *stone)) words.push_back(std::move(field));
  PushWords(state, master, kForgotten, words, result.change, out);
  result.reply = "OK";
  if (stone->is_sentinel() && master.silent_voters > 0) {
    result.reply =
        fmt::format("OK, but the majority stays {} of {} until SENTINEL RESET {} was given to {}", MajorityOf(master),
                    VotersOf(master), master.name, fmt::join(WhoStillCounts(state, master), " "));
  }
  return result;
}

base::Result<ChangeNumber> TakeForgotten(State& state, const std::string& name, const Tombstone& stone,
                                         const base::Now& now, Actions& out) {
  Master* master = FindMaster(state, name);
  if (master == nullptr || stone.sentinel == state.my_id) return ChangeNumber{0};
  const auto same = std::find_if(master->forgotten.begin(), master->forgotten.end(),
                                 [&](const Tombstone& other) { return other.Names(stone); });
  if (same != master->forgotten.end()) return state.newest_change;
  if (!stone.is_sentinel() && stone.address == master->address) return Refuse("ERR it is the master");
  if (SeenSince(state, *master, stone, now)) return Refuse("ERR it was heard of since");
  if (const std::string reason = Against(state, *master, stone, true); !reason.empty()) {
    LookAgainLater(state, *master, stone, now);
    return Refuse("ERR " + reason);
  }
  return Bury(state, *master, stone, out);
}

void ForgetLaterDue(State& state, Master& master, const base::Now& now, Actions& out) {
  if (!master.forget_later) return;
  const std::vector<Tombstone> due = std::move(*master.forget_later);
  master.forget_later.reset();
  for (const Tombstone& stone : due) (void)TakeForgotten(state, master.name, stone, now, out);
}

std::vector<std::string> ForgottenNotice(const Master& master, const Tombstone& stone) {
  return {master.name,
          stone.is_sentinel() ? "sentinel" : "replica",
          stone.is_sentinel() ? stone.sentinel.hex : std::string(kNoId),
          stone.address.host,
          fmt::format("{}", stone.address.port),
          fmt::format("{}", base::UnixMillis(stone.at)),
          stone.by.hex};
}

base::Result<ForgottenNoticeRead> ReadForgottenNotice(const std::vector<std::string>& fields) {
  const auto malformed = [] { return Refuse("ERR malformed tombstone"); };
  if (fields.size() != 7 || std::any_of(fields.begin(), fields.end(), [](const std::string& field) {
        return field.empty() || base::HasControlCharacters(field);
      })) {
    return malformed();
  }
  const bool is_sentinel = fields[1] == "sentinel";
  const auto id = base::ParseHexId<base::RunId>(fields[2]);
  const auto port = base::ParsePort(fields[4]);
  const auto at = base::ParseInt<std::int64_t>(fields[5]);
  const auto by = base::ParseHexId<base::RunId>(fields[6]);
  if ((!is_sentinel && fields[1] != "replica") || !port || !at || *at < 0 || !by || is_sentinel != id.has_value()) {
    return malformed();
  }
  // A moment that a clock of ours could show: arithmetic with it must not overflow.
  if (*at > 253402300799000) return malformed();
  Tombstone stone{{}, {fields[3], *port}, base::FromUnixMillis(*at), *by};
  if (is_sentinel) stone.sentinel = *id;
  return ForgottenNoticeRead{fields[0], std::move(stone)};
}

void TakeForgottens(State& state, const ReplyValue& reply, const base::Now& now, Actions& out) {
  if (reply.kind != ReplyValue::Kind::kArray) return;
  for (const ReplyValue& record : reply.elements) {
    std::vector<std::string> fields;
    for (const ReplyValue& field : record.elements) fields.push_back(field.text);
    // What is alive here is not forgotten here, whatever they say.
    if (const auto notice = ReadForgottenNotice(fields)) {
      (void)TakeForgotten(state, notice->master, notice->stone, now, out);
    }
  }
}

void EndTombstone(State& state, Master& master, const Tombstone& back, Actions& out) {
  const auto ended = std::erase_if(master.forgotten, [&](const Tombstone& stone) { return stone.Names(back); });
  if (ended == 0) return;
  const ChangeNumber change = MarkChanged(state, out);
  CountSilentVoters(state, master);
  AnnounceEvent(state, &master, "-forget", DescribeStone(state, master, back) + " is back", change, out);
}

void CountSilentVoters(State& state, Master& master) {
  const auto stones = std::count_if(master.forgotten.begin(), master.forgotten.end(),
                                    [](const Tombstone& stone) { return stone.is_sentinel(); });
  const int own = static_cast<int>(master.sentinels.size()) + 1;
  int there = 0;
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (peer == nullptr || peer->make == Peer::Make::kOurs) continue;
    there = std::max(there, opinion.voters_there.value_or(own + static_cast<int>(stones)));
  }
  master.silent_voters = std::clamp(there - own, 0, static_cast<int>(stones));
}

void AskVotersThere(State& state, Master& master, Actions& out) {
  const bool any = std::any_of(master.forgotten.begin(), master.forgotten.end(),
                               [](const Tombstone& stone) { return stone.is_sentinel(); });
  if (!any) return;
  for (auto& [id, opinion] : master.sentinels) {
    Peer* peer = FindPeer(state, id);
    if (peer == nullptr || peer->make == Peer::Make::kOurs) continue;
    if (!peer->command.up() || peer->command.pending >= kMaxPending) continue;
    SendOne(peer->command, Command{Request::kVotersThere, master.name, 0, {"SENTINEL", "MASTER", master.name}}, 0, out);
  }
}

void TakeVotersThere(State& state, const Peer& peer, const std::string& name, const ReplyValue& reply) {
  Master* master = FindMaster(state, name);
  if (master == nullptr || reply.kind != ReplyValue::Kind::kArray) return;
  const auto opinion = master->sentinels.find(peer.run_id);
  if (opinion == master->sentinels.end()) return;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text != "num-other-sentinels") continue;
    const auto others = base::ParseInt<int>(reply.elements[i + 1].text);
    if (others && *others >= 0 && *others < 100'000) opinion->second.voters_there = *others + 1;
  }
  CountSilentVoters(state, *master);
}

}  // namespace sentinel
