// Strings as rows of bits.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "replication/base/text.h"
#include "replication/data/bit_offset.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {

std::optional<std::uint64_t> BitOffsetOrReply(CommandContext& context, std::string_view word, int hash_bits) {
  constexpr std::string_view kBadOffset = "ERR bit offset is not an integer or out of range";
  const bool counted = hash_bits > 0 && word.starts_with('#');
  if (counted) word.remove_prefix(1);
  auto offset = IntegerOrReply(context, word, kBadOffset);
  if (!offset) return std::nullopt;
  std::int64_t bits = *offset;
  const bool overflows = counted && __builtin_mul_overflow(bits, std::int64_t{hash_bits}, &bits);
  if (overflows || bits < 0 || static_cast<std::uint64_t>(bits) >> 3 >= LongestString(context)) {
    context.reply.Error(kBadOffset);
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(bits);
}

namespace {

using base::EqualsIgnoreCase;

bool BitAt(std::string_view text, std::uint64_t offset) {
  const std::uint64_t byte = offset >> 3;
  return byte < text.size() && (static_cast<std::uint8_t>(text[byte]) >> (7 - (offset & 7)) & 1) != 0;
}

void SetBit(CommandContext& context, const Words& words) {
  constexpr std::string_view kBadBit = "ERR bit is not an integer or out of range";
  const auto offset = BitOffsetOrReply(context, words[2], 0);
  if (!offset) return;
  const auto value = IntegerOrReply(context, words[3], kBadBit);
  if (!value) return;
  if (*value != 0 && *value != 1) return context.reply.Error(kBadBit);
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!StringOrNothing(context, spot)) return;

  IntText buffer;
  const std::string_view text = spot ? spot->Text(buffer) : std::string_view();
  const std::size_t at = *offset >> 3;
  const bool before = BitAt(text, *offset);
  const bool after = *value == 1;
  if (!spot || at >= text.size() || before != after) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (*offset & 7));
    const auto old = at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0};
    const auto byte = static_cast<char>(after ? old | mask : old & ~mask);
    if (spot) {
      context.keyspace.Overwrite(spot, at, {&byte, 1});
    } else {
      std::string fresh(at, '\0');
      fresh.push_back(byte);
      context.keyspace.Set(spot, words[1], fresh, kNever, Form::kEdited);
    }
    Notify(context, kStringEvent, "setbit", words[1]);
    PushAsSent(context);
  }
  context.reply.Integer(before ? 1 : 0);
}

void GetBit(CommandContext& context, const Words& words) {
  const auto offset = BitOffsetOrReply(context, words[2], 0);
  if (!offset) return;
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!StringOrNothing(context, spot)) return;
  IntText buffer;
  context.reply.Integer(spot && BitAt(spot->Text(buffer), *offset) ? 1 : 0);
}

// Some bits of a string, from the `first` to the `last`, both included; none when first > last.
struct BitRange {
  std::int64_t first = 0;
  std::int64_t last = -1;
};

// Of a string of `size` bytes; negative ends count from its end.
BitRange RangeOf(std::int64_t start, std::int64_t end, bool in_bits, std::size_t size) {
  const auto total = static_cast<std::int64_t>(in_bits ? size * 8 : size);
  if (start < 0) start = std::max<std::int64_t>(0, total + start);
  if (end < 0) end = std::max<std::int64_t>(0, total + end);
  end = std::min(end, total - 1);
  if (start > end) return {};
  return in_bits ? BitRange{start, end} : BitRange{start * 8, end * 8 + 7};
}

// BYTE or BIT, or a syntax error has been answered.
std::optional<bool> InBitsOrReply(CommandContext& context, std::string_view word) {
  if (EqualsIgnoreCase(word, "bit")) return true;
  if (EqualsIgnoreCase(word, "byte")) return false;
  context.reply.Error(kSyntaxError);
  return std::nullopt;
}

