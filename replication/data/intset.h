// Small sets of integers in one run of bytes: the intset of Redis, byte for byte, so that an RDB file carries it as it
// is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/base/result.h"

namespace data {

// Reads an intset. Cheap to copy; valid as long as its bytes are neither moved nor changed.
//
// Layout: bytes of a number (u32 LE: 2, 4 or 8), how many there are (u32 LE), the numbers, little endian, ascending.
// Source: spec "Packed blobs"; DUMP payloads of a running redis-server 7.0.
class IntsetView {
 public:
  // `bytes` must be a valid intset: one of ours, or accepted by CheckIntset().
  explicit IntsetView(std::string_view bytes) : bytes_(bytes) {}

  std::size_t size() const;
  // `index` is below size().
  std::int64_t At(std::size_t index) const;
  bool Contains(std::int64_t value) const;
  // The index of the first number that is not less; size() when all are. O(log size).
  std::size_t LowerBound(std::int64_t value) const;

 private:
  friend class Intset;
  static constexpr std::size_t kHead = 8;
  std::size_t width() const;

  std::string_view bytes_;
};

// An intset that can be changed: O(bytes). Its numbers become wider when one needs it, and never narrower again.
class Intset {
 public:
  // Without numbers.
  Intset();
  // `bytes` must be a valid intset. Give its string in and Take() it out to change one without a copy.
  explicit Intset(std::string bytes) : bytes_(std::move(bytes)) {}

  IntsetView view() const { return IntsetView(bytes_); }
  std::string Take() { return std::move(bytes_); }

  // False when it is there already.
  bool Add(std::int64_t value);
  // False when it is not there.
  bool Erase(std::int64_t value);

 private:
  void Widen(std::size_t width);
  void SetSize(std::size_t size);

  std::string bytes_;
};

// Is this an intset, to the last byte? For bytes from files and clients. kInvalid: no, and the text has the position
// and the reason. O(bytes).
base::Result<void> CheckIntset(std::string_view bytes);

}  // namespace data
