#include "replication/data/rdb_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "replication/base/text.h"
#include "replication/data/crc64.h"
#include "replication/data/hash_value.h"
#include "replication/data/list_value.h"
#include "replication/data/old_packings.h"
#include "replication/data/rdb_cursor.h"
#include "replication/data/rdb_format.h"
#include "replication/data/set_value.h"
#include "replication/data/zset_value.h"

namespace data {
namespace {

constexpr std::size_t kCompactAt = 1 << 16;

std::string_view TypeText(std::uint8_t type) {
  switch (type) {
    case 1:
    case 10:
    case 14:
    case 18:
      return "list";
    case 2:
    case 11:
    case 20:
      return "set";
    case 3:
    case 5:
    case 12:
    case 17:
      return "sorted set";
    case 4:
    case 9:
    case 13:
    case 16:
      return "hash";
    case 6:
    case 7:
      return "module";
    case 15:
    case 19:
    case 21:
      return "stream";
    case 22:
    case 23:
    case 24:
    case 25:
      return "hash with expiring fields";
    default:
      return "";
  }
}

}  // namespace

RdbReader::RdbReader(Keyspace& into, RdbReadOptions options) : into_(into), options_(options) {}

base::Result<std::size_t> RdbReader::Feed(std::string_view bytes) {
  if (error_) return tl::unexpected(*error_);
  if (complete_) return 0;
  buffer_.append(bytes);
  while (!complete_ && buffer_.size() - at_ >= needed_) {
    Cursor cursor(std::string_view(buffer_).substr(at_));
    const Outcome outcome = ReadItem(cursor);
    if (outcome == Outcome::kBad) {
      error_ = base::Error{base::ErrorCode::kInvalid,
                           fmt::format("rdb: offset {}: {}", consumed_ + cursor.bad_at(), cursor.reason())};
      return tl::unexpected(*error_);
    }
    if (outcome == Outcome::kNeedMore) {
      needed_ = cursor.needed();
      break;
    }
    TakeItem(cursor.at());
  }
  if (complete_) {
    const std::size_t left = buffer_.size() - at_;
    buffer_ = {};
    at_ = 0;
    return bytes.size() - left;
  }
  crc_ = Crc64(crc_, std::string_view(buffer_).substr(crc_at_, at_ - crc_at_));
  crc_at_ = at_;
  if (at_ == buffer_.size() || at_ >= kCompactAt) {
    buffer_.erase(0, at_);
    at_ = 0;
    crc_at_ = 0;
  }
  return bytes.size();
}

void RdbReader::TakeItem(std::size_t size) {
  at_ += size;
  consumed_ += size;
  needed_ = 1;
}

base::Result<void> RdbReader::Finish() const {
  if (error_) return tl::unexpected(*error_);
  if (complete_) return {};
  return base::Fail(base::ErrorCode::kIncomplete,
                    fmt::format("rdb: offset {}: the file ends before its end mark", offset()));
}

RdbReader::Outcome RdbReader::ReadItem(Cursor& cursor) {
  if (!header_read_) return ReadHeader(cursor);
  if (filling_) return ReadElement(cursor);
  std::uint8_t opcode = 0;
  if (const Outcome outcome = cursor.Byte(opcode); outcome != Outcome::kOk) return outcome;
  std::string_view skipped;
  std::uint64_t number = 0;
  switch (opcode) {
    case rdb::kAux:
      return ReadAux(cursor);
    case rdb::kFunction2:
      return ReadFunction(cursor);
    case rdb::kSelectDb:
      return ReadSelectDb(cursor);
    case rdb::kResizeDb:
      return ReadResizeDb(cursor);
    case rdb::kExpireMs:
      return ReadExpiry(cursor, false);
    case rdb::kExpireSeconds:
      return ReadExpiry(cursor, true);
    case rdb::kIdle:
      if (const Outcome outcome = cursor.PlainLength(number); outcome != Outcome::kOk) return outcome;
      idle_ = number;
      return Outcome::kOk;
    case rdb::kFreq:
      if (const Outcome outcome = cursor.Take(1, skipped); outcome != Outcome::kOk) return outcome;
      frequency_ = static_cast<std::uint8_t>(skipped[0]);
      return Outcome::kOk;
    case rdb::kSlotInfo:
      for (int i = 0; i < 3; ++i) {
        if (const Outcome outcome = cursor.PlainLength(number); outcome != Outcome::kOk) return outcome;
      }
      return Outcome::kOk;
    case rdb::kModuleAux:
      return cursor.Bad(0, "data of modules is not supported");
    case rdb::kFunctionPreview:
      return cursor.Bad(0, "functions of a preview of Redis 7.0 are not supported");
    case rdb::kEnd:
      return ReadEnd(cursor);
    default:
      return ReadKey(cursor, opcode);
  }
}

RdbReader::Outcome RdbReader::ReadHeader(Cursor& cursor) {
  std::string_view header;
  if (const Outcome outcome = cursor.Take(rdb::kHeaderBytes, header); outcome != Outcome::kOk) return outcome;
  int version = 0;
  const bool digits = std::ranges::all_of(header.substr(5), [&version](char c) {
    version = version * 10 + (c - '0');
    return c >= '0' && c <= '9';
  });
  if (!header.starts_with("REDIS") || !digits) return cursor.Bad(0, "this is no RDB file");
  if (version < 1 || version > rdb::kNewestReadable) {
    return cursor.Bad(0, fmt::format("version {} is not supported, only 1 to {}", version, rdb::kNewestReadable));
  }
  facts_.version = version;
  header_read_ = true;
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadAux(Cursor& cursor) {
  std::string_view name;
  std::string_view value;
  if (const Outcome outcome = cursor.Text(name, key_scratch_); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = cursor.Text(value, value_scratch_); outcome != Outcome::kOk) return outcome;
  facts_.aux[std::string(name)] = std::string(value);
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadFunction(Cursor& cursor) {
  std::string_view text;
  if (const Outcome outcome = cursor.Text(text, value_scratch_); outcome != Outcome::kOk) return outcome;
  functions_.emplace_back(text);
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadSelectDb(Cursor& cursor) {
  std::uint64_t db = 0;
  if (const Outcome outcome = cursor.PlainLength(db); outcome != Outcome::kOk) return outcome;
  if (db >= static_cast<std::uint64_t>(into_.databases())) {
    return cursor.Bad(0, fmt::format("database {}, but there are only {}", db, into_.databases()));
  }
  db_ = static_cast<int>(db);
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadResizeDb(Cursor& cursor) {
  std::uint64_t keys = 0;
  std::uint64_t expires = 0;
  if (const Outcome outcome = cursor.PlainLength(keys); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = cursor.PlainLength(expires); outcome != Outcome::kOk) return outcome;
  keys_.Expect(db_, keys);
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadExpiry(Cursor& cursor, bool seconds) {
  std::string_view bytes;
  if (const Outcome outcome = cursor.Take(seconds ? 4 : 8, bytes); outcome != Outcome::kOk) return outcome;
  const std::int64_t at =
      seconds ? LittleEndian<std::int32_t>(bytes) * std::int64_t{1000} : LittleEndian<std::int64_t>(bytes);
  expires_at_ = std::min(at, kNever - 1);
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadKey(Cursor& cursor, std::uint8_t type) {
  std::string_view key;
  switch (type) {
    case rdb::kTypeString:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      return ReadString(cursor, key);
    case rdb::kTypeList:
    case rdb::kTypeListZiplists:
    case rdb::kTypeListPieces:
    case rdb::kTypeSet:
    case rdb::kTypeHash:
    case rdb::kTypeZset:
    case rdb::kTypeZsetText:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      return BeginElements(cursor, type, key);
    case rdb::kTypeListZiplist:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      filling_ = Filling{rdb::kTypeListZiplists, std::string(key), 1, {}, nullptr};  // of one piece
      return Outcome::kOk;
    case rdb::kTypeStream:
    case rdb::kTypeStream2:
    case rdb::kTypeStream3:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      filling_ = Filling{type, std::string(key), 0, {}, std::make_unique<RdbStreamReader>(type)};
      return Outcome::kOk;
    case rdb::kTypeHashZipmap:
    case rdb::kTypeHashZiplist:
    case rdb::kTypeHashListpack:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      return ReadPackedHash(cursor, type, key);
    case rdb::kTypeSetIntset:
    case rdb::kTypeSetListpack:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      return ReadPackedSet(cursor, type, key);
    case rdb::kTypeZsetZiplist:
    case rdb::kTypeZsetListpack:
      if (const Outcome outcome = cursor.Text(key, key_scratch_); outcome != Outcome::kOk) return outcome;
      return ReadPackedZset(cursor, type, key);
    default:
      break;
  }
  const std::string_view name = TypeText(type);
  if (name.empty()) return cursor.Bad(0, fmt::format("unknown value type {}", type));
  return cursor.Bad(0, fmt::format("value type {} ({}) is not supported yet", type, name));
}

// Takes the expiry of the key that has been read. True when the key is to be left out.
bool RdbReader::DropsExpired() {
  if (!options_.drop_expired || expires_at_ > options_.now) return false;
  expires_at_ = kNever;
  idle_.reset();
  frequency_.reset();
  ++facts_.keys_expired;
  return true;
}

RdbReader::Outcome RdbReader::Load(Cursor& cursor, std::string_view key, NewValue value) {
  if (DropsExpired()) return Outcome::kOk;
  // What the file says of the use of a key means something only by the rules that hold now.
  std::uint32_t mark = into_.FreshMark();
  if (frequency_ && into_.usage().frequency) mark = into_.MarkOfFrequency(*frequency_);
  if (idle_ && !into_.usage().frequency) mark = into_.MarkOfIdle(*idle_);
  idle_.reset();
  frequency_.reset();
  ++facts_.keys_loaded;
  return keys_.Add(db_, key, std::move(value), std::exchange(expires_at_, kNever), mark) ? Outcome::kOk : Twice(cursor);
}

RdbReader::Outcome RdbReader::Twice(Cursor& cursor) const {
  return cursor.Bad(0, fmt::format("before this the key {} stands there twice",
                                   base::Quoted(std::string_view(keys_.duplicate()).substr(0, 64))));
}

RdbReader::Outcome RdbReader::LoadCollection(Cursor& cursor, ValueType type, std::string_view key, Contents contents) {
  return Load(cursor, key, NewValue::OfContents(type, contents));
}

RdbReader::Outcome RdbReader::ReadString(Cursor& cursor, std::string_view key) {
  Cursor::Value value;
  if (const Outcome outcome = cursor.StringValue(value, value_scratch_); outcome != Outcome::kOk) return outcome;
  return Load(cursor, key, value.is_integer ? NewValue::OfInteger(value.integer) : NewValue::Of(value.text));
}

RdbReader::Outcome RdbReader::ReadPackedHash(Cursor& cursor, std::uint8_t type, std::string_view key) {
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Text(bytes, value_scratch_); outcome != Outcome::kOk) return outcome;
  base::Result<void> valid;
  std::string packed;
  if (type == rdb::kTypeHashListpack) {
    valid = CheckListpack(bytes);
    packed = bytes;
  } else {
    Listpack pack;
    IntText buffer;
    const auto append = [&](const PackedElement& element) { pack.Append(element.Text(buffer)); };
    valid = type == rdb::kTypeHashZipmap ? ReadZipmap(bytes, append) : ReadZiplist(bytes, append);
    packed = pack.Take();
  }
  if (!valid) return cursor.Bad(begin, valid.error().text);
  if (ListpackView(packed).empty()) {  // a bug of old servers: such a key does not exist
    expires_at_ = kNever;
    return Outcome::kOk;
  }
  auto contents = HashFromListpack(std::move(packed), into_);
  if (!contents) return cursor.Bad(begin, "a hash with a field without value, or with one twice");
  return LoadCollection(cursor, ValueType::kHash, key, std::move(*contents));
}

RdbReader::Outcome RdbReader::ReadPackedSet(Cursor& cursor, std::uint8_t type, std::string_view key) {
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Text(bytes, value_scratch_); outcome != Outcome::kOk) return outcome;
  const auto valid = type == rdb::kTypeSetIntset ? CheckIntset(bytes) : CheckListpack(bytes);
  if (!valid) return cursor.Bad(begin, valid.error().text);
  std::optional<Contents> contents;
  if (type == rdb::kTypeSetIntset) {
    contents = SetFromIntset(std::string(bytes), into_);
  } else if (!ListpackView(bytes).empty()) {
    contents.emplace();
    SetEditor set(*contents, into_);
    IntText buffer;
    for (const PackedElement& member : ListpackView(bytes)) {
      if (!set.Add(member.Text(buffer))) return cursor.Bad(begin, "a set with a member twice");
    }
  }
  if (!contents) {
    expires_at_ = kNever;
    return Outcome::kOk;
  }
  return LoadCollection(cursor, ValueType::kSet, key, std::move(*contents));
}

RdbReader::Outcome RdbReader::ReadPackedZset(Cursor& cursor, std::uint8_t type, std::string_view key) {
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Text(bytes, value_scratch_); outcome != Outcome::kOk) return outcome;
  base::Result<void> valid;
  std::string packed;
  if (type == rdb::kTypeZsetListpack) {
    valid = CheckListpack(bytes);
    packed = bytes;
  } else {
    Listpack pack;
    IntText buffer;
    valid = ReadZiplist(bytes, [&](const PackedElement& element) { pack.Append(element.Text(buffer)); });
    packed = pack.Take();
  }
  if (!valid) return cursor.Bad(begin, valid.error().text);
  if (ListpackView(packed).empty()) {
    expires_at_ = kNever;
    return Outcome::kOk;
  }
  auto contents = ZsetFromListpack(std::move(packed), into_);
  if (!contents) return cursor.Bad(begin, "a sorted set with a member without score, or with one twice");
  return LoadCollection(cursor, ValueType::kZset, key, std::move(*contents));
}

RdbReader::Outcome RdbReader::BeginElements(Cursor& cursor, std::uint8_t type, std::string_view key) {
  std::uint64_t count = 0;
  if (const Outcome outcome = cursor.PlainLength(count); outcome != Outcome::kOk) return outcome;
  if (count == 0) {
    expires_at_ = kNever;
    return Outcome::kOk;
  }
  filling_ = Filling{type, std::string(key), count, {}, nullptr};
  if (type == rdb::kTypeZset || type == rdb::kTypeZsetText) {
    filling_->contents.tree = std::make_unique<ScoreTree>(into_.field_hash());
  }
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadElement(Cursor& cursor) {
  if (filling_->stream != nullptr) return ReadStreamItem(cursor);
  ValueType type = ValueType::kList;
  Outcome outcome = Outcome::kOk;
  switch (filling_->type) {
    case rdb::kTypeHash:
      type = ValueType::kHash;
      outcome = ReadField(cursor);
      break;
    case rdb::kTypeSet:
      type = ValueType::kSet;
      outcome = ReadMember(cursor);
      break;
    case rdb::kTypeZset:
    case rdb::kTypeZsetText:
      type = ValueType::kZset;
      outcome = ReadScored(cursor);
      break;
    case rdb::kTypeListZiplists:
      outcome = ReadZiplistPiece(cursor);
      break;
    default:
      outcome = ReadPiece(cursor);
      break;
  }
  if (outcome != Outcome::kOk || --filling_->left > 0) return outcome;
  Filling filled = std::move(*filling_);
  filling_.reset();
  if (type == ValueType::kZset) {
    std::unique_ptr<ScoreTree> tree(static_cast<ScoreTree*>(filled.contents.tree.release()));
    filled.contents = ZsetFromTree(std::move(tree), into_);
  }
  // Pieces without elements make no list.
  if (type == ValueType::kList && !ListEditor(filled.contents, into_).HasItems()) {
    expires_at_ = kNever;
    return Outcome::kOk;
  }
  return LoadCollection(cursor, type, filled.key, std::move(filled.contents));
}

RdbReader::Outcome RdbReader::ReadStreamItem(Cursor& cursor) {
  RdbStreamReader& reader = *filling_->stream;
  if (const Outcome outcome = reader.Read(cursor); outcome != Outcome::kOk || !reader.complete()) return outcome;
  const std::string key = std::move(filling_->key);
  Contents contents;
  contents.tree = reader.Take();
  filling_.reset();
  return LoadCollection(cursor, ValueType::kStream, key, std::move(contents));
}

// An element, or some that are packed.
RdbReader::Outcome RdbReader::ReadPiece(Cursor& cursor) {
  std::uint64_t form = rdb::kOneElement;
  if (filling_->type == rdb::kTypeListPieces) {
    if (const Outcome outcome = cursor.PlainLength(form); outcome != Outcome::kOk) return outcome;
    if (form != rdb::kOneElement && form != rdb::kPacked) {
      return cursor.Bad(0, fmt::format("unknown form {} of a piece of a list", form));
    }
  }
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Text(bytes, value_scratch_); outcome != Outcome::kOk) return outcome;
  ListEditor list(filling_->contents, into_);
  if (form == rdb::kOneElement) {
    list.Insert(list.size(), bytes);
    return Outcome::kOk;
  }
  if (const auto valid = CheckListpack(bytes); !valid) return cursor.Bad(begin, valid.error().text);
  list.AppendPack(ListpackView(bytes));
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadZiplistPiece(Cursor& cursor) {
  const std::size_t begin = cursor.at();
  std::string_view bytes;
  if (const Outcome outcome = cursor.Text(bytes, value_scratch_); outcome != Outcome::kOk) return outcome;
  Listpack pack;
  IntText buffer;
  const auto valid = ReadZiplist(bytes, [&](const PackedElement& each) { pack.Append(each.Text(buffer)); });
  if (!valid) return cursor.Bad(begin, valid.error().text);
  ListEditor(filling_->contents, into_).AppendPack(pack.view());
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadMember(Cursor& cursor) {
  std::string_view member;
  if (const Outcome outcome = cursor.Text(member, key_scratch_); outcome != Outcome::kOk) return outcome;
  if (SetEditor(filling_->contents, into_).Add(member)) return Outcome::kOk;
  return cursor.Bad(0, fmt::format("the member {} stands there twice", base::Quoted(member.substr(0, 64))));
}

RdbReader::Outcome RdbReader::ReadScored(Cursor& cursor) {
  std::string_view member;
  double score = 0;
  if (const Outcome outcome = cursor.Text(member, key_scratch_); outcome != Outcome::kOk) return outcome;
  if (filling_->type == rdb::kTypeZset) {
    std::string_view bytes;
    if (const Outcome outcome = cursor.Take(sizeof score, bytes); outcome != Outcome::kOk) return outcome;
    score = LittleEndian<double>(bytes);
  } else if (const Outcome outcome = cursor.ScoreText(score); outcome != Outcome::kOk) {
    return outcome;
  }
  if (std::isnan(score)) return cursor.Bad(0, "a score that is no number");
  if (ZsetEditor(filling_->contents, into_).Set(member, score)) return Outcome::kOk;
  return cursor.Bad(0, fmt::format("the member {} stands there twice", base::Quoted(member.substr(0, 64))));
}

RdbReader::Outcome RdbReader::ReadField(Cursor& cursor) {
  std::string_view field;
  std::string_view value;
  if (const Outcome outcome = cursor.Text(field, key_scratch_); outcome != Outcome::kOk) return outcome;
  if (const Outcome outcome = cursor.Text(value, value_scratch_); outcome != Outcome::kOk) return outcome;
  if (!HashEditor(filling_->contents, into_).Set(field, value)) {
    return cursor.Bad(0, fmt::format("the field {} stands there twice", base::Quoted(field.substr(0, 64))));
  }
  return Outcome::kOk;
}

RdbReader::Outcome RdbReader::ReadEnd(Cursor& cursor) {
  if (facts_.version >= 5) {
    std::string_view bytes;
    if (const Outcome outcome = cursor.Take(rdb::kChecksumBytes, bytes); outcome != Outcome::kOk) return outcome;
    const auto written = LittleEndian<std::uint64_t>(bytes);
    // Everything up to and with the end mark.
    const std::uint64_t computed = Crc64(crc_, std::string_view(buffer_).substr(crc_at_, at_ + 1 - crc_at_));
    facts_.checksummed = written != 0;  // zero: the writer did not compute it
    if (written != 0 && written != computed) {
      return cursor.Bad(1, fmt::format("the checksum is {:016x}, but should be {:016x}", written, computed));
    }
  }
  if (!keys_.Flush()) return Twice(cursor);
  NoteReplication();
  into_.set_functions(std::move(functions_));
  complete_ = true;
  return Outcome::kOk;
}

namespace {

std::optional<RdbSelections> ParseSelections(const std::map<std::string, std::string>& aux) {
  const auto found = aux.find("vigil-data-db");
  if (found == aux.end()) return std::nullopt;
  const auto words = base::Split(found->second, ' ');
  if (words.size() != 3) return std::nullopt;
  const auto db = base::ParseInt<int>(words[0]);
  const auto first = base::ParseInt<std::int64_t>(words[1]);
  const auto last = base::ParseInt<std::int64_t>(words[2]);
  if (!db || !first || !last || *db < 0 || *first < 0 || *last < *first) return std::nullopt;
  return RdbSelections{*db, *first, *last};
}

}  // namespace

void RdbReader::NoteReplication() {
  const auto id = facts_.aux.find("repl-id");
  const auto offset = facts_.aux.find("repl-offset");
  if (id == facts_.aux.end() || offset == facts_.aux.end()) return;
  const auto number = base::ParseInt<std::int64_t>(offset->second);
  if (id->second.size() != 40 || !number || *number < 0) return;
  RdbReplication replication{.stream_db = 0, .id = id->second, .offset = *number, .data_end = {}, .selections = {}};
  if (const auto db = facts_.aux.find("repl-stream-db"); db != facts_.aux.end()) {
    replication.stream_db = base::ParseInt<int>(db->second).value_or(0);
  }
  if (const auto end = facts_.aux.find("vigil-data-end"); end != facts_.aux.end()) {
    replication.data_end = base::ParseInt<std::int64_t>(end->second);
    replication.selections = ParseSelections(facts_.aux);
  }
  facts_.replication = std::move(replication);
}

}  // namespace data
