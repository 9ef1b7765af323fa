// Incr files of a journal and their indexes: read and judged alike however the bytes are cut, and what a verdict lets
// stand is judged the same when it stands alone.
//
// Input: a byte for the size of pieces; a byte that says how many records the index has; three bytes for each of them;
// the file. The records are given the checksums that belong to the file, unless they say otherwise: none would ever
// match by chance.
#include <algorithm>
#include <vector>

#include "replication/core/journal_scan.h"
#include "replication/data/crc64.h"
#include "tests/fuzz/fuzz.h"

namespace {

using replication::CommandReader;
using replication::IncrVerdict;
using replication::IndexRecord;
using Outcome = CommandReader::Outcome;

constexpr std::size_t kRecord = 3;

replication::Offset Plus(replication::Offset offset, std::uint64_t bytes) {
  return static_cast<replication::Offset>(static_cast<std::uint64_t>(offset) + bytes);
}

std::string MakeIndex(std::string_view recipe, std::string_view file) {
  const auto head = replication::ParseIncrHead(file);
  std::string index;
  std::uint64_t position = head ? head->size : 0;
  replication::Offset offset = head ? head->head.first : 1;
  for (; recipe.size() >= kRecord; recipe.remove_prefix(kRecord)) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(recipe[at]); };
    const unsigned flags = byte(2);
    IndexRecord record;
    record.position = position + ((flags & 1) != 0 ? byte(1) : 0);
    if ((flags & 2) != 0) {
      record.kind = IndexRecord::Kind::kSynced;
      record.checksum = ChecksumOf(record, 0);
      index += RenderIndexRecord(record);
      continue;
    }
    record.length = byte(0) + 256ULL * (byte(1) % 4);
    record.marks = flags >> 5;
    record.offset = (flags & 4) != 0 ? Plus(offset, byte(1)) : offset;
    if ((flags & 8) != 0) record.length = ~std::uint64_t{0} - byte(0);
    const std::string_view bytes =
        file.substr(std::min<std::size_t>(record.position, file.size()), static_cast<std::size_t>(record.length));
    record.checksum = ChecksumOf(record, data::Crc64(0, bytes)) + ((flags & 16) != 0 ? 1 : 0);
    index += RenderIndexRecord(record);
    if ((flags & 8) != 0 || record.marks > record.length) continue;
    position = record.end();
    offset = Plus(offset, record.length - record.marks);
  }
  return index;
}

IncrVerdict Judge(const std::optional<std::string>& index, std::string_view file, std::size_t piece) {
  replication::IncrScanner scanner(index);
  for (; !file.empty(); file.remove_prefix(std::min(piece, file.size()))) scanner.Feed(file.substr(0, piece));
  return scanner.Finish();
}

void CheckVerdicts(const std::optional<std::string>& index, std::string_view file, std::size_t piece) {
  const IncrVerdict whole = Judge(index, file, std::max<std::size_t>(file.size(), 1));
  const IncrVerdict pieces = Judge(index, file, piece);
  fuzz::Require(whole.damage == pieces.damage && whole.damage_at == pieces.damage_at, "the same damage");
  fuzz::Require(whole.head.has_value() == pieces.head.has_value(), "the same head");
  fuzz::Require(whole.size == pieces.size && whole.size == file.size(), "the file's size");
  fuzz::Require(whole.good == pieces.good && whole.ours == pieces.ours && whole.last == pieces.last,
                "the same verdict");
  fuzz::Require(whole.index_good == pieces.index_good, "the same part of the index");
  fuzz::Require(whole.good <= whole.size, "no more is good than there is");
  fuzz::Require(whole.index_good <= (index ? index->size() : 0), "nor of the index");
  if (whole.damage) return;
  fuzz::Require(!whole.ours || whole.head.has_value(), "what is ours has a head");
  if (!whole.ours) return;
  fuzz::Require(whole.last >= whole.head->head.first - 1, "the stream does not end before its beginning");
  // What is cut off at a start is gone: the next start finds the same.
  const std::string kept_index = index ? index->substr(0, static_cast<std::size_t>(whole.index_good)) : std::string();
  const IncrVerdict again = Judge(kept_index, file.substr(0, static_cast<std::size_t>(whole.good)), piece);
  fuzz::Require(!again.damage && again.ours, "what was kept is whole and ours");
  fuzz::Require(again.last == whole.last && again.good == whole.good && again.good == again.size, "and all of it");
}

// What a reader gives, as a text.
std::string Read(std::string_view file, std::size_t piece) {
  CommandReader reader;
  std::string all;
  std::string raw;
  std::vector<std::string_view> words;
  bool broken = false;
  for (std::string_view rest = file; !rest.empty() && !broken; rest.remove_prefix(std::min(piece, rest.size()))) {
    reader.Feed(rest.substr(0, piece));
    while (true) {
      const Outcome outcome = reader.Next(words);
      if (outcome == Outcome::kNeedMore) break;
      if (outcome == Outcome::kError) {
        all += "error " + reader.error();
        broken = true;
        break;
      }
      fuzz::Require(!words.empty(), "no command without words");
      all += outcome == Outcome::kMark ? "mark" : "command";
      for (const std::string_view word : words) all += " " + std::to_string(word.size()) + ":" + std::string(word);
      raw += reader.raw();
    }
  }
  fuzz::Require(raw.size() == reader.consumed() && file.starts_with(raw), "the bytes that were consumed");
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  const bool has_index = (data[1] & 0x80) == 0;
  std::string_view input = fuzz::Text(data + 2, size - 2);
  const std::string_view recipe = input.substr(0, (data[1] % 16) * kRecord);
  const std::string_view file = input.substr(recipe.size());

  CheckVerdicts(has_index ? std::optional(MakeIndex(recipe, file)) : std::nullopt, file, piece);
  CheckVerdicts(std::string(recipe), file, piece);  // any bytes as an index
  fuzz::Require(Read(file, std::max<std::size_t>(file.size(), 1)) == Read(file, piece), "the same commands");
  if (const auto head = replication::ParseIncrHead(file)) {
    const auto again = replication::ParseIncrHead(RenderIncrHead(head->head));
    fuzz::Require(again.has_value() && again->head == head->head, "a head is written so that it is read again");
  }
  return 0;
}
