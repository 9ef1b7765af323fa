// XREAD and XREADGROUP: what is new in streams, waited for if need be.
#include <fmt/format.h>

#include <limits>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/stream_replies.h"
#include "replication/data/waiting.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

struct ReadRequest {
  bool group = false;  // XREADGROUP
  std::string_view group_name;
  std::string_view consumer;
  std::uint64_t count = 0;              // 0: all
  std::optional<std::int64_t> timeout;  // of BLOCK
  bool no_ack = false;
  std::size_t first_key = 0;
  std::size_t streams = 0;
};

// One of the streams that are asked for.
struct Wanted {
  std::string_view key;
  StreamId after;
  bool fresh = false;  // ">" of XREADGROUP: what the group has not read
};

std::optional<std::int64_t> BlockOrReply(CommandContext& context, std::string_view word) {
  const auto millis = IntegerOrReply(context, word, "ERR timeout is not an integer or out of range");
  if (!millis) return std::nullopt;
  if (*millis < 0) {
    context.reply.Error("ERR timeout is negative");
    return std::nullopt;
  }
  if (*millis > std::numeric_limits<std::int64_t>::max() - NowMs(context)) {
    context.reply.Error("ERR timeout is out of range");
    return std::nullopt;
  }
  return millis;
}

// False: an error has been answered.
bool ReadOptions(CommandContext& context, const Words& words, ReadRequest& request) {
  const auto fail = [&context](std::string_view error) {
    context.reply.Error(error);
    return false;
  };
  const bool reads_group = EqualsIgnoreCase(words[0], "xreadgroup");
  for (std::size_t i = 1; i < words.size() && request.first_key == 0; ++i) {
    const std::size_t more = words.size() - 1 - i;
    if (EqualsIgnoreCase(words[i], "block") && more > 0) {
      request.timeout = BlockOrReply(context, words[++i]);
      if (!request.timeout) return false;
    } else if (EqualsIgnoreCase(words[i], "count") && more > 0) {
      const auto count = IntegerOrReply(context, words[++i]);
      if (!count) return false;
      request.count = static_cast<std::uint64_t>(std::max<std::int64_t>(*count, 0));
    } else if (EqualsIgnoreCase(words[i], "streams") && more > 0) {
      if (more % 2 != 0) {
        return fail("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
      }
      request.first_key = i + 1;
      request.streams = more / 2;
    } else if (EqualsIgnoreCase(words[i], "group") && more > 1) {
      if (!reads_group) {
        return fail("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
      }
      request.group = true;
      request.group_name = words[++i];
      request.consumer = words[++i];
    } else if (EqualsIgnoreCase(words[i], "noack")) {
      if (!reads_group) {
        return fail("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
      }
      request.no_ack = true;
    } else {
      return fail(kSyntaxError);
    }
  }
  if (request.first_key == 0) return fail(kSyntaxError);
  if (reads_group && !request.group) return fail("ERR Missing GROUP option for XREADGROUP");
  return true;
}

// False: an error has been answered.
bool ReadWanted(CommandContext& context, const Words& words, const ReadRequest& request, std::vector<Wanted>& wanted) {
  for (std::size_t i = 0; i < request.streams; ++i) {
    const std::string_view key = words[request.first_key + i];
    const std::string_view word = words[request.first_key + request.streams + i];
    const Spot spot = Lookup(context, key, Use::kRead);
    bool ok = true;
    const Stream* stream = StreamOrNothing(context, spot, ok);
    if (!ok) return false;
    if (request.group && (stream == nullptr || stream->FindGroup(request.group_name) == nullptr)) {
      context.reply.Error(fmt::format("NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
                                      key, request.group_name));
      return false;
    }
    Wanted one{key, {}, false};
    if (word == "$") {
      if (request.group) {
        context.reply.Error(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer "
            "by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty "
            "result set.");
        return false;
      }
      if (stream != nullptr) one.after = stream->last_id();
    } else if (word == ">") {
      if (!request.group) {
        context.reply.Error(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
        return false;
      }
      one.fresh = true;
    } else {
      const auto id = StreamIdOrReply(context, word, 0);
      if (!id) return false;
      one.after = *id;
      one.fresh = request.group && *id == kGreatestStreamId;  // stands for ">", as in Redis
    }
    wanted.push_back(one);
  }
  return true;
}

bool HasBehind(const Stream& stream, StreamId id) {
  bool has = false;
  if (const auto next = After(id)) {
    stream.ForRange(*next, kGreatestStreamId, false, [&has](const StreamEntry&) {
      has = true;
      return false;
    });
  }
  return has;
}

// Is there anything to answer? The history of a consumer always is, be it empty.
bool Ready(CommandContext& context, const ReadRequest& request, const Wanted& wanted) {
  const Spot spot = context.keyspace.Find(context.db, wanted.key);
  if (!spot) return false;
  const Stream& stream = StreamOf(*spot);
  if (!request.group) return HasBehind(stream, wanted.after);
  return !wanted.fresh || HasBehind(stream, stream.FindGroup(request.group_name)->last_id);
}

// The consumer, new or known, has been here.
void AddOrSee(CommandContext& context, const ReadRequest& request, const Wanted& wanted, StreamGroup& group) {
  // What is delivered without asking for an acknowledgement would not tell replicas of the consumer.
  if (MeetConsumer(context, wanted.key, group, request.consumer) && request.no_ack) {
    PushEffect(context, {"XGROUP", "CREATECONSUMER", wanted.key, request.group_name, request.consumer});
  }
}

// A consumer's own pending entries behind an id.
void ReplyHistory(CommandContext& context, const ReadRequest& request, const Wanted& wanted) {
  const Spot spot = context.keyspace.Find(context.db, wanted.key);
  std::vector<StreamId> ids;
  const std::int64_t now = NowMs(context);
  // Read once more: that is a delivery, of which replicas hear when an entry is claimed.
  ChangeStreamAnnex(context.keyspace, spot, wanted.key, [&](Stream& stream) {
    stream.ChangeGroup(request.group_name, [&](StreamGroup& group) {
      AddOrSee(context, request, wanted, group);
      if (const auto next = After(wanted.after)) {
        group.Find(request.consumer)->pending.ForEachFrom(*next, [&](StreamId id) {
          ids.push_back(id);
          return ids.size() != request.count;
        });
      }
      for (const StreamId id : ids) {
        if (!stream.Has(id)) continue;
        group.Give(request.consumer, id, now, group.pending().Find(id)->deliveries + 1);
      }
    });
  });
  const Stream& stream = StreamOf(*context.keyspace.Find(context.db, wanted.key));
  context.reply.Array(ids.size());
  for (const StreamId id : ids) {
    if (const auto entry = stream.Find(id)) {
      ReplyStreamEntry(context, *entry);
      continue;
    }
    context.reply.Array(2);
    ReplyStreamId(context, id);
    context.reply.NullArray();
  }
}

// What the group has not read: it has now, and is waited for its acknowledgement.
void Deliver(CommandContext& context, const ReadRequest& request, const Wanted& wanted) {
  const Spot spot = context.keyspace.Find(context.db, wanted.key);
  const std::int64_t now = NowMs(context);
  const StreamId after = StreamOf(*spot).FindGroup(request.group_name)->last_id;
  ReplyStreamRange(context, StreamOf(*spot), *After(after), kGreatestStreamId, request.count, false);
  std::vector<StreamId> ids;
  StreamOf(*spot).ForRange(*After(after), kGreatestStreamId, false, [&](const StreamEntry& entry) {
    ids.push_back(entry.id());
    return ids.size() != request.count;
  });
  ChangeStreamAnnex(context.keyspace, spot, wanted.key, [&](Stream& stream) {
    stream.ChangeGroup(request.group_name, [&](StreamGroup& group) {
      AddOrSee(context, request, wanted, group);
      for (const StreamId id : ids) {
        if (group.entries_read != StreamGroup::kUnknown && !stream.MayHaveGapBehind(group.last_id)) {
          // A client may have set it to the greatest number: then it goes round, as in Redis.
          group.entries_read = static_cast<std::int64_t>(static_cast<std::uint64_t>(group.entries_read) + 1);
        } else if (stream.entries_added() > 0) {
          const auto count = stream.CountUpTo(id);
          group.entries_read = count ? static_cast<std::int64_t>(*count) : StreamGroup::kUnknown;
        }
        group.last_id = id;
        if (request.no_ack) continue;
        group.Give(request.consumer, id, now, 1);
        PushClaim(context, wanted.key, request.group_name, group, request.consumer, *group.pending().Find(id));
      }
      if (request.no_ack) PushGroupPosition(context, wanted.key, request.group_name, group);
    });
  });
}

void ReplyOne(CommandContext& context, const ReadRequest& request, const Wanted& wanted) {
  if (context.reply.protocol() == 2) context.reply.Array(2);
  context.reply.Bulk(wanted.key);
  if (request.group) return wanted.fresh ? Deliver(context, request, wanted) : ReplyHistory(context, request, wanted);
  const Spot spot = context.keyspace.Find(context.db, wanted.key);
  ReplyStreamRange(context, StreamOf(*spot), *After(wanted.after), kGreatestStreamId, request.count, false);
}

// The same for one key alone, with what stands for "$" now.
std::vector<std::string> RequestFor(const ReadRequest& request, const Wanted& wanted) {
  std::vector<std::string> words;
  if (request.group) {
    words = {"XREADGROUP", "GROUP", std::string(request.group_name), std::string(request.consumer)};
    if (request.no_ack) words.emplace_back("NOACK");
  } else {
    words = {"XREAD"};
  }
  for (std::string word :
       {std::string("COUNT"), fmt::format_int(request.count).str(), std::string("BLOCK"), std::string("0"),
        std::string("STREAMS"), std::string(wanted.key), wanted.fresh ? std::string(">") : TextOf(wanted.after)}) {
    words.push_back(std::move(word));
  }
  return words;
}

void Read(CommandContext& context, const Words& words) {
  ReadRequest request;
  if (!ReadOptions(context, words, request)) return;
  std::vector<Wanted> wanted;
  if (!ReadWanted(context, words, request, wanted)) return;
  // What one stream gives may leave nothing for the next, which may be the same: how many answer is known behind them.
  std::string& out = context.reply.out();
  const std::size_t begin = out.size();
  std::size_t answered = 0;
  for (const Wanted& one : wanted) {
    if (!Ready(context, request, one)) continue;
    ReplyOne(context, request, one);
    ++answered;
  }
  if (answered > 0) {
    std::string head;
    resp::ReplyWriter header(head, context.reply.protocol());
    header.protocol() == 2 ? header.Array(answered) : header.Map(answered);
    out.insert(begin, head);
    return;
  }
  if (!request.timeout) return context.reply.NullArray();
  Wait wait{.type = ValueType::kStream, .keys = {}, .timeout_ms = *request.timeout, .group = {}};
  if (request.group) wait.group = request.group_name;
  for (const Wanted& one : wanted) wait.keys.push_back({std::string(one.key), RequestFor(request, one)});
  WaitOrReplyNothing(context, std::move(wait));
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"xread",
      -4,
      kReadonly | kBlocking,
      {0, 0, 0, 0, "STREAMS", 1},
      kCatStream,
      "stream",
      "Read entries of several streams behind given ids, or wait for some",
      "[COUNT <count>] [BLOCK <milliseconds>] STREAMS <key> [<key> ...] <id> [<id> ...]"},
     &Read},
    {{"xreadgroup",
      -7,
      kWrite | kBlocking,
      {0, 0, 0, 0, "STREAMS", 4},
      kCatStream,
      "stream",
      "Read entries for a consumer of a group, or wait for some",
      "(GROUP <group> <consumer>) [COUNT <count>] [BLOCK <milliseconds>] [NOACK] STREAMS <key> [<key> ...] <id> "
      "[<id> ...]"},
     &Read},
};

}  // namespace

std::span<const DataCommand> StreamReadCommands() {
  return kCommands;
}

}  // namespace data
