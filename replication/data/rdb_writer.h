// A snapshot as the bytes of an RDB file of version 10, which Redis 7.0 and later and Valkey load.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replication/data/compressor.h"
#include "replication/data/snapshot.h"

namespace data {

class Stream;

// Where in which history the data stands.
// Which database a stream has selected behind its last write: that of the write, until another one is selected.
struct RdbSelections {
  int db = 0;
  std::int64_t first = 0;  // the end of the first SELECT of another one; 0: there is none
  std::int64_t last = 0;   // and of the last
  bool operator==(const RdbSelections&) const = default;
};

struct RdbReplication {
  int stream_db = 0;  // the database last selected in the stream
  std::string id;     // 40 hexadecimal digits
  std::int64_t offset = 0;
  // The last byte that belongs to a write, where that is known. Ours alone: others pass over that field.
  std::optional<std::int64_t> data_end;
  // With data_end: what the stream selects behind it, up to the offset.
  std::optional<RdbSelections> selections;
};

// The facts at the head of the file.
struct RdbHead {
  std::int64_t created_at = 0;  // seconds since 1970 UTC
  std::uint64_t used_memory = 0;
  std::optional<RdbReplication> replication;
};

struct RdbOptions {
  Compressor::Effort compress = Compressor::Effort::kWorthwhile;  // rdbcompression: LZF
  bool checksum = true;  // rdbchecksum; without it eight zero bytes are written
  // What is written of the last use of keys: with a policy of eviction that goes by it, so that it goes on after a
  // restart. `clock` is Keyspace::clock() when the snapshot began.
  enum class Usage { kNone, kIdle, kFrequency };
  Usage usage = Usage::kNone;
  std::uint32_t clock = 0;
};

// Turns batches into bytes. Touches nothing but its arguments: may work on another thread.
//
// Begin, any number of Append, End; each appends to `out`, which the caller may empty in between, and whenever `full`
// is called: a single large value may be longer than what should be in memory at once. Source: the RDB files of a
// running redis-server 7.0 (format: REDIS0010).
class RdbEncoder {
 public:
  static constexpr std::size_t kPiece = 1 << 16;

  explicit RdbEncoder(RdbOptions options = {}) : options_(options), compressor_(options.compress) {}

  void Begin(const RdbHead& head, std::span<const std::string> functions, std::span<const DatabaseSize> databases,
             std::string& out);
  // `full` is called within large values whenever `out` has kPiece bytes or more.
  void Append(const Batch& batch, std::string& out, const std::function<void()>& full = {});
  void End(std::string& out);

  // Written so far.
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t keys() const { return keys_; }

 private:
  void SelectDb(int db, std::string& out);
  void AppendTree(const Batch& batch, const Batch::Record& record, std::string& out, const std::function<void()>& give);
  void AppendStream(const Stream& stream, std::string& out, const std::function<void()>& give);
  void AppendPiece(std::string_view packed, std::string& out);
  void AppendMembers(std::string_view packed, std::string& out);
  void Account(std::string_view written);

  RdbOptions options_;
  std::vector<DatabaseSize> databases_;
  int selected_db_ = -1;
  std::uint64_t crc_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t keys_ = 0;
  Compressor compressor_;
};

}  // namespace data
