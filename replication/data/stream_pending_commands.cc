// What was delivered to consumers and not acknowledged: shown, and given to others.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/stream_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

// The group that a command is about. Null: the error has been answered.
const StreamGroup* GroupOrReply(CommandContext& context, const Spot& spot, const Words& words) {
  bool ok = true;
  const Stream* stream = StreamOrNothing(context, spot, ok);
  if (!ok) return nullptr;
  const StreamGroup* group = stream == nullptr ? nullptr : stream->FindGroup(words[2]);
  if (group == nullptr) {
    context.reply.Error(fmt::format("NOGROUP No such key '{}' or consumer group '{}'", words[1], words[2]));
  }
  return group;
}

// --- XPENDING

void Summarise(CommandContext& context, const StreamGroup& group) {
  context.reply.Array(4);
  context.reply.Integer(static_cast<std::int64_t>(group.pending().size()));
  if (group.pending().empty()) {
    context.reply.Null();
    context.reply.Null();
    return context.reply.NullArray();
  }
  ReplyStreamId(context, group.pending().First()->id);
  ReplyStreamId(context, group.pending().Last()->id);
  std::size_t consumers = 0;
  for (const auto& [name, consumer] : group.consumers()) consumers += consumer.pending.empty() ? 0 : 1;
  context.reply.Array(consumers);
  for (const auto& [name, consumer] : group.consumers()) {
    if (consumer.pending.empty()) continue;
    context.reply.Array(2);
    context.reply.Bulk(name);
    context.reply.BulkNumber(static_cast<std::int64_t>(consumer.pending.size()));
  }
}

struct PendingQuery {
  StreamId first;
  StreamId last;
  std::int64_t count = 0;
  std::int64_t min_idle = 0;
  std::optional<std::string_view> consumer;
};

// False: an error has been answered.
bool ReadPendingQuery(CommandContext& context, const Words& words, PendingQuery& query) {
  const auto fail = [&context] {
    context.reply.Error(kSyntaxError);
    return false;
  };
  if (words.size() < 6 || words.size() > 9) return fail();
  std::size_t at = 3;
  if (EqualsIgnoreCase(words[3], "idle")) {
    const auto idle = IntegerOrReply(context, words[4]);
    if (!idle) return false;
    if (words.size() < 8) return fail();
    query.min_idle = *idle;
    at = 5;
  }
  const auto count = IntegerOrReply(context, words[at + 2]);
  if (!count) return false;
  query.count = std::max<std::int64_t>(*count, 0);
  const auto first = RangeStartOrReply(context, words[at]);
  if (!first) return false;
  const auto last = RangeEndOrReply(context, words[at + 1]);
  if (!last) return false;
  query.first = *first;
  query.last = *last;
  if (at + 3 < words.size()) query.consumer = words[at + 3];
  return true;
}

void ListPending(CommandContext& context, const StreamGroup& group, const PendingQuery& query) {
  const StreamConsumer* consumer = nullptr;
  if (query.consumer) {
    consumer = group.Find(*query.consumer);
    if (consumer == nullptr) return context.reply.Array(0);
  }
  std::vector<PendingEntry> found;
  const std::int64_t now = NowMs(context);
  const auto take = [&](const PendingEntry& entry) {
    if (static_cast<std::int64_t>(found.size()) >= query.count || entry.id > query.last) return false;
    if (query.min_idle > 0 && now - entry.delivered_at < query.min_idle) return true;
    found.push_back(entry);
    return true;
  };
  if (consumer != nullptr) {
    consumer->pending.ForEachFrom(query.first, [&](StreamId id) { return take(*group.pending().Find(id)); });
  } else {
    group.pending().ForEachFrom(query.first, take);
  }
  context.reply.Array(found.size());
  for (const PendingEntry& entry : found) {
    context.reply.Array(4);
    ReplyStreamId(context, entry.id);
    context.reply.Bulk(group.NameOf(entry.consumer));
    context.reply.Integer(std::max<std::int64_t>(now - entry.delivered_at, 0));
    context.reply.Integer(static_cast<std::int64_t>(entry.deliveries));
  }
}

void XPending(CommandContext& context, const Words& words) {
  PendingQuery query;
  if (words.size() > 3 && !ReadPendingQuery(context, words, query)) return;
  const StreamGroup* group = GroupOrReply(context, Lookup(context, words[1], Use::kRead), words);
  if (group == nullptr) return;
  words.size() == 3 ? Summarise(context, *group) : ListPending(context, *group, query);
}

// --- XCLAIM, XAUTOCLAIM

struct ClaimOptions {
  std::int64_t min_idle = 0;
  std::optional<std::int64_t> delivered_at;
  std::optional<std::int64_t> deliveries;
  bool force = false;
  bool just_id = false;
  std::optional<StreamId> last_id;
};

enum class Claim { kTaken, kGone, kLeft };

