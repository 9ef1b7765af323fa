#include "replication/edge/journal_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "replication/data/crc64.h"
#include "replication/edge/journal_loader.h"
#include "replication/host/durable_file.h"
#include "replication/resp/reply_writer.h"

namespace replication::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using host::SystemError;

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::size_t kPiece = 1 << 20;

// A new file, made durable before it counts.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)) {
    number_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  }
  ~NewFile() {
    if (number_ >= 0) close(number_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> Write(std::string_view bytes) {
    held_.append(bytes);
    return held_.size() < kPiece ? Result<void>{} : Flush();
  }
  std::uint64_t size() const { return written_ + held_.size(); }
  // Cut to `size`, which is not more than it has.
  Result<void> Finish(std::uint64_t size) {
    if (auto flushed = Flush(); !flushed) return flushed;
    if (ftruncate(number_, static_cast<off_t>(size)) != 0) return tl::unexpected(SystemError("can't cut", path_));
    if (fsync(number_) != 0) return tl::unexpected(SystemError("can't sync", path_));
    return {};
  }

 private:
  Result<void> Flush() {
    if (number_ < 0) return tl::unexpected(SystemError("can't create", path_));
    for (std::string_view rest = held_; !rest.empty();) {
      const ssize_t count = write(number_, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return tl::unexpected(SystemError("can't write", path_));
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    written_ += held_.size();
    held_.clear();
    return {};
  }

  std::string path_;
  int number_ = -1;
  std::string held_;
  std::uint64_t written_ = 0;
};

Result<void> CopyFile(const SourceFile& from, std::uint64_t size, const std::string& to, const Stopped& stopped) {
  NewFile copy(to);
  const auto read = ReadPieces(from, size, stopped, [&](std::string_view bytes) { return copy.Write(bytes); });
  if (!read) return read;
  return copy.Finish(size);
}

// An RDB ends with a checksum over all before it; other bases have none.
Result<void> CheckBase(const std::string& path, const Stopped& stopped) {
  constexpr std::size_t kChecksum = 8;
  auto opened = ReadFile::Open(path);
  if (!opened) return tl::unexpected(opened.error());
  struct stat facts {};
  if (fstat(opened->number(), &facts) != 0) return tl::unexpected(SystemError("can't look at", path));
  SourceFile file;
  file.path = path;
  file.file = std::move(*opened);
  file.size = static_cast<std::uint64_t>(facts.st_size);
  std::uint64_t crc = 0;
  std::string last;  // bytes that may be the checksum
  bool rdb = false;
  bool begun = false;
  const auto read = ReadPieces(file, file.size, stopped, [&](std::string_view bytes) {
    if (!std::exchange(begun, true)) rdb = bytes.starts_with("REDIS");
    last.append(bytes);
    if (last.size() > kChecksum) {
      crc = data::Crc64(crc, std::string_view(last).substr(0, last.size() - kChecksum));
      last.erase(0, last.size() - kChecksum);
    }
    return Result<void>{};
  });
  if (!read || !rdb || !path.ends_with(".rdb")) return read;
  std::uint64_t stored = 0;
  for (std::size_t i = last.size(); i-- > 0;) stored = stored << 8 | static_cast<unsigned char>(last[i]);
  // 0: `rdbchecksum no`.
  if (last.size() == kChecksum && (stored == 0 || stored == crc)) return {};
  return Fail(ErrorCode::kInvalid, fmt::format("'{}' is damaged: its checksum does not match", path));
}

// What was made is read as a node would read it.
Result<void> CheckMade(const std::string& folder, const Manifest& manifest, const Stopped& stopped) {
  if (manifest.base) {
    if (auto checked = CheckBase(folder + "/" + manifest.base->name, stopped); !checked) return checked;
  }
  for (const JournalFile& file : manifest.incrs) {
    if (stopped()) return Fail(ErrorCode::kIo, "interrupted");
    JournalLoader::Part part{file.name, folder + "/" + file.name, IncrVerdict{}};
    if (auto judged = JudgePart(part); !judged) return judged;
    const IncrVerdict& verdict = *part.verdict;
    if (!verdict.damage && verdict.good == verdict.size) continue;
    return Fail(ErrorCode::kIo, fmt::format("'{}' cannot be read back as it was written: {}", part.path,
                                            verdict.damage.value_or("its end is missing")));
  }
  return {};
}

Result<void> PutManifest(const std::string& folder, const std::string& filename, const Manifest& manifest) {
  return host::ReplaceFile(folder + "/" + ManifestName(filename), RenderManifest(manifest));
}

// What is needed of `source` to extract.
struct Extraction {
  NewFile out;
  MomentCut cut;
  CopyReport report;
  std::uint64_t whole_size = 0;  // of `out`, up to a moment
};

// One incr file's part of it. False: the moment was reached.
Result<bool> ExtractFile(const SourceFile& file, Extraction& into, const Stopped& stopped) {
  JournalWalk walk(file.head, std::string_view(file.index).substr(0, file.index_good));
  // Every file begins in the database that its head names, a stranger's in the first.
  std::string select;
  resp::AppendCommand(select, {"SELECT", fmt::format("{}", file.head ? file.head->head.db : 0)});
  if (auto written = into.out.Write(select); !written) return tl::unexpected(written.error());
  into.whole_size = into.out.size();
  bool reached = false;
  std::int64_t marked = kNoTime;
  const auto read = ReadPieces(file, file.good, stopped, [&](std::string_view bytes) -> Result<void> {
    if (reached) return {};
    walk.Feed(bytes);
    JournalCommand command;
    while (true) {
      const bool inside = walk.in_transaction();
      const auto outcome = walk.Next(command);
      if (outcome == JournalWalk::Outcome::kNeedMore) return {};
      if (outcome == JournalWalk::Outcome::kError) {
        return Fail(ErrorCode::kInvalid, fmt::format("'{}' at byte {}: {}", file.path, walk.position(), walk.error()));
      }
      if (outcome == JournalWalk::Outcome::kMark) continue;
      if (!into.cut.Includes(command)) {
        reached = true;
        return {};
      }
      if (walk.marked_ms() != marked && !inside) {
        marked = walk.marked_ms();
        if (auto written = into.out.Write(TimeMark(marked / 1000)); !written) return written;
      }
      if (auto written = into.out.Write(command.raw); !written) return written;
      ++into.report.commands;
      if (command.whole) into.whole_size = into.out.size();
    }
  });
  if (!read) return tl::unexpected(read.error());
  if (file.head && !reached) into.report.replid = file.head->head.history.replid.hex;
  if (file.head && reached && into.cut.reached() >= file.head->head.first) {
    into.report.replid = file.head->head.history.replid.hex;
  }
  return !reached;
}

}  // namespace

Result<NewFolder> NewFolder::Begin(const std::string& path, const std::string& inside) {
  std::string name = path;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  std::error_code failed;
  if (std::filesystem::exists(name, failed) && !std::filesystem::is_empty(name, failed)) {
    return Fail(ErrorCode::kInvalid, fmt::format("'{}' exists and is not an empty directory: name a new one", name));
  }
  NewFolder made(name, inside);
  const std::string unfinished = name + std::string(kUnfinished);
  if (mkdir(unfinished.c_str(), 0755) != 0) {
    made.begun_ = false;
    if (errno != EEXIST) return tl::unexpected(SystemError("can't make", unfinished));
    return Fail(ErrorCode::kInvalid, fmt::format("'{}' is in the way: another run is at work on it, or was killed; if "
                                                 "none is, remove it",
                                                 unfinished));
  }
  if (!inside.empty() && mkdir(made.files().c_str(), 0755) != 0) {
    return tl::unexpected(SystemError("can't make", made.files()));
  }
  return made;
}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : path_(std::move(other.path_)), inside_(std::move(other.inside_)), begun_(std::exchange(other.begun_, false)) {}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (begun_) std::filesystem::remove_all(path_ + std::string(kUnfinished), ignored);
}

std::string NewFolder::files() const {
  const std::string unfinished = path_ + std::string(kUnfinished);
  return inside_.empty() ? unfinished : unfinished + "/" + inside_;
}

Result<void> NewFolder::Commit() {
  const std::string unfinished = path_ + std::string(kUnfinished);
  for (const std::string& inner : {files() + "/any", unfinished + "/any"}) {
    if (auto synced = host::SyncFolderOf(inner); !synced) return synced;
  }
  if (std::rename(unfinished.c_str(), path_.c_str()) != 0) return tl::unexpected(SystemError("can't name", path_));
  begun_ = false;
  return host::SyncFolderOf(path_);
}

Result<CopyReport> BackUp(JournalSource& source, const std::string& path, const Stopped& stopped) {
  auto folder = NewFolder::Begin(path, "");
  if (!folder) return tl::unexpected(folder.error());
  CopyReport report;
  Manifest manifest = source.manifest();
  manifest.incrs.clear();
  for (std::size_t i = 0; i < source.parts().size(); ++i) {
    const JournalPart& part = source.parts()[i];
    if (part.archived) continue;
    const std::string to = folder->files() + "/" + part.file.name;
    const bool base = part.file.type == JournalFile::Type::kBase;
    if (!base) {
      if (auto judged = source.Judge(i, stopped); !judged) return tl::unexpected(judged.error());
    }
    const SourceFile& file = source.file(i);
    if (file.damage) {
      return Fail(ErrorCode::kInvalid, *file.damage +
                                           ". 'vigil journal check' looks at it; --restore-to-offset "
                                           "still has what lies before");
    }
    const std::uint64_t size = base ? file.size : file.good;
    if (auto copied = CopyFile(file, size, to, stopped); !copied) return tl::unexpected(copied.error());
    report.bytes += size;
    if (base) continue;
    manifest.incrs.push_back(part.file);
    if (file.head) {
      NewFile copy(IndexName(to));
      if (auto written = copy.Write(std::string_view(file.index).substr(0, file.index_good)); !written) {
        return tl::unexpected(written.error());
      }
      if (auto done = copy.Finish(file.index_good); !done) return tl::unexpected(done.error());
    }
  }
  if (auto checked = CheckMade(folder->files(), manifest, stopped); !checked) return tl::unexpected(checked.error());
  if (auto put = PutManifest(folder->files(), source.filename(), manifest); !put) return tl::unexpected(put.error());
  // What the copy has, by its own account.
  auto made = JournalSource::Open(folder->files());
  if (!made) return tl::unexpected(made.error());
  if (auto measured = made->Measure(stopped); !measured) return tl::unexpected(measured.error());
  for (const JournalPart& part : made->parts()) {
    if (part.head) report.replid = part.head->history.replid.hex;
    if (part.file.type == JournalFile::Type::kIncr) report.through = part.last;
    if (part.last_ms != kNoTime) report.time_ms = part.last_ms;
  }
  if (auto done = folder->Commit(); !done) return tl::unexpected(done.error());
  return report;
}

Result<CopyReport> Extract(JournalSource& source, const WantedMoment& wanted, const std::string& path,
                           const std::string& inside, const Stopped& stopped) {
  if (auto measured = source.Measure(stopped); !measured) return tl::unexpected(measured.error());
  std::vector<JournalChain> chains = FindChains(source.parts());
  // Where nothing was written since, the last data are those of every later moment, as long as somebody would write.
  JournalChain& current = chains.back();
  if (source.in_use() && current.to_ms != kNoTime) current.to_ms = std::max(current.to_ms, source.opened_ms());
  std::size_t number = chains.size() - 1;
  if (wanted.offset || wanted.time_ms) {
    const auto chosen = ChooseChain(source.parts(), chains, wanted);
    if (!chosen) return tl::unexpected(chosen.error());
    number = *chosen;
  }
  const JournalChain& chain = chains[number];
  auto folder = NewFolder::Begin(path, inside);
  if (!folder) return tl::unexpected(folder.error());
  const std::string& filename = source.filename();
  Manifest manifest;
  std::uint64_t bytes = 0;
  if (chain.base) {
    const SourceFile& base = source.file(*chain.base);
    JournalFile file = source.parts()[*chain.base].file;
    file.seq = 1;
    file.name = BaseName(filename, 1);
    if (base.path.ends_with(".aof")) file.name.replace(file.name.size() - 3, 3, "aof");
    const std::string to = folder->files() + "/" + file.name;
    if (auto copied = CopyFile(base, base.size, to, stopped); !copied) return tl::unexpected(copied.error());
    bytes += base.size;
    manifest.base = file;
  }
  const JournalFile incr{IncrName(filename, 1), 1, JournalFile::Type::kIncr};
  Extraction into{NewFile(folder->files() + "/" + incr.name), MomentCut(wanted, chain.from), {}, 0};
  bool goes_on = true;
  for (const std::size_t part : chain.incrs) {
    if (!goes_on) break;
    if (auto judged = source.Judge(part, stopped); !judged) return tl::unexpected(judged.error());
    const SourceFile& file = source.file(part);
    const auto extracted = ExtractFile(file, into, stopped);
    if (!extracted) return tl::unexpected(extracted.error());
    goes_on = *extracted;
    // A moment before the damage may be had; what lies behind it may not.
    if (goes_on && file.damage && wanted.offset != into.cut.reached()) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("{}. The last moment before it is {}", *file.damage, into.cut.reached()));
    }
  }
  if (auto cut = into.cut.Finish(); !cut) return tl::unexpected(cut.error());
  if (auto done = into.out.Finish(into.whole_size); !done) return tl::unexpected(done.error());
  manifest.incrs.push_back(incr);
  if (auto checked = CheckMade(folder->files(), manifest, stopped); !checked) return tl::unexpected(checked.error());
  if (auto put = PutManifest(folder->files(), filename, manifest); !put) return tl::unexpected(put.error());
  if (auto done = folder->Commit(); !done) return tl::unexpected(done.error());
  CopyReport report = into.report;
  report.through = into.cut.reached();
  report.time_ms = into.cut.reached_ms();
  report.bytes = bytes + into.whole_size;
  return report;
}

}  // namespace replication::edge
