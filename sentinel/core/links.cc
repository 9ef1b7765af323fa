#include "sentinel/core/links.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/conduct.h"
#include "sentinel/core/events.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/fast_fail.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/health.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/names.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/returning.h"

namespace sentinel {
namespace {

// An attempt that hangs is given up: the kernel's own retries of a lost SYN grow to minutes.
constexpr base::Millis kConnectTimeout{1000};

constexpr base::Millis kResolveAgain{1000};

// A server that is merely stopped accepts connections all the same: they must not fill its queue.
constexpr base::Millis kYoungLinkPatience{1000};

TimerKey ReconnectKey(InstanceId id, const Link& link) {
  return TimerKey{id, TimerKind::kReconnect, static_cast<std::uint64_t>(link.kind)};
}

void Open(State& state, const Watched& watched, Link& link, const base::Now& now, Actions& out) {
  if (link.stage != Link::Stage::kDown || watched.address().host.empty() || watched.address().port == 0) return;
  if (NeedsResolving(watched, out)) {
    state.timers.Set(ReconnectKey(watched.id, link), now.mono + kResolveAgain);
    return;
  }
  if (link.attempted_at) AskNameAgain(state, watched, now, out);
  link.id = LinkId{++state.last_link};
  link.stage = Link::Stage::kConnecting;
  link.attempted_at = now.mono;
  state.links[link.id] = watched.id;
  out.push_back(Connect{link.id, link.kind, watched.address()});
  state.timers.Set(ReconnectKey(watched.id, link), now.mono + kConnectTimeout);
}

void Forget(State& state, Link& link, base::MonoTime at) {
  state.links.erase(link.id);
  if (link.stage == Link::Stage::kUp) link.down_at = at;
  link.id = LinkId::kNone;
  link.stage = Link::Stage::kDown;
  link.up_at.reset();
  link.pending = link.pings = link.hellos = 0;
}

// What was under way on the link will not be answered.
void ForgetQuestions(State& state, const Watched& watched, const Link& link) {
  if (link.kind != LinkKind::kCommand) return;
  if (watched.node != nullptr) watched.node->info_asked_at.reset();
  if (watched.replica != nullptr) {
    // Behind the next connection may be another process: a candidate answers twice on one.
    watched.replica->first_read.reset();
    watched.replica->second_read.reset();
  }
  if (watched.peer == nullptr) return;
  watched.peer->words_asked = false;
  watched.peer->words_known = false;
  for (auto& [name, master] : state.masters) {
    const auto opinion = master.sentinels.find(watched.peer->run_id);
    if (opinion != master.sentinels.end()) opinion->second.asking = 0;
  }
}

// An attempt costs as much as ten PINGs. A node that comes back is met again within a tenth of a second, or a quarter
// of down-after when that is less.
base::Millis ReconnectPace(const Watched& watched) {
  return std::max(PingPeriod(watched), std::min(base::Millis(100), watched.down_after / 4));
}

// How soon an attempt is repeated when the node's return matters: a former master takes writes until it is demoted, a
// master that was just lost may come back without its data. Otherwise no limit.
base::Millis HastyPace(const Watched& watched, const Link& link, const base::Now& now) {
  constexpr base::Millis kFormerMaster{200};
  constexpr base::Millis kMaster{100};
  constexpr base::Millis kJustLost{10000};
  if (watched.replica != nullptr && IsAwaited(*watched.master, *watched.replica)) return kFormerMaster;
  if (watched.is_master() && link.down_at && now.mono - *link.down_at < kJustLost) return kMaster;
  return base::Millis::max();
}

void ScheduleReconnect(State& state, const Watched& watched, const Link& link, const base::Now& now) {
  const base::Millis pace = link.kind == LinkKind::kCommand
                                ? ReconnectPace(watched)
                                : std::clamp(watched.down_after / 4, base::Millis(10), base::Millis(1000));
  base::MonoTime at = link.attempted_at ? *link.attempted_at + std::min(pace, HastyPace(watched, link, now)) : now.mono;
  if (watched.is_master() && link.kind == LinkKind::kCommand) {
    at = std::min(at, NextFastAttempt(*watched.master, now).value_or(at));
  }
  state.timers.Set(ReconnectKey(watched.id, link), std::max(at, now.mono + base::Millis(1)));
}

// Fast-fail watches how the way to a master ends.
void NoteCommandLink(State& state, const Watched& watched, const Link& link, LinkDown::Reason reason,
                     const base::Now& now, Actions& out) {
  if (watched.is_master() && link.kind == LinkKind::kCommand) {
    NoteConnectFailed(state, *watched.master, reason, now, out);
  }
}

Link* FindLink(const Watched& watched, LinkId id) {
  if (watched.command->id == id) return watched.command;
  if (watched.pubsub != nullptr && watched.pubsub->id == id) return watched.pubsub;
  if (watched.steps != nullptr && watched.steps->id == id) return watched.steps;
  return nullptr;
}

std::optional<Command> Authentication(const State& state, const Watched& watched) {
  std::string user;
  std::string password;
  std::string verb = "AUTH";
  if (watched.peer != nullptr) {
    user = state.sentinel_user;
    password = state.sentinel_pass.empty() ? state.server.access.password() : state.sentinel_pass;
  } else {
    user = watched.master->auth_user;
    password = watched.master->auth_pass;
    verb = Verb(*watched.master, "AUTH");
  }
  if (password.empty()) return std::nullopt;
  Command command{Request::kAuth, "", 0, {verb}};
  if (!user.empty()) command.words.push_back(user);
  command.words.push_back(password);
  return command;
}

std::string ClientVerb(const Watched& watched) {
  return watched.master != nullptr ? Verb(*watched.master, "CLIENT") : "CLIENT";
}

}  // namespace

std::string Verb(const Master& master, std::string_view command) {
  if (master.renamed_commands.empty()) return std::string(command);
  const auto renamed = master.renamed_commands.find(std::string(command));
  return renamed == master.renamed_commands.end() ? std::string(command) : renamed->second;
}

void OpenLinks(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  for (Link* link : {watched.command, watched.pubsub}) {
    if (link == nullptr) continue;
    if (link->stage == Link::Stage::kConnecting) {
      state.timers.SetNoLater(ReconnectKey(watched.id, *link), *link->attempted_at + kConnectTimeout);
    }
    Open(state, watched, *link, now, out);
  }
}

void DropLink(State& state, const Watched& watched, Link& link, const base::Now& now, Actions& out) {
  if (link.stage == Link::Stage::kDown) return;
  out.push_back(Disconnect{link.id});
  ForgetQuestions(state, watched, link);
  Forget(state, link, now.mono);
  ScheduleReconnect(state, watched, link, now);
}

void CloseLinks(State& state, const Watched& watched, Actions& out) {
  for (Link* link : {watched.command, watched.pubsub}) {
    if (link == nullptr) continue;
    state.timers.Cancel(ReconnectKey(watched.id, *link));
    if (link->stage == Link::Stage::kDown) continue;
    out.push_back(Disconnect{link->id});
    ForgetQuestions(state, watched, *link);
    Forget(state, *link, base::MonoTime{});
    link->down_at.reset();
  }
}

void DropIfHalfOpen(State& state, const Watched& watched, const base::Now& now, Actions& out) {
  const Liveness& liveness = *watched.liveness;
  // A young link gets more time, but not for ever: after a cut the kernel sends again only after as long as the cut has
  // lasted, while a new connection is through within a second.
  const base::Millis settled = state.periods.min_link_reconnect;
  const base::Millis given_up = std::max(2 * watched.down_after, kYoungLinkPatience);
  Link& command = *watched.command;
  if (command.up() && liveness.waiting_since) {
    const base::Millis up_for = now.mono - *command.up_at;
    const base::Millis patience = up_for > settled ? watched.down_after / 2 : given_up;
    if (up_for > patience && now.mono - *liveness.waiting_since > patience &&
        now.mono - liveness.answered_at.value_or(*command.up_at) > patience) {
      DropLink(state, watched, command, now, out);
    }
  }
  if (watched.pubsub == nullptr) return;
  Link& pubsub = *watched.pubsub;
  const base::Millis silence = 3 * state.periods.publish;
  if (pubsub.up() && now.mono - *pubsub.up_at > settled &&
      now.mono - watched.node->hello_heard_at.value_or(*pubsub.up_at) > silence) {
    DropLink(state, watched, pubsub, now, out);
  }
}

void Reconnect(State& state, const Watched& watched, std::uint64_t detail, const base::Now& now, Actions& out) {
  Link* link = detail == static_cast<std::uint64_t>(LinkKind::kCommand) ? watched.command : watched.pubsub;
  if (link == nullptr || link->up()) return;
  if (link->stage == Link::Stage::kConnecting) {
    out.push_back(Disconnect{link->id});
    link->last_error = "connecting took too long";
    Forget(state, *link, now.mono);
    NoteCommandLink(state, watched, *link, LinkDown::Reason::kUnreachable, now, out);
  }
  Open(state, watched, *link, now, out);
}

void LinkCameUp(State& state, const LinkUp& up, const base::Now& now, Actions& out) {
  const auto found = state.links.find(up.link);
  if (found == state.links.end()) return;
  const auto watched = FindWatched(state, found->second);
  if (!watched) return;
  Link& link = *FindLink(*watched, up.link);
  link.stage = Link::Stage::kUp;
  link.up_at = now.mono;
  link.local_host = up.local_host;
  link.last_error.clear();
  state.timers.Cancel(ReconnectKey(watched->id, link));

  std::vector<Command> batch;
  if (auto authentication = Authentication(state, *watched)) batch.push_back(std::move(*authentication));
  const std::string name = "sentinel-" + state.my_id.hex.substr(0, 8);
  if (link.kind == LinkKind::kSteps) {
    batch.push_back(Command{Request::kIgnored, "", 0, {ClientVerb(*watched), "SETNAME", name + "-steps"}});
    SendBatch(link, std::move(batch), 0, out);
    StepsLinkUp(state, *watched->master, now, out);
    return;
  }
  if (link.kind == LinkKind::kPubSub) {
    batch.push_back(Command{Request::kIgnored, "", 0, {ClientVerb(*watched), "SETNAME", name + "-pubsub"}});
    batch.push_back(
        Command{Request::kSubscribe, "", 0, {Verb(*watched->master, "SUBSCRIBE"), std::string(kHelloChannel)}});
    SendBatch(link, std::move(batch), 0, out);
    return;
  }
  batch.push_back(Command{Request::kIgnored, "", 0, {ClientVerb(*watched), "SETNAME", name + "-cmd"}});
  SendBatch(link, std::move(batch), 0, out);
  // Whether a master that answers again still holds its data comes before the sign that it lives.
  if (watched->is_master()) AskInfo(state, *watched, now, out);
  SendPing(state, *watched, now, out);
  if (watched->node != nullptr) {
    if (watched->is_master()) NoteAccepted(state, *watched->master, now, out);
    AskInfo(state, *watched, now, out);
    SendHello(state, *watched->master, *watched, now, out);
    AdvanceFailover(state, *watched->master, now, out);
    return;
  }
  for (auto& [master_name, master] : state.masters) {
    if (!master.sentinels.contains(watched->peer->run_id)) continue;
    SendHello(state, master, *watched, now, out);
    if (master.liveness.down() || master.failover.active()) AskPeer(state, master, *watched->peer, now, out);
  }
}

void LinkWentDown(State& state, const LinkDown& down, const base::Now& now, Actions& out) {
  const auto found = state.links.find(down.link);
  if (found == state.links.end()) return;
  const auto watched = FindWatched(state, found->second);
  if (!watched) return;
  Link& link = *FindLink(*watched, down.link);
  link.last_error = down.text;
  if (link.kind == LinkKind::kSteps) {
    Forget(state, link, now.mono);
    StepsLinkDown(state, *watched->master, now, out);
    return;
  }
  ForgetQuestions(state, *watched, link);
  Forget(state, link, now.mono);
  NoteCommandLink(state, *watched, link, down.reason, now, out);
  ScheduleReconnect(state, *watched, link, now);
  AnnounceEvent(state, watched->master,
                link.kind == LinkKind::kCommand ? "-cmd-link-reconnection" : "-pubsub-link-reconnection",
                DescribeAny(state, *watched) + " #" + down.text, 0, out);
  if (down.reason == LinkDown::Reason::kProtocol) NoteOffence(state, *watched, down.text, out);
  if (watched->master != nullptr && link.kind == LinkKind::kCommand) AdvanceFailover(state, *watched->master, now, out);
}

void SendBatch(Link& link, std::vector<Command> batch, ChangeNumber change, Actions& out) {
  link.pending += static_cast<int>(batch.size());
  for (const Command& command : batch) {
    link.pings += command.request == Request::kPing || command.request == Request::kLastPing;
    link.hellos += command.request == Request::kHello;
  }
  out.push_back(Send{link.id, std::move(batch), change});
}

void SendOne(Link& link, Command command, ChangeNumber change, Actions& out) {
  std::vector<Command> batch;
  batch.push_back(std::move(command));
  SendBatch(link, std::move(batch), change, out);
}

std::optional<Watched> TakePending(State& state, const ReplyArrived& arrived) {
  const auto found = state.links.find(arrived.link);
  if (found == state.links.end()) return std::nullopt;
  const auto watched = FindWatched(state, found->second);
  if (!watched) return std::nullopt;
  Link& link = *FindLink(*watched, arrived.link);
  link.pending = std::max(0, link.pending - 1);
  const Request request = arrived.command.request;
  if (request == Request::kPing || request == Request::kLastPing) link.pings = std::max(0, link.pings - 1);
  if (request == Request::kHello) link.hellos = std::max(0, link.hellos - 1);
  return watched;
}

}  // namespace sentinel
