#include "replication/edge/snapshot_writer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "replication/data/rdb_writer.h"
#include "replication/host/background.h"
#include "replication/host/durable_file.h"
#include "replication/host/spill_file.h"

namespace replication::edge {
namespace {

// Encoded bytes travel in pieces of this size: large enough that a hand-over costs nothing, small enough that the
// first bytes leave at once.
constexpr std::size_t kChunk = 256 << 10;

}  // namespace

struct SnapshotWriter::Job {
  Job(SnapshotWriter& of_writer, BeginSnapshot what)
      : writer(of_writer),
        begin(std::move(what)),
        encoder(begin.options),
        spill_to(begin.spill ? std::optional(begin.file) : std::nullopt),
        thread([this] { Run(); }) {}
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

  void Spill(std::string folder) {
    const std::lock_guard lock(mutex);
    spill_to = std::move(folder);
  }

  void AskForBytes() {
    {
      const std::lock_guard lock(mutex);
      ++asked;
    }
    wake.notify_one();
  }

  // The next batch; meanwhile what is asked of the file is given. Empty: the job is given up, or the file broken.
  std::optional<SnapshotBatch> Next() {
    while (true) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return given_up || !batches.empty() || (asked > 0 && HasUnread()); });
      if (given_up) return std::nullopt;
      if (asked > 0 && HasUnread()) {
        --asked;
        lock.unlock();
        if (!GiveFromFile(false)) return std::nullopt;
        continue;
      }
      SnapshotBatch batch = std::move(batches.front());
      batches.pop_front();
      return batch;
    }
  }

  // `ended`: nothing more is written to the file.
  bool GiveFromFile(bool ended) {
    auto bytes = spill->Read(kChunk);
    const SnapshotId id = begin.id;
    if (!bytes) {
      Tell([id, error = bytes.error()](SnapshotWriter& to) { to.callbacks_.spilled(id, tl::unexpected(error)); });
      return false;
    }
    const bool last = ended && !HasUnread();
    Tell([id, piece = std::move(*bytes), last](SnapshotWriter& to) mutable {
      to.callbacks_.chunk(id, std::move(piece), last);
    });
    return true;
  }

  // What is in the file when everything is written leaves as it is asked for.
  void EmptyFile() {
    const SnapshotId id = begin.id;
    Tell([id, size = spill->written()](SnapshotWriter& to) { to.callbacks_.spilled(id, size); });
    for (bool last = false; !last;) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return given_up || asked > 0; });
      if (given_up) return;
      --asked;
      lock.unlock();
      if (!GiveFromFile(true)) return;
      last = !HasUnread();
    }
  }

  bool HasUnread() const { return spill && spill->has_unread(); }

  // Where bytes go from now on.
  base::Result<void> OpenSpill() {
    if (spill) return {};
    std::optional<std::string> folder;
    {
      const std::lock_guard lock(mutex);
      folder = spill_to;
    }
    if (!folder) return {};
    auto file = host::SpillFile::Create(*folder);
    if (!file) return tl::unexpected(file.error());
    spill.emplace(std::move(*file));
    return {};
  }

  // On the loop thread, unless the job is given up by then.
  void Tell(std::function<void(SnapshotWriter&)> what) {
    writer.way_back_->Post([&from = writer, id = begin.id, what = std::move(what)] {
      const auto found = from.jobs_.find(id);
      if (found != from.jobs_.end() && !found->second->given_up_by_loop) what(from);
    });
  }

  void Run() {
    host::GiveWay();
    const bool keeps_file = !begin.file.empty() && !begin.spill;
    const base::Result<void> result = keeps_file ? WriteFile() : Encode(nullptr);
    const SnapshotId id = begin.id;
    if (keeps_file) {
      Tell([id, result](SnapshotWriter& to) { to.callbacks_.saved(id, result); });
    } else if (!result) {
      Tell([id, error = result.error()](SnapshotWriter& to) { to.callbacks_.spilled(id, tl::unexpected(error)); });
    } else if (spill) {
      EmptyFile();
    }
    // Here and not with the job, which the loop ends: the pages of a large file are given back for tens of
    // milliseconds.
    spill.reset();
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
      if (file == nullptr && written) written = OpenSpill();
      if (spill) {
        if (written) written = spill->Write(bytes);
        bytes.clear();
        return;
      }
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
  std::size_t asked = 0;                // pieces of the file
  std::optional<std::string> spill_to;  // the folder of the file, once there is to be one

  std::optional<host::SpillFile> spill;  // for the job's own thread
  std::thread thread;                    // last: it uses all of the above
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

void SnapshotWriter::Spill(SnapshotId id, std::string folder) {
  const auto found = jobs_.find(id);
  if (found != jobs_.end()) found->second->Spill(std::move(folder));
}

void SnapshotWriter::Read(SnapshotId id) {
  const auto found = jobs_.find(id);
  if (found != jobs_.end()) found->second->AskForBytes();
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
