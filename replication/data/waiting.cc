#include "replication/data/waiting.h"

#include <cmath>
#include <limits>

#include "replication/data/float_text.h"
#include "replication/data/lookup.h"
#include "replication/data/stream_value.h"

namespace data {

std::optional<std::int64_t> TimeoutOrReply(CommandContext& context, std::string_view word) {
  const auto fail = [&context](std::string_view error) {
    context.reply.Error(error);
    return std::nullopt;
  };
  const auto seconds = ParseLongDouble(word);
  if (!seconds) return fail("ERR timeout is not a float or out of range");
  const long double millis = std::ceil(*seconds * 1000);
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  // What is beyond 64 bits is negative to Redis.
  if (millis < 0 || millis > static_cast<long double>(kMost)) return fail("ERR timeout is negative");
  // It is added to a clock.
  if (static_cast<std::int64_t>(millis) > kMost - NowMs(context)) return fail("ERR timeout is out of range");
  return static_cast<std::int64_t>(millis);
}

std::string_view WhyNotWait(const Wait& wait, const Spot& spot) {
  if (wait.group.empty()) return {};
  if (!spot || spot->type() != ValueType::kStream) return "UNBLOCKED the stream key no longer exists";
  if (StreamOf(*spot).FindGroup(wait.group) != nullptr) return {};
  return "NOGROUP the consumer group this client was blocked on no longer exists";
}

void WaitOrReplyNothing(CommandContext& context, Wait wait) {
  if (!context.may_wait) return context.reply.NullArray();
  context.wait = std::move(wait);
}

}  // namespace data
