// LCS: what two texts have in common, in order.
#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

struct LcsOptions {
  bool length = false;
  bool ranges = false;
  bool with_lengths = false;
  std::int64_t least = 0;  // ranges that are shorter are not told
};

// Where `a` and `b` agree: positions of first and last bytes.
struct CommonRange {
  std::size_t a_first, a_last, b_first, b_last;
  std::size_t size() const { return a_last - a_first + 1; }
};

// The longest common subsequence, by the textbook's table of lengths. Of the table only two rows are kept, and of the
// others one bit a cell, which is all that the way back needs: 1/32 of what the lengths would take. O(a * b) time.
class LengthTable {
 public:
  LengthTable(std::string_view a, std::string_view b, bool with_way_back)
      : a_(a), b_(b), up_is_longer_(with_way_back ? (a.size() + 1) * Stride() : 0) {
    std::vector<std::uint32_t> above(b.size() + 1);
    std::vector<std::uint32_t> row(b.size() + 1);
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const bool up = above[j] > row[j - 1];
        row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
        if (with_way_back && up) up_is_longer_[i * Stride() + j / 64] |= std::uint64_t{1} << (j % 64);
      }
      std::swap(row, above);
    }
    length_ = above[b.size()];
  }

  std::size_t length() const { return length_; }
  bool UpIsLonger(std::size_t i, std::size_t j) const {
    return (up_is_longer_[i * Stride() + j / 64] >> (j % 64) & 1) != 0;
  }

  // The subsequence, and where it stands, the last range first.
  std::string Read(std::vector<CommonRange>& ranges) const {
    std::string common(length_, '\0');
    std::size_t left = length_;
    for (std::size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] != b_[j - 1]) {
        --(UpIsLonger(i, j) ? i : j);
        continue;
      }
      common[--left] = a_[i - 1];
      if (!ranges.empty() && ranges.back().a_first == i && ranges.back().b_first == j) {
        ranges.back().a_first = i - 1;
        ranges.back().b_first = j - 1;
      } else {
        ranges.push_back({i - 1, i - 1, j - 1, j - 1});
      }
      --i;
      --j;
    }
    return common;
  }

 private:
  std::size_t Stride() const { return b_.size() / 64 + 1; }

  std::string_view a_;
  std::string_view b_;
  std::vector<std::uint64_t> up_is_longer_;
  std::size_t length_ = 0;
};

bool ReadOptions(CommandContext& context, const Words& words, LcsOptions& options) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (base::EqualsIgnoreCase(words[i], "idx")) {
      options.ranges = true;
    } else if (base::EqualsIgnoreCase(words[i], "len")) {
      options.length = true;
    } else if (base::EqualsIgnoreCase(words[i], "withmatchlen")) {
      options.with_lengths = true;
    } else if (base::EqualsIgnoreCase(words[i], "minmatchlen") && i + 1 < words.size()) {
      const auto least = IntegerOrReply(context, words[++i]);
      if (!least) return false;
      options.least = std::max<std::int64_t>(0, *least);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (options.length && options.ranges) {
    context.reply.Error("ERR If you want both the length and indexes, please just use IDX.");
    return false;
  }
  return true;
}

void ReplyRanges(resp::ReplyWriter& reply, const std::vector<CommonRange>& ranges, const LcsOptions& options) {
  const auto told = [&options](const CommonRange& range) {
    return static_cast<std::int64_t>(range.size()) >= options.least;
  };
  const auto pair = [&reply](std::size_t first, std::size_t last) {
    reply.Array(2);
    reply.Integer(static_cast<std::int64_t>(first));
    reply.Integer(static_cast<std::int64_t>(last));
  };
  reply.Bulk("matches");
  reply.Array(static_cast<std::size_t>(std::ranges::count_if(ranges, told)));
  for (const CommonRange& range : ranges) {
    if (!told(range)) continue;
    reply.Array(options.with_lengths ? 3 : 2);
    pair(range.a_first, range.a_last);
    pair(range.b_first, range.b_last);
    if (options.with_lengths) reply.Integer(static_cast<std::int64_t>(range.size()));
  }
}

}  // namespace

void Lcs(CommandContext& context, const Words& words) {
  const Spot spots[] = {Lookup(context, words[1], Use::kRead), Lookup(context, words[2], Use::kRead)};
  for (const Spot& spot : spots) {
    if (spot && spot->type() != ValueType::kString) {
      return context.reply.Error("ERR The specified keys must contain string values");
    }
  }
  LcsOptions options;
  if (!ReadOptions(context, words, options)) return;
  IntText buffers[2];
  const std::string_view a = spots[0] ? spots[0]->Text(buffers[0]) : "";
  const std::string_view b = spots[1] ? spots[1]->Text(buffers[1]) : "";
  // The limit is that of a server which keeps the whole table.
  if ((a.size() + 1) * (b.size() + 1) > context.proto_max_bulk_len / sizeof(std::uint32_t)) {
    return context.reply.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  const LengthTable table(a, b, !options.length);
  if (options.length) return context.reply.Integer(static_cast<std::int64_t>(table.length()));
  std::vector<CommonRange> ranges;
  const std::string common = table.Read(ranges);
  if (!options.ranges) return context.reply.Bulk(common);
  context.reply.Map(2);
  ReplyRanges(context.reply, ranges, options);
  context.reply.Bulk("len");
  context.reply.Integer(static_cast<std::int64_t>(table.length()));
}

}  // namespace data