// What is to become of an entry that somebody claims.
Claim Judge(const Stream& stream, const StreamGroup& group, StreamId id, const ClaimOptions& options,
            std::int64_t now) {
  const auto held = group.pending().Find(id);
  // It was deleted while it was pending: nobody can ever do anything about it.
  if (!stream.Has(id)) return held ? Claim::kGone : Claim::kLeft;
  if (!held) return options.force ? Claim::kTaken : Claim::kLeft;
  const bool idle = options.min_idle == 0 || now - held->delivered_at >= options.min_idle;
  return idle ? Claim::kTaken : Claim::kLeft;
}

// Gives what is claimed to the consumer words[3], and tells replicas. `judged` is not kLeft.
void Take(CommandContext& context, const Words& words, const ClaimOptions& options, StreamGroup& group, StreamId id,
          Claim judged) {
  const auto tell = [&](const PendingEntry& entry) {
    PushClaim(context, words[1], words[2], group, group.NameOf(entry.consumer), entry);
  };
  const auto held = group.pending().Find(id);
  if (judged == Claim::kGone) {
    tell(*held);
    group.Acknowledge(id);
    return;
  }
  const std::int64_t now = NowMs(context);
  MeetConsumer(context, words[1], group, words[3]);
  std::uint64_t deliveries = held ? held->deliveries : 1;
  if (options.deliveries) {
    deliveries = static_cast<std::uint64_t>(*options.deliveries);
  } else if (!options.just_id) {
    ++deliveries;
  }
  group.Give(words[3], id, options.delivered_at.value_or(now), deliveries);
  tell(*group.pending().Find(id));
}

void ReplyClaimed(CommandContext& context, std::string_view key, const std::vector<std::pair<StreamId, Claim>>& judged,
                  bool just_id) {
  const auto taken = std::ranges::count(judged, Claim::kTaken, &std::pair<StreamId, Claim>::second);
  context.reply.Array(static_cast<std::size_t>(taken));
  if (taken == 0) return;
  const Spot spot = context.keyspace.Find(context.db, key);
  for (const auto& [id, claim] : judged) {
    if (claim != Claim::kTaken) continue;
    just_id ? ReplyStreamId(context, id) : ReplyStreamEntry(context, *StreamOf(*spot).Find(id));
  }
}

std::optional<std::int64_t> NumberOrReply(CommandContext& context, std::string_view word, std::string_view what,
                                          std::string_view command) {
  return IntegerOrReply(context, word, fmt::format("ERR Invalid {} argument for {}", what, command));
}

// False: an error has been answered.
bool ReadClaimOptions(CommandContext& context, const Words& words, std::size_t at, ClaimOptions& options) {
  for (; at < words.size(); ++at) {
    const std::string_view word = words[at];
    const bool more = at + 1 < words.size();
    if (EqualsIgnoreCase(word, "force")) {
      options.force = true;
    } else if (EqualsIgnoreCase(word, "justid")) {
      options.just_id = true;
    } else if (more && EqualsIgnoreCase(word, "idle")) {
      const auto idle = NumberOrReply(context, words[++at], "IDLE option", "XCLAIM");
      if (!idle) return false;
      options.delivered_at = NowMs(context) - *idle;
    } else if (more && EqualsIgnoreCase(word, "time")) {
      options.delivered_at = NumberOrReply(context, words[++at], "TIME option", "XCLAIM");
      if (!options.delivered_at) return false;
    } else if (more && EqualsIgnoreCase(word, "retrycount")) {
      options.deliveries = NumberOrReply(context, words[++at], "RETRYCOUNT option", "XCLAIM");
      if (!options.deliveries) return false;
      if (*options.deliveries < 0) options.deliveries.reset();
    } else if (more && EqualsIgnoreCase(word, "lastid")) {
      options.last_id = StreamIdOrReply(context, words[++at], 0);
      if (!options.last_id) return false;
    } else {
      context.reply.Error(fmt::format("ERR Unrecognized XCLAIM option '{}'", word));
      return false;
    }
  }
  // Of a moment that is to come nobody can say how long ago it was; before 1970 nothing was delivered.
  if (options.delivered_at && (*options.delivered_at < 0 || *options.delivered_at > NowMs(context))) {
    options.delivered_at = NowMs(context);
  }
  return true;
}

