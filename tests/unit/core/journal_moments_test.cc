#include "replication/core/journal_moments.h"

#include <doctest/doctest.h>

#include "replication/core/journal_text.h"
#include "replication/resp/reply_writer.h"

using namespace replication;

namespace {

constexpr std::int64_t kNoon = 1700049600000;  // 2023-11-15T12:00:00Z

std::string Command(const std::vector<std::string_view>& words) {
  std::string text;
  resp::AppendCommand(text, words);
  return text;
}

// An incr file of ours whose batches were written at given times.
struct Written {
  FoundHead head;
  std::string file;
  std::string index;
  Offset last = 1000;

  explicit Written(int db = 0) {
    head.head.history.replid.hex = std::string(40, 'a');
    head.head.first = last + 1;
    head.head.db = db;
    file = RenderIncrHead(head.head);
    head.size = file.size();
  }
  void Batch(std::int64_t time_ms, const std::string& stream, bool mark = false) {
    IndexRecord record;
    const std::string marks = mark ? TimeMark(time_ms / 1000) : "";
    record.position = file.size();
    record.offset = last + 1;
    record.marks = static_cast<std::uint32_t>(marks.size());
    record.length = marks.size() + stream.size();
    record.time_ms = time_ms;
    index += RenderIndexRecord(record);
    file += marks + stream;
    last += static_cast<Offset>(stream.size());
  }
};

struct Seen {
  std::vector<std::string> names;
  std::vector<Offset> undo, through;
  std::vector<std::int64_t> times;
  std::vector<int> dbs;
  std::vector<bool> whole;
};

Seen Walk(const std::optional<FoundHead>& head, const std::string& file, const std::string& index, std::size_t piece) {
  JournalWalk walk(head, index);
  Seen seen;
  for (std::size_t at = 0; at < file.size(); at += piece) {
    walk.Feed(std::string_view(file).substr(at, piece));
    JournalCommand command;
    for (auto outcome = walk.Next(command); outcome != JournalWalk::Outcome::kNeedMore; outcome = walk.Next(command)) {
      REQUIRE(outcome != JournalWalk::Outcome::kError);
      if (outcome == JournalWalk::Outcome::kMark) continue;
      seen.names.emplace_back(command.words[0]);
      seen.undo.push_back(command.undo);
      seen.through.push_back(command.through);
      seen.times.push_back(command.time_ms);
      seen.dbs.push_back(command.db);
      seen.whole.push_back(command.whole);
    }
  }
  CHECK(walk.position() == file.size());
  return seen;
}

// What a cut at `wanted` includes of the file, and the verdict on it.
struct Cut {
  std::vector<std::string> names;
  std::string error;
  Offset reached = 0;
};
Cut CutAt(const Written& written, const WantedMoment& wanted) {
  JournalWalk walk(written.head, written.index);
  walk.Feed(written.file);
  MomentCut cut(wanted, 1000);
  Cut result;
  JournalCommand command;
  for (auto outcome = walk.Next(command); outcome != JournalWalk::Outcome::kNeedMore; outcome = walk.Next(command)) {
    if (outcome == JournalWalk::Outcome::kMark) continue;
    if (!cut.Includes(command)) break;
    result.names.emplace_back(command.words.back());
  }
  const auto finished = cut.Finish();
  if (!finished) result.error = finished.error().text;
  result.reached = cut.reached();
  return result;
}

WantedMoment At(Offset offset) {
  WantedMoment wanted;
  wanted.offset = offset;
  return wanted;
}
WantedMoment AtTime(std::int64_t time_ms) {
  WantedMoment wanted;
  wanted.time_ms = time_ms;
  return wanted;
}

JournalPart Base(std::uint64_t seq, std::int64_t made_ms, bool archived) {
  JournalPart part;
  part.file = {BaseName("a", seq), seq, JournalFile::Type::kBase};
  part.made_ms = made_ms;
  part.archived = archived;
  part.size = 100;
  return part;
}
JournalPart Incr(std::uint64_t seq, Offset first, Offset last, std::int64_t first_ms, std::int64_t last_ms,
                 bool archived, char replid = 'a') {
  JournalPart part;
  part.file = {IncrName("a", seq), seq, JournalFile::Type::kIncr};
  part.archived = archived;
  part.head = IncrHead{};
  part.head->history.replid.hex = std::string(40, replid);
  part.head->first = first;
  part.last = last;
  part.first_ms = first_ms;
  part.last_ms = last_ms;
  part.size = 1000;
  return part;
}

}  // namespace

