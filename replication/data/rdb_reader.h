// An RDB file into a keyspace, as its bytes arrive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "replication/data/bulk_load.h"
#include "replication/data/keyspace.h"
#include "replication/data/rdb_cursor.h"
#include "replication/data/rdb_stream_reader.h"
#include "replication/data/rdb_writer.h"

namespace data {

struct RdbReadOptions {
  // A master that loads its own file leaves out keys whose time has come by `now`; a replica keeps them.
  bool drop_expired = false;
  UnixMs now = 0;
};

// What the file said of itself.
struct RdbFacts {
  int version = 0;
  std::map<std::string, std::string> aux;  // every auxiliary field, by name
  // From repl-stream-db, repl-id and repl-offset, when the last two are there and make sense.
  std::optional<RdbReplication> replication;
  std::uint64_t keys_loaded = 0;
  std::uint64_t keys_expired = 0;  // left out because of drop_expired
  bool checksummed = false;        // the file had a checksum, and it was right
};

// Reads versions 1 to 12. What cannot be kept faithfully is refused: silent loss would be divergence.
// Source: the RDB files of running servers; spec: RDB FORMAT.
class RdbReader {
 public:
  // `into` must be empty and private to the reader; after an error it holds a part of the file and is of no use. Keys
  // count as used at its clock.
  explicit RdbReader(Keyspace& into, RdbReadOptions options = {});

  // Takes the next bytes and returns how many of them belong to the file: all, unless the file ends among them.
  // kInvalid: damaged or not supported; the text has the offset and the reason, and the reader stays in error.
  base::Result<std::size_t> Feed(std::string_view bytes);

  // The whole file was read and its checksum, if it has one, is right.
  bool complete() const { return complete_; }
  // When there are no more bytes: kIncomplete, with the offset, unless complete().
  base::Result<void> Finish() const;

  const RdbFacts& facts() const { return facts_; }
  // Bytes of the file taken so far.
  std::uint64_t offset() const { return consumed_ + buffer_.size() - at_; }

 private:
  using Cursor = RdbCursor;
  using Outcome = RdbCursor::Outcome;

  Outcome ReadItem(Cursor& cursor);
  Outcome ReadHeader(Cursor& cursor);
  Outcome ReadKey(Cursor& cursor, std::uint8_t type);
  Outcome ReadString(Cursor& cursor, std::string_view key);
  Outcome ReadPackedHash(Cursor& cursor, std::uint8_t type, std::string_view key);
  Outcome BeginElements(Cursor& cursor, std::uint8_t type, std::string_view key);
  Outcome ReadPackedSet(Cursor& cursor, std::uint8_t type, std::string_view key);
  Outcome ReadElement(Cursor& cursor);
  Outcome ReadStreamItem(Cursor& cursor);
  Outcome ReadField(Cursor& cursor);
  Outcome ReadMember(Cursor& cursor);
  Outcome ReadPiece(Cursor& cursor);
  Outcome ReadZiplistPiece(Cursor& cursor);
  Outcome ReadScored(Cursor& cursor);
  Outcome ReadPackedZset(Cursor& cursor, std::uint8_t type, std::string_view key);
  Outcome Load(Cursor& cursor, std::string_view key, NewValue value);
  Outcome Twice(Cursor& cursor) const;
  Outcome LoadCollection(Cursor& cursor, ValueType type, std::string_view key, Contents contents);
  bool DropsExpired();
  Outcome ReadAux(Cursor& cursor);
  Outcome ReadFunction(Cursor& cursor);
  Outcome ReadSelectDb(Cursor& cursor);
  Outcome ReadResizeDb(Cursor& cursor);
  Outcome ReadExpiry(Cursor& cursor, bool seconds);
  Outcome ReadEnd(Cursor& cursor);
  void TakeItem(std::size_t size);
  void NoteReplication();

  Keyspace& into_;
  BulkLoad keys_{into_};
  RdbReadOptions options_;
  RdbFacts facts_;
  std::string buffer_;
  std::size_t at_ = 0;          // in the buffer: where the unfinished item begins
  std::size_t needed_ = 0;      // bytes that the unfinished item is known to have at least
  std::uint64_t consumed_ = 0;  // bytes of the file before buffer_[at_]
  std::size_t crc_at_ = 0;      // in the buffer: what lies before is in crc_
  std::uint64_t crc_ = 0;
  bool header_read_ = false;
  bool complete_ = false;
  std::optional<base::Error> error_;
  int db_ = 0;
  UnixMs expires_at_ = kNever;         // of the next key
  std::optional<std::uint64_t> idle_;  // seconds, of the next key
  std::optional<std::uint8_t> frequency_;
  // A collection that is written element by element: each of them is an item, so that a large one need not be in
  // memory twice.
  struct Filling {
    std::uint8_t type;
    std::string key;
    std::uint64_t left;  // elements
    Contents contents;
    std::unique_ptr<RdbStreamReader> stream;  // of a stream; nothing else is used then
  };
  std::optional<Filling> filling_;
  std::vector<std::string> functions_;
  std::string key_scratch_;
  std::string value_scratch_;
};

}  // namespace data
