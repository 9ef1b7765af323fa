#include "replication/data/keyspace.h"

#include <algorithm>
#include <utility>

#include "replication/base/check.h"
#include "replication/data/command.h"
#include "replication/data/table.h"

namespace data {

Keyspace::Keyspace(int databases, std::uint64_t seed) : random_(seed), field_hash_(random_.Next()) {
  VIGIL_CHECK(databases >= 1);
  for (int db = 0; db < databases; ++db) tables_.push_back(std::make_shared<Table>(random_.Next()));
}

Keyspace::~Keyspace() {
  VIGIL_CHECK(snapshots_ == 0);
}

Table& Keyspace::At(int db) const {
  VIGIL_CHECK(db >= 0 && db < databases());
  return *tables_[static_cast<std::size_t>(db)];
}

std::size_t Keyspace::Size(int db) const {
  return At(db).keys();
}

std::size_t Keyspace::Expires(int db) const {
  return At(db).expiries().size();
}

std::size_t Keyspace::TotalSize() const {
  std::size_t keys = 0;
  for (const auto& table : tables_) keys += table->keys();
  return keys;
}

std::uint64_t Keyspace::memory() const {
  std::uint64_t bytes = 0;
  for (const auto& table : tables_) bytes += table->Bytes();
  for (const std::string& text : functions_) bytes += AllocatedSize(text.capacity() + 1);
  return bytes;
}

std::int64_t Keyspace::AverageTtl(int db, UnixMs now) const {
  const ExpiryIndex& expiries = At(db).expiries();
  if (expiries.size() == 0) return 0;
  constexpr std::size_t kSamples = 64;
  const std::size_t step = std::max<std::size_t>(1, expiries.size() / kSamples);
  std::int64_t sum = 0;
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < expiries.size(); i += step, ++seen) {
    // The mean is built up step by step: expiries may be as far away as 64 bits allow.
    const std::int64_t left = std::max<std::int64_t>(0, expiries.At(i) - std::min(now, expiries.At(i)));
    sum += (left - sum) / (seen + 1);
  }
  return sum;
}

// --- Reading

void Keyspace::Prefetch(int db, std::span<const std::string_view> keys) const {
  constexpr std::size_t kMost = 32;
  const Table& table = At(db);
  std::array<std::uint64_t, kMost> hashes;
  const std::size_t count = std::min(keys.size(), kMost);
  for (std::size_t i = 0; i < count; ++i) {
    hashes[i] = table.Hash(keys[i]);
    table.PrefetchBucket(table.BucketOf(hashes[i]));
  }
  for (std::size_t i = 0; i < count; ++i) table.PrefetchEntry(table.BucketOf(hashes[i]), hashes[i]);
}

Spot Keyspace::Find(int db, std::string_view key) const {
  Table& table = At(db);
  Spot spot;
  spot.db = db;
  spot.hash = table.Hash(key);
  spot.bucket = table.BucketOf(spot.hash);
  spot.slot = table.Find(spot.bucket, spot.hash, key);
  return spot;
}

void Keyspace::ForEach(int db, const std::function<void(const Entry&)>& visit) const {
  const Table& table = At(db);
  for (std::size_t bucket = 0; bucket < table.buckets(); ++bucket) table.VisitBucket(bucket, visit);
}

std::uint64_t Keyspace::Scan(int db, std::uint64_t cursor, const std::function<void(const Entry&)>& visit) const {
  return At(db).Scan(cursor, visit);
}

const Entry* Keyspace::RandomKey(int db) {
  return At(db).RandomEntry(random_);
}

// --- Changing

void Keyspace::BeforeChange(int db, std::size_t bucket, std::string_view key, Part part) {
  At(db).BeforeChange(bucket);
  ++dirty_;
  if (listener_ == nullptr) return;
  if (part == Part::kValue) {
    listener_->KeyChanged(db, key);
  } else {
    listener_->AnnexChanged(db, key);
  }
}

void Keyspace::TellChanged(const Spot& spot, std::string_view key) {
  if (listener_ != nullptr) listener_->KeyChanged(spot.db, key);
}

void Keyspace::SetAsideLarge(Table& table, Entry* entry) {
  // Freeing less than this takes some microseconds.
  constexpr std::size_t kLarge = 64 << 10;
  if (entry->encoding() != Encoding::kTree || entry->Bytes() < kLarge) return;
  table.EditInPlace(entry, [this](Entry& old) { discarded_.collections.push_back(std::move(old.EditTree())); });
}

