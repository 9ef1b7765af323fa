// XINFO: streams, groups and consumers as people want to see them.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/stream_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

constexpr std::size_t kIdBytes = 16;

// How many nodes the radix tree has in which Redis keeps such ids: each fork and each run of bytes between two of them
// is one, and so is each end. `ids` are sorted and differ from byte `depth` on.
std::size_t RadixNodes(const std::vector<std::string>& ids, std::size_t begin, std::size_t end, std::size_t depth) {
  if (end - begin == 1) return depth == kIdBytes ? 1 : 2;
  std::size_t common = depth;
  while (ids[begin][common] == ids[end - 1][common]) ++common;
  std::size_t nodes = (common > depth ? 1 : 0) + 1;
  for (std::size_t from = begin; from < end;) {
    std::size_t to = from + 1;
    while (to < end && ids[to][common] == ids[from][common]) ++to;
    nodes += RadixNodes(ids, from, to, common + 1);
    from = to;
  }
  return nodes;
}

std::size_t RadixNodes(const Stream& stream, std::size_t& keys) {
  std::vector<std::string> ids;
  stream.ForEachNode([&ids](const StreamNode& node) {
    std::string bytes;
    for (const std::uint64_t part : {node.id().ms, node.id().seq}) {
      for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(part >> shift & 0xff));
    }
    ids.push_back(std::move(bytes));
  });
  keys = ids.size();
  return ids.empty() ? 1 : RadixNodes(ids, 0, ids.size(), 0);
}

void ReplyCount(CommandContext& context, std::uint64_t count) {
  context.reply.Integer(static_cast<std::int64_t>(count));
}

void ReplyProgress(CommandContext& context, const Stream& stream, const StreamGroup& group) {
  context.reply.Bulk("entries-read");
  group.entries_read == StreamGroup::kUnknown ? context.reply.Null() : context.reply.Integer(group.entries_read);
  context.reply.Bulk("lag");
  const auto lag = stream.LagOf(group);
  lag ? ReplyCount(context, *lag) : context.reply.Null();
}

// The first or the last entry; null when there is none.
void ReplyEnd(CommandContext& context, const Stream& stream, bool last) {
  if (stream.length() == 0) return context.reply.Null();
  stream.ForRange(kLeastStreamId, kGreatestStreamId, last, [&context](const StreamEntry& entry) {
    ReplyStreamEntry(context, entry);
    return false;
  });
}

void ReplyHead(CommandContext& context, const Stream& stream) {
  std::size_t keys = 0;
  const std::size_t nodes = RadixNodes(stream, keys);
  context.reply.Bulk("length");
  ReplyCount(context, stream.length());
  context.reply.Bulk("radix-tree-keys");
  ReplyCount(context, keys);
  context.reply.Bulk("radix-tree-nodes");
  ReplyCount(context, nodes);
  context.reply.Bulk("last-generated-id");
  ReplyStreamId(context, stream.last_id());
  context.reply.Bulk("max-deleted-entry-id");
  ReplyStreamId(context, stream.max_deleted_id());
  context.reply.Bulk("entries-added");
  ReplyCount(context, stream.entries_added());
  context.reply.Bulk("recorded-first-entry-id");
  ReplyStreamId(context, stream.first_id());
}

// `count` 0: all.
void ReplyConsumer(CommandContext& context, const StreamGroup& group, const std::string& name,
                   const StreamConsumer& consumer, std::uint64_t count) {
  context.reply.Map(4);
  context.reply.Bulk("name");
  context.reply.Bulk(name);
  context.reply.Bulk("seen-time");
  context.reply.Integer(consumer.seen_at);
  context.reply.Bulk("pel-count");
  ReplyCount(context, consumer.pending.size());
  context.reply.Bulk("pending");
  std::uint64_t left = count == 0 ? consumer.pending.size() : std::min(count, consumer.pending.size());
  context.reply.Array(left);
  consumer.pending.ForEachFrom(kLeastStreamId, [&](StreamId id) {
    if (left-- == 0) return false;
    const auto entry = group.pending().Find(id);
    context.reply.Array(3);
    ReplyStreamId(context, id);
    context.reply.Integer(entry->delivered_at);
    ReplyCount(context, entry->deliveries);
    return true;
  });
}

void ReplyGroup(CommandContext& context, const Stream& stream, const std::string& name, const StreamGroup& group,
                std::uint64_t count) {
  context.reply.Map(7);
  context.reply.Bulk("name");
  context.reply.Bulk(name);
  context.reply.Bulk("last-delivered-id");
  ReplyStreamId(context, group.last_id);
  ReplyProgress(context, stream, group);
  context.reply.Bulk("pel-count");
  ReplyCount(context, group.pending().size());
  context.reply.Bulk("pending");
  std::uint64_t left = count == 0 ? group.pending().size() : std::min(count, group.pending().size());
  context.reply.Array(left);
  group.pending().ForEachFrom(kLeastStreamId, [&](const PendingEntry& entry) {
    if (left-- == 0) return false;
    context.reply.Array(4);
    ReplyStreamId(context, entry.id);
    context.reply.Bulk(group.NameOf(entry.consumer));
    context.reply.Integer(entry.delivered_at);
    ReplyCount(context, entry.deliveries);
    return true;
  });
  context.reply.Bulk("consumers");
  context.reply.Array(group.consumers().size());
  for (const auto& [consumer_name, consumer] : group.consumers()) {
    ReplyConsumer(context, group, consumer_name, consumer, count);
  }
}