std::uint64_t Load64(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

std::int64_t CountBits(std::string_view text, BitRange range) {
  if (range.first > range.last) return 0;
  const auto first = static_cast<std::size_t>(range.first >> 3);
  const auto last = static_cast<std::size_t>(range.last >> 3);
  std::int64_t count = 0;
  std::size_t at = first;
  for (; at + 8 <= last + 1; at += 8) count += std::popcount(Load64(text.data() + at));
  for (; at <= last; ++at) count += std::popcount(static_cast<std::uint8_t>(text[at]));
  // What the outer bytes hold beyond the range.
  const auto head = static_cast<unsigned>(range.first & 7);
  const auto tail = static_cast<unsigned>(7 - (range.last & 7));
  count -= std::popcount(static_cast<unsigned>(static_cast<std::uint8_t>(text[first])) & ~(0xffU >> head) & 0xffU);
  count -= std::popcount(static_cast<unsigned>(static_cast<std::uint8_t>(text[last])) & ((1U << tail) - 1));
  return count;
}

void BitCount(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!StringOrNothing(context, spot)) return;
  if (!spot) return context.reply.Integer(0);
  IntText buffer;
  const std::string_view text = spot->Text(buffer);
  if (words.size() == 2) return context.reply.Integer(CountBits(text, RangeOf(0, -1, false, text.size())));
  if (words.size() != 4 && words.size() != 5) return context.reply.Error(kSyntaxError);
  const auto start = IntegerOrReply(context, words[2]);
  const auto end = start ? IntegerOrReply(context, words[3]) : std::nullopt;
  if (!end) return;
  if (*start < 0 && *end < 0 && *start > *end) return context.reply.Integer(0);
  const auto in_bits = words.size() == 5 ? InBitsOrReply(context, words[4]) : false;
  if (!in_bits) return;
  context.reply.Integer(CountBits(text, RangeOf(*start, *end, *in_bits, text.size())));
}

// The first bit in the range that is `bit`; -1 when there is none.
std::int64_t FindBit(std::string_view text, BitRange range, bool bit) {
  std::int64_t at = range.first;
  const char skipped = bit ? '\0' : '\xff';
  while (at <= range.last) {
    // Whole bytes without such a bit are passed over.
    if ((at & 7) == 0 && at + 7 <= range.last && text[static_cast<std::size_t>(at >> 3)] == skipped) {
      at += 8;
      continue;
    }
    if (BitAt(text, static_cast<std::uint64_t>(at)) == bit) return at;
    ++at;
  }
  return -1;
}

void BitPos(CommandContext& context, const Words& words) {
  const auto wanted = IntegerOrReply(context, words[2]);
  if (!wanted) return;
  if (*wanted != 0 && *wanted != 1) return context.reply.Error("ERR The bit argument must be 1 or 0.");
  const bool bit = *wanted == 1;
  const Spot spot = Lookup(context, words[1], Use::kRead);
  // A key that is not there is zeros without end.
  if (!spot) return context.reply.Integer(bit ? -1 : 0);
  if (!StringOrNothing(context, spot)) return;
  if (words.size() > 6) return context.reply.Error(kSyntaxError);
  std::int64_t start = 0;
  std::int64_t end = -1;
  bool in_bits = false;
  if (words.size() > 3) {
    const auto value = IntegerOrReply(context, words[3]);
    if (!value) return;
    start = *value;
  }
  if (words.size() == 6) {
    const auto unit = InBitsOrReply(context, words[5]);
    if (!unit) return;
    in_bits = *unit;
  }
  if (words.size() > 4) {
    const auto value = IntegerOrReply(context, words[4]);
    if (!value) return;
    end = *value;
  }
  IntText buffer;
  const std::string_view text = spot->Text(buffer);
  const BitRange range = RangeOf(start, end, in_bits, text.size());
  if (range.first > range.last) return context.reply.Integer(-1);
  std::int64_t at = FindBit(text, range, bit);
  // Without an end, what stands behind the string is zero.
  if (at < 0 && !bit && words.size() <= 4) at = static_cast<std::int64_t>(text.size() * 8);
  context.reply.Integer(at);
}

