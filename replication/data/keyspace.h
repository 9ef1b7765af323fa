// The data set: numbered databases of keys, and the one door through which everything that changes them goes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/random.h"
#include "replication/data/entry.h"
#include "replication/data/hash.h"
#include "replication/data/key_events.h"

namespace data {

class Snapshot;
class Table;

struct Effect;

// Told of every change, from the door: for WATCH, blocked clients and caches of clients. Called before the change takes
// place.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  virtual void KeyChanged(int db, std::string_view key) = 0;
  // What hangs on the value has changed, not the value: the groups of a stream. Who waits for the key may be served
  // otherwise now; who watches it or keeps a copy is not concerned. Source: what a stock server 7.0.15 was seen to do.
  virtual void AnnexChanged(int db, std::string_view key) { static_cast<void>(db), static_cast<void>(key); }
  // Every key of the database may have changed: FLUSHDB, SWAPDB, a full sync.
  virtual void AllChanged(int db) = 0;
  // What has happened to a key, for keyspace notifications: of the kinds asked for by set_events() only.
  virtual void KeyEvent(int db, std::uint32_t kind, std::string_view event, std::string_view key) {
    static_cast<void>(db), static_cast<void>(kind), static_cast<void>(event), static_cast<void>(key);
  }
};

// What INFO stats shows of the keyspace; CONFIG RESETSTAT sets it back.
struct KeyspaceStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t expired = 0;  // keys deleted because their time had come
  std::uint64_t evicted = 0;  // keys deleted because memory was short
};

// What the mark of an entry's last use means, and how it is kept up. Source: "Key eviction" of the Redis documentation.
struct UsageRules {
  // False: seconds of the monotonic clock, modulo 2^32. True: bits 8 to 23 are the minute in which the counter was
  // last looked at, modulo 2^16; bits 0 to 7 a counter that grows the slower the larger it is.
  bool frequency = false;
  int log_factor = 10;  // how much slower
  int decay_time = 1;   // minutes after which the counter has lost one; 0: it never does
  bool operator==(const UsageRules&) const = default;
};

// What is deleted by the server itself is told to replicas as UNLINK where it may be freed later, as DEL otherwise.
struct LazyFreeing {
  bool expire = false;      // lazyfree-lazy-expire
  bool server_del = false;  // lazyfree-lazy-server-del
};

// Tables and large collections that are gone from the data set but whose memory is not free yet: destroy it where that
// may take long (another thread may do it).
struct Discarded {
  std::vector<std::shared_ptr<Table>> tables;
  std::vector<std::unique_ptr<Collection>> collections;
  bool empty() const { return tables.empty() && collections.empty(); }
};

// Where a key is, or would be. Valid until the next change of the same database.
struct Spot {
  int db = 0;
  std::uint64_t hash = 0;
  std::size_t bucket = 0;
  Entry** slot = nullptr;  // null: no such key

  explicit operator bool() const { return slot != nullptr; }
  const Entry* operator->() const { return *slot; }
  const Entry& operator*() const { return **slot; }
};

// How a string is kept: it makes no difference but to memory and OBJECT ENCODING.
enum class Form {
  kCompact,  // the decimal text of an integer becomes one: what clients set
  kText,     // never an integer: the result of INCRBYFLOAT
  kEdited,   // "raw", however short: the result of SETRANGE
};

// Knows nothing of clients, replies or roles: an expired key stays in it until somebody deletes it. What a caller may
// see of it is decided in lookup.h.
class Keyspace {
 public:
  // `seed` makes bucket order and RandomKey() unpredictable for strangers; the same seed gives the same order.
  explicit Keyspace(int databases, std::uint64_t seed = 0);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  int databases() const { return static_cast<int>(tables_.size()); }
  std::size_t Size(int db) const;
  std::size_t Expires(int db) const;  // keys with an expiry
  std::size_t TotalSize() const;

  // Changes since the start, or since the last SetDirty(): rdb_changes_since_last_save.
  std::uint64_t dirty() const { return dirty_; }
  void set_dirty(std::uint64_t changes) { dirty_ = changes; }

  // Bytes of keys, values, buckets and indices, by the allocator's size classes. O(databases).
  std::uint64_t memory() const;
  // Estimated mean milliseconds that keys with an expiry have left; 0 without such keys. Looks at up to 64 of them.
  std::int64_t AverageTtl(int db, UnixMs now) const;

  KeyspaceStats& stats() { return stats_; }
  const KeyspaceStats& stats() const { return stats_; }

