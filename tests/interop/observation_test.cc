// MONITOR, SLOWLOG, LATENCY and INFO's statistics of commands: what ours tells, beside stock redis-server 7.0.15.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\""};

// What a line of MONITOR says behind time and address: "[3 127.0.0.1:40000] "get" "a"" becomes "3 "get" "a"".
std::string Told(const Value& line) {
  const std::size_t open = line.text.find('[');
  const std::size_t close = line.text.find(']');
  if (open == std::string::npos || close == std::string::npos) return line.ToString();
  return line.text.substr(open + 1, line.text.find(' ', open) - open - 1) + line.text.substr(close + 1);
}

}  // namespace

TEST_CASE("monitor: shows what stock shows, and no passwords") {
  std::vector<std::vector<std::string>> shown;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Redis monitor(node.port, 20000);
    REQUIRE(monitor.Do({"MONITOR"}).ok());
    Redis redis(node.port, 20000);
    redis.Do({"SET", "a", std::string("b\x01\"c\n\xc3\0", 7)});
    redis.Do({"AUTH", "user", "word"});
    redis.Do({"MULTI"});
    redis.Do({"get", "a"});
    redis.Do({"SELECT", "3"});
    redis.Do({"EXEC"});
    redis.Do({"HELLO", "2", "AUTH", "default", "word"});
    redis.Do({"CONFIG", "SET", "masterauth", "word"});
    redis.Do({"NOSUCH", "command"});
    redis.Do({"GET"});
    redis.Do({"LPUSH", "a", "wrong type"});
    redis.Do({"RESET"});
    redis.Do({"ECHO", "the end"});
    std::vector<std::string>& lines = shown.emplace_back();
    while (lines.empty() || lines.back() != "0 \"ECHO\" \"the end\"") {
      const Value line = monitor.Next();
      REQUIRE(line.kind == Value::Kind::kStatus);
      lines.push_back(Told(line));
    }
    CHECK(node.Do({"CLIENT", "LIST"}).text.find("flags=O") != std::string::npos);
  }
  CHECK(shown[0] == shown[1]);
}

TEST_CASE("slowlog: keeps what stock keeps, shortened as it shortens") {
  std::vector<std::string> logs;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Redis redis(node.port, 20000);
    REQUIRE(redis.Do({"CLIENT", "SETNAME", "slow"}).ok());
    REQUIRE(redis.Do({"CONFIG", "SET", "slowlog-log-slower-than", "0"}).ok());
    redis.Do({"SET", "key", std::string(200, 'x')});
    Request many = {"DEL"};
    for (int i = 0; i < 50; ++i) many.push_back(fmt::format("{}", i));
    redis.Do(many);
    redis.Do({"AUTH", "user", "word"});
    redis.Do({"CONFIG", "SET", "masterauth", "word"});
    redis.Do({"MULTI"});
    redis.Do({"GET", "key"});
    redis.Do({"EXEC"});
    REQUIRE(redis.Do({"CONFIG", "SET", "slowlog-log-slower-than", "-1"}).ok());
    redis.Do({"GET", "key"});
    std::string& log = logs.emplace_back();
    for (const Value& entry : redis.Do({"SLOWLOG", "GET", "-1"}).elements) {
      REQUIRE(entry.elements.size() == 6);
      CHECK(entry.elements[1].integer > 1'000'000'000);
      log += entry.elements[0].ToString() + entry.elements[3].ToString() + entry.elements[5].ToString() + "\n";
    }
    log += redis.Do({"SLOWLOG", "LEN"}).ToString();
    CHECK(redis.Do({"SLOWLOG", "GET", "2"}).elements.size() == 2);
    log += redis.Do({"SLOWLOG", "GET", "x"}).ToString() + redis.Do({"SLOWLOG", "GET", "-2"}).ToString();
    REQUIRE(redis.Do({"CONFIG", "SET", "slowlog-max-len", "3"}).ok());
    log += redis.Do({"SLOWLOG", "LEN"}).ToString();
    CHECK(redis.Do({"SLOWLOG", "RESET"}).ok());
    log += redis.Do({"SLOWLOG", "LEN"}).ToString();
    REQUIRE(redis.Do({"CONFIG", "SET", "slowlog-log-slower-than", "20000"}).ok());
    redis.Do({"DEBUG", "SLEEP", "0.05"});
    redis.Do({"PING"});
    const Value slept = redis.Do({"SLOWLOG", "GET"});
    REQUIRE(slept.elements.size() == 1);
    CHECK(slept.elements[0].elements[2].integer >= 50'000);
    CHECK(slept.elements[0].elements[3].ToString() == "[\"DEBUG\", \"SLEEP\", \"0.05\"]");
  }
  CHECK(logs[0] == logs[1]);
}

TEST_CASE("latency: delays above the threshold are kept by event") {
  Cluster cluster;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(make == Make::kOurs);
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Redis redis(node.port, 20000);
    redis.Do({"DEBUG", "SLEEP", "0.02"});
    CHECK(redis.Do({"LATENCY", "LATEST"}).elements.empty());
    REQUIRE(redis.Do({"CONFIG", "SET", "latency-monitor-threshold", "10"}).ok());
    redis.Do({"DEBUG", "SLEEP", "0.03"});
    const Value latest = redis.Do({"LATENCY", "LATEST"});
    REQUIRE(latest.elements.size() == 1);
    CHECK(latest.elements[0].elements[0].text == "command");
    CHECK(latest.elements[0].elements[2].integer >= 30);
    CHECK(redis.Do({"LATENCY", "HISTORY", "command"}).elements.size() == 1);
    CHECK(redis.Do({"LATENCY", "HISTORY", "none"}).elements.empty());
    CHECK(redis.Do({"LATENCY", "GRAPH", "command"}).text.starts_with("command - high "));
    CHECK(redis.Do({"LATENCY", "GRAPH", "none"}).text == "ERR No samples available for event 'none'");
    CHECK(redis.Do({"LATENCY", "DOCTOR"}).text.find("command") != std::string::npos);
    CHECK(redis.Do({"LATENCY", "RESET", "none"}).integer == 0);
    CHECK(redis.Do({"LATENCY", "RESET"}).integer == 1);
    CHECK(redis.Do({"LATENCY", "LATEST"}).elements.empty());
  }
}

