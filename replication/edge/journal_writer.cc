#include "replication/edge/journal_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "replication/core/journal_format.h"
#include "replication/host/durable_file.h"
#include "replication/net/loop.h"

namespace replication::edge {
namespace {

using base::Result;
using host::SystemError;

// One open file; closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (number_ >= 0) close(number_);
    number_ = std::exchange(other.number_, -1);
    return *this;
  }
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

Result<void> WriteAll(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(SystemError("can't write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> SyncNow(int descriptor, const std::string& path) {
  if (fdatasync(descriptor) != 0) return tl::unexpected(SystemError("can't sync", path));
  return {};
}

Result<void> CutFile(const std::string& path, std::uint64_t size) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return tl::unexpected(SystemError("can't open", path));
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return tl::unexpected(SystemError("can't look at", path));
  if (static_cast<std::uint64_t>(facts.st_size) < size) {
    return base::Fail(base::ErrorCode::kIo, fmt::format("'{}' is shorter than what was written to it", path));
  }
  if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) return tl::unexpected(SystemError("can't cut", path));
  if (fsync(file.get()) != 0) return tl::unexpected(SystemError("can't sync", path));
  return {};
}

// Does the system give back what it was given?
Result<void> ReadBack(const std::string& path, std::string_view bytes) {
  const auto found = host::ReadWholeFile(path);
  if (!found) return tl::unexpected(found.error());
  if (*found != bytes)
    return base::Fail(base::ErrorCode::kIo, fmt::format("'{}' does not hold what was written", path));
  return {};
}

}  // namespace

Result<FolderLock> FolderLock::Take(const std::string& folder) {
  const std::string path = folder + "/vigil.lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return tl::unexpected(SystemError("can't open", path));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    const base::Error error = SystemError("can't lock", path);
    close(descriptor);
    if (!taken) return tl::unexpected(error);
    return base::Fail(base::ErrorCode::kIo, fmt::format("another node uses the append-only directory '{}'", folder));
  }
  return FolderLock(descriptor);
}
FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}
FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

// What the thread works on. Not touched by anybody else once the first job was given.
class JournalWriter::Files {
 public:
  Files(JournalWriter& writer, std::string folder, std::string manifest_name)
      : writer_(writer), folder_(std::move(folder)), manifest_name_(std::move(manifest_name)) {}

  void Do(std::deque<Job>& jobs) {
    while (!jobs.empty()) {
      Job job = std::move(jobs.front());
      jobs.pop_front();
      if (auto* append = std::get_if<JournalAppend>(&job)) {
        // What has gathered meanwhile goes in one piece.
        while (!jobs.empty() && append->bytes.size() < kPiece) {
          auto* next = std::get_if<JournalAppend>(&jobs.front());
          if (next == nullptr) break;
          append->job = next->job;
          append->index += next->index;
          append->bytes += next->bytes;
          append->sync = append->sync || next->sync;
          jobs.pop_front();
        }
      }
      std::visit([this](auto& what) { Carry(what); }, job);
    }
    Tell();
  }

  // The end of the process: nothing that was given is left to the system alone.
  void Close() {
    if (file_.is_open() && !broken_) static_cast<void>(SyncNow(file_.get(), path_));
    if (index_.is_open() && !broken_) static_cast<void>(SyncNow(index_.get(), path_));
    file_ = Descriptor();
    index_ = Descriptor();
  }

 private:
  static constexpr std::size_t kPiece = 4 << 20;

  void Tell() {
    if (done_ == 0) return;
    writer_.Report({.job = std::exchange(done_, 0)});
  }
  void Fail(JobId job, const base::Error& error, bool stops = true) {
    Tell();
    broken_ = broken_ || stops;
    writer_.Report({.job = job, .what = JournalReport::What::kFailed, .error = error.text});
  }

