#include "replication/core/journal_retention.h"

#include <doctest/doctest.h>

using namespace replication;

namespace {

constexpr std::int64_t kNow = 1'000'000'000;
constexpr std::int64_t kDay = 86'400'000;

// Two generations and what is none: 1 base of three days ago, its incr of two days ago; one of a day ago, of now.
const std::vector<ArchivedFile> kFiles = {
    {"appendonly.aof.1.base.rdb", 100, kNow - 3 * kDay},    {"appendonly.aof.2.incr.aof", 1000, kNow - 2 * kDay},
    {"appendonly.aof.2.incr.aof.idx", 10, kNow - 2 * kDay}, {"appendonly.aof.3.base.rdb", 200, kNow - kDay},
    {"appendonly.aof.4.incr.aof", 2000, kNow - kDay / 2},   {"appendonly.aof.4.incr.aof.5-9.tail", 4, kNow - 9 * kDay},
    {"somebody's notes", 99999, kNow - 9 * kDay},
};

std::size_t Gone(std::string_view retention) {
  return WhatGoes("appendonly.aof", kFiles, *ParseRetention(retention), kNow).size();
}

}  // namespace

TEST_CASE("retention: a time or a size, with its unit") {
  CHECK_FALSE(ParseRetention("0")->keeps());
  CHECK(ParseRetention("90s")->time == base::Seconds(90));
  CHECK(ParseRetention("15min")->time == base::Seconds(900));
  CHECK(ParseRetention("36H")->time == base::Seconds(36 * 3600));
  CHECK(ParseRetention("7d")->time == base::Seconds(7 * 86400));
  CHECK(ParseRetention("10gb")->bytes == 10ULL << 30);
  CHECK(ParseRetention("5m")->bytes == 5'000'000U);
  for (const std::string_view wrong : {"", "7", "d", "0d", "-1d", "7 d", "7dd", "1.5h", "99999999999999d", "gb"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ParseRetention(wrong));
  }
}

TEST_CASE("retention: whole generations go, oldest first; what is not ours stays") {
  CHECK(Gone("3d") == 0);
  CHECK(Gone("47h") == 3);  // nothing of the first was written within that time
  CHECK(Gone("13h") == 3);
  CHECK(Gone("11h") == 5);
  CHECK(Gone("4kb") == 0);
  CHECK(Gone("3kb") == 3);
  CHECK(Gone("1kb") == 5);
  CHECK(Gone("0") == 5);
  CHECK(WhatGoes("other.aof", kFiles, *ParseRetention("1s"), kNow).empty());
  // An incr whose base has gone already.
  CHECK(WhatGoes("a", {{"a.7.incr.aof", 1, 0}}, *ParseRetention("1s"), kNow).size() == 1);
}
