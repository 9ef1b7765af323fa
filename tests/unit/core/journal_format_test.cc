#include "replication/core/journal_format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "replication/core/journal_scan.h"
#include "replication/data/crc64.h"

using namespace replication;

namespace {

std::string Command(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return text;
}

// A file of ours with its index, batch by batch.
struct Written {
  IncrHead head;
  std::string file;
  std::string index;
  Offset next = 1001;
  std::vector<std::size_t> ends;

  Written() {
    head.history.replid.hex = std::string(40, 'a');
    head.first = next;
    head.db = 2;
    file = RenderIncrHead(head);
    ends.push_back(file.size());
  }
  void Batch(const std::string& stream, bool mark = false) {
    IndexRecord record;
    record.position = file.size();
    record.offset = next;
    const std::string marks = mark ? TimeMark(1700000000) : "";
    record.marks = static_cast<std::uint32_t>(marks.size());
    record.length = marks.size() + stream.size();
    record.checksum = ChecksumOf(record, data::Crc64(0, marks + stream));
    index += RenderIndexRecord(record);
    file += marks + stream;
    next += static_cast<Offset>(stream.size());
    ends.push_back(file.size());
  }
  void Synced() {
    IndexRecord record;
    record.kind = IndexRecord::Kind::kSynced;
    record.position = file.size();
    record.checksum = ChecksumOf(record, 0);
    index += RenderIndexRecord(record);
  }
};

IncrVerdict Judge(const std::string& file, std::optional<std::string> index, std::size_t piece = 7) {
  IncrScanner scanner(std::move(index));
  for (std::size_t at = 0; at < file.size(); at += piece) scanner.Feed(std::string_view(file).substr(at, piece));
  return scanner.Finish();
}

}  // namespace

TEST_CASE("journal format: a manifest as stock writes it is read and written alike") {
  const std::string text =
      "file appendonly.aof.2.base.rdb seq 2 type b\n"
      "file appendonly.aof.1.incr.aof seq 1 type h\n"
      "file appendonly.aof.3.incr.aof seq 3 type i\n"
      "file appendonly.aof.4.incr.aof seq 4 type i\n";
  const auto manifest = ParseManifest(text);
  REQUIRE(manifest);
  CHECK(manifest->base->seq == 2);
  CHECK(manifest->incrs.size() == 2);
  CHECK(manifest->history.size() == 1);
  CHECK(RenderManifest(*manifest) == text);
  CHECK(ParseManifest("# a comment\n" + text));
  for (const char* bad :
       {"", "file a seq 1\n", "file a/b seq 1 type i\n", "file .. seq 1 type i\n", "file a seq 0 type i\n",
        "file a seq 1 type x\n", "file a seq 2 type i\nfile b seq 1 type i\n",
        "file a seq 1 type b\nfile b seq 2 type b\n", "nonsense\n", "file \"a seq 1 type i\n"}) {
    INFO(bad);
    CHECK_FALSE(ParseManifest(bad));
  }
}

TEST_CASE("journal format: the head of a file says its history, in lines that stock passes over") {
  IncrHead head;
  head.history =
      History{base::ReplicationId{std::string(40, 'b')}, base::ReplicationId{std::string(40, 'c')}, 9000000000};
  head.first = 9000000001;
  head.db = 15;
  const std::string text = RenderIncrHead(head);
  const auto found = ParseIncrHead(text + "more");
  REQUIRE(found);
  CHECK(found->head == head);
  CHECK(found->size == text.size());
  CHECK(text.size() < kMaxIncrHead);
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    longest = std::max(longest, end - at + 1);
    at = end + 1;
  }
  CHECK(longest < 127);
  CHECK(ParseIncrHead("*2\r\n").error().code == base::ErrorCode::kNotFound);
  for (std::size_t cut = 7; cut < text.size(); ++cut) {
    CHECK(ParseIncrHead(text.substr(0, cut)).error().code == base::ErrorCode::kInvalid);
  }
  CHECK(ParseIncrHead("#VIGIL:2 x\r\n").error().text.find("form 2") != std::string::npos);
}

