// Lists, for clients that wait until there is something in them.
#include <fmt/format.h>

#include <span>
#include <string>

#include "replication/data/handlers.h"
#include "replication/data/list_ends.h"
#include "replication/data/lookup.h"
#include "replication/data/waiting.h"

namespace data {
namespace {

void BlockingPop(CommandContext& context, const Words& words, End end) {
  const auto timeout = TimeoutOrReply(context, words.back());
  if (!timeout) return;
  const auto keys = std::span(words).subspan(1, words.size() - 2);
  for (const std::string_view key : keys) {
    const Spot spot = Lookup(context, key, Use::kWrite);
    if (!spot) continue;
    if (!TypeOrNothing(context, spot, ValueType::kList)) return;
    const std::string element = PopFrom(context, spot, key, 1, end)[0];
    NotifyPopped(context, key, end);
    PushEffect(context, {end == End::kLeft ? "LPOP" : "RPOP", key});
    context.reply.Array(2);
    context.reply.Bulk(key);
    return context.reply.Bulk(element);
  }
  Wait wait{.type = ValueType::kList, .keys = {}, .timeout_ms = *timeout};
  for (const std::string_view key : keys) {
    wait.keys.push_back({std::string(key), {std::string(words[0]), std::string(key), "0"}});
  }
  WaitOrReplyNothing(context, std::move(wait));
}

void BLPop(CommandContext& context, const Words& words) {
  BlockingPop(context, words, End::kLeft);
}
void BRPop(CommandContext& context, const Words& words) {
  BlockingPop(context, words, End::kRight);
}

// `effect` is the command without B.
void BlockingMove(CommandContext& context, const Words& words, End from, End to,
                  std::span<const std::string_view> effect) {
  const auto timeout = TimeoutOrReply(context, words.back());
  if (!timeout) return;
  if (MoveElement(context, words[1], words[2], from, to, effect) != Moved::kNothingThere) return;
  // Here a client that may not wait gets no null array, but a null.
  if (!context.may_wait) return context.reply.Null();
  Wait wait{.type = ValueType::kList, .keys = {}, .timeout_ms = *timeout};
  wait.keys.push_back({std::string(words[1]), {words.begin(), words.end()}});
  context.wait = std::move(wait);
}

void BLMove(CommandContext& context, const Words& words) {
  const auto from = EndOrReply(context, words[3]);
  if (!from) return;
  const auto to = EndOrReply(context, words[4]);
  if (!to) return;
  const std::string_view effect[] = {"LMOVE", words[1], words[2], words[3], words[4]};
  BlockingMove(context, words, *from, *to, effect);
}

void BRPopLPush(CommandContext& context, const Words& words) {
  const std::string_view effect[] = {"RPOPLPUSH", words[1], words[2]};
  BlockingMove(context, words, End::kRight, End::kLeft, effect);
}

void BLMPop(CommandContext& context, const Words& words) {
  const auto request = ReadMultiPop(context, words, 2);
  if (!request) return;
  const auto timeout = TimeoutOrReply(context, words[1]);
  if (!timeout || PopFirstOf(context, *request)) return;
  Wait wait{.type = ValueType::kList, .keys = {}, .timeout_ms = *timeout};
  const std::string_view end = request->end == End::kLeft ? "LEFT" : "RIGHT";
  for (const std::string_view key : request->keys) {
    wait.keys.push_back(
        {std::string(key),
         {"BLMPOP", "0", "1", std::string(key), std::string(end), "COUNT", fmt::format_int(request->count).str()}});
  }
  WaitOrReplyNothing(context, std::move(wait));
}

using namespace serve;

constexpr std::uint32_t kWaits = kWrite | kNoScript | kBlocking;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"blmove",
      6,
      kWaits | kDenyOom,
      {1, 2, 1},
      kCatList,
      "list",
      "Pop an element from a list, push it to another list and return it; or block until one is available",
      "<source> <destination> (LEFT|RIGHT) (LEFT|RIGHT) <timeout>"},
     &BLMove},
    {{"blmpop",
      -5,
      kWrite | kBlocking,
      {0, 0, 0, 2},
      kCatList,
      "list",
      "Pop elements from a list, or block until one is available",
      "<timeout> <numkeys> <key> [<key> ...] LEFT|RIGHT [COUNT <count>]"},
     &BLMPop},
    {{"blpop",
      -3,
      kWaits,
      {1, -2, 1},
      kCatList,
      "list",
      "Remove and get the first element in a list, or block until one is available",
      "<key> [<key> ...] <timeout>"},
     &BLPop},
    {{"brpop",
      -3,
      kWaits,
      {1, -2, 1},
      kCatList,
      "list",
      "Remove and get the last element in a list, or block until one is available",
      "<key> [<key> ...] <timeout>"},
     &BRPop},
    {{"brpoplpush",
      4,
      kWaits | kDenyOom,
      {1, 2, 1},
      kCatList,
      "list",
      "Pop an element from a list, push it to another list and return it; or block until one is available",
      "<source> <destination> <timeout>"},
     &BRPopLPush},
};

}  // namespace

std::span<const DataCommand> BlockingListCommands() {
  return kCommands;
}

}  // namespace data
