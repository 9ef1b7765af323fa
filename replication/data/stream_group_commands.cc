// Consumer groups: made, moved and removed; entries acknowledged.
#include <fmt/format.h>

#include <string>

#include "replication/base/text.h"
#include "replication/data/stream_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// What XGROUP's subcommands begin with. Null: the key is missing or no stream, which has been answered.
const Stream* StreamForGroup(CommandContext& context, const Spot& spot) {
  bool ok = true;
  const Stream* stream = StreamOrNothing(context, spot, ok);
  if (ok && stream == nullptr) {
    context.reply.Error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
        "option to create an empty stream automatically.");
  }
  return stream;
}

bool HasGroupOrReply(CommandContext& context, const Stream& stream, std::string_view key, std::string_view group) {
  if (stream.FindGroup(group) != nullptr) return true;
  context.reply.Error(fmt::format("NOGROUP No such consumer group '{}' for key name '{}'", group, key));
  return false;
}

struct GroupOptions {
  bool make_stream = false;
  std::int64_t entries_read = StreamGroup::kUnknown;
};

// False: an error has been answered.
bool ReadGroupOptions(CommandContext& context, const Words& words, bool create, GroupOptions& options) {
  for (std::size_t i = 5; i < words.size(); ++i) {
    if (create && EqualsIgnoreCase(words[i], "mkstream")) {
      options.make_stream = true;
    } else if (EqualsIgnoreCase(words[i], "entriesread") && i + 1 < words.size()) {
      const auto count = IntegerOrReply(context, words[++i]);
      if (!count) return false;
      if (*count < 0 && *count != StreamGroup::kUnknown) {
        context.reply.Error("ERR value for ENTRIESREAD must be positive or -1");
        return false;
      }
      options.entries_read = *count;
    } else {
      context.reply.Error(fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try XGROUP HELP.",
                                      words[1].substr(0, 128)));
      return false;
    }
  }
  return true;
}

// "$" is where the stream ends now.
std::optional<StreamId> GroupIdOrReply(CommandContext& context, std::string_view word, const Stream* stream) {
  if (word == "$") return stream == nullptr ? StreamId{} : stream->last_id();
  return StreamIdOrReply(context, word, 0);
}

void CreateGroup(CommandContext& context, const Words& words) {
  GroupOptions options;
  if (!ReadGroupOptions(context, words, true, options)) return;
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  bool ok = true;
  const Stream* held = options.make_stream ? StreamOrNothing(context, spot, ok) : StreamForGroup(context, spot);
  if (!ok || (held == nullptr && !options.make_stream)) return;
  const auto id = GroupIdOrReply(context, words[4], held);
  if (!id) return;
  if (held != nullptr && held->FindGroup(words[3]) != nullptr) {
    return context.reply.Error("BUSYGROUP Consumer Group name already exists");
  }
  const auto add = [&](Stream& stream) { stream.AddGroup(words[3], *id, options.entries_read); };
  if (held == nullptr) {
    ChangeStream(context.keyspace, spot, words[2], add);
  } else {
    ChangeStreamAnnex(context.keyspace, spot, words[2], add);
  }
  Notify(context, kStreamEvent, "xgroup-create", words[2]);
  PushAsSent(context);
  context.reply.Ok();
}

void SetGroupId(CommandContext& context, const Words& words) {
  GroupOptions options;
  if (!ReadGroupOptions(context, words, false, options)) return;
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  const Stream* held = StreamForGroup(context, spot);
  if (held == nullptr || !HasGroupOrReply(context, *held, words[2], words[3])) return;
  std::optional<StreamId> id;
  if (words[4] == "-" || words[4] == "+") {
    id = words[4] == "-" ? kLeastStreamId : kGreatestStreamId;  // here alone
  } else {
    id = GroupIdOrReply(context, words[4], held);
  }
  if (!id) return;
  ChangeStreamAnnex(context.keyspace, spot, words[2], [&](Stream& stream) {
    stream.ChangeGroup(words[3], [&](StreamGroup& group) {
      group.last_id = *id;
      group.entries_read = options.entries_read;
    });
  });
  Notify(context, kStreamEvent, "xgroup-setid", words[2]);
  PushAsSent(context);
  context.reply.Ok();
}

