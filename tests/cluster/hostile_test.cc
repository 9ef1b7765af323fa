// Nodes and peers that mean us harm, or are broken: bounded memory, counted, one event, no crash.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include "replication/base/text.h"
#include "tests/cluster/hostile_server.h"
#include "tests/support/cluster.h"

using namespace support;

namespace {

std::size_t ResidentBytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

std::size_t CountIn(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

struct Watched {
  explicit Watched(HostileServer::Answer answer) : server(std::move(answer)) {
    auto member = std::make_unique<Member>();
    member->is_sentinel = true;
    member->port = FreePort();
    member->directory = temp.path();
    member->config_path = temp.path() + "/conf";
    WriteTextFile(member->config_path, fmt::format("bind 127.0.0.1\nport {}\nsentinel monitor mymaster 127.0.0.1 {} 1\n"
                                                   "sentinel down-after-milliseconds mymaster 20000\n",
                                                   member->port, server.port()));
    sentinel = std::move(member);
    sentinel->Start();
    sentinel->Do({"SENTINEL", "DEBUG", "INFO-PERIOD", "50"});
    before = ResidentBytes(sentinel->process.pid());
  }
  std::int64_t Counter(const std::string& field) const {
    return base::ParseInt<std::int64_t>(InfoField(sentinel->port, field)).value_or(-1);
  }
  // What it has grown by. An instrumented build keeps freed memory for a while.
  std::size_t Growth() const {
    const std::size_t now = ResidentBytes(sentinel->process.pid());
    return now > before ? now - before : 0;
  }

  TempDir temp;
  HostileServer server;
  std::unique_ptr<Member> sentinel;
  std::size_t before = 0;
};

constexpr std::size_t kMegabyte = 1 << 20;

}  // namespace

TEST_CASE("hostile: an INFO of forty megabytes is passed over, and the master stays up") {
  const std::string info = HostileServer::Bulk("# Server\r\nrole:master\r\n" + std::string(40 * kMegabyte, 'x'));
  Watched world([&](const std::vector<std::string>& words) {
    return base::ToLower(words[0]) == "info" ? info : HostileServer::Honest(words);
  });
  REQUIRE(WaitFor([&] { return world.Counter("vigil_bad_replies") >= 5; }, 60000));
  INFO(world.sentinel->process.log());
  CHECK(CountIn(world.sentinel->process.log(), "-bad-reply master mymaster") == 1);
  CHECK(world.Growth() < 20 * kMegabyte);
  CHECK(world.sentinel->Answers());
}
