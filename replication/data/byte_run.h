// A run of bytes that is edited in the middle and wastes little: it grows by the allocator's size classes, not twofold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace data {

class ByteRun {
 public:
  ByteRun() = default;
  explicit ByteRun(std::string_view bytes) { Splice(0, 0, bytes); }
  ByteRun(const ByteRun& other) : ByteRun(other.view()) {}
  ByteRun(ByteRun&& other) noexcept;
  ByteRun& operator=(ByteRun other) noexcept;
  ~ByteRun();

  // Valid until the next change.
  std::string_view view() const { return {bytes_, size_}; }
  std::size_t size() const { return size_; }
  // Memory beyond the object itself.
  std::size_t bytes() const { return capacity_; }

  // Puts `fresh`, which must not lie in this run, in place of `count` bytes from `at` on. O(size).
  void Splice(std::size_t at, std::size_t count, std::string_view fresh);
  // Makes room in place of `count` bytes from `at` on, to be written before anything else.
  char* SpliceRoom(std::size_t at, std::size_t count, std::size_t fresh);

 private:
  char* bytes_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace data