  // Null: nobody. The listener must outlive the keyspace or be taken away before.
  void set_listener(ChangeListener* listener) { listener_ = listener; }

  // Which kinds of events the listener is to be told of: KeyEventBit.
  void set_events(std::uint32_t kinds) { events_ = kinds; }
  bool Wants(std::uint32_t kind) const { return (events_ & kind) != 0; }
  // Something of this kind has happened to a key. Costs nothing where nobody asks for it.
  void Notify(int db, std::uint32_t kind, std::string_view event, std::string_view key) {
    if ((events_ & kind) != 0 && listener_ != nullptr) listener_->KeyEvent(db, kind, event, key);
  }

  const LazyFreeing& lazy() const { return lazy_; }
  void set_lazy(const LazyFreeing& lazy) { lazy_ = lazy; }
  // The first word of the effect that deletes an expired key.
  std::string_view ExpiryWord() const { return lazy_.expire ? "UNLINK" : "DEL"; }

  // Take effect where a collection is changed next.
  const PackingLimits& limits() const { return limits_; }
  void set_limits(const PackingLimits& limits) { limits_ = limits; }
  // For the fields and members of large collections.
  const KeyHash& field_hash() const { return field_hash_; }
  // For commands that choose at random.
  base::Random& random() { return random_; }

  // Sources of function libraries: saved with the data; core/functions.h runs them.
  const std::vector<std::string>& functions() const { return functions_; }
  void set_functions(std::vector<std::string> texts) { functions_ = std::move(texts); }

  // --- Reading. Expired keys are found like all others.
  Spot Find(int db, std::string_view key) const;
  // Asks the processor for what Find() will look at, of all these keys at once: one search after the other would wait
  // for memory each time. A hint; costs about 10 ns a key.
  void Prefetch(int db, std::span<const std::string_view> keys) const;
  // Marks the key as used now, for OBJECT IDLETIME, OBJECT FREQ and eviction.
  void Touch(const Spot& spot) {
    if (usage_.frequency) return CountUse(**spot.slot);
    (*spot.slot)->set_used_at(clock_);
  }
  // What "now" is for Touch() and for new keys: seconds of the monotonic clock, modulo 2^32.
  void set_clock(std::uint32_t seconds) { clock_ = seconds; }
  std::uint32_t clock() const { return clock_; }
  // Marks that were made by other rules stay as they are, and mean nothing until their keys are used again.
  const UsageRules& usage() const { return usage_; }
  void set_usage(const UsageRules& rules) { usage_ = rules; }
  // Seconds since the last use; without meaning while frequencies are counted.
  std::uint32_t IdleSeconds(const Entry& entry) const { return clock_ - entry.used_at(); }
  // 0 to 255: the counter as it would be if it were looked at now. Without meaning unless frequencies are counted.
  std::uint8_t Frequency(const Entry& entry) const;
  // The mark of a key that was last used so long ago, or that has this frequency.
  std::uint32_t FreshMark() const;  // of a key that is new now
  std::uint32_t MarkOfIdle(std::uint64_t seconds) const;
  std::uint32_t MarkOfFrequency(std::uint8_t frequency) const;
  // Gives the key a mark, when there is such a key: what RESTORE and a data set that is loaded say. No change.
  void SetMark(int db, std::string_view key, std::uint32_t mark);
  // Some keys of the database, at random and perhaps several times the same; only those with an expiry if
  // `volatile_only`. Visits at least one if there is one.
  void Sample(int db, bool volatile_only, std::size_t count, const std::function<void(const Entry&)>& visit);
  // The key whose time comes first; null when no key has an expiry.
  const Entry* Soonest(int db) const;
  // Each key once, in no particular order; `visit` must not change the data set. O(keys).
  void ForEach(int db, const std::function<void(const Entry&)>& visit) const;
  // Visits some keys and returns the cursor to go on from; 0 begins, and 0 returned means done. Whatever happens in
  // between, each key that is there from begin to end is visited at least once.
  std::uint64_t Scan(int db, std::uint64_t cursor, const std::function<void(const Entry&)>& visit) const;
  // Null when the database is empty. About uniform.
  const Entry* RandomKey(int db);