  void Carry(JournalAppend& job) {
    if (broken_) return;
    // The index first: bytes that it does not know are a stranger's.
    Result<void> result = WriteAll(index_.get(), job.index, path_ + ".idx");
    if (result) result = WriteAll(file_.get(), job.bytes, path_);
    if (result && job.sync) result = SyncNow(file_.get(), path_);
    if (!result) return Fail(job.job, result.error());
    done_ = job.job;
    if (job.sync) Tell();
  }

  void Carry(JournalStart& job) {
    if (broken_ && !job.recovers) return;
    broken_ = false;
    if (const auto result = Start(job); !result) return Fail(job.job, result.error());
    done_ = job.job;
    Tell();
  }

  Result<void> Start(const JournalStart& job) {
    if (file_.is_open() && !job.recovers) {
      if (auto synced = SyncNow(index_.get(), path_ + ".idx"); !synced) return synced;
      if (auto synced = SyncNow(file_.get(), path_); !synced) return synced;
    }
    file_ = Descriptor();
    index_ = Descriptor();
    if (mkdir(folder_.c_str(), 0755) != 0 && errno != EEXIST) return tl::unexpected(SystemError("can't make", folder_));
    if (!lock_) {
      auto lock = FolderLock::Take(folder_);
      if (!lock) return tl::unexpected(lock.error());
      lock_ = std::move(*lock);
    }
    const std::string manifest = folder_ + "/" + manifest_name_;
    if (job.manifest.empty() && access(manifest.c_str(), F_OK) != 0) {
      if (auto marked = host::ReplaceFile(folder_ + "/" + std::string(kBeginningMark), ""); !marked) return marked;
    }
    path_ = folder_ + "/" + job.file;
    const std::string index_path = folder_ + "/" + IndexName(job.file);
    Descriptor index(open(index_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644));
    if (!index.is_open()) return tl::unexpected(SystemError("can't create", index_path));
    Descriptor file(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644));
    if (!file.is_open()) return tl::unexpected(SystemError("can't create", path_));
    Result<void> result = WriteAll(index.get(), job.index, index_path);
    if (result) result = WriteAll(file.get(), job.bytes, path_);
    if (result) result = SyncNow(index.get(), index_path);
    if (result) result = SyncNow(file.get(), path_);
    if (result && job.recovers) result = ReadBack(path_, job.bytes);
    if (result) result = host::SyncFolderOf(path_);
    if (result) result = PutInUse(job, manifest);
    if (!result) {
      // It is not in use: only in the way.
      unlink(path_.c_str());
      unlink(index_path.c_str());
      return result;
    }
    file_ = std::move(file);
    index_ = std::move(index);
    return {};
  }

  // What is doubtful in the file before stands in the new one, too. It goes only when nothing but a rename is left to
  // do: a process that ends while the disk still refuses finds there what it has acknowledged.
  Result<void> PutInUse(const JournalStart& job, const std::string& manifest) {
    std::optional<host::DurableFile> replacement;
    if (!job.manifest.empty()) {
      auto made = host::DurableFile::Create(manifest);
      if (!made) return tl::unexpected(made.error());
      replacement.emplace(std::move(*made));
      if (auto written = replacement->Write(job.manifest); !written) return written;
      if (auto synced = replacement->Sync(); !synced) return synced;
    }
    if (job.cut) {
      if (auto cut = CutFile(folder_ + "/" + job.cut->file, job.cut->size); !cut) return cut;
      if (auto cut = CutFile(folder_ + "/" + IndexName(job.cut->file), job.cut->index_size); !cut) return cut;
    }
    if (!replacement) return {};
    if (auto renamed = replacement->Rename(); !renamed) return renamed;
    return host::SyncFolderOf(manifest);
  }

  void Carry(JournalSync& job) {
    if (broken_ || !file_.is_open()) return;
    if (const auto written = WriteAll(index_.get(), job.index, path_ + ".idx"); !written) {
      return Fail(job.job, written.error());
    }
    done_ = job.job;
    const auto file = std::make_shared<Descriptor>(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
    const auto index = std::make_shared<Descriptor>(fcntl(index_.get(), F_DUPFD_CLOEXEC, 0));
    writer_.syncer_.Do([&writer = writer_, file, index, path = path_, number = job.job] {
      Result<void> result = SyncNow(index->get(), path + ".idx");
      if (result) result = SyncNow(file->get(), path);
      if (result) return writer.Report({.job = number, .what = JournalReport::What::kSynced});
      writer.Report({.job = number, .what = JournalReport::What::kFailed, .error = result.error().text});
    });
  }

  void Carry(JournalAdopt& job) {
    if (broken_) return;
    Tell();
    struct stat facts {};
    const std::string base = folder_ + "/" + job.base;
    if (stat(base.c_str(), &facts) != 0) return Fail(job.job, SystemError("can't look at", base), false);
    if (const auto put = host::ReplaceFile(folder_ + "/" + manifest_name_, job.manifest); !put) {
      return Fail(job.job, put.error(), false);
    }
    if (job.retention.keeps()) {
      for (const std::string& name : job.remove) MoveToArchive(name);
    } else {
      for (const std::string& name : job.remove) unlink((folder_ + "/" + name).c_str());
    }
    TidyArchive(job);
    unlink((folder_ + "/" + std::string(kBeginningMark)).c_str());
    writer_.Report({.job = job.job, .base_bytes = static_cast<std::uint64_t>(facts.st_size)});
  }

  // What cannot be moved is deleted, as without an archive: the journal itself does not need it.
  void MoveToArchive(const std::string& name) {
    std::error_code failed;
    std::filesystem::create_directory(folder_ + "/archive", failed);
    const std::string from = folder_ + "/" + name;
    if (rename(from.c_str(), (folder_ + "/archive/" + name).c_str()) != 0) unlink(from.c_str());
  }

  void TidyArchive(const JournalAdopt& job) {
    const std::string archive = folder_ + "/archive";
    std::vector<ArchivedFile> files;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(archive, failed)) {
      struct stat facts {};
      if (stat(entry.path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
      files.push_back({entry.path().filename().string(), static_cast<std::uint64_t>(facts.st_size),
                       static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1000 + facts.st_mtim.tv_nsec / 1'000'000});
    }
    if (files.empty()) return;
    const std::int64_t now_ms = base::UnixMillis(net::Loop::ReadClocks().wall);
    for (const std::string& name : WhatGoes(job.filename, files, job.retention, now_ms)) {
      unlink((archive + "/" + name).c_str());
    }
  }

  void Carry(JournalStop&) {
    Close();
    broken_ = false;
    lock_.reset();
  }

  JournalWriter& writer_;
  const std::string folder_;
  const std::string manifest_name_;
  std::optional<FolderLock> lock_;
  std::string path_;
  Descriptor file_;
  Descriptor index_;
  bool broken_ = false;  // a job failed: what follows it is not done
  JobId done_ = 0;       // and not told yet

  friend class JournalWriter;
};

JournalWriter::JournalWriter(std::shared_ptr<host::WayBack> way_back, std::function<void(const JournalReport&)> report)
    : way_back_(std::move(way_back)), report_(std::move(report)), thread_([this] { Run(); }) {}

JournalWriter::~JournalWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void JournalWriter::SetFolder(std::string folder, std::string manifest_name) {
  const std::lock_guard lock(mutex_);
  files_ = std::make_unique<Files>(*this, std::move(folder), std::move(manifest_name));
}

void JournalWriter::UseLock(FolderLock held) {
  const std::lock_guard lock(mutex_);
  files_->lock_ = std::move(held);
}

void JournalWriter::Do(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void JournalWriter::Report(JournalReport report) {
  way_back_->Post([this, report = std::move(report)] { report_(report); });
}

void JournalWriter::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) break;
    std::deque<Job> jobs = std::exchange(jobs_, {});
    lock.unlock();
    files_->Do(jobs);
    lock.lock();
  }
  if (files_ != nullptr) files_->Close();
}

}  // namespace replication::edge