TEST_CASE("journal moments: times are read as RFC 3339 has them") {
  const std::vector<std::pair<const char*, std::int64_t>> good = {
      {"1970-01-01T00:00:00Z", 0},
      {"2023-11-15T12:00:00Z", kNoon},
      {"2023-11-15t12:00:00z", kNoon},
      {"2023-11-15 12:00:00+00:00", kNoon},
      {"2023-11-15T13:30:00+01:30", kNoon},
      {"2023-11-15T04:00:00-08:00", kNoon},
      {"2023-11-15T12:00:00.5Z", kNoon + 500},
      {"2023-11-15T12:00:00.0259Z", kNoon + 25},
      {"2024-02-29T00:00:00Z", 1709164800000},
  };
  for (const auto& [text, ms] : good) {
    INFO(text);
    const auto moment = ParseMoment(text);
    REQUIRE(moment);
    CHECK(*moment == ms);
    CHECK(ParseMoment(RenderMoment(ms)) == ms);
  }
  CHECK(RenderMoment(kNoon + 25) == "2023-11-15T12:00:00.025Z");
  for (const char* bad :
       {"", "now", "2023-11-15", "2023-11-15T12:00:00", "2023-11-15T12:00Z", "2023-11-15T24:00:00Z",
        "2023-11-15T12:60:00Z", "2023-11-15T12:00:60Z", "2023-02-29T12:00:00Z", "2023-13-01T12:00:00Z",
        "2023-11-15T12:00:00.Z", "2023-11-15T12:00:00Zx", "2023-11-15T12:00:00+1:00", "1969-12-31T23:59:59Z",
        "1700049600", "2023-11-15T12:00:00+24:00"}) {
    INFO(bad);
    CHECK_FALSE(ParseMoment(bad));
  }
}

TEST_CASE("journal moments: offsets are read with and without a history") {
  CHECK(ParseWantedOffset("4711")->offset == 4711);
  CHECK(ParseWantedOffset(std::string(40, 'A') + ":12")->replid == std::string(40, 'a'));
  for (const char* bad : {"", "-1", "x", "abc:12", "0x10", "1:2", "2023-11-15T12:00:00Z"}) {
    INFO(bad);
    CHECK_FALSE(ParseWantedOffset(bad));
  }
}

TEST_CASE("journal walk: places, times, databases and transactions, however the bytes are torn") {
  Written written(3);
  const std::string set = Command({"SET", "a", "1"});
  const std::string multi = Command({"MULTI"});
  const std::string select = Command({"SELECT", "5"});
  const std::string exec = Command({"EXEC"});
  written.Batch(kNoon + 1, set, true);
  written.Batch(kNoon + 900, multi + select + set + exec + set);
  written.Batch(kNoon + 2500, set, true);
  const auto size = [](const std::string& text) { return static_cast<Offset>(text.size()); };
  const Offset one = 1000 + size(set);
  const Offset four = one + size(multi) + size(select) + size(set) + size(exec);
  for (const std::size_t piece : {1UL, 7UL, 64UL, 100000UL}) {
    const Seen seen = Walk(written.head, written.file, written.index, piece);
    CHECK(seen.names == std::vector<std::string>{"SET", "MULTI", "SELECT", "SET", "EXEC", "SET", "SET"});
    CHECK(seen.undo == std::vector<Offset>{1000, one, one, one, one, four, four + size(set)});
    CHECK(seen.through.front() == one);
    CHECK(seen.through[4] == four);
    CHECK(seen.through.back() == written.last);
    CHECK(seen.whole == std::vector<bool>{true, false, false, false, true, true, true});
    CHECK(seen.dbs == std::vector<int>{3, 3, 5, 5, 5, 5, 5});
    CHECK(seen.times == std::vector<std::int64_t>{kNoon + 1, kNoon + 900, kNoon + 900, kNoon + 900, kNoon + 900,
                                                  kNoon + 900, kNoon + 2500});
  }
  SUBCASE("without an index the marks tell the second") {
    const Seen seen = Walk(written.head, written.file, "", 11);
    CHECK(seen.times.front() == kNoon);
    CHECK(seen.times[5] == kNoon);
    CHECK(seen.times.back() == kNoon + 2000);
  }
  SUBCASE("a stranger's file has no offsets") {
    const Seen seen = Walk(std::nullopt, "#TS:1700049600\r\n" + set + multi + set + exec, "", 5);
    CHECK(seen.through == std::vector<Offset>(4, kNoOffset));
    CHECK(seen.times.back() == kNoon);
    CHECK(seen.whole == std::vector<bool>{true, false, false, true});
  }
}