enum class Operation { kAnd, kOr, kXor, kNot };

std::string Combined(Operation operation, const std::vector<std::string>& sources) {
  std::size_t size = 0;
  for (const std::string& source : sources) size = std::max(size, source.size());
  // Shorter ones end in zeros.
  std::string result = sources.front();
  result.resize(size, '\0');
  if (operation == Operation::kNot) {
    for (char& byte : result) byte = static_cast<char>(~byte);
  }
  for (std::size_t i = 1; i < sources.size(); ++i) {
    const std::string& source = sources[i];
    for (std::size_t at = 0; at < source.size(); ++at) {
      if (operation == Operation::kAnd) result[at] = static_cast<char>(result[at] & source[at]);
      if (operation == Operation::kOr) result[at] = static_cast<char>(result[at] | source[at]);
      if (operation == Operation::kXor) result[at] = static_cast<char>(result[at] ^ source[at]);
    }
    if (operation == Operation::kAnd)
      std::fill(result.begin() + static_cast<std::ptrdiff_t>(source.size()), result.end(), '\0');
  }
  return result;
}

void BitOp(CommandContext& context, const Words& words) {
  Operation operation = Operation::kAnd;
  if (EqualsIgnoreCase(words[1], "and")) {
    operation = Operation::kAnd;
  } else if (EqualsIgnoreCase(words[1], "or")) {
    operation = Operation::kOr;
  } else if (EqualsIgnoreCase(words[1], "xor")) {
    operation = Operation::kXor;
  } else if (EqualsIgnoreCase(words[1], "not")) {
    operation = Operation::kNot;
  } else {
    return context.reply.Error(kSyntaxError);
  }
  if (operation == Operation::kNot && words.size() != 4) {
    return context.reply.Error("ERR BITOP NOT must be called with a single source key.");
  }
  std::vector<std::string> sources;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const Spot spot = Lookup(context, words[i], Use::kRead);
    if (!StringOrNothing(context, spot)) return;
    IntText buffer;
    sources.emplace_back(spot ? spot->Text(buffer) : std::string_view());
  }
  const std::string result = Combined(operation, sources);
  const Spot target = Lookup(context, words[2], Use::kWrite);
  if (!result.empty()) {
    context.keyspace.Set(target, words[2], result, kNever, Form::kEdited);
    Notify(context, kStringEvent, "set", words[2]);
    PushAsSent(context);
  } else if (target) {
    context.keyspace.Erase(target);
    Notify(context, kGenericEvent, "del", words[2]);
    PushAsSent(context);
  }
  context.reply.Integer(static_cast<std::int64_t>(result.size()));
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"bitcount",
      -2,
      kReadonly,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Count set bits in a string",
      "<key> [<start> <end> [BYTE|BIT]]"},
     &BitCount},
    {{"bitop",
      -4,
      kWrite | kDenyOom,
      {2, -1, 1},
      kCatBitmap,
      "bitmap",
      "Perform bitwise operations between strings",
      "AND|OR|XOR|NOT <destkey> <key> [<key> ...]"},
     &BitOp},
    {{"bitpos",
      -3,
      kReadonly,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Find first bit set or clear in a string",
      "<key> <bit> [<start> [<end> [BYTE|BIT]]]"},
     &BitPos},
    {{"getbit",
      3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Returns the bit value at offset in the string value stored at key",
      "<key> <offset>"},
     &GetBit},
    {{"setbit",
      4,
      kWrite | kDenyOom,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Sets or clears the bit at offset in the string value stored at key",
      "<key> <offset> <value>"},
     &SetBit},
};

}  // namespace

std::span<const DataCommand> BitCommands() {
  return kCommands;
}

}  // namespace data