TEST_CASE("statistics: calls, failures and refusals of commands are counted like stock counts them") {
  std::vector<std::string> counted;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(make == Make::kOurs);
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, kLines);
    Redis redis(node.port, 20000);
    REQUIRE(redis.Do({"CONFIG", "RESETSTAT"}).ok());
    for (int i = 0; i < 5; ++i) redis.Do({"SET", "key", "text"});
    redis.Do({"INCR", "key"});
    redis.Do({"LPUSH", "key", "a"});
    redis.Do({"GET", "key"});
    redis.Do({"GET"});  // wrong number of words
    redis.Do({"NOSUCH"});
    redis.Do({"MULTI"});
    redis.Do({"INCR", "key"});
    redis.Do({"SET", "key", "1"});
    redis.Do({"EXEC"});
    std::string& text = counted.emplace_back();
    const auto info = redis.Info("all");
    for (const std::string name : {"set", "get", "incr", "lpush", "multi", "exec", "config|resetstat"}) {
      const auto found = info.find("cmdstat_" + name);
      REQUIRE(found != info.end());
      const std::string& line = found->second;  // calls=5,usec=3,usec_per_call=0.60,rejected_calls=0,failed_calls=0
      text += name + " " + line.substr(0, line.find(',')) + line.substr(line.find(",rejected")) + "\n";
    }
    text += info.at("errorstat_WRONGTYPE") + info.at("errorstat_ERR") + "\n";
    CHECK(info.at("latency_percentiles_usec_set").starts_with("p50="));
    const Value histogram = redis.Do({"LATENCY", "HISTOGRAM", "SET", "nosuch"});
    REQUIRE(histogram.elements.size() == 2);
    CHECK(histogram.elements[0].text == "set");
    CHECK(histogram.elements[1].elements[1].integer == 6);
    REQUIRE(redis.Do({"CONFIG", "SET", "latency-tracking", "no", "latency-tracking-info-percentiles", "50 90"}).ok());
    CHECK(redis.Do({"CONFIG", "GET", "latency-tracking-info-percentiles"}).elements[1].text == "50 90");
    CHECK(redis.Do({"MEMORY", "USAGE", "none"}).kind == Value::Kind::kNil);
    CHECK(redis.Do({"MEMORY", "USAGE", "key", "SAMPLES", "0"}).integer > 10);
    CHECK(redis.Do({"MEMORY", "USAGE", "key", "x"}).text == "ERR syntax error");
    CHECK(redis.Do({"MEMORY", "PURGE"}).ok());
    CHECK(redis.Do({"MEMORY", "STATS"}).elements.size() > 20);
    CHECK(redis.Do({"MEMORY", "MALLOC-STATS"}).kind == Value::Kind::kString);
    CHECK(redis.Do({"MEMORY", "DOCTOR"}).kind == Value::Kind::kString);
  }
  CHECK(counted[0] == counted[1]);
}
