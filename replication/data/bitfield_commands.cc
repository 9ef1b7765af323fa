// Integers of any width within strings.
#include <algorithm>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/bit_offset.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

__extension__ using Wide = __int128;

enum class Overflow { kWrap, kSaturate, kFail };

struct FieldType {
  bool is_signed = false;
  int bits = 0;
};

struct Operation {
  enum class Kind { kGet, kSet, kIncrement } kind = Kind::kGet;
  FieldType type;
  std::uint64_t offset = 0;
  std::int64_t value = 0;
  Overflow overflow = Overflow::kWrap;
};

std::optional<FieldType> ParseType(std::string_view word) {
  if (!word.starts_with('i') && !word.starts_with('u')) return std::nullopt;
  const bool is_signed = word[0] == 'i';
  const auto bits = base::ParseInt<std::int64_t>(word.substr(1));
  if (!bits || *bits < 1 || *bits > (is_signed ? 64 : 63)) return std::nullopt;
  return FieldType{is_signed, static_cast<int>(*bits)};
}

// False when an error has been answered. `write_end`: one more than the last bit that is written; 0: none is.
bool ReadOperations(CommandContext& context, const Words& words, std::vector<Operation>& operations,
                    std::uint64_t& write_end) {
  Overflow overflow = Overflow::kWrap;
  std::size_t at = 2;
  while (at < words.size()) {
    const std::size_t behind = words.size() - at - 1;
    Operation operation;
    if (behind >= 2 && EqualsIgnoreCase(words[at], "get")) {
      operation.kind = Operation::Kind::kGet;
    } else if (behind >= 3 && EqualsIgnoreCase(words[at], "set")) {
      operation.kind = Operation::Kind::kSet;
    } else if (behind >= 3 && EqualsIgnoreCase(words[at], "incrby")) {
      operation.kind = Operation::Kind::kIncrement;
    } else if (behind >= 1 && EqualsIgnoreCase(words[at], "overflow")) {
      if (EqualsIgnoreCase(words[at + 1], "wrap")) {
        overflow = Overflow::kWrap;
      } else if (EqualsIgnoreCase(words[at + 1], "sat")) {
        overflow = Overflow::kSaturate;
      } else if (EqualsIgnoreCase(words[at + 1], "fail")) {
        overflow = Overflow::kFail;
      } else {
        context.reply.Error("ERR Invalid OVERFLOW type specified");
        return false;
      }
      at += 2;
      continue;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
    const auto type = ParseType(words[at + 1]);
    if (!type) {
      context.reply.Error(
          "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
      return false;
    }
    const auto offset = BitOffsetOrReply(context, words[at + 2], type->bits);
    if (!offset) return false;
    operation.type = *type;
    operation.offset = *offset;
    operation.overflow = overflow;
    at += 3;
    if (operation.kind != Operation::Kind::kGet) {
      const auto value = IntegerOrReply(context, words[at++]);
      if (!value) return false;
      operation.value = *value;
      write_end = std::max(write_end, *offset + static_cast<std::uint64_t>(type->bits));
    }
    operations.push_back(operation);
  }
  return true;
}

// Bits beyond the end of the string are 0.
std::uint64_t ReadBits(std::string_view text, std::uint64_t offset, int bits) {
  std::uint64_t value = 0;
  for (int i = 0; i < bits; ++i, ++offset) {
    const std::uint64_t byte = offset >> 3;
    const unsigned bit = byte < text.size() ? static_cast<std::uint8_t>(text[byte]) >> (7 - (offset & 7)) & 1U : 0U;
    value = value << 1 | bit;
  }
  return value;
}

void WriteBits(std::string& text, std::uint64_t offset, int bits, std::uint64_t value) {
  for (int i = bits - 1; i >= 0; --i, ++offset) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (offset & 7));
    auto byte = static_cast<std::uint8_t>(text[offset >> 3]);
    byte = static_cast<std::uint8_t>((value >> i & 1) != 0 ? byte | mask : byte & ~mask);
    text[offset >> 3] = static_cast<char>(byte);
  }
}

std::int64_t AsNumber(FieldType type, std::uint64_t raw) {
  const int shift = 64 - type.bits;
  if (!type.is_signed) return static_cast<std::int64_t>(raw << shift >> shift);
  return static_cast<std::int64_t>(raw << shift) >> shift;
}

