#include "replication/data/byte_run.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "replication/base/check.h"
#include "replication/data/entry.h"

namespace data {

ByteRun::ByteRun(ByteRun&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

ByteRun& ByteRun::operator=(ByteRun other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

ByteRun::~ByteRun() {
  std::free(bytes_);
}

void ByteRun::Splice(std::size_t at, std::size_t count, std::string_view fresh) {
  char* room = SpliceRoom(at, count, fresh.size());
  if (!fresh.empty()) std::memcpy(room, fresh.data(), fresh.size());
}

char* ByteRun::SpliceRoom(std::size_t at, std::size_t count, std::size_t fresh) {
  VIGIL_CHECK(at + count <= size_);
  const std::size_t size = size_ - count + fresh;
  VIGIL_CHECK(size <= kMaxStringBytes);
  const std::size_t behind = size_ - at - count;
  // A run that shrinks gives memory back once half of it would be wasted.
  const bool wasteful = capacity_ > 64 && size < capacity_ / 2;
  if (size > capacity_ && count < fresh) {
    const std::size_t wanted = AllocatedSize(size);
    char* larger = static_cast<char*>(std::realloc(bytes_, wanted));
    if (larger == nullptr) throw std::bad_alloc();
    bytes_ = larger;
    capacity_ = static_cast<std::uint32_t>(wanted);
  }
  if (behind != 0 && count != fresh) std::memmove(bytes_ + at + fresh, bytes_ + at + count, behind);
  if (wasteful) {
    const std::size_t wanted = size == 0 ? 8 : AllocatedSize(size);
    if (char* smaller = static_cast<char*>(std::realloc(bytes_, wanted)); smaller != nullptr) {
      bytes_ = smaller;
      capacity_ = static_cast<std::uint32_t>(wanted);
    }
  }
  size_ = static_cast<std::uint32_t>(size);
  return bytes_ + at;
}

}  // namespace data
