#include "sentinel/core/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "replication/base/check.h"
#include "replication/serve/cross_protocol.h"
#include "replication/serve/session.h"
#include "sentinel/core/call.h"
#include "sentinel/core/changes.h"

namespace sentinel {
namespace {

constexpr int kSessionGroup = 0;
// A client that sends this many commands without waiting for its replies is closed.
constexpr std::size_t kMaxWaiting = 10000;
// Memory for an ordinary reply, so that it is not asked for again while the reply grows.
constexpr std::size_t kUsualReply = 96;

// No save makes this durable: what is held by it waits for something else.
constexpr ChangeNumber kNeverDurable = std::numeric_limits<ChangeNumber>::max();

// Groups 1, 2 ... of the command table.
const std::array<std::span<const SentinelCommand>, 7>& OwnGroups() {
  static const std::array groups = {ServerCommands(),    QueryCommands(),    AdminCommands(), MemberCommands(),
                                    ExtensionCommands(), EvidenceCommands(), ClientCommands()};
  return groups;
}

// Commands about a connection that make no sense without data: a client that asks for them has mistaken us for a
// data node, and should learn it.
bool BelongsToDataNodes(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames = {"discard", "exec",         "multi",    "publish",
                                                       "pubsub",  "select",       "spublish", "ssubscribe",
                                                       "swapdb",  "sunsubscribe", "wait"};
  return std::ranges::find(kNames, name.substr(0, name.find('|'))) != kNames.end();
}

SentinelClient* FindClient(State& state, serve::ClientId id) {
  return static_cast<SentinelClient*>(state.server.clients.Find(id));  // WelcomeClient makes no others
}

void Execute(State& state, SentinelClient& client, const std::vector<std::string>& command, const base::Now& now,
             Actions& out) {
  ++state.commands_processed;
  client.active_at = now.mono;
  const serve::Words words(command.begin(), command.end());
  if (serve::IsCrossProtocol(words)) {
    out.push_back(
        LogLine{base::LogLevel::kWarning,
                fmt::format("Client {} speaks HTTP: somebody may be abusing a browser. It is closed", client.peer)});
    state.server.clients.Close(client, serve::Client::Closing::kNow);
    return FlushClients(state, 0, out);
  }
  ChangeNumber change = 0;
  std::string error;
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  if (entry != nullptr) error = serve::MayRun(state.server, client, *entry, words, now);
  std::size_t length_before = client.out.size();
  bool waits = false;
  std::uint64_t ticket = 0;
  if (!error.empty()) {
    resp::ReplyWriter(client.out, client.protocol).Error(error);
  } else if (entry->group == kSessionGroup) {
    resp::ReplyWriter reply(client.out, client.protocol);
    serve::SessionCommands()[entry->index].handler(state.server, client, words, now, reply);
  } else {
    // What the command announces may reach this very client by subscription, and leaves on its own: so the reply is
    // put together aside.
    std::string bytes;
    bytes.reserve(kUsualReply);
    resp::ReplyWriter reply(bytes, client.protocol);
    Call call{state, words, now, reply, out, client};
    OwnGroups()[static_cast<std::size_t>(entry->group - 1)][entry->index].handler(call);
    change = call.change;
    ticket = call.ticket;
    waits = !state.Durable(change) && ticket == 0;
    length_before = client.out.size();
    if (client.out.empty()) {
      client.out = std::move(bytes);
    } else {
      client.out += bytes;
    }
  }
  if (client.out.size() > length_before && client.out[length_before] == '-') ++state.error_replies;
  serve::TakeBackReply(client, length_before);
  if (ticket != 0) {
    client.held.push_back(SentinelClient::Held{"", kNeverDurable, ticket});
    change = 0;
  } else if (waits || !client.held.empty()) {
    client.held.push_back(SentinelClient::Held{client.out.substr(length_before), waits ? change : 0});
    client.out.resize(length_before);
    change = 0;
  }
  if (waits) {
    // What it rests on may be an older change, whose save has failed: it is tried again now, so that this client
    // (a peer that wants a vote, say, with its PINGs behind) hears yes or no as soon as the disk has spoken.
    if (state.save_failing) out.push_back(SaveState{state.newest_change});
  }
  if (!client.out.empty()) state.server.clients.Wake(client);
  FlushClients(state, change, out);
}

// PING changes nothing, and peers send it between their questions.
bool ChangesConnection(const State& state, const std::vector<std::string>& command) {
  const serve::Words words(command.begin(), command.end());
  std::string error;
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  return entry != nullptr && entry->group == kSessionGroup && entry->row->name != "ping";
}

// Runs what waited for held replies, as far as no reply is held that it must wait for.
void RunQueued(State& state, SentinelClient& client, const base::Now& now, Actions& out) {
  while (!client.queued.empty() && client.closing == serve::Client::Closing::kNo &&
         (client.held.empty() || !ChangesConnection(state, client.queued.front()))) {
    const std::vector<std::string> command = std::move(client.queued.front());
    client.queued.pop_front();
    Execute(state, client, command, now, out);
  }
}

// Replies that a failed save was to cover become errors.
void Fail(SentinelClient& client, const State& state, ChangeNumber through) {
  for (SentinelClient::Held& held : client.held) {
    // A save that failed speaks for those changes only that it was to cover; later ones have a save of their own.
    if (state.Durable(held.change) || held.change > through) continue;
    held.change = 0;
    if (held.reply.empty()) continue;  // CLIENT REPLY OFF wants no errors either
    held.reply.clear();
    resp::ReplyWriter(held.reply, client.protocol).Error("ERR Failed to save config file. Check server logs.");
  }
}

// Lets go of what need not be held any more, and of what waited behind it.
void ReleaseHeld(State& state, SentinelClient& client, const base::Now& now, Actions& out) {
  while (!client.held.empty() && state.Durable(client.held.front().change)) {
    client.out += client.held.front().reply;
    client.held.pop_front();
  }
  if (!client.out.empty()) state.server.clients.Wake(client);
  FlushClients(state, 0, out);
  RunQueued(state, client, now, out);
}

}  // namespace

void FillCommandTable(serve::CommandTable& table) {
  if (!table.all().empty()) return;
  const auto session = serve::SessionCommands();
  for (std::size_t i = 0; i < session.size(); ++i) {
    if (!BelongsToDataNodes(session[i].row.name)) table.Add(session[i].row, kSessionGroup, i);
  }
  int group = kSessionGroup;
  for (const auto commands : OwnGroups()) {
    ++group;
    for (std::size_t i = 0; i < commands.size(); ++i) table.Add(commands[i].row, group, i);
  }
  // Valkey's words for the same.
  table.AddAlias("sentinel|get-primary-addr-by-name", "sentinel|get-master-addr-by-name");
  table.AddAlias("sentinel|is-primary-down-by-addr", "sentinel|is-master-down-by-addr");
  table.AddAlias("sentinel|primaries", "sentinel|masters");
  table.AddAlias("sentinel|primary", "sentinel|master");
}

void WelcomeClient(State& state, const ClientArrived& arrived, const base::Now& now, Actions&) {
  FillCommandTable(state.server.commands);
  auto client = std::make_unique<SentinelClient>();
  client->id = arrived.client;
  client->peer = arrived.peer;
  client->local = arrived.local;
  client->connected_at = now.mono;
  client->active_at = now.mono;
  serve::Welcome(state.server, *client);
  state.server.clients.Add(std::move(client));
  ++state.connections_received;
}

void RunCommand(State& state, const ClientCommand& command, const base::Now& now, Actions& out) {
  VIGIL_CHECK(!command.words.empty());
  SentinelClient* client = FindClient(state, command.client);
  if (client == nullptr || client->closing != serve::Client::Closing::kNo) return;
  if (client->held.empty() || (client->queued.empty() && !ChangesConnection(state, command.words))) {
    Execute(state, *client, command.words, now, out);
  } else {
    client->queued.push_back(command.words);
  }
  if (client->held.size() + client->queued.size() > kMaxWaiting) {
    state.server.clients.Close(*client, serve::Client::Closing::kNow);
    FlushClients(state, 0, out);
  }
}

void ForgetClient(State& state, const ClientGone& gone, Actions&) {
  SentinelClient* client = FindClient(state, gone.client);
  if (client == nullptr) return;
  state.server.pubsub.Forget(*client);
  state.server.clients.Remove(gone.client);
}

void AnswerAfterSave(State& state, const StateSaved& saved, const base::Now& now, Actions& out) {
  std::vector<serve::ClientId> waiting;
  for (const auto& [id, client] : state.server.clients.all()) {
    auto& own = static_cast<SentinelClient&>(*client);
    if (!saved.ok) Fail(own, state, saved.through);
    if (!own.held.empty() && state.Durable(own.held.front().change)) waiting.push_back(id);
  }
  for (const serve::ClientId id : waiting) {
    SentinelClient* client = FindClient(state, id);
    if (client != nullptr) ReleaseHeld(state, *client, now, out);
  }
}

void AnswerHeld(State& state, serve::ClientId id, std::uint64_t ticket, const std::vector<std::string>& command,
                const base::Now& now, Actions& out) {
  SentinelClient* client = FindClient(state, id);
  if (client == nullptr) return;
  const auto held = std::ranges::find(client->held, ticket, &SentinelClient::Held::ticket);
  if (held == client->held.end()) return;
  const serve::Words words(command.begin(), command.end());
  std::string error;
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  VIGIL_CHECK(entry != nullptr && entry->group != kSessionGroup);
  std::string bytes;
  resp::ReplyWriter reply(bytes, client->protocol);
  Call call{state, words, now, reply, out, *client};
  OwnGroups()[static_cast<std::size_t>(entry->group - 1)][entry->index].handler(call);
  held->reply = std::move(bytes);
  held->ticket = call.ticket;
  held->change = call.ticket == 0 ? call.change : kNeverDurable;
  if (held->reply.starts_with('-')) ++state.error_replies;
  ReleaseHeld(state, *client, now, out);
}

Master* MasterOfCall(Call& call) {
  Master* master = FindMaster(call.state, call.words[2]);
  if (master == nullptr) call.reply.Error("ERR No such master with that name");
  return master;
}

}  // namespace sentinel
