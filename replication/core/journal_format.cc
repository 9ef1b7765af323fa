#include "replication/core/journal_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "replication/base/text.h"
#include "replication/data/crc64.h"
#include "replication/resp/reply_writer.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kHead = "#VIGIL:";
constexpr std::string_view kBefore = "#VIGIL-BEFORE:";
constexpr std::string_view kVersion = "1";
constexpr std::uint64_t kMaxWords = 1ULL << 31;
constexpr std::uint64_t kMaxWord = 1ULL << 40;

char LetterOf(JournalFile::Type type) {
  return type == JournalFile::Type::kBase ? 'b' : type == JournalFile::Type::kHistory ? 'h' : 'i';
}

base::Result<JournalFile> ParseFileLine(const std::vector<std::string>& words) {
  JournalFile file;
  bool typed = false;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string key = base::ToLower(words[i]);
    const std::string& value = words[i + 1];
    if (key == "file") {
      if (value.empty() || value.find('/') != std::string::npos || value == "." || value == "..") {
        return Fail(ErrorCode::kInvalid, "a file's name that is a path");
      }
      file.name = value;
    } else if (key == "seq") {
      const auto seq = base::ParseInt<std::uint64_t>(value);
      if (!seq) return Fail(ErrorCode::kInvalid, "a sequence number that is none");
      file.seq = *seq;
    } else if (key == "type") {
      typed = true;
      if (value == "b") {
        file.type = JournalFile::Type::kBase;
      } else if (value == "h") {
        file.type = JournalFile::Type::kHistory;
      } else if (value == "i") {
        file.type = JournalFile::Type::kIncr;
      } else {
        return Fail(ErrorCode::kInvalid, "an unknown type of file");
      }
    }
    // Words of newer servers are passed over, as stock does.
  }
  if (words.size() % 2 != 0 || file.name.empty() || file.seq == 0 || !typed) {
    return Fail(ErrorCode::kInvalid, "a line that does not name file, seq and type");
  }
  return file;
}

void Put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}
std::uint64_t Get(std::string_view bytes, std::size_t at, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)])) << (8 * i);
  }
  return value;
}

std::string RenderFields(const IndexRecord& record) {
  std::string out;
  out.reserve(IndexRecord::kSize);
  Put(out, static_cast<std::uint32_t>(record.kind), 4);
  Put(out, record.marks, 4);
  Put(out, record.position, 8);
  Put(out, record.length, 8);
  Put(out, static_cast<std::uint64_t>(record.offset), 8);
  Put(out, static_cast<std::uint64_t>(record.time_ms), 8);
  return out;
}

// The line at the beginning of `bytes`, without its end, which is taken away. Empty: there is no whole line.
std::optional<std::string_view> TakeLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

base::Result<Manifest> ParseManifest(std::string_view text) {
  Manifest manifest;
  std::size_t number = 0;
  for (const std::string_view raw : base::Split(text, '\n')) {
    ++number;
    const std::string_view line = base::Trim(raw);
    if (line.empty() || line[0] == '#') continue;
    const auto words = base::SplitWords(line);
    if (!words) return Fail(ErrorCode::kInvalid, fmt::format("line {}: {}", number, words.error().text));
    const auto file = ParseFileLine(*words);
    if (!file) return Fail(ErrorCode::kInvalid, fmt::format("line {}: {}", number, file.error().text));
    switch (file->type) {
      case JournalFile::Type::kBase:
        if (manifest.base) return Fail(ErrorCode::kInvalid, fmt::format("line {}: a second base file", number));
        manifest.base = *file;
        break;
      case JournalFile::Type::kHistory:
        manifest.history.push_back(*file);
        break;
      case JournalFile::Type::kIncr:
        if (!manifest.incrs.empty() && manifest.incrs.back().seq >= file->seq) {
          return Fail(ErrorCode::kInvalid, fmt::format("line {}: incr files out of order", number));
        }
        manifest.incrs.push_back(*file);
        break;
    }
  }
  if (!manifest.base && manifest.incrs.empty()) return Fail(ErrorCode::kInvalid, "it names no file of data");
  return manifest;
}

std::string RenderManifest(const Manifest& manifest) {
  std::string text;
  const auto add = [&](const JournalFile& file) {
    text += fmt::format("file {} seq {} type {}\n", base::QuoteWord(file.name), file.seq, LetterOf(file.type));
  };
  if (manifest.base) add(*manifest.base);
  for (const JournalFile& file : manifest.history) add(file);
  for (const JournalFile& file : manifest.incrs) add(file);
  return text;
}

std::string BaseName(std::string_view filename, std::uint64_t seq) {
  return fmt::format("{}.{}.base.rdb", filename, seq);
}
std::string IncrName(std::string_view filename, std::uint64_t seq) {
  return fmt::format("{}.{}.incr.aof", filename, seq);
}
std::string IndexName(std::string_view incr_name) {
  return std::string(incr_name) + ".idx";
}
std::string ManifestName(std::string_view filename) {
  return std::string(filename) + ".manifest";
}

std::string RenderIncrHead(const IncrHead& head) {
  std::string text = fmt::format("{}{} {} {}\r\n{}{} {}\r\n", kHead, kVersion, head.history.replid.hex, head.first,
                                 kBefore, head.history.replid2.hex, head.history.second_offset);
  const std::string db = fmt::format("{}", head.db);
  resp::AppendCommand(text, {"SELECT", db});
  return text;
}