// Behind the door.
void Keyspace::Put(const Spot& spot, std::string_view key, NewValue value, UnixMs expires_at) {
  Table& table = At(spot.db);
  if (!spot) {
    table.Insert(spot.hash, Entry::Make(key, std::move(value), expires_at, FreshMark()));
    Notify(spot.db, kNewKeyEvent, "new", key);
    return;
  }
  Entry* entry = *spot.slot;
  Touch(spot);
  const std::uint32_t mark = entry->used_at();
  SetAsideLarge(table, entry);
  if (entry->has_expiry() == (expires_at != kNever) && table.TryReplace(entry, value)) {
    if (entry->expires_at() != expires_at) table.ChangeExpiry(entry, expires_at);
    return;
  }
  table.Replace(spot.slot, Entry::Make(key, std::move(value), expires_at, mark));
}

void Keyspace::Set(const Spot& spot, std::string_view key, std::string_view value, UnixMs expires_at, Form form) {
  BeforeChange(spot.db, spot.bucket, key);
  switch (form) {
    case Form::kCompact:
      return Put(spot, key, NewValue::Of(value), expires_at);
    case Form::kText:
      return Put(spot, key, NewValue::OfText(value), expires_at);
    case Form::kEdited:
      return Put(spot, key, NewValue::Edited(value), expires_at);
  }
}

void Keyspace::SetInteger(const Spot& spot, std::string_view key, std::int64_t value, UnixMs expires_at) {
  BeforeChange(spot.db, spot.bucket, key);
  Put(spot, key, NewValue::OfInteger(value), expires_at);
}

void Keyspace::Edit(const Spot& spot, const std::function<void(std::string&)>& edit) {
  VIGIL_CHECK(spot);
  BeforeChange(spot.db, spot.bucket, spot->key());
  Entry* entry = *spot.slot;
  // A snapshot that has just captured the value shares it.
  if (entry->encoding() == Encoding::kLarge && !entry->large()->shared) {
    At(spot.db).EditInPlace(entry, [&edit](Entry& large) { edit(large.EditLarge()); });
    Touch(spot);
    return;
  }
  IntText buffer;
  std::string text(entry->Text(buffer));
  edit(text);
  Put(spot, entry->key(), NewValue::Edited(text), entry->expires_at());
}

void Keyspace::Append(const Spot& spot, std::string_view suffix) {
  Edit(spot, [suffix](std::string& text) { text.append(suffix); });
}

void Keyspace::Overwrite(const Spot& spot, std::size_t offset, std::string_view bytes) {
  Edit(spot, [offset, bytes](std::string& text) {
    if (text.size() < offset + bytes.size()) text.resize(offset + bytes.size(), '\0');
    text.replace(offset, bytes.size(), bytes);
  });
}

void Keyspace::Change(const Spot& spot, std::string_view key, ValueType type,
                      const std::function<bool(Contents&)>& change, Part part) {
  VIGIL_CHECK(!spot || spot->type() == type);
  BeforeChange(spot.db, spot.bucket, key, part);
  Table& table = At(spot.db);
  Contents contents;
  contents.packed = std::exchange(scratch_, {});
  contents.packed.clear();
  if (spot) {
    contents.packing = spot->packing();
    table.EditInPlace(*spot.slot, [&contents](Entry& entry) {
      if (entry.encoding() == Encoding::kTree) {
        contents.tree = std::move(entry.EditTree());
      } else if (entry.encoding() == Encoding::kLarge && !entry.large()->shared) {
        contents.packed = std::move(entry.EditLarge());
      } else {
        contents.packed = entry.Packed();
      }
    });
  }
  if (change(contents)) {
    Put(spot, key, NewValue::OfContents(type, contents), spot ? spot->expires_at() : kNever);
  } else if (spot) {
    table.Erase(spot.bucket, spot.slot);
  }
  scratch_ = std::move(contents.packed);
}

void Keyspace::SetContents(const Spot& spot, std::string_view key, ValueType type, Contents contents,
                           UnixMs expires_at) {
  BeforeChange(spot.db, spot.bucket, key);
  Put(spot, key, NewValue::OfContents(type, contents), expires_at);
}

void Keyspace::SetExpiry(const Spot& spot, UnixMs expires_at) {
  VIGIL_CHECK(spot);
  BeforeChange(spot.db, spot.bucket, spot->key());
  Entry* entry = *spot.slot;
  Table& table = At(spot.db);
  if (entry->has_expiry() && expires_at != kNever) {
    table.ChangeExpiry(entry, expires_at);
  } else if (entry->has_expiry() || expires_at != kNever) {
    Entry* fresh = nullptr;
    table.EditInPlace(entry, [&fresh, expires_at](Entry& old) {
      fresh = Entry::Make(old.key(), old.TakeValue(), expires_at, old.used_at());
    });
    table.Replace(spot.slot, fresh);
  }
}