// What is kept of a number too large or too small for its field; nothing when it fails.
std::optional<std::int64_t> Fitted(const Operation& operation, Wide value) {
  const FieldType type = operation.type;
  const Wide max = (Wide{1} << (type.is_signed ? type.bits - 1 : type.bits)) - 1;
  const Wide min = type.is_signed ? -max - 1 : 0;
  if (value >= min && value <= max) return static_cast<std::int64_t>(value);
  switch (operation.overflow) {
    case Overflow::kWrap:
      return AsNumber(type, static_cast<std::uint64_t>(value));
    case Overflow::kSaturate:
      return static_cast<std::int64_t>(value > max ? max : min);
    case Overflow::kFail:
      break;
  }
  return std::nullopt;
}

// One that writes, on a string that is long enough.
void Write(CommandContext& context, const Operation& operation, std::string& text, bool& changed) {
  const FieldType type = operation.type;
  const std::int64_t old = AsNumber(type, ReadBits(text, operation.offset, type.bits));
  Wide wanted = operation.value;
  if (operation.kind == Operation::Kind::kIncrement) {
    wanted += old;
  } else if (!type.is_signed) {
    wanted = static_cast<std::uint64_t>(operation.value);  // a negative one is very large
  }
  const auto fitted = Fitted(operation, wanted);
  if (!fitted) return context.reply.Null();
  context.reply.Integer(operation.kind == Operation::Kind::kSet ? old : *fitted);
  if (*fitted == old) return;
  WriteBits(text, operation.offset, type.bits, static_cast<std::uint64_t>(*fitted));
  changed = true;
}

void Run(CommandContext& context, const Words& words, bool read_only) {
  std::vector<Operation> operations;
  std::uint64_t write_end = 0;
  if (!ReadOperations(context, words, operations, write_end)) return;
  if (write_end > 0 && read_only) return context.reply.Error("ERR BITFIELD_RO only supports the GET subcommand");
  const Spot spot = Lookup(context, words[1], write_end > 0 ? Use::kWrite : Use::kRead);
  if (!StringOrNothing(context, spot)) return;

  IntText buffer;
  context.reply.Array(operations.size());
  if (write_end == 0) {
    const std::string_view text = spot ? spot->Text(buffer) : std::string_view();
    for (const Operation& operation : operations) {
      context.reply.Integer(AsNumber(operation.type, ReadBits(text, operation.offset, operation.type.bits)));
    }
    return;
  }
  std::string text(spot ? spot->Text(buffer) : std::string_view());
  const std::size_t needed = (write_end + 7) / 8;
  // A string that has grown has changed, even if nothing else did.
  bool changed = !spot || text.size() < needed;
  if (text.size() < needed) text.resize(needed, '\0');
  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kGet) {
      context.reply.Integer(AsNumber(operation.type, ReadBits(text, operation.offset, operation.type.bits)));
    } else {
      Write(context, operation, text, changed);
    }
  }
  if (!changed) return;
  context.keyspace.Set(spot, words[1], text, spot ? spot->expires_at() : kNever, Form::kEdited);
  Notify(context, kStringEvent, "setbit", words[1]);
  PushAsSent(context);
}

void BitField(CommandContext& context, const Words& words) {
  Run(context, words, false);
}

void BitFieldRo(CommandContext& context, const Words& words) {
  Run(context, words, true);
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"bitfield",
      -2,
      kWrite | kDenyOom,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Perform arbitrary bitfield integer operations on strings",
      "<key> [(GET <encoding> <offset>)|([OVERFLOW WRAP|SAT|FAIL] (SET <encoding> <offset> <value>)|(INCRBY <encoding> "
      "<offset> <increment>)) ...]"},
     &BitField},
    {{"bitfield_ro",
      -2,
      kReadonly | kFast,
      {1, 1, 1},
      kCatBitmap,
      "bitmap",
      "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
      "<key> [GET <encoding> <offset> ...]"},
     &BitFieldRo},
};

}  // namespace

std::span<const DataCommand> BitFieldCommands() {
  return kCommands;
}

}  // namespace data
