#include "replication/edge/journal_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>

#include "replication/base/text.h"
#include "replication/base/time.h"
#include "replication/edge/journal_loader.h"
#include "replication/host/durable_file.h"

namespace replication::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using host::SystemError;

constexpr std::size_t kPiece = 1 << 20;
constexpr std::string_view kManifestEnd = ".manifest";
constexpr std::string_view kArchive = "archive";
// A rewrite may take files away between reading the manifest and opening them; so often in a row it will not.
constexpr int kTries = 100;
// An RDB's auxiliary fields stand at its beginning.
constexpr std::size_t kStartOfBase = 1024;

// The `appendfilename` that the folder's one manifest is named for.
Result<std::string> FilenameIn(const std::string& folder) {
  std::error_code failed;
  std::optional<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(kManifestEnd)) continue;
    if (found) return Fail(ErrorCode::kInvalid, fmt::format("'{}' holds several manifests", folder));
    found = name.substr(0, name.size() - kManifestEnd.size());
  }
  if (failed) return Fail(ErrorCode::kIo, fmt::format("can't read '{}': {}", folder, failed.message()));
  if (!found) {
    return Fail(ErrorCode::kNotFound, fmt::format("'{}' holds no manifest: it is no journal. Name the node's "
                                                  "<dir>/<appenddirname>, as 'CONFIG GET append*' shows it",
                                                  folder));
  }
  return *found;
}

bool InUse(const std::string& folder) {
  const int lock = open((folder + "/vigil.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return false;
  const bool taken = flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(lock);
  return taken;
}

// What was written to the index until the file had `size` bytes, and perhaps the batch that was being written then.
std::string IndexUntil(const std::string& index, std::uint64_t size) {
  std::size_t keep = 0;
  for (const IndexRecord& record : ParseIndex(index)) {
    if (record.kind == IndexRecord::Kind::kSynced ? record.position > size : record.position >= size) break;
    keep += IndexRecord::kSize;
    if (record.kind == IndexRecord::Kind::kBatch && record.end() > size) break;
  }
  return index.substr(0, keep);
}

// "appendonly.aof.12.incr.aof": the number and the kind.
std::optional<JournalFile> FileByName(const std::string& name, const std::string& filename) {
  if (!name.starts_with(filename + ".")) return std::nullopt;
  const std::string_view rest = std::string_view(name).substr(filename.size() + 1);
  const std::size_t dot = rest.find('.');
  const auto seq = base::ParseInt<std::uint64_t>(rest.substr(0, dot));
  if (!seq || *seq == 0 || dot == std::string_view::npos) return std::nullopt;
  const std::string_view kind = rest.substr(dot);
  JournalFile file{name, *seq, JournalFile::Type::kIncr};
  if (kind == ".incr.aof") return file;
  file.type = JournalFile::Type::kBase;
  if (kind == ".base.rdb" || kind == ".base.aof") return file;
  return std::nullopt;
}

}  // namespace

Result<ReadFile> ReadFile::Open(const std::string& path) {
  ReadFile file;
  file.number_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.number_ >= 0) return file;
  const bool missing = errno == ENOENT;
  base::Error error = SystemError("can't open", path);
  if (missing) error.code = ErrorCode::kNotFound;
  return tl::unexpected(std::move(error));
}

ReadFile::~ReadFile() {
  if (number_ >= 0) close(number_);
}