  // --- Changing. Each call passes the door once per key changed. `key` must not point into an entry.
  // Writes a string in place of whatever is there.
  void Set(const Spot& spot, std::string_view key, std::string_view value, UnixMs expires_at,
           Form form = Form::kCompact);
  void SetInteger(const Spot& spot, std::string_view key, std::int64_t value, UnixMs expires_at);
  // Both keep the expiry. The spot must hold a string.
  void Append(const Spot& spot, std::string_view suffix);
  void Overwrite(const Spot& spot, std::size_t offset, std::string_view bytes);  // pads with zero bytes
  // Lets `change` work on a collection of this type, a new one if the spot is empty: with nothing packed and no tree
  // then. The key goes when `change` returns false: a collection without items does not exist. Keeps the expiry.
  void Change(const Spot& spot, std::string_view key, ValueType type, const std::function<bool(Contents&)>& change) {
    Change(spot, key, type, change, Part::kValue);
  }
  // The same for what hangs on the value alone: the listener hears of AnnexChanged().
  void ChangeAnnex(const Spot& spot, std::string_view key, ValueType type,
                   const std::function<bool(Contents&)>& change) {
    Change(spot, key, type, change, Part::kAnnex);
  }
  // Tells the listener of a change, although the value stays as it is: some commands of Redis do so.
  void TellChanged(const Spot& spot, std::string_view key);
  // Writes a collection, which must have items, in place of whatever is there.
  void SetContents(const Spot& spot, std::string_view key, ValueType type, Contents contents,
                   UnixMs expires_at = kNever);
  // Redis counts a change for each item; the door counts one for the key.
  void CountChanges(std::uint64_t more) { dirty_ += more; }
  // kNever takes the expiry away. The spot must hold a key.
  void SetExpiry(const Spot& spot, UnixMs expires_at);
  // The spot must hold a key.
  void Erase(const Spot& spot);
  // Gives the value and the expiry of `from` to another key, of the same or another database, in place of what is
  // there. `from` must hold a key and differ from the target.
  void CopyTo(const Spot& from, int to_db, std::string_view to_key);
  // The same, and `from` is gone.
  void MoveTo(const Spot& from, int to_db, std::string_view to_key);

  // Returns the number of keys that were there.
  std::size_t FlushDb(int db);
  std::size_t FlushAll();
  void SwapDb(int a, int b);
  // Exchanges everything but the listener, dirty count and stats: after a full sync the new data set comes in and the
  // old one leaves with `other`. Both must have as many databases. Running snapshots keep what they began with.
  void SwapContents(Keyspace& other);

  // Deletes up to `budget` keys whose time has come, oldest first in each database, and adds a DEL effect for each.
  // Returns how many; fewer than the budget: none is left. O(budget * log(keys with expiry)).
  std::size_t ActiveExpire(UnixMs now, std::size_t budget, std::vector<Effect>& effects);
  // The earliest expiry of all keys, to know when to call ActiveExpire(); kNever: none. O(databases).
  UnixMs NextExpiry() const;

  // Flushed tables and large collections wait here; whoever runs the loop takes them away and frees them elsewhere.
  Discarded TakeDiscarded();
  bool has_discarded() const { return !discarded_.empty(); }

 private:
  friend class BulkLoad;
  friend class Snapshot;

  // The door. Everything that changes the keys of a bucket calls it first, with the key about to be changed: it has
  // snapshots capture the bucket, counts the change and tells the listener. (That the expiry index follows is seen to
  // by Table, which no one else changes.)
  enum class Part : std::uint8_t { kValue, kAnnex };
  void BeforeChange(int db, std::size_t bucket, std::string_view key, Part part = Part::kValue);
  void Change(const Spot& spot, std::string_view key, ValueType type, const std::function<bool(Contents&)>& change,
              Part part);
  void CountUse(Entry& entry);
  // The value of an entry is about to go: a large one is not freed here.
  void SetAsideLarge(Table& table, Entry* entry);
  void Put(const Spot& spot, std::string_view key, NewValue value, UnixMs expires_at);
  void Edit(const Spot& spot, const std::function<void(std::string&)>& edit);
  std::size_t Flush(int db);
  Table& At(int db) const;
  // A snapshot needs the table no longer.
  void LeaveTable(std::shared_ptr<Table> table);

  std::vector<std::shared_ptr<Table>> tables_;  // shared with snapshots
  std::vector<std::string> functions_;
  base::Random random_;
  KeyHash field_hash_;
  PackingLimits limits_;
  std::uint32_t clock_ = 0;
  std::uint32_t events_ = 0;
  UsageRules usage_;
  LazyFreeing lazy_;
  std::uint64_t dirty_ = 0;
  KeyspaceStats stats_;
  ChangeListener* listener_ = nullptr;
  Discarded discarded_;
  std::string scratch_;  // memory for what is packed, while it is changed
  int snapshots_ = 0;
};

}  // namespace data
