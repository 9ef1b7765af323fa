#include "replication/edge/journal_loader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "replication/base/text.h"
#include "replication/edge/journal_writer.h"
#include "replication/host/durable_file.h"

namespace replication::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using host::SystemError;
using Part = JournalLoader::Part;

constexpr std::size_t kPiece = 256 << 10;

class File {
 public:
  explicit File(int number) : number_(number) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

Result<IncrVerdict> JudgeFile(const Part& part) {
  std::optional<std::string> index;
  if (auto bytes = host::ReadWholeFile(part.path + ".idx")) {
    index = std::move(*bytes);
  } else if (bytes.error().code != ErrorCode::kNotFound) {
    return tl::unexpected(bytes.error());
  }
  const File file(open(part.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(SystemError("can't open", part.path));
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  IncrScanner scanner(std::move(index));
  std::string buffer(kPiece, '\0');
  while (true) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(SystemError("can't read", part.path));
    if (count == 0) break;
    scanner.Feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
  }
  return scanner.Finish();
}

Result<std::string> MoveTail(const Part& part) {
  const IncrVerdict& verdict = *part.verdict;
  const auto folder = std::filesystem::path(part.path).parent_path() / "archive";
  std::error_code failed;
  std::filesystem::create_directory(folder, failed);
  if (failed) return Fail(ErrorCode::kIo, fmt::format("can't make '{}': {}", folder.string(), failed.message()));
  const std::string kept = (folder / fmt::format("{}.{}-{}.tail", part.name, verdict.good, verdict.size)).string();
  const File file(open(part.path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(SystemError("can't open", part.path));
  auto copy = host::DurableFile::Create(kept);
  if (!copy) return tl::unexpected(copy.error());
  std::string buffer(kPiece, '\0');
  for (std::uint64_t at = verdict.good; at < verdict.size;) {
    const ssize_t count = pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(SystemError("can't read", part.path));
    if (count == 0) break;
    if (auto written = copy->Write(std::string_view(buffer).substr(0, static_cast<std::size_t>(count))); !written) {
      return tl::unexpected(written.error());
    }
    at += static_cast<std::uint64_t>(count);
  }
  if (auto committed = copy->Commit(); !committed) return tl::unexpected(committed.error());
  if (ftruncate(file.get(), static_cast<off_t>(verdict.good)) != 0 || fsync(file.get()) != 0) {
    return tl::unexpected(SystemError("can't cut", part.path));
  }
  return kept;
}

// Records of bytes that are gone say nothing.
Result<void> CutIndex(const Part& part) {
  const std::string path = part.path + ".idx";
  const File file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return {};
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return tl::unexpected(SystemError("can't look at", path));
  if (static_cast<std::uint64_t>(facts.st_size) <= part.verdict->index_good) return {};
  if (ftruncate(file.get(), static_cast<off_t>(part.verdict->index_good)) != 0 || fsync(file.get()) != 0) {
    return tl::unexpected(SystemError("can't cut", path));
  }
  return {};
}

// What an ended process had written need not have reached the disk, and counts as durable from now on.
Result<void> SyncFile(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(SystemError("can't open", path));
  if (fsync(file.get()) != 0) return tl::unexpected(SystemError("can't sync", path));
  return {};
}

}  // namespace

Result<void> JudgePart(Part& part) {
  struct stat facts {};
  if (stat(part.path.c_str(), &facts) != 0) return tl::unexpected(SystemError("can't open", part.path));
  if (!part.verdict) return {};
  auto verdict = JudgeFile(part);
  if (!verdict) return tl::unexpected(verdict.error());
  part.verdict = std::move(*verdict);
  return {};
}

Result<std::string> CutTail(const Part& part) {
  auto kept = MoveTail(part);
  if (!kept) return kept;
  if (const auto cut = CutIndex(part); !cut) return tl::unexpected(cut.error());
  return kept;
}

Result<JournalFolder> LookAtJournal(const std::string& folder, const std::string& filename) {
  JournalFolder found;
  std::error_code failed;
  std::filesystem::directory_iterator entries(folder, failed);
  if (failed == std::errc::no_such_file_or_directory) return found;
  if (failed) return Fail(ErrorCode::kIo, fmt::format("can't read '{}': {}", folder, failed.message()));
  const std::string manifest_name = ManifestName(filename);
  const std::string prefix = filename + ".";
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name == kBeginningMark) found.beginning = true;
    if (name == manifest_name) {
      const auto text = host::ReadWholeFile(entry.path().string());
      if (!text) return tl::unexpected(text.error());
      auto manifest = ParseManifest(*text);
      if (!manifest) {
        return Fail(ErrorCode::kInvalid, fmt::format("'{}': {}", entry.path().string(), manifest.error().text));
      }
      found.manifest = std::move(*manifest);
      continue;
    }
    if (!name.starts_with(prefix)) continue;
    const std::string_view rest = std::string_view(name).substr(prefix.size());
    const auto seq = base::ParseInt<std::uint64_t>(rest.substr(0, rest.find('.')));
    if (!seq || rest.find('.') == std::string_view::npos) continue;
    found.files.push_back(name);
    found.next_seq = std::max(found.next_seq, *seq + 1);
  }
  std::ranges::sort(found.files);
  if (found.manifest) {
    if (found.manifest->base) found.next_seq = std::max(found.next_seq, found.manifest->base->seq + 1);
    for (const JournalFile& file : found.manifest->incrs) found.next_seq = std::max(found.next_seq, file.seq + 1);
  }
  return found;
}

Result<JournalLoader::Judged> JudgeJournal(std::vector<Part> parts, JournalFound found, bool load_truncated,
                                           bool may_change) {
  JournalLoader::Judged judged;
  judged.found = std::move(found);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part& part = parts[i];
    struct stat facts {};
    if (stat(part.path.c_str(), &facts) != 0) return tl::unexpected(SystemError("can't open", part.path));
    judged.found.bytes += static_cast<std::uint64_t>(facts.st_size);
    if (!part.verdict) {
      judged.found.base_bytes += static_cast<std::uint64_t>(facts.st_size);
      continue;
    }
    auto verdict = JudgeFile(part);
    if (!verdict) return tl::unexpected(verdict.error());
    part.verdict = std::move(*verdict);
    const IncrVerdict& about = *part.verdict;
    if (about.damage) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("'{}' is damaged at byte {}: {}. Nothing was changed; look at it with "
                              "'vigil-node --journal check'",
                              part.path, about.damage_at, *about.damage));
    }
    if (about.good == about.size) continue;
    const std::string what = fmt::format("'{}' ends with {} bytes that are no whole command, batch or transaction",
                                         part.path, about.size - about.good);
    if (i + 1 < parts.size()) return Fail(ErrorCode::kInvalid, what + ", and is not the last file");
    if (!load_truncated) return Fail(ErrorCode::kInvalid, what + " (aof-load-truncated is no)");
    judged.notes.push_back(what + ": they are cut off, since aof-load-truncated is yes");
  }
  // Nothing is wrong with any of them: only now is anything changed.
  if (may_change) {
    for (Part& part : parts) {
      if (!part.verdict) continue;
      if (part.verdict->good < part.verdict->size) {
        const auto kept = CutTail(part);
        if (!kept) return tl::unexpected(kept.error());
        judged.notes.push_back(fmt::format("What was cut off '{}' is kept in '{}'", part.path, *kept));
      }
      if (part.verdict->head) {
        if (const auto cut = CutIndex(part); !cut) return tl::unexpected(cut.error());
      }
      if (const auto synced = SyncFile(part.path); !synced) return tl::unexpected(synced.error());
    }
  }
  judged.parts = std::move(parts);
  return judged;
}

JournalLoader::JournalLoader(std::vector<Part> parts, JournalFound found, bool load_truncated,
                             std::shared_ptr<host::WayBack> way_back, std::function<void()> on_more) {
  for (const Part& part : parts) {
    struct stat facts {};
    if (stat(part.path.c_str(), &facts) == 0) size_ += static_cast<std::uint64_t>(facts.st_size);
  }
  thread_ = std::thread([this, parts = std::move(parts), found = std::move(found), load_truncated,
                         way_back = std::move(way_back), on_more = std::move(on_more)]() mutable {
    auto judged =
        std::make_shared<Result<Judged>>(JudgeJournal(std::move(parts), std::move(found), load_truncated, true));
    way_back->Post([this, judged, on_more] {
      judged_ = std::make_unique<Result<Judged>>(std::move(*judged));
      on_more();
    });
  });
}

JournalLoader::~JournalLoader() {
  thread_.join();
}

const Result<JournalLoader::Judged>* JournalLoader::judged() const {
  return judged_.get();
}

}  // namespace replication::edge