TEST_CASE("journal moments: every offset is a moment, or names the ones around it") {
  Written written;
  written.Batch(kNoon, Command({"SET", "a", "one"}), true);
  const Offset one = written.last;
  written.Batch(kNoon + 10, Command({"MULTI"}) + Command({"SET", "a", "two"}) + Command({"EXEC"}));
  const Offset two = written.last;
  written.Batch(kNoon + 20, Command({"SET", "a", "three"}));
  const Offset three = written.last;
  for (Offset offset = 1000; offset <= three; ++offset) {
    const Cut cut = CutAt(written, At(offset));
    INFO("offset " << offset << ": " << cut.error);
    if (offset == 1000) CHECK(cut.names.empty());
    if (offset == one) CHECK(cut.names == std::vector<std::string>{"one"});
    if (offset == two) CHECK(cut.names == std::vector<std::string>{"one", "MULTI", "two", "EXEC"});
    if (offset == three) CHECK(cut.names.back() == "three");
    const bool moment = offset == 1000 || offset == one || offset == two || offset == three;
    CHECK(cut.error.empty() == moment);
    if (offset > one && offset < two) {
      CHECK(cut.error == "Offset " + std::to_string(offset) +
                             " lies inside a command or transaction: the nearest "
                             "moments are " +
                             std::to_string(one) + " before and " + std::to_string(two) + " behind it");
    }
  }
}

TEST_CASE("journal moments: a time takes what was written until then, and stops at the first that is younger") {
  Written written;
  written.Batch(kNoon, Command({"SET", "a", "one"}));
  written.Batch(kNoon + 10, Command({"SET", "a", "two"}));
  written.Batch(kNoon + 5000, Command({"SET", "a", "three"}));
  written.Batch(kNoon + 20, Command({"SET", "a", "four"}));  // the clock was set back
  CHECK(CutAt(written, AtTime(kNoon - 1)).names.empty());
  CHECK(CutAt(written, AtTime(kNoon)).names == std::vector<std::string>{"one"});
  CHECK(CutAt(written, AtTime(kNoon + 9)).names == std::vector<std::string>{"one"});
  CHECK(CutAt(written, AtTime(kNoon + 4999)).names == std::vector<std::string>{"one", "two"});
  CHECK(CutAt(written, AtTime(kNoon + 5000)).names.size() == 4);
}

TEST_CASE("journal moments: an archived base is continued for as long as offsets join") {
  const std::vector<JournalPart> parts = {
      Base(5, kNoon + 5000, false),
      Incr(6, 301, 400, kNoon + 5100, kNoon + 6000, false, 'b'),
      Base(1, kNoon, true),
      Incr(2, 101, 200, kNoon + 100, kNoon + 1000, true),
      Incr(4, 201, 300, kNoon + 2000, kNoon + 3000, true),
  };
  const auto chains = FindChains(parts);
  REQUIRE(chains.size() == 2);
  CHECK(chains[0].base == 2);
  CHECK(chains[0].incrs == std::vector<std::size_t>{3, 4, 1});
  CHECK(chains[0].from == 100);
  CHECK(chains[0].to == 400);
  CHECK(chains[1].current);
  CHECK(chains[1].from == 300);
  CHECK(chains[1].from_ms == kNoon + 5000);

  CHECK(ChooseChain(parts, chains, At(350)) == 1);
  CHECK(ChooseChain(parts, chains, At(300)) == 1);
  CHECK(ChooseChain(parts, chains, At(299)) == 0);
  CHECK(ChooseChain(parts, chains, At(100)) == 0);
  CHECK(ChooseChain(parts, chains, AtTime(kNoon + 4000)) == 0);
  CHECK(ChooseChain(parts, chains, AtTime(kNoon + 6000)) == 1);
  CHECK(ChooseChain(parts, chains, At(99)).error().text ==
        "Offset 99 cannot be had: the first moment of this journal is 100");
  CHECK(ChooseChain(parts, chains, At(401)).error().text ==
        "Offset 401 cannot be had: the last moment of this journal is 400");
  CHECK(ChooseChain(parts, chains, AtTime(kNoon - 1)).error().text.find("2023-11-15T12:00:00.000Z") !=
        std::string::npos);
  WantedMoment named = At(250);
  named.replid = std::string(40, 'a');
  CHECK(ChooseChain(parts, chains, named) == 0);
  named.replid = std::string(40, 'b');
  CHECK_FALSE(ChooseChain(parts, chains, named));

  SUBCASE("a gap ends it, and both of its sides are named") {
    std::vector<JournalPart> gap = parts;
    gap.pop_back();
    const auto two = FindChains(gap);
    CHECK(two[0].to == 200);
    CHECK(ChooseChain(gap, two, At(250)).error().text ==
          "Offset 250 cannot be had: the nearest moments are 200 before and 300 behind it");
  }
}

