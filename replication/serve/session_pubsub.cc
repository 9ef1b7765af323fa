#include <fmt/format.h>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

using Kind = PubSub::Kind;
using Listeners = std::map<std::string, std::set<ClientId>, std::less<>>;

void SubscribeTo(Server& server, Client& client, Kind kind, const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) server.pubsub.Subscribe(client, kind, words[i]);
}

void UnsubscribeFrom(Server& server, Client& client, Kind kind, const Words& words) {
  if (words.size() == 1) return server.pubsub.UnsubscribeAll(client, kind);
  for (std::size_t i = 1; i < words.size(); ++i) server.pubsub.Unsubscribe(client, kind, words[i]);
}

void ReplyChannels(const Listeners& table, const Words& words, resp::ReplyWriter& reply) {
  if (words.size() > 3) {
    return reply.Error(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
                                   words[1].substr(0, 128)));
  }
  std::vector<std::string_view> names;
  for (const auto& [name, ids] : table) {
    if (words.size() == 2 || base::GlobMatch(words[2], name)) names.push_back(name);
  }
  reply.Array(names.size());
  for (const std::string_view name : names) reply.Bulk(name);
}

void ReplyCounts(const Listeners& table, const Words& words, resp::ReplyWriter& reply) {
  reply.Array((words.size() - 2) * 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto found = table.find(words[i]);
    reply.Bulk(words[i]);
    reply.Integer(found == table.end() ? 0 : static_cast<std::int64_t>(found->second.size()));
  }
}

}  // namespace

void Subscribe(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  SubscribeTo(server, client, Kind::kChannel, words);
}

void Unsubscribe(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  UnsubscribeFrom(server, client, Kind::kChannel, words);
}

void SubscribePatterns(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  SubscribeTo(server, client, Kind::kPattern, words);
}

void UnsubscribePatterns(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  UnsubscribeFrom(server, client, Kind::kPattern, words);
}

void SubscribeShards(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  SubscribeTo(server, client, Kind::kShard, words);
}

void UnsubscribeShards(Server& server, Client& client, const Words& words, const base::Now&, resp::ReplyWriter&) {
  UnsubscribeFrom(server, client, Kind::kShard, words);
}

void Publish(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  reply.Integer(server.pubsub.Publish(words[1], words[2]));
}

void PublishShard(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  reply.Integer(server.pubsub.PublishShard(words[1], words[2]));
}

void ListChannels(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyChannels(server.pubsub.channels(), words, reply);
}

void CountSubscribers(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyCounts(server.pubsub.channels(), words, reply);
}

void CountPatterns(Server& server, Client&, const Words&, const base::Now&, resp::ReplyWriter& reply) {
  reply.Integer(static_cast<std::int64_t>(server.pubsub.patterns().size()));
}

void ListShardChannels(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyChannels(server.pubsub.shard_channels(), words, reply);
}

void CountShardSubscribers(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyCounts(server.pubsub.shard_channels(), words, reply);
}

}  // namespace serve