// Null: an error has been answered.
const Stream* StreamToShow(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kRead);
  if (!spot) {
    context.reply.Error("ERR no such key");
    return nullptr;
  }
  bool ok = true;
  return StreamOrNothing(context, spot, ok);
}

void ShowStream(CommandContext& context, const Words& words) {
  const Stream* stream = StreamToShow(context, words);
  if (stream == nullptr) return;
  if (words.size() == 3) {
    context.reply.Map(10);
    ReplyHead(context, *stream);
    context.reply.Bulk("groups");
    ReplyCount(context, stream->groups().size());
    context.reply.Bulk("first-entry");
    ReplyEnd(context, *stream, false);
    context.reply.Bulk("last-entry");
    return ReplyEnd(context, *stream, true);
  }
  std::int64_t count = 10;
  const bool full = EqualsIgnoreCase(words[3], "full");
  if (!full || (words.size() > 4 && (words.size() != 6 || !EqualsIgnoreCase(words[4], "count")))) {
    return context.reply.Error(fmt::format(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try XINFO HELP.", words[1].substr(0, 128)));
  }
  if (words.size() == 6) {
    const auto number = IntegerOrReply(context, words[5]);
    if (!number) return;
    count = *number < 0 ? 10 : *number;
  }
  context.reply.Map(9);
  ReplyHead(context, *stream);
  context.reply.Bulk("entries");
  ReplyStreamRange(context, *stream, kLeastStreamId, kGreatestStreamId, static_cast<std::uint64_t>(count), false);
  context.reply.Bulk("groups");
  context.reply.Array(stream->groups().size());
  for (const auto& [name, group] : stream->groups()) {
    ReplyGroup(context, *stream, name, *group, static_cast<std::uint64_t>(count));
  }
}

void ShowGroups(CommandContext& context, const Words& words) {
  const Stream* stream = StreamToShow(context, words);
  if (stream == nullptr) return;
  context.reply.Array(stream->groups().size());
  for (const auto& [name, group] : stream->groups()) {
    context.reply.Map(6);
    context.reply.Bulk("name");
    context.reply.Bulk(name);
    context.reply.Bulk("consumers");
    ReplyCount(context, group->consumers().size());
    context.reply.Bulk("pending");
    ReplyCount(context, group->pending().size());
    context.reply.Bulk("last-delivered-id");
    ReplyStreamId(context, group->last_id);
    ReplyProgress(context, *stream, *group);
  }
}

void ShowConsumers(CommandContext& context, const Words& words) {
  const Stream* stream = StreamToShow(context, words);
  if (stream == nullptr) return;
  const StreamGroup* group = stream->FindGroup(words[3]);
  if (group == nullptr) {
    return context.reply.Error(
        fmt::format("NOGROUP No such consumer group '{}' for key name '{}'", words[3], words[2]));
  }
  context.reply.Array(group->consumers().size());
  for (const auto& [name, consumer] : group->consumers()) {
    context.reply.Map(3);
    context.reply.Bulk("name");
    context.reply.Bulk(name);
    context.reply.Bulk("pending");
    ReplyCount(context, consumer.pending.size());
    context.reply.Bulk("idle");
    context.reply.Integer(std::max<std::int64_t>(NowMs(context) - consumer.seen_at, 0));
  }
}

void Help(CommandContext& context, const Words&) {
  constexpr std::string_view kLines[] = {
      "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CONSUMERS <key> <groupname>",
      "    Show consumers of <groupname>.",
      "GROUPS <key>",
      "    Show the stream consumer groups.",
      "STREAM <key> [FULL [COUNT <count>]",
      "    Show information about the stream.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.Array(std::size(kLines));
  for (const std::string_view line : kLines) context.reply.Simple(line);
}

void OnlyWithSubcommand(CommandContext& context, const Words&) {
  ReplyWrongArity(context, "xinfo");
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"xinfo", -2, 0, {}, 0, "stream", "A container for stream introspection commands"}, &OnlyWithSubcommand},
    {{"xinfo|consumers",
      4,
      kReadonly,
      {2, 2, 1},
      kCatStream,
      "stream",
      "Show the consumers of a group",
      "<key> <groupname>"},
     &ShowConsumers},
    {{"xinfo|groups", 3, kReadonly, {2, 2, 1}, kCatStream, "stream", "Show the groups of a stream", "<key>"},
     &ShowGroups},
    {{"xinfo|help", 2, kLoading | kStale, {}, kCatStream, "stream", "Explain the subcommands"}, &Help},
    {{"xinfo|stream", -3, kReadonly, {2, 2, 1}, kCatStream, "stream", "Show a stream", "<key> [FULL [COUNT <count>]]"},
     &ShowStream},
};

}  // namespace

std::span<const DataCommand> StreamInfoCommands() {
  return kCommands;
}

}  // namespace data
