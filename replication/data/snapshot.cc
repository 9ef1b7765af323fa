#include "replication/data/snapshot.h"

#include <utility>

#include "replication/data/table.h"

namespace data {

void Batch::Add(int db, const Entry& entry) {
  NewValue value = entry.Share();
  Record record{};
  record.db = db;
  record.type = entry.type();
  record.encoding = value.encoding;
  record.packing = value.packing;
  record.key_size = static_cast<std::uint32_t>(entry.key().size());
  record.value_size = static_cast<std::uint32_t>(value.text.size());
  record.at = bytes_.size();
  record.expires_at = entry.expires_at();
  bytes_ += entry.key();
  bytes_ += value.text;
  if (value.encoding == Encoding::kInt) record.integer = value.integer;
  if (value.encoding == Encoding::kLarge) {
    record.large = large_.size();
    large_bytes_ += value.large->text.capacity();
    large_.push_back(value.large);
  }
  if (value.encoding == Encoding::kTree) {
    record.large = trees_.size();
    large_bytes_ += sizeof(Collection) + sizeof value.tree;
    trees_.push_back(std::move(value.tree));
  }
  record.used_at = entry.used_at();
  records_.push_back(record);
}

void Batch::Clear() {
  bytes_.clear();
  records_.clear();
  large_.clear();
  trees_.clear();
  large_bytes_ = 0;
}

std::string_view Batch::Text(const Record& record) const {
  if (record.encoding == Encoding::kLarge) return large_[record.large]->text;
  return std::string_view(bytes_).substr(record.at + record.key_size, record.value_size);
}

// One table as it was at the beginning. Buckets below next_ have been read; of the others those with a bit in
// captured_ have been captured because a change was coming. Buckets that did not exist at the beginning got their keys
// from captured ones.
class Snapshot::Walk : public TableWatcher {
 public:
  Walk(Snapshot& snapshot, int db, std::shared_ptr<Table> table)
      : snapshot_(snapshot), db_(db), table_(std::move(table)), end_(table_->buckets()) {
    table_->AddWatcher(this);
  }
  ~Walk() override { Leave(); }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  void BeforeBucketChanges(std::size_t bucket) override {
    if (Captured(bucket)) return;
    if (captured_.empty()) captured_.resize(end_);
    captured_[bucket] = true;
    Capture(bucket, snapshot_.pre_images_);
  }

  // Reads on until `out` is full enough. True when the table is read.
  bool Read(std::size_t max_records, std::size_t max_bytes, Batch& out) {
    constexpr std::size_t kAhead = 6;  // buckets
    while (next_ < end_ && out.size() < max_records && out.bytes() < max_bytes) {
      // A bucket that is no more was merged, and captured before that.
      const bool read = Captured(next_) || next_ >= table_->buckets();
      const std::size_t bucket = next_++;
      table_->Prefetch(bucket + kAhead);
      if (!read) Capture(bucket, out);
    }
    if (next_ < end_) return false;
    Leave();
    return true;
  }

  // The table has been read, or will not be: it is not needed any more.
  void Leave() {
    if (table_ == nullptr) return;
    table_->RemoveWatcher(this);
    captured_ = {};
    // Should nobody else hold it, its memory must not be freed here: that may take long.
    snapshot_.keyspace_.LeaveTable(std::move(table_));
    table_ = nullptr;
  }

 private:
  bool Captured(std::size_t bucket) const {
    return bucket < next_ || bucket >= end_ || (!captured_.empty() && captured_[bucket]);
  }
  void Capture(std::size_t bucket, Batch& out) {
    table_->VisitBucket(bucket, [this, &out](const Entry& entry) {
      out.Add(db_, entry);
      ++snapshot_.keys_captured_;
    });
  }

  Snapshot& snapshot_;
  int db_;
  std::shared_ptr<Table> table_;
  std::size_t next_ = 0;
  std::size_t end_;
  std::vector<bool> captured_;  // empty until something changes ahead of the cursor
};

std::unique_ptr<Snapshot> Snapshot::Begin(Keyspace& keyspace) {
  if (keyspace.snapshots_ >= kMax) return nullptr;
  return std::unique_ptr<Snapshot>(new Snapshot(keyspace));
}

Snapshot::Snapshot(Keyspace& keyspace) : keyspace_(keyspace), functions_(keyspace.functions_) {
  ++keyspace_.snapshots_;
  for (int db = 0; db < keyspace.databases(); ++db) {
    const std::shared_ptr<Table>& table = keyspace.tables_[static_cast<std::size_t>(db)];
    if (table->keys() == 0) continue;
    walks_.push_back(std::make_unique<Walk>(*this, db, table));
    sizes_.push_back(DatabaseSize{db, table->keys(), table->expiries().size()});
    total_keys_ += table->keys();
  }
}

Snapshot::~Snapshot() {
  walks_.clear();
  --keyspace_.snapshots_;
}

bool Snapshot::Step(std::size_t max_records, std::size_t max_bytes, Batch& out) {
  out.Clear();
  std::swap(out, pre_images_);
  while (current_ < walks_.size()) {
    if (!walks_[current_]->Read(max_records, max_bytes, out)) return true;
    ++current_;
  }
  return false;
}

bool Snapshot::done() const {
  return current_ == walks_.size() && pre_images_.empty();
}

}  // namespace data