void Keyspace::Erase(const Spot& spot) {
  VIGIL_CHECK(spot);
  BeforeChange(spot.db, spot.bucket, spot->key());
  SetAsideLarge(At(spot.db), *spot.slot);
  At(spot.db).Erase(spot.bucket, spot.slot);
}

void Keyspace::CopyTo(const Spot& from, int to_db, std::string_view to_key) {
  VIGIL_CHECK(from);
  const Spot to = Find(to_db, to_key);
  VIGIL_CHECK(to.slot != from.slot);
  BeforeChange(to_db, to.bucket, to_key);
  const bool replaced = static_cast<bool>(to);
  Put(to, to_key, from->Share(), from->expires_at());
  if (replaced) Notify(to_db, kNewKeyEvent, "new", to_key);  // nothing of the old one is left
}

void Keyspace::MoveTo(const Spot& from, int to_db, std::string_view to_key) {
  VIGIL_CHECK(from);
  BeforeChange(from.db, from.bucket, from->key());
  // A new entry first: erasing may move buckets, and inserting may as well.
  Entry* moved = nullptr;
  At(from.db).EditInPlace(*from.slot, [&moved, to_key](Entry& old) {
    moved = Entry::Make(to_key, old.TakeValue(), old.expires_at(), old.used_at());
  });
  At(from.db).Erase(from.bucket, from.slot);
  const Spot to = Find(to_db, to_key);
  BeforeChange(to_db, to.bucket, to_key);
  if (to) {
    SetAsideLarge(At(to_db), *to.slot);
    At(to_db).Replace(to.slot, moved);
  } else {
    At(to_db).Insert(to.hash, moved);
  }
  Notify(to_db, kNewKeyEvent, "new", to_key);
}

std::size_t Keyspace::Flush(int db) {
  std::shared_ptr<Table>& table = tables_[static_cast<std::size_t>(db)];
  const std::size_t keys = table->keys();
  if (listener_ != nullptr) listener_->AllChanged(db);
  dirty_ += keys;
  if (keys == 0) return 0;
  discarded_.tables.push_back(std::exchange(table, std::make_shared<Table>(random_.Next())));
  return keys;
}

std::size_t Keyspace::FlushDb(int db) {
  VIGIL_CHECK(db >= 0 && db < databases());
  return Flush(db);
}

std::size_t Keyspace::FlushAll() {
  std::size_t keys = 0;
  for (int db = 0; db < databases(); ++db) keys += Flush(db);
  return keys;
}

void Keyspace::SwapDb(int a, int b) {
  VIGIL_CHECK(a >= 0 && a < databases() && b >= 0 && b < databases());
  std::swap(tables_[static_cast<std::size_t>(a)], tables_[static_cast<std::size_t>(b)]);
  ++dirty_;
  if (listener_ != nullptr) {
    listener_->AllChanged(a);
    listener_->AllChanged(b);
  }
}

void Keyspace::SwapContents(Keyspace& other) {
  VIGIL_CHECK(databases() == other.databases() && &other != this);
  tables_.swap(other.tables_);
  functions_.swap(other.functions_);
  for (Keyspace* changed : {this, &other}) {
    if (changed->listener_ == nullptr) continue;
    for (int db = 0; db < changed->databases(); ++db) changed->listener_->AllChanged(db);
  }
}

std::size_t Keyspace::ActiveExpire(UnixMs now, std::size_t budget, std::vector<Effect>& effects) {
  std::size_t deleted = 0;
  for (int db = 0; db < databases(); ++db) {
    while (deleted < budget) {
      const Entry* entry = At(db).expiries().Soonest();
      if (entry == nullptr || !entry->ExpiredAt(now)) break;
      const std::string key(entry->key());
      effects.push_back(Effect{db, false, {std::string(ExpiryWord()), key}});
      Erase(Find(db, key));
      ++stats_.expired;
      Notify(db, kExpiredEvent, "expired", key);
      ++deleted;
    }
  }
  return deleted;
}

UnixMs Keyspace::NextExpiry() const {
  UnixMs next = kNever;
  for (const auto& table : tables_) next = std::min(next, table->expiries().SoonestAt());
  return next;
}

Discarded Keyspace::TakeDiscarded() {
  return std::exchange(discarded_, {});
}

void Keyspace::LeaveTable(std::shared_ptr<Table> table) {
  if (std::ranges::find(tables_, table) == tables_.end()) discarded_.tables.push_back(std::move(table));
}

// --- Loading

}  // namespace data
