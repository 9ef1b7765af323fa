// What a master of ours tells its replicas of streams, and what stock redis-server 7.0.15 tells its own.
#include <algorithm>
#include <cstdlib>

#include "tests/interop/stream_requests.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "stream-node-max-entries 10"};

// Stock's XCLAIM names an id as the client wrote it, ours with both halves: the same id for whoever reads it.
std::string WithWholeId(const std::string& line) {
  if (!line.starts_with("\"XCLAIM\" ")) return line;
  std::size_t begin = 0;
  for (int word = 0; word < 5; ++word) begin = line.find("\" \"", begin) + 2;
  const std::size_t end = line.find('"', begin + 1);
  if (line.substr(begin, end - begin).find('-') != std::string::npos) return line;
  return line.substr(0, end) + "-0" + line.substr(end);
}

// A master, and a stock replica of it that shows what comes.
struct Told {
  Told(Cluster& cluster, Make make)
      : master(cluster.AddNode(make, nullptr, kLines)),
        replica(cluster.AddNode(Make::kStock, &master, kLines)),
        link(master.port, 20000),
        shown(replica.port, 20000) {
    REQUIRE(WaitFor([&] { return replica.Info("master_link_status") == "up"; }));
    REQUIRE(shown.Do({"MONITOR"}).ok());
  }

  // What came since the last call: commands without the moment at which they did, moments in them as "T".
  std::vector<std::string> Lines() {
    const std::string end = fmt::format("end-{}", ++marks);
    REQUIRE(link.Do({"SET", end, "1"}).ok());
    std::vector<std::string> lines;
    while (true) {
      const Value value = shown.Next();
      REQUIRE(value.kind == Value::Kind::kStatus);
      const std::size_t quote = value.text.find('"');
      if (quote == std::string::npos || value.text.find("] \"") > quote) continue;
      std::string line = value.text.substr(quote);
      if (line.find(end) != std::string::npos) return lines;
      if (line.starts_with("\"PING\"") || line.starts_with("\"ping\"") || line.starts_with("\"INFO\"")) continue;
      for (std::size_t at = line.find("\"1"); at != std::string::npos; at = line.find("\"1", at + 1)) {
        const std::size_t close = line.find('"', at + 1);
        if (close - at == 14) line.replace(at, 15, "T");
      }
      lines.push_back(WithWholeId(line));
    }
  }

  Member& master;
  Member& replica;
  Redis link;
  Redis shown;
  int marks = 0;
};

}  // namespace

TEST_CASE("streams: replicas are told what stock tells its own, word for word") {
  Cluster cluster;
  Told stock(cluster, Make::kStock);
  Told ours(cluster, Make::kOurs);
  const char* seed = std::getenv("VIGIL_STREAM_SEED");
  StreamRequests draw(seed != nullptr ? std::strtoull(seed, nullptr, 10) : 77, false);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 20000 : 1500;
  for (int i = 0; i < requests; ++i) {
    const Request words = draw();
    CAPTURE(fmt::format("{}", fmt::join(words, " ")));
    REQUIRE(stock.link.Do(words).kind != Value::Kind::kNone);
    REQUIRE(ours.link.Do(words).kind != Value::Kind::kNone);
    CHECK(fmt::format("{}", fmt::join(stock.Lines(), "\n")) == fmt::format("{}", fmt::join(ours.Lines(), "\n")));
  }
}
