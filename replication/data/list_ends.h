// Taking elements from the ends of lists and putting them there: what commands that wait and those that do not share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/data/command.h"

namespace data {

enum class End { kLeft, kRight };
// LEFT or RIGHT, or the error has been answered.
std::optional<End> EndOrReply(CommandContext& context, std::string_view word);

// The spot must be empty or hold a list; the last of `elements` will stand at the very end.
void PushTo(CommandContext& context, const Spot& spot, std::string_view key, std::span<const std::string_view> elements,
            End end);
// The spot must hold a list with at least `count` elements, at least one. The outermost comes first.
std::vector<std::string> PopFrom(CommandContext& context, const Spot& spot, std::string_view key, std::uint64_t count,
                                 End end);
// Tells of elements that have been popped: not done by PopFrom(), since LMOVE tells of the push first.
void NotifyPopped(CommandContext& context, std::string_view key, End end);

// Moves one element, and answers it with its effect pushed as sent; or answers an error, or nothing when there is no
// list to take it from. `effect`: the words of the effect instead of those of the request.
enum class Moved { kDone, kNothingThere, kError };
Moved MoveElement(CommandContext& context, std::string_view from_key, std::string_view to_key, End from, End to,
                  std::span<const std::string_view> effect = {});

// "<number> <key> ... LEFT|RIGHT [COUNT <count>]", from words[at] on, or the error has been answered.
struct MultiPop {
  std::span<const std::string_view> keys;
  End end = End::kLeft;
  std::uint64_t count = 1;
};
std::optional<MultiPop> ReadMultiPop(CommandContext& context, const serve::Words& words, std::size_t at);
// Pops from the first of the lists that is there, and answers the key and what was popped. False, and nothing is
// answered, when there is none.
bool PopFirstOf(CommandContext& context, const MultiPop& request);

}  // namespace data
