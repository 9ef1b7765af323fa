#include "replication/data/intset.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "replication/base/check.h"

namespace data {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kWidthAt = 0;
constexpr std::size_t kSizeAt = 4;

template <class T>
T Load(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::int64_t Number(std::string_view bytes, std::size_t at, std::size_t width) {
  switch (width) {
    case 2:
      return Load<std::int16_t>(bytes, at);
    case 4:
      return Load<std::int32_t>(bytes, at);
    default:
      return Load<std::int64_t>(bytes, at);
  }
}

std::size_t WidthFor(std::int64_t value) {
  if (value == static_cast<std::int16_t>(value)) return 2;
  return value == static_cast<std::int32_t>(value) ? 4 : 8;
}

}  // namespace

std::size_t IntsetView::size() const {
  return Load<std::uint32_t>(bytes_, kSizeAt);
}

std::size_t IntsetView::width() const {
  return Load<std::uint32_t>(bytes_, kWidthAt);
}

std::int64_t IntsetView::At(std::size_t index) const {
  return Number(bytes_, kHead + index * width(), width());
}

std::size_t IntsetView::LowerBound(std::int64_t value) const {
  std::size_t low = 0;
  std::size_t high = size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (At(middle) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool IntsetView::Contains(std::int64_t value) const {
  const std::size_t index = LowerBound(value);
  return index < size() && At(index) == value;
}

Intset::Intset() : bytes_(IntsetView::kHead, '\0') {
  bytes_[kWidthAt] = 2;
}

void Intset::SetSize(std::size_t size) {
  const auto count = static_cast<std::uint32_t>(size);
  std::memcpy(bytes_.data() + kSizeAt, &count, sizeof count);
}

void Intset::Widen(std::size_t width) {
  const IntsetView narrow = view();
  std::string wide(IntsetView::kHead + narrow.size() * width, '\0');
  std::memcpy(wide.data(), bytes_.data(), IntsetView::kHead);
  wide[kWidthAt] = static_cast<char>(width);
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    const std::int64_t value = narrow.At(i);  // little endian: its first bytes are the narrower number
    std::memcpy(wide.data() + IntsetView::kHead + i * width, &value, width);
  }
  bytes_ = std::move(wide);
}

bool Intset::Add(std::int64_t value) {
  const std::size_t index = view().LowerBound(value);
  const std::size_t size = view().size();
  if (index < size && view().At(index) == value) return false;
  if (WidthFor(value) > view().width()) Widen(WidthFor(value));
  const std::size_t width = view().width();
  char number[sizeof value];
  std::memcpy(number, &value, sizeof value);
  bytes_.insert(IntsetView::kHead + index * width, number, width);
  SetSize(size + 1);
  return true;
}

bool Intset::Erase(std::int64_t value) {
  const std::size_t index = view().LowerBound(value);
  const std::size_t size = view().size();
  if (index == size || view().At(index) != value) return false;
  const std::size_t width = view().width();
  bytes_.erase(IntsetView::kHead + index * width, width);
  SetSize(size - 1);
  return true;
}

base::Result<void> CheckIntset(std::string_view bytes) {
  const auto bad = [](std::size_t at, std::string_view reason) {
    return base::Fail(base::ErrorCode::kInvalid, fmt::format("intset: byte {}: {}", at, reason));
  };
  constexpr std::size_t kHead = 8;
  if (bytes.size() < kHead) return bad(0, "impossible size");
  const std::size_t width = Load<std::uint32_t>(bytes, kWidthAt);
  if (width != 2 && width != 4 && width != 8) return bad(kWidthAt, "unknown width of the numbers");
  const std::size_t size = Load<std::uint32_t>(bytes, kSizeAt);
  if (bytes.size() - kHead != size * width) return bad(kSizeAt, "wrong number of elements");
  for (std::size_t at = kHead + width; at < bytes.size(); at += width) {
    if (Number(bytes, at - width, width) >= Number(bytes, at, width)) return bad(at, "numbers are not in order");
  }
  return {};
}

}  // namespace data