base::Result<FoundHead> ParseIncrHead(std::string_view bytes) {
  if (!bytes.starts_with(kHead)) return Fail(ErrorCode::kNotFound, "no head of ours");
  // However much more is there: the answer is the same.
  bytes = bytes.substr(0, kMaxIncrHead);
  FoundHead found;
  std::string_view rest = bytes;
  const auto bad = [] { return Fail(ErrorCode::kInvalid, "its #VIGIL: line makes no sense"); };
  const auto first = TakeLine(rest);
  if (!first) return bad();
  const auto words = base::Split(first->substr(kHead.size()), ' ');
  if (words[0] != kVersion) {
    return Fail(ErrorCode::kInvalid, fmt::format("it has form {}, which this program does not know", words[0]));
  }
  if (words.size() != 3) return bad();
  auto id = base::ParseHexId<base::ReplicationId>(words[1]);
  const auto offset = base::ParseInt<Offset>(words[2]);
  if (!id || !offset || *offset < 1) return bad();
  found.head.history.replid = *id;
  found.head.first = *offset;
  const auto second = TakeLine(rest);
  if (!second || !second->starts_with(kBefore)) return bad();
  const auto before = base::Split(second->substr(kBefore.size()), ' ');
  if (before.size() != 2) return bad();
  auto id2 = base::ParseHexId<base::ReplicationId>(before[0]);
  const auto second_offset = base::ParseInt<Offset>(before[1]);
  if (!id2 || !second_offset || *second_offset < -1) return bad();
  found.head.history.replid2 = *id2;
  found.head.history.second_offset = *second_offset;
  CommandReader reader;
  reader.Feed(rest);
  std::vector<std::string_view> select;
  if (reader.Next(select) != CommandReader::Outcome::kCommand || select.size() != 2 || select[0] != "SELECT") {
    return bad();
  }
  const auto db = base::ParseInt<int>(select[1]);
  if (!db || *db < 0) return bad();
  found.head.db = *db;
  found.size = bytes.size() - rest.size() + reader.consumed();
  return found;
}

std::string TimeMark(std::int64_t unix_seconds) {
  return fmt::format("#TS:{}\r\n", unix_seconds);
}

std::uint64_t ChecksumOf(const IndexRecord& record, std::uint64_t crc_of_bytes) {
  return data::Crc64(crc_of_bytes, RenderFields(record));
}

std::string RenderIndexRecord(const IndexRecord& record) {
  std::string out = RenderFields(record);
  Put(out, record.checksum, 8);
  return out;
}

std::vector<IndexRecord> ParseIndex(std::string_view bytes) {
  std::vector<IndexRecord> records;
  records.reserve(bytes.size() / IndexRecord::kSize);
  for (; bytes.size() >= IndexRecord::kSize; bytes.remove_prefix(IndexRecord::kSize)) {
    IndexRecord& record = records.emplace_back();
    record.kind = static_cast<IndexRecord::Kind>(Get(bytes, 0, 4));
    record.marks = static_cast<std::uint32_t>(Get(bytes, 4, 4));
    record.position = Get(bytes, 8, 8);
    record.length = Get(bytes, 16, 8);
    record.offset = static_cast<Offset>(Get(bytes, 24, 8));
    record.time_ms = static_cast<std::int64_t>(Get(bytes, 32, 8));
    record.checksum = Get(bytes, 40, 8);
  }
  return records;
}

void CommandReader::Feed(std::string_view bytes) {
  if (broken_) return;
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > 0 && at_ >= buffer_.size() / 2) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(bytes);
}

CommandReader::Outcome CommandReader::Fail(std::string error) {
  broken_ = true;
  error_ = std::move(error);
  return Outcome::kError;
}

CommandReader::Outcome CommandReader::Next(std::vector<std::string_view>& words) {
  words.clear();
  if (broken_) return Outcome::kError;
  const std::string_view rest = std::string_view(buffer_).substr(at_);
  if (rest.empty() || rest.size() < needed_) return Outcome::kNeedMore;
  if (rest[0] == '#') {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Outcome::kNeedMore;
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    words.push_back(line);
    raw_at_ = at_;
    at_ += end + 1;
    consumed_ += end + 1;
    needed_ = 0;
    return Outcome::kMark;
  }
  std::size_t at = 0;
  // The number behind `type`; what must follow it is looked at too. 0: fine, 1: more is needed, 2: it is no AOF.
  const auto number = [&](char type, std::uint64_t most, std::uint64_t& value) {
    if (at >= rest.size()) return 1;
    if (rest[at] != type) return 2;
    const char* begin = rest.data() + at + 1;
    const char* limit = rest.data() + std::min(rest.size(), at + 1 + 20);
    const auto [end, error] = std::from_chars(begin, limit, value);
    if (end == rest.data() + rest.size()) return 1;
    if (error != std::errc() || value > most || *end != '\r') return 2;
    if (end + 1 == rest.data() + rest.size()) return 1;
    if (end[1] != '\n') return 2;
    at = static_cast<std::size_t>(end - rest.data()) + 2;
    return 0;
  };
  std::uint64_t count = 0;
  int state = number('*', kMaxWords, count);
  if (state == 0 && count == 0) state = 2;
  for (std::uint64_t i = 0; i < count && state == 0; ++i) {
    std::uint64_t length = 0;
    state = number('$', kMaxWord, length);
    if (state != 0) break;
    if (rest.size() - at < length + 2) {
      needed_ = at + static_cast<std::size_t>(length) + 2;
      return Outcome::kNeedMore;
    }
    words.push_back(rest.substr(at, static_cast<std::size_t>(length)));
    at += static_cast<std::size_t>(length);
    if (rest[at] != '\r' || rest[at + 1] != '\n') state = 2;
    at += 2;
  }
  if (state == 2) return Fail("the bytes are no commands of an append-only file");
  if (state == 1) return Outcome::kNeedMore;
  raw_at_ = at_;
  at_ += at;
  consumed_ += at;
  needed_ = 0;
  return Outcome::kCommand;
}

}  // namespace replication