void DestroyGroup(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  const Stream* held = StreamForGroup(context, spot);
  if (held == nullptr) return;
  if (held->FindGroup(words[3]) == nullptr) return context.reply.Integer(0);
  ChangeStreamAnnex(context.keyspace, spot, words[2], [&](Stream& stream) { stream.RemoveGroup(words[3]); });
  Notify(context, kStreamEvent, "xgroup-destroy", words[2]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void CreateConsumer(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  const Stream* held = StreamForGroup(context, spot);
  if (held == nullptr || !HasGroupOrReply(context, *held, words[2], words[3])) return;
  if (held->FindGroup(words[3])->Find(words[4]) != nullptr) return context.reply.Integer(0);
  ChangeStreamAnnex(context.keyspace, spot, words[2], [&](Stream& stream) {
    stream.ChangeGroup(words[3], [&](StreamGroup& group) { group.AddConsumer(words[4], NowMs(context)); });
  });
  Notify(context, kStreamEvent, "xgroup-createconsumer", words[2]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void DeleteConsumer(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[2], Use::kWrite);
  const Stream* held = StreamForGroup(context, spot);
  if (held == nullptr || !HasGroupOrReply(context, *held, words[2], words[3])) return;
  if (held->FindGroup(words[3])->Find(words[4]) == nullptr) return context.reply.Integer(0);
  std::uint64_t pending = 0;
  ChangeStreamAnnex(context.keyspace, spot, words[2], [&](Stream& stream) {
    stream.ChangeGroup(words[3], [&](StreamGroup& group) { pending = group.RemoveConsumer(words[4]).value_or(0); });
  });
  Notify(context, kStreamEvent, "xgroup-delconsumer", words[2]);
  PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(pending));
}

void XAck(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  bool ok = true;
  const Stream* held = StreamOrNothing(context, spot, ok);
  if (!ok) return;
  const StreamGroup* group = held == nullptr ? nullptr : held->FindGroup(words[2]);
  if (group == nullptr) return context.reply.Integer(0);
  std::vector<StreamId> ids;
  bool any = false;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const auto id = StreamIdOrReply(context, words[i], 0);
    if (!id) return;
    ids.push_back(*id);
    any = any || group->pending().Find(*id);
  }
  if (!any) return context.reply.Integer(0);
  std::int64_t acknowledged = 0;
  ChangeStreamAnnex(context.keyspace, spot, words[1], [&](Stream& stream) {
    stream.ChangeGroup(words[2], [&](StreamGroup& own) {
      for (const StreamId id : ids) acknowledged += own.Acknowledge(id) ? 1 : 0;
    });
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(acknowledged) - 1);
  PushAsSent(context);
  context.reply.Integer(acknowledged);
}

void Help(CommandContext& context, const Words&) {
  constexpr std::string_view kLines[] = {
      "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CREATE <key> <groupname> <id|$> [option]",
      "    Create a new consumer group. Options are:",
      "    * MKSTREAM",
      "      Create the empty stream if it does not exist.",
      "    * ENTRIESREAD entries_read",
      "      Set the group's entries_read counter (internal use).",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Create a new consumer in the specified group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Remove the specified consumer.",
      "DESTROY <key> <groupname>",
      "    Remove the specified group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Set the current group ID and entries_read counter.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.Array(std::size(kLines));
  for (const std::string_view line : kLines) context.reply.Simple(line);
}

void OnlyWithSubcommand(CommandContext& context, const Words&) {
  ReplyWrongArity(context, "xgroup");
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"xack",
      -4,
      kWrite | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Acknowledge entries that a group was given",
      "<key> <group> <id> [<id> ...]"},
     &XAck},
    {{"xgroup", -2, 0, {}, 0, "stream", "A container for consumer groups commands"}, &OnlyWithSubcommand},
    {{"xgroup|create",
      -5,
      kWrite | kDenyOom,
      {2, 2, 1},
      kCatStream,
      "stream",
      "Make a consumer group",
      "<key> <groupname> <id>|$ [MKSTREAM] [ENTRIESREAD <count>]"},
     &CreateGroup},
    {{"xgroup|createconsumer",
      5,
      kWrite | kDenyOom,
      {2, 2, 1},
      kCatStream,
      "stream",
      "Make a consumer of a group",
      "<key> <groupname> <consumername>"},
     &CreateConsumer},
    {{"xgroup|delconsumer",
      5,
      kWrite,
      {2, 2, 1},
      kCatStream,
      "stream",
      "Remove a consumer from a group, with what is pending with it",
      "<key> <groupname> <consumername>"},
     &DeleteConsumer},
    {{"xgroup|destroy", 4, kWrite, {2, 2, 1}, kCatStream, "stream", "Remove a consumer group", "<key> <groupname>"},
     &DestroyGroup},
    {{"xgroup|help", 2, kLoading | kStale, {}, kCatStream, "stream", "Explain the subcommands"}, &Help},
    {{"xgroup|setid",
      -5,
      kWrite,
      {2, 2, 1},
      kCatStream,
      "stream",
      "Move a group to another place of the stream",
      "<key> <groupname> <id>|$ [ENTRIESREAD <count>]"},
     &SetGroupId},
};

}  // namespace

std::span<const DataCommand> StreamGroupCommands() {
  return kCommands;
}

}  // namespace data