Result<void> ReadPieces(const SourceFile& from, std::uint64_t limit, const Stopped& stopped,
                        const std::function<Result<void>(std::string_view)>& take) {
  std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, limit)), '\0');
  for (std::uint64_t at = 0; at < limit;) {
    if (stopped()) return Fail(ErrorCode::kIo, "interrupted");
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), limit - at));
    const ssize_t count = pread(from.file.number(), buffer.data(), wanted, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(SystemError("can't read", from.path));
    if (count == 0) return Fail(ErrorCode::kIo, fmt::format("'{}' has become shorter while it was read", from.path));
    if (auto taken = take(std::string_view(buffer).substr(0, static_cast<std::size_t>(count))); !taken) return taken;
    at += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<JournalSource> JournalSource::Open(const std::string& folder) {
  JournalSource source;
  source.folder_ = folder;
  auto filename = FilenameIn(folder);
  if (!filename) return tl::unexpected(filename.error());
  source.filename_ = *filename;
  for (int tries = 0;; ++tries) {
    source.parts_.clear();
    source.files_.clear();
    source.in_use_ = InUse(folder);
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    source.opened_ms_ = std::chrono::duration_cast<base::Millis>(since_1970).count();
    const auto found = LookAtJournal(folder, source.filename_);
    if (!found) return tl::unexpected(found.error());
    if (!found->manifest) return Fail(ErrorCode::kNotFound, fmt::format("'{}' holds no manifest", folder));
    source.manifest_ = *found->manifest;
    source.manifest_.history.clear();
    Result<void> added;
    if (source.manifest_.base) {
      added = source.Add(*source.manifest_.base, folder + "/" + source.manifest_.base->name, false);
    }
    for (const JournalFile& file : source.manifest_.incrs) {
      if (added) added = source.Add(file, folder + "/" + file.name, false);
    }
    if (added) added = source.AddArchive();
    if (added) return source;
    if (added.error().code != ErrorCode::kNotFound || tries == kTries) return tl::unexpected(added.error());
  }
}

Result<void> JournalSource::Add(const JournalFile& file, const std::string& path, bool archived) {
  auto opened = ReadFile::Open(path);
  if (!opened) return tl::unexpected(opened.error());
  SourceFile source;
  source.path = path;
  source.file = std::move(*opened);
  struct stat facts {};
  if (fstat(source.file.number(), &facts) != 0) return tl::unexpected(SystemError("can't look at", path));
  source.size = static_cast<std::uint64_t>(facts.st_size);
  if (file.type == JournalFile::Type::kIncr) {
    // Behind the size: a batch's record is written before its bytes, so that this index knows all of them.
    if (auto index = host::ReadWholeFile(path + ".idx")) {
      source.index = in_use_ && !archived ? IndexUntil(*index, source.size) : std::move(*index);
    } else if (index.error().code != ErrorCode::kNotFound) {
      return tl::unexpected(index.error());
    }
  }
  JournalPart part;
  part.file = file;
  part.archived = archived;
  part.size = source.size;
  parts_.push_back(std::move(part));
  files_.push_back(std::move(source));
  return {};
}

Result<void> JournalSource::AddArchive() {
  std::error_code failed;
  const std::filesystem::path archive = std::filesystem::path(folder_) / kArchive;
  std::filesystem::recursive_directory_iterator entries(archive, failed);
  if (failed) return {};  // there is none
  std::vector<std::pair<JournalFile, std::string>> found;
  for (; entries != std::filesystem::recursive_directory_iterator(); entries.increment(failed)) {
    if (failed) return Fail(ErrorCode::kIo, fmt::format("can't read '{}': {}", archive.string(), failed.message()));
    const auto file = FileByName(entries->path().filename().string(), filename_);
    if (file) found.emplace_back(*file, entries->path().string());
  }
  std::ranges::sort(found, {}, [](const auto& entry) { return entry.first.seq; });
  for (const auto& [file, path] : found) {
    // What retention has just removed is no longer to be had.
    if (auto added = Add(file, path, true); !added && added.error().code != ErrorCode::kNotFound) return added;
  }
  return {};
}

Result<void> JournalSource::Judge(std::size_t part, const Stopped& stopped) {
  SourceFile& file = files_[part];
  IncrScanner scanner(file.index.empty() ? std::nullopt : std::optional(file.index));
  const auto read = ReadPieces(file, file.size, stopped, [&](std::string_view bytes) {
    scanner.Feed(bytes);
    return Result<void>{};
  });
  if (!read) return read;
  const IncrVerdict verdict = scanner.Finish();
  file.good = verdict.damage ? std::min(verdict.good, verdict.damage_at) : verdict.good;
  file.index_good = verdict.index_good;
  file.head = verdict.head;
  if (verdict.damage) {
    file.damage = fmt::format("'{}' is damaged at byte {}: {}", file.path, verdict.damage_at, *verdict.damage);
  }
  return {};
}

Result<void> JournalSource::Measure(const Stopped& stopped) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].file.type == JournalFile::Type::kIncr) {
      if (auto measured = MeasureIncr(i, stopped); !measured) return measured;
      continue;
    }
    const auto read = ReadPieces(files_[i], std::min<std::uint64_t>(files_[i].size, kStartOfBase), stopped,
                                 [&](std::string_view bytes) {
                                   parts_[i].made_ms = MadeAt(bytes);
                                   return Result<void>{};
                                 });
    if (!read) return read;
  }
  return {};
}

Result<void> JournalSource::MeasureIncr(std::size_t number, const Stopped& stopped) {
  JournalPart& part = parts_[number];
  SourceFile& file = files_[number];
  std::string start;
  const auto begun =
      ReadPieces(file, std::min<std::uint64_t>(file.size, kMaxIncrHead), stopped, [&](std::string_view bytes) {
        start.append(bytes);
        return Result<void>{};
      });
  if (!begun) return begun;
  if (const auto head = ParseIncrHead(start)) {
    part.head = head->head;
    part.last = head->head.first - 1;
    std::uint64_t end = head->size;
    bool torn = false;
    for (const IndexRecord& record : ParseIndex(file.index)) {
      if (record.kind != IndexRecord::Kind::kBatch) continue;
      if (record.position != end || record.end() > file.size || record.offset != part.last + 1) {
        torn = record.position == end;
        break;
      }
      end = record.end();
      part.last = record.end_offset() - 1;
      if (part.first_ms == kNoTime) part.first_ms = record.time_ms;
      part.last_ms = std::max(part.last_ms, record.time_ms);
    }
    if (torn || end == file.size) return {};
    part.last = head->head.first - 1;
    part.first_ms = part.last_ms = kNoTime;
  }
  // The index does not speak of all of it: the commands themselves do.
  if (auto judged = Judge(number, stopped); !judged) return judged;
  JournalWalk walk(file.head, std::string_view(file.index).substr(0, file.index_good));
  const auto read = ReadPieces(file, file.good, stopped, [&](std::string_view bytes) {
    walk.Feed(bytes);
    JournalCommand command;
    for (auto outcome = walk.Next(command); outcome != JournalWalk::Outcome::kNeedMore; outcome = walk.Next(command)) {
      if (outcome == JournalWalk::Outcome::kError) return Result<void>{Fail(ErrorCode::kInvalid, walk.error())};
      if (outcome != JournalWalk::Outcome::kCommand || command.time_ms == kNoTime) continue;
      if (part.first_ms == kNoTime) part.first_ms = command.time_ms;
      part.last_ms = std::max(part.last_ms, command.time_ms);
    }
    return Result<void>{};
  });
  if (!read) return read;
  if (file.head) part.last = walk.offset();
  return {};
}

}  // namespace replication::edge