TEST_CASE("journal moments: a base says when it was made") {
  const std::string start = std::string("REDIS0011\xfa\x05") + "ctime\xc2";
  CHECK(MadeAt(start + std::string("\xc0\xb2\x54\x65", 4) + "rest") == kNoon + 999);
  CHECK(MadeAt(std::string("REDIS0011\xfa\x05") + "ctime\x0a" + "1700049600") == kNoon + 999);
  CHECK(MadeAt(start + "\x80") == kNoTime);
  CHECK(MadeAt("*1\r\n") == kNoTime);
}

TEST_CASE("journal text: what list and show print") {
  const std::vector<JournalPart> parts = {
      Base(5, kNoon + 5000, false),
      Incr(6, 301, 400, kNoon + 5100, kNoon + 6000, false),
      Base(1, kNoon, true),
      Incr(2, 101, 200, kNoon + 100, kNoon + 1000, true),
  };
  const std::string a(40, 'a');
  CHECK(RenderJournalList("/data", parts, FindChains(parts)) ==
        "'/data' has 2 generations, oldest first.\n"
        "\n"
        "Generation 1, archived\n"
        "  offsets: 100 to 200\n"
        "  times:   2023-11-15T12:00:00.000Z to 2023-11-15T12:00:01.000Z\n"
        "  history: " +
            a +
            " from 101 on\n"
            "  size:    1100 bytes\n"
            "    archive/a.1.base.rdb: data, 100 bytes\n"
            "    archive/a.2.incr.aof: offsets 101 to 200, 1000 bytes\n"
            "\n"
            "Generation 2, in use\n"
            "  offsets: 300 to 400\n"
            "  times:   2023-11-15T12:00:05.000Z to 2023-11-15T12:00:06.000Z\n"
            "  history: " +
            a +
            " from 301 on\n"
            "  size:    1100 bytes\n"
            "    a.5.base.rdb: data, 100 bytes\n"
            "    a.6.incr.aof: offsets 301 to 400, 1000 bytes\n");
  const std::vector<JournalPart> one = {parts[0]};
  CHECK(RenderJournalListJson(one, FindChains(one)) ==
        "{\"generations\":[{\"in_use\":true,\"from_offset\":null,\"to_offset\":null,"
        "\"from_time\":\"2023-11-15T12:00:05.000Z\",\"to_time\":\"2023-11-15T12:00:05.000Z\",\"size\":100,"
        "\"files\":[{\"name\":\"a.5.base.rdb\",\"type\":\"base\",\"size\":100}]}]}\n");

  const std::string longer(100, 'x');
  JournalCommand command;
  command.words = {"SET", std::string_view("k\0\n", 3), longer};
  command.undo = 1000;
  command.through = 1150;
  command.time_ms = kNoon;
  CHECK(RenderCommandTitle() == "TIME                           BEFORE        AFTER  DB COMMAND\n");
  CHECK(RenderCommand(command, false) == "2023-11-15T12:00:00.000Z         1000         1150   0 SET \"k\\x00\\n\" \"" +
                                             std::string(48, 'x') + "\"...(100 bytes)\n");
  CHECK(RenderCommand(command, true).ends_with(longer + "\n"));
  command.whole = false;
  command.words = {"SET", "\xff\"", "v"};
  CHECK(RenderCommandJson(command) ==
        "{\"time\":\"2023-11-15T12:00:00.000Z\",\"before\":1000,\"after\":null,\"db\":0,"
        "\"command\":[\"SET\",\"\\u00ff\\\"\",\"v\"]}\n");
  command.words.assign(20, "w");
  CHECK(RenderCommand(command, false).ends_with("w ...(4 more words)\n"));
}

TEST_CASE("journal moments: the nearest verb is the one with the fewest edits") {
  CHECK(EditsBetween("list", "list") == 0);
  CHECK(EditsBetween("lst", "list") == 1);
  CHECK(EditsBetween("", "show") == 4);
  CHECK(EditsBetween("bakcup", "backup") == 2);
}