TEST_CASE("journal format: commands and marks come out of bytes that are torn anywhere") {
  const std::string text = Command({"SET", "k", "a\r\nb"}) + "#TS:12\r\n" + Command({"", "x"}) + "# a line\n";
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    CommandReader reader;
    std::vector<std::string> seen;
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      reader.Feed(std::string_view(text).substr(at, piece));
      while (true) {
        const auto outcome = reader.Next(words);
        if (outcome == CommandReader::Outcome::kNeedMore) break;
        REQUIRE(outcome != CommandReader::Outcome::kError);
        seen.emplace_back(words.back());
      }
    }
    CHECK(seen == std::vector<std::string>{"a\r\nb", "#TS:12", "x", "# a line"});
    CHECK(reader.consumed() == text.size());
  }
  for (const char* bad : {"SET a b\r\n", "*0\r\n", "*-1\r\n", "*1\r\n+OK\r\n", "*1\r\n$2\r\nabc\r\n", "*a\r\n", "\r\n",
                          "*99999999999999999999999\r\n$"}) {
    CommandReader reader;
    std::vector<std::string_view> words;
    reader.Feed(bad);
    INFO(bad);
    CHECK(reader.Next(words) == CommandReader::Outcome::kError);
  }
}

TEST_CASE("journal scan: a file of ours is good to its end, and says where that is") {
  Written written;
  written.Batch(Command({"SET", "a", "1"}), true);
  written.Batch(Command({"MULTI"}) + Command({"SET", "a", "2"}) + Command({"EXEC"}));
  const IncrVerdict verdict = Judge(written.file, written.index);
  CHECK_FALSE(verdict.damage);
  CHECK(verdict.ours);
  CHECK(verdict.head->head == written.head);
  CHECK(verdict.good == written.file.size());
  CHECK(verdict.last == written.next - 1);
  CHECK(verdict.index_good == written.index.size());
}

TEST_CASE("journal scan: whatever is cut off the end, the last whole batch holds") {
  Written written;
  for (int i = 0; i < 5; ++i) written.Batch(Command({"SET", "key" + std::to_string(i), "v"}), i == 0);
  for (std::size_t size = written.ends.front(); size <= written.file.size(); ++size) {
    const IncrVerdict verdict = Judge(written.file.substr(0, size), written.index, 13);
    CHECK_FALSE(verdict.damage);
    CHECK(verdict.ours);
    std::size_t good = 0;
    for (const std::size_t end : written.ends) good = end <= size ? end : good;
    CHECK(verdict.good == good);
  }
}

TEST_CASE("journal scan: a changed byte is never loaded as if it were ours") {
  Written written;
  for (int i = 0; i < 5; ++i) written.Batch(Command({"SET", "key" + std::to_string(i), "v"}));
  for (std::size_t at = written.ends.front(); at < written.file.size(); ++at) {
    std::string file = written.file;
    file[at] = static_cast<char>(file[at] ^ 1);
    const IncrVerdict verdict = Judge(file, written.index);
    INFO(at);
    // In the middle it is refused. At the end it may be a batch that was being written.
    if (at < written.ends[4]) {
      CHECK(verdict.damage);
    } else {
      CHECK((verdict.damage || verdict.good == written.ends[4]));
    }
  }
  // What was durable once is never taken for torn.
  written.Synced();
  const IncrVerdict verdict = Judge(written.file.substr(0, written.file.size() - 1), written.index);
  CHECK(verdict.damage);
}

TEST_CASE("journal scan: what stock appends is data, and the history is not ours any more") {
  Written written;
  written.Batch(Command({"SET", "a", "1"}));
  const std::string theirs = Command({"SELECT", "0"}) + Command({"SET", "b", "2"});
  const IncrVerdict whole = Judge(written.file + theirs, written.index);
  CHECK_FALSE(whole.damage);
  CHECK_FALSE(whole.ours);
  CHECK(whole.good == written.file.size() + theirs.size());

  const IncrVerdict torn = Judge(written.file + theirs + Command({"MULTI"}) + "*3\r\n$3", written.index);
  CHECK_FALSE(torn.damage);
  CHECK(torn.good == written.file.size() + theirs.size());

  // Stock cut our unfinished batch at its last whole command, and went on.
  const std::size_t half = written.file.size();
  const std::string first = Command({"SET", "c", "3"});
  written.Batch(first + Command({"SET", "d", std::string(500, 'x')}));
  const IncrVerdict mixed = Judge(written.file.substr(0, half) + first + theirs, written.index);
  CHECK_FALSE(mixed.damage);
  CHECK_FALSE(mixed.ours);
  CHECK(mixed.good == half + first.size() + theirs.size());

  CHECK(Judge(written.file.substr(0, half) + "garbage", written.index.substr(0, IndexRecord::kSize)).damage);
}

