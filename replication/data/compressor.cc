#include "replication/data/compressor.h"

#include <liblzf/lzf.h>

#include <bit>
#include <limits>

#include "replication/data/rdb_parts.h"

namespace data {
namespace {

constexpr std::size_t kWorthCompressing = 21;  // shorter texts hardly shrink
constexpr std::size_t kLeastGain = 4;

}  // namespace

bool Compressor::Append(std::string& out, std::string_view text) {
  if (effort_ == Effort::kNone || text.size() < kWorthCompressing || text.size() > std::numeric_limits<unsigned>::max())
    return false;
  Kind& kind = kinds_[static_cast<std::size_t>(std::bit_width(text.size()))];
  if (effort_ == Effort::kWorthwhile && kind.in_vain == kInVain && kind.passed_over < kPassedOver) {
    ++kind.passed_over;
    return false;
  }
  kind.passed_over = 0;

  const std::size_t room = text.size() - kLeastGain;
  if (scratch_.size() < room) scratch_.resize(room);
  const unsigned size =
      lzf_compress(text.data(), static_cast<unsigned>(text.size()), scratch_.data(), static_cast<unsigned>(room));
  if (size == 0) {
    if (kind.in_vain < kInVain) ++kind.in_vain;
    return false;
  }
  kind.in_vain = 0;
  rdb::AppendStringForm(out, rdb::kLzf);
  rdb::AppendLength(out, size);
  rdb::AppendLength(out, text.size());
  out.append(scratch_, 0, size);
  return true;
}

}  // namespace data
