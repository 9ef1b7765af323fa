// The names of things: run ids, replication ids, epochs, offsets, addresses. Distinct types, so that a vote
// cannot be passed where an offset goes.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "replication/base/result.h"

namespace base {

// Forty lower-case hexadecimal digits. An empty one means "unknown".
template <class Tag>
struct HexId {
  std::string hex;

  static constexpr std::size_t kLength = 40;

  bool empty() const { return hex.empty(); }
  auto operator<=>(const HexId&) const = default;
};

// Names one run of one process; a sentinel's own id survives restarts.
using RunId = HexId<struct RunIdTag>;
// Names one history of writes (INFO master_replid).
using ReplicationId = HexId<struct ReplicationIdTag>;

bool IsHexId(std::string_view text);

// Upper case is accepted and lowered. kInvalid unless there are exactly forty hexadecimal digits.
template <class Id>
Result<Id> ParseHexId(std::string_view text) {
  if (!IsHexId(text)) return Fail(ErrorCode::kInvalid, "expected 40 hexadecimal digits");
  Id id{std::string(text)};
  for (char& c : id.hex) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return id;
}

// A sentinel's election clock, or the version of a master's address. Grows only.
struct Epoch {
  std::uint64_t value = 0;

  Epoch Next() const { return Epoch{value + 1}; }
  auto operator<=>(const Epoch&) const = default;
};

// Position in a replication stream: offset N means that bytes 1..N have been seen. -1: unknown.
using Offset = std::int64_t;

struct Endpoint {
  std::string host;  // an address or a name, without brackets
  std::uint16_t port = 0;

  bool empty() const { return host.empty(); }
  // "127.0.0.1:6379", "[::1]:6379".
  std::string ToString() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace base
