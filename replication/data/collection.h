// Lists, sets, hashes, sorted sets and streams: packed while they are small, trees when they are large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace data {

// A collection too large to be packed.
class Collection {
 public:
  Collection() = default;
  Collection(const Collection&) = default;
  Collection& operator=(const Collection&) = delete;
  virtual ~Collection() = default;

  // What it holds now, for a snapshot or for COPY: nobody notices later changes of the other. O(1). The copy may be
  // read and destroyed by another thread.
  virtual std::unique_ptr<Collection> Copy() const = 0;
  // Memory, the object itself included. O(1).
  virtual std::size_t bytes() const = 0;
};

// How the bytes of a value that is no tree are to be understood.
enum class Packing : std::uint8_t {
  kText,      // a string
  kEdited,    // a string that was edited in place: OBJECT ENCODING then says "raw" however short it is
  kListpack,  // listpack.h
  kIntset,    // intset.h
};

// Up to where collections are packed. Names and defaults as redis.conf has them.
struct PackingLimits {
  std::size_t hash_entries = 512;    // hash-max-listpack-entries
  std::size_t hash_value = 64;       // hash-max-listpack-value: bytes of the longest field or value
  std::int64_t list_size = -2;       // list-max-listpack-size: see ListLimits
  std::size_t set_intset = 512;      // set-max-intset-entries
  std::size_t zset_entries = 128;    // zset-max-listpack-entries
  std::size_t zset_value = 64;       // zset-max-listpack-value: bytes of the longest member
  std::size_t stream_bytes = 4096;   // stream-node-max-bytes; 0: no limit
  std::size_t stream_entries = 100;  // stream-node-max-entries; 0: no limit
  std::size_t hll_sparse = 3000;     // hll-sparse-max-bytes: a HyperLogLog beyond it becomes dense
};

// A collection taken out of its entry, to be changed (Keyspace::Change()).
struct Contents {
  Packing packing = Packing::kListpack;
  std::string packed;                // without `tree`; empty for a new key
  std::unique_ptr<Collection> tree;  // of the class that belongs to the type
};

}  // namespace data
