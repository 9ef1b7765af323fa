#include "replication/edge/snapshot_writer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "replication/data/rdb_writer.h"
#include "replication/host/durable_file.h"

namespace replication::edge {
namespace {

// Encoded bytes travel in pieces of this size: large enough that a hand-over costs nothing, small enough that the
// first bytes leave at once.
constexpr std::size_t kChunk = 256 << 10;

}  // namespace

struct SnapshotWriter::Job {
  Job(SnapshotWriter& of_writer, BeginSnapshot what)
      : writer(of_writer), begin(std::move(what)), encoder(begin.options), thread([this] { Run(); }) {}
  ~Job() {
    GiveUp();
    thread.join();
  }

  void Add(SnapshotBatch batch) {
    {
      const std::lock_guard lock(mutex);
      batches.push_back(std::move(batch));
    }
    wake.notify_one();
  }

  void GiveUp() {
    {
      const std::lock_guard lock(mutex);
      given_up = true;
    }
    wake.notify_one();
  }

  std::optional<SnapshotBatch> Next() {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return given_up || !batches.empty(); });
    if (given_up) return std::nullopt;
    SnapshotBatch batch = std::move(batches.front());
    batches.pop_front();
    return batch;
  }

  // On the loop thread, unless the job is given up by then.
  void Tell(std::function<void(SnapshotWriter&)> what) {
    writer.way_back_->Post([&from = writer, id = begin.id, what = std::move(what)] {
      const auto found = from.jobs_.find(id);
      if (found != from.jobs_.end() && !found->second->given_up_by_loop) what(from);
    });
  }

  void Run() {
    const base::Result<void> result = begin.file.empty() ? Encode(nullptr) : WriteFile();
    const SnapshotId id = begin.id;
    if (!begin.file.empty()) Tell([id, result](SnapshotWriter& to) { to.callbacks_.saved(id, result); });
    writer.way_back_->Post([&from = writer, id] { from.Forget(id); });
  }

  base::Result<void> WriteFile() {
    auto file = host::DurableFile::Create(begin.file);
    if (!file) return tl::unexpected(file.error());
    if (const auto encoded = Encode(&*file); !encoded) return encoded;
    return file->Commit();
  }

  base::Result<void> Encode(host::DurableFile* file) {
    const SnapshotId id = begin.id;
    std::string bytes;
    base::Result<void> written;
    const auto give = [&](bool last) {
      if (file == nullptr) {
        Tell([id, piece = std::exchange(bytes, {}), last](SnapshotWriter& to) mutable {
          to.callbacks_.chunk(id, std::move(piece), last);
        });
        return;
      }
      if (written) written = file->Write(bytes);
      bytes.clear();
    };
    encoder.Begin(begin.head, begin.functions, begin.databases, bytes);
    bool last = false;
    while (!last) {
      std::optional<SnapshotBatch> batch = Next();
      if (!batch) return base::Fail(base::ErrorCode::kIo, "given up");
      encoder.Append(batch->batch, bytes, [&give] { give(false); });
      last = batch->last;
      if (last) encoder.End(bytes);
      batch.reset();
      if (bytes.size() >= kChunk || last) give(last);
      if (!written) return written;
      Tell([id](SnapshotWriter& to) { to.callbacks_.batch_done(id); });
    }
    return {};
  }

  SnapshotWriter& writer;
  const BeginSnapshot begin;
  data::RdbEncoder encoder;
  bool given_up_by_loop = false;  // for the loop thread

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<SnapshotBatch> batches;
  bool given_up = false;
  std::thread thread;  // last: it uses all of the above
};

SnapshotWriter::SnapshotWriter(std::shared_ptr<host::WayBack> way_back, Callbacks callbacks)
    : way_back_(std::move(way_back)), callbacks_(std::move(callbacks)) {}

SnapshotWriter::~SnapshotWriter() = default;

void SnapshotWriter::Begin(BeginSnapshot what) {
  const SnapshotId id = what.id;
  jobs_.emplace(id, std::make_unique<Job>(*this, std::move(what)));
}

void SnapshotWriter::Add(SnapshotBatch batch) {
  const auto found = jobs_.find(batch.id);
  if (found != jobs_.end()) found->second->Add(std::move(batch));
}

void SnapshotWriter::Cancel(SnapshotId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  // Its thread may be waiting for the disk: it is forgotten when it says that it has ended.
  found->second->given_up_by_loop = true;
  found->second->GiveUp();
}

void SnapshotWriter::Forget(SnapshotId id) {
  jobs_.erase(id);
}

}  // namespace replication::edge
