#include "replication/serve/pubsub.h"

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/resp/reply_writer.h"

namespace serve {
namespace {

using Names = std::set<std::string, std::less<>>;

Names& NamesOf(Client& client, PubSub::Kind kind) {
  switch (kind) {
    case PubSub::Kind::kChannel:
      return client.channels;
    case PubSub::Kind::kPattern:
      return client.patterns;
    case PubSub::Kind::kShard:
      return client.shard_channels;
  }
  VIGIL_CHECK(false);
}

// The count in a confirmation: shard channels are counted apart.
std::int64_t CountFor(const Client& client, PubSub::Kind kind) {
  return static_cast<std::int64_t>(kind == PubSub::Kind::kShard ? client.shard_channels.size()
                                                                : client.channels.size() + client.patterns.size());
}

struct Verbs {
  std::string_view subscribe;
  std::string_view unsubscribe;
};

Verbs VerbsOf(PubSub::Kind kind) {
  switch (kind) {
    case PubSub::Kind::kChannel:
      return {"subscribe", "unsubscribe"};
    case PubSub::Kind::kPattern:
      return {"psubscribe", "punsubscribe"};
    case PubSub::Kind::kShard:
      return {"ssubscribe", "sunsubscribe"};
  }
  VIGIL_CHECK(false);
}

}  // namespace

PubSub::Table& PubSub::TableOf(Kind kind) {
  switch (kind) {
    case Kind::kChannel:
      return channels_;
    case Kind::kPattern:
      return patterns_;
    case Kind::kShard:
      return shard_channels_;
  }
  VIGIL_CHECK(false);
}

void PubSub::Subscribe(Client& client, Kind kind, std::string_view name) {
  if (NamesOf(client, kind).emplace(name).second) TableOf(kind)[std::string(name)].insert(client.id);
  resp::ReplyWriter reply(client.out, client.protocol);
  reply.Push(3);
  reply.Bulk(VerbsOf(kind).subscribe);
  reply.Bulk(name);
  reply.Integer(CountFor(client, kind));
  clients_.Wake(client);
}

void PubSub::Unsubscribe(Client& client, Kind kind, std::string_view name) {
  Names& names = NamesOf(client, kind);
  if (const auto found = names.find(name); found != names.end()) {
    Table& table = TableOf(kind);
    const auto entry = table.find(name);
    entry->second.erase(client.id);
    if (entry->second.empty()) table.erase(entry);
    names.erase(found);
  }
  resp::ReplyWriter reply(client.out, client.protocol);
  reply.Push(3);
  reply.Bulk(VerbsOf(kind).unsubscribe);
  reply.Bulk(name);
  reply.Integer(CountFor(client, kind));
  clients_.Wake(client);
}

void PubSub::UnsubscribeAll(Client& client, Kind kind) {
  const Names names = NamesOf(client, kind);
  for (const std::string& name : names) Unsubscribe(client, kind, name);
  if (!names.empty()) return;
  resp::ReplyWriter reply(client.out, client.protocol);
  reply.Push(3);
  reply.Bulk(VerbsOf(kind).unsubscribe);
  reply.Null();
  reply.Integer(CountFor(client, kind));
  clients_.Wake(client);
}

void PubSub::Forget(Client& client) {
  for (const Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShard}) {
    Table& table = TableOf(kind);
    for (const std::string& name : NamesOf(client, kind)) {
      const auto entry = table.find(name);
      entry->second.erase(client.id);
      if (entry->second.empty()) table.erase(entry);
    }
    NamesOf(client, kind).clear();
  }
}

std::int64_t PubSub::Publish(std::string_view channel, std::string_view message) {
  std::int64_t receivers = 0;
  if (const auto found = channels_.find(channel); found != channels_.end()) {
    for (const ClientId id : found->second) {
      Client* client = clients_.Find(id);
      VIGIL_CHECK(client != nullptr);
      resp::ReplyWriter reply(client->out, client->protocol);
      reply.Push(3);
      reply.Bulk("message");
      reply.Bulk(channel);
      reply.Bulk(message);
      clients_.Wake(*client);
      ++receivers;
    }
  }
  for (const auto& [pattern, ids] : patterns_) {
    if (!base::GlobMatch(pattern, channel)) continue;
    for (const ClientId id : ids) {
      Client* client = clients_.Find(id);
      VIGIL_CHECK(client != nullptr);
      resp::ReplyWriter reply(client->out, client->protocol);
      reply.Push(4);
      reply.Bulk("pmessage");
      reply.Bulk(pattern);
      reply.Bulk(channel);
      reply.Bulk(message);
      clients_.Wake(*client);
      ++receivers;
    }
  }
  return receivers;
}

std::int64_t PubSub::PublishShard(std::string_view channel, std::string_view message) {
  const auto found = shard_channels_.find(channel);
  if (found == shard_channels_.end()) return 0;
  for (const ClientId id : found->second) {
    Client* client = clients_.Find(id);
    VIGIL_CHECK(client != nullptr);
    resp::ReplyWriter reply(client->out, client->protocol);
    reply.Push(3);
    reply.Bulk("smessage");
    reply.Bulk(channel);
    reply.Bulk(message);
    clients_.Wake(*client);
  }
  return static_cast<std::int64_t>(found->second.size());
}

}  // namespace serve