void XClaim(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  const StreamGroup* held = GroupOrReply(context, spot, words);
  if (held == nullptr) return;
  ClaimOptions options;
  const auto min_idle = NumberOrReply(context, words[4], "min-idle-time", "XCLAIM");
  if (!min_idle) return;
  options.min_idle = std::max<std::int64_t>(*min_idle, 0);
  std::vector<StreamId> ids;
  std::size_t at = 5;
  for (; at < words.size(); ++at) {
    const auto id = ParseStreamId(words[at], 0);
    if (!id) break;
    ids.push_back(*id);
  }
  if (!ReadClaimOptions(context, words, at, options)) return;

  // An id may be named twice; judged are all of them before anything changes.
  std::vector<std::pair<StreamId, Claim>> judged;
  for (const StreamId id : ids) {
    const Claim claim = Judge(StreamOf(*spot), *held, id, options, NowMs(context));
    if (claim != Claim::kLeft) judged.emplace_back(id, claim);
  }
  const bool moves = options.last_id && *options.last_id > held->last_id;
  if (moves || !judged.empty()) {
    ChangeStreamAnnex(context.keyspace, spot, words[1], [&](Stream& stream) {
      stream.ChangeGroup(words[2], [&](StreamGroup& group) {
        if (moves) group.last_id = *options.last_id;
        for (const auto& [id, claim] : judged) Take(context, words, options, group, id, claim);
        if (judged.empty()) PushGroupPosition(context, words[1], words[2], group);
      });
    });
  }
  ReplyClaimed(context, words[1], judged, options.just_id);
}

void XAutoClaim(CommandContext& context, const Words& words) {
  ClaimOptions options;
  const auto min_idle = NumberOrReply(context, words[4], "min-idle-time", "XAUTOCLAIM");
  if (!min_idle) return;
  options.min_idle = std::max<std::int64_t>(*min_idle, 0);
  const auto start = RangeStartOrReply(context, words[5]);
  if (!start) return;
  std::int64_t count = 100;
  for (std::size_t i = 6; i < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "count") && i + 1 < words.size()) {
      // Each of them takes room in the reply.
      constexpr auto kMost = std::numeric_limits<std::int64_t>::max() / 16;
      const auto number = base::ParseInt<std::int64_t>(words[++i]);
      if (!number || *number < 1 || *number > kMost) return context.reply.Error("ERR COUNT must be > 0");
      count = *number;
    } else if (EqualsIgnoreCase(words[i], "justid")) {
      options.just_id = true;
    } else {
      return context.reply.Error(kSyntaxError);
    }
  }
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  const StreamGroup* held = GroupOrReply(context, spot, words);
  if (held == nullptr) return;

  // Those that are looked at: ten for each that is wanted.
  std::vector<StreamId> ids;
  std::int64_t attempts = count > std::numeric_limits<std::int64_t>::max() / 10 ? count : 10 * count;
  StreamId next;
  held->pending().ForEachFrom(*start, [&](const PendingEntry& entry) {
    next = entry.id;
    if (attempts-- == 0) return false;
    ids.push_back(entry.id);
    return true;
  });
  const bool more_behind = attempts < 0;
  std::vector<std::pair<StreamId, Claim>> judged;
  std::size_t done = 0;
  for (; done < ids.size() && count > 0; ++done) {
    const Claim claim = Judge(StreamOf(*spot), *held, ids[done], options, NowMs(context));
    if (claim == Claim::kLeft) continue;
    judged.emplace_back(ids[done], claim);
    --count;
  }
  if (!judged.empty()) {
    ChangeStreamAnnex(context.keyspace, spot, words[1], [&](Stream& stream) {
      stream.ChangeGroup(words[2], [&](StreamGroup& group) {
        for (const auto& [id, claim] : judged) Take(context, words, options, group, id, claim);
      });
    });
  }
  context.reply.Array(3);
  if (done < ids.size()) {
    ReplyStreamId(context, ids[done]);
  } else {
    ReplyStreamId(context, more_behind ? next : StreamId{});
  }
  ReplyClaimed(context, words[1], judged, options.just_id);
  const auto gone = std::ranges::count(judged, Claim::kGone, &std::pair<StreamId, Claim>::second);
  context.reply.Array(static_cast<std::size_t>(gone));
  for (const auto& [id, claim] : judged) {
    if (claim == Claim::kGone) ReplyStreamId(context, id);
  }
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"xautoclaim",
      -6,
      kWrite | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Take over what has been pending for too long",
      "<key> <group> <consumer> <min-idle-time> <start> [COUNT <count>] [JUSTID]"},
     &XAutoClaim},
    {{"xclaim",
      -6,
      kWrite | kFast,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Take over pending entries",
      "<key> <group> <consumer> <min-idle-time> <id> [<id> ...] [IDLE <ms>] [TIME <unix-time-milliseconds>] "
      "[RETRYCOUNT <count>] [FORCE] [JUSTID] [LASTID <id>]"},
     &XClaim},
    {{"xpending",
      -3,
      kReadonly,
      {1, 1, 1},
      kCatStream,
      "stream",
      "Tell what is pending in a group, and with whom",
      "<key> <group> [[IDLE <min-idle-time>] <start> <end> <count> [<consumer>]]"},
     &XPending},
};

}  // namespace

std::span<const DataCommand> StreamPendingCommands() {
  return kCommands;
}

}  // namespace data