TEST_CASE("journal scan: a stranger's file is good as far as its commands and transactions are whole") {
  const std::string text = Command({"SELECT", "0"}) + Command({"SET", "a", "1"});
  const IncrVerdict whole = Judge(text, std::nullopt);
  CHECK_FALSE(whole.damage);
  CHECK_FALSE(whole.head);
  CHECK(whole.good == text.size());
  const IncrVerdict torn = Judge(text + Command({"MULTI"}) + Command({"SET", "a", "2"}), std::nullopt);
  CHECK(torn.good == text.size());
  CHECK(torn.size > torn.good);
  CHECK(Judge(text + "not a command", std::nullopt).damage);
  CHECK(Judge("", std::nullopt).good == 0);
}

TEST_CASE("journal scan: the verdict on damage does not depend on how the bytes were cut") {
  SUBCASE("a head that makes no sense: the file has its size") {
    const std::string file = "#VIGIL:1 nonsense\r\n" + std::string(2000, 'x');
    for (const std::size_t piece : {std::size_t{1}, std::size_t{300}, file.size()}) {
      const IncrVerdict verdict = Judge(file, "", piece);
      CHECK(verdict.damage);
      CHECK(verdict.size == file.size());
    }
  }
  SUBCASE("a form of any length") {
    const std::string file = "#VIGIL:" + std::string(1000, '2') + " x\r\n";
    CHECK(Judge(file, "", 7).damage == Judge(file, "", file.size()).damage);
  }
  SUBCASE("zeros that match behind a part that does not") {
    IncrHead head;
    head.history.replid = base::ReplicationId{std::string(40, 'a')};
    std::string file = RenderIncrHead(head);
    IndexRecord first;
    first.position = file.size();
    first.length = 10;
    first.offset = 1;
    first.checksum = 1;
    IndexRecord second = first;
    second.position = first.end();
    second.length = 600;
    second.offset = 11;
    second.checksum = ChecksumOf(second, data::Crc64(0, std::string(600, '\0')));
    file += std::string(10, 'x') + std::string(600, '\0');
    const std::string index = RenderIndexRecord(first) + RenderIndexRecord(second);
    const IncrVerdict whole = Judge(file, index, file.size());
    const IncrVerdict pieces = Judge(file, index, 7);
    REQUIRE(whole.damage);
    CHECK(pieces.damage == whole.damage);
    CHECK(pieces.damage_at == whole.damage_at);
  }
  SUBCASE("a batch whose end has no number is not ours") {
    IncrHead head;
    head.history.replid = base::ReplicationId{std::string(40, 'a')};
    head.first = std::numeric_limits<Offset>::max();
    std::string file = RenderIncrHead(head);
    IndexRecord record;
    record.position = file.size();
    record.length = 14;
    record.offset = head.first;
    record.checksum = ChecksumOf(record, data::Crc64(0, "*1\r\n$4\r\nPING\r\n"));
    const IncrVerdict verdict = Judge(file + "*1\r\n$4\r\nPING\r\n", RenderIndexRecord(record));
    CHECK(verdict.last == head.first - 1);
  }
}

// The length of a file may reach the disk before its bytes, and the index before the file, or the other way round.
TEST_CASE("journal scan: what a loss of power leaves is cut off or kept, and never refused") {
  Written written;
  for (int i = 0; i < 3; ++i) written.Batch(Command({"SET", "key" + std::to_string(i), std::string(20, 'v')}));
  const std::size_t kept = written.ends[2];
  for (std::size_t from = kept; from < written.file.size(); ++from) {
    INFO("zeros from byte " << from);
    std::string file = written.file;
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(from), file.end(), '\0');
    for (const std::string& rest : {std::string(), std::string(5000, '\0')}) {
      const IncrVerdict verdict = Judge(file + rest, written.index, 11);
      CHECK_FALSE(verdict.damage);
      CHECK(verdict.ours);
      CHECK(verdict.good == kept);
    }
    // The index has lost its last record, too.
    const IncrVerdict unknown = Judge(file, written.index.substr(0, 2 * IndexRecord::kSize), 11);
    CHECK_FALSE(unknown.damage);
    CHECK(unknown.good == kept);
  }
  // The bytes are there, and may have been acknowledged; what the index says of them is torn.
  for (std::size_t from = 2 * IndexRecord::kSize; from < written.index.size(); ++from) {
    INFO("zeros in the index from byte " << from);
    std::string index = written.index;
    std::fill(index.begin() + static_cast<std::ptrdiff_t>(from), index.end(), '\0');
    const IncrVerdict verdict = Judge(written.file, index, 11);
    CHECK_FALSE(verdict.damage);
    CHECK(verdict.good == written.file.size());
  }
  // Zeros in the middle are damage all the same.
  std::string file = written.file;
  std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(written.ends[0]), 30, '\0');
  CHECK(Judge(file, written.index).damage);
}
