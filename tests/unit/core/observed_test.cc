#include "replication/core/observed.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace replication;

TEST_CASE("observed: percentiles are exact to a hundredth, powers of two count all that took no longer") {
  DurationCounts counts;
  for (std::uint64_t micros = 1; micros <= 1000; ++micros) counts.Add(micros * 1000);
  CHECK(counts.total() == 1000);
  for (const double share : {1.0, 50.0, 99.0, 99.9, 100.0}) {
    const double expected = share * 10'000;
    const auto value = static_cast<double>(counts.Percentile(share));
    CHECK(value >= expected * 0.99);
    CHECK(value <= expected * 1.01);
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> powers;
  counts.ForEachPower([&](std::uint64_t micros, std::uint64_t n) { powers.emplace_back(micros, n); });
  REQUIRE(powers.size() == 11);
  CHECK(powers.front() == std::pair<std::uint64_t, std::uint64_t>(1, 1));
  CHECK(powers[5] == std::pair<std::uint64_t, std::uint64_t>(33, 33));  // as Redis names them
  CHECK(powers.back() == std::pair<std::uint64_t, std::uint64_t>(1056, 1000));
}

TEST_CASE("observed: what is longer than a second counts as one, and nothing is no duration of its own") {
  DurationCounts counts;
  CHECK(counts.Percentile(50) == 0);
  counts.Add(0);
  counts.Add(3'600'000'000'000);
  CHECK(counts.Percentile(50) == 1);
  CHECK(counts.Percentile(100) >= 1'000'000'000);
  CHECK(counts.Percentile(100) < 1'010'000'000);
}

TEST_CASE("observed: of the delays of one second the longest is kept, and of seconds the latest") {
  LatencySeries series;
  series.Add(100, 5);
  series.Add(100, 9);
  series.Add(100, 7);
  REQUIRE(series.samples.size() == 1);
  CHECK(series.samples[0].milliseconds == 9);
  for (std::int64_t at = 101; at < 400; ++at) series.Add(at, 1);
  CHECK(series.samples.size() == LatencySeries::kSamples);
  CHECK(series.samples.back().at == 399);
  CHECK(series.longest == 9);
}

TEST_CASE("observed: passwords are words that nobody may see") {
  const auto secrets = [](std::string_view name, const resp::Words& words) {
    serve::CommandRow row{};
    row.name = name;
    std::vector<std::size_t> found;
    ForEachSecret(row, words, [&found](std::size_t at) { found.push_back(at); });
    return found;
  };
  using Found = std::vector<std::size_t>;
  CHECK(secrets("auth", {"AUTH", "user", "word"}) == Found{1, 2});
  CHECK(secrets("hello", {"HELLO", "3", "SETNAME", "x", "auth", "user", "word"}) == Found{5, 6});
  CHECK(secrets("config|set", {"CONFIG", "SET", "port", "1", "RequirePass", "word"}) == Found{5});
  CHECK(secrets("acl|setuser", {"ACL", "SETUSER", "bob", ">word"}) == Found{2, 3});
  CHECK(secrets("get", {"GET", "auth"}).empty());
}
