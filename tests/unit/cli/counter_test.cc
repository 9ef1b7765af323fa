#include <doctest/doctest.h>

#include "sentinel/cli/counter_client.h"
#include "sentinel/cli/terminal.h"

using namespace cli;
using std::chrono::milliseconds;

namespace {

const Instant kStart = Instant(std::chrono::hours(1));

// Values from..to, acknowledged a millisecond apart, the first one at `first_ms`.
Stay StayOf(long long found, long long from, long long to, int first_ms) {
  Stay stay;
  stay.found = found;
  for (long long value = from; value <= to; ++value) {
    stay.acknowledged.push_back({value, kStart + milliseconds(first_ms + (value - from))});
  }
  return stay;
}

}  // namespace

TEST_CASE("counter: nothing is lost when the new master holds the last acknowledged value") {
  const Diary diary{StayOf(0, 1, 100, 0), StayOf(100, 101, 200, 1100)};
  CHECK(CountAcknowledged(diary) == 200);
  CHECK(CountLost(diary) == 0);
}

TEST_CASE("counter: an unacknowledged write that arrived all the same is no loss") {
  CHECK(CountLost({StayOf(0, 1, 100, 0), StayOf(101, 102, 200, 1100)}) == 0);
}

TEST_CASE("counter: what the new master does not hold is lost, and stays lost") {
  const Diary diary{StayOf(0, 1, 100, 0), StayOf(90, 101, 200, 1100), StayOf(150, 201, 210, 2000)};
  CHECK(CountLost(diary) == 10 + 50);
  CHECK(CountLost({StayOf(0, 1, 5, 0), StayOf(0, 6, 6, 100)}) == 5);
}

TEST_CASE("counter: a counter from an earlier run is not counted") {
  CHECK(CountLost({StayOf(5000, 5001, 5010, 0), StayOf(5010, 5011, 5020, 100)}) == 0);
}

TEST_CASE("counter: the outage is the longest time between two accepted writes") {
  const auto outage = LongestOutage({StayOf(0, 1, 100, 0), Stay{}, StayOf(100, 101, 200, 1100)});
  REQUIRE(outage);
  CHECK(outage->from == kStart + milliseconds(99));
  CHECK(outage->to == kStart + milliseconds(1100));
  CHECK_FALSE(LongestOutage({StayOf(0, 1, 100, 0)}));
  CHECK_FALSE(LongestOutage({}));
}

TEST_CASE("terminal: numbers are grouped and paths quoted for a shell") {
  CHECK(Grouped(0) == "0");
  CHECK(Grouped(999) == "999");
  CHECK(Grouped(1000) == "1,000");
  CHECK(Grouped(-1234567) == "-1,234,567");
  CHECK(ShellWord("./vigil-data") == "./vigil-data");
  CHECK(ShellWord("a b") == "'a b'");
  CHECK(ShellWord("it's") == "'it'\\''s'");
  CHECK(ShellWord("") == "''");
}
