#include "replication/data/random_pick.h"

#include <limits>

#include "replication/base/text.h"
#include "replication/data/lookup.h"

namespace data {

std::optional<RandomPick> ReadRandomPick(CommandContext& context, const serve::Words& words, std::string_view more) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto count = RangeOrReply(context, words[2], -kMax, kMax);
  if (!count) return std::nullopt;
  const bool with_more = words.size() > 3;
  if (words.size() > 4 || (with_more && (more.empty() || !base::EqualsIgnoreCase(words[3], more)))) {
    context.reply.Error(kSyntaxError);
    return std::nullopt;
  }
  if (with_more && (*count < -kMax / 2 || *count > kMax / 2)) {
    context.reply.Error("ERR value is out of range");
    return std::nullopt;
  }
  return RandomPick{*count, with_more};
}

}  // namespace data
