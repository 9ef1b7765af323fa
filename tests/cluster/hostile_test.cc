// Nodes and peers that mean us harm, or are broken: bounded memory, counted, one event, no crash.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
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

std::string InstanceFlags(const Member& sentinel) {
  return Pairs(sentinel.Do({"SENTINEL", "MASTER", "mymaster"}))["flags"];
}

// A master without replicas, and nothing wrong with it.
HostileServer::Reply HonestMaster(const std::vector<std::string>& words) {
  return base::ToLower(words[0]) == "info" ? HostileServer::Bulk("# Server\r\nrole:master\r\n")
                                           : HostileServer::Honest(words);
}

}  // namespace

TEST_CASE("hostile: an INFO of forty megabytes is passed over, and the master stays up") {
  const std::string info = HostileServer::Bulk("# Server\r\nrole:master\r\n" + std::string(40 * kMegabyte, 'x'));
  Watched world([&](const std::vector<std::string>& words) -> HostileServer::Reply {
    return base::ToLower(words[0]) == "info" ? info : HostileServer::Honest(words);
  });
  REQUIRE(WaitFor([&] { return world.Counter("vigil_bad_replies") >= 5; }, 60000));
  INFO(world.sentinel->process.log());
  CHECK(CountIn(world.sentinel->process.log(), "-bad-reply master mymaster") == 1);
  CHECK(world.Growth() < 20 * kMegabyte);
  CHECK(world.sentinel->Answers());
}

TEST_CASE(
    "hostile: replies that never end are cut off, cost bounded memory and one event, and the master is back after") {
  using Words = std::vector<std::string>;
  const std::string line(65536, 'x');
  // How each begins, and what is sent again and again.
  const std::pair<const char*, HostileServer::Reply> endless[] = {
      {"a string that claims to be huge", {"$400000000000\r\n", line}},
      {"a string of the greatest length that is passed over", {"$536870912\r\n", line}},
      {"a line", {"+", line}},
      {"an array", {"*1000000000\r\n", ":1\r\n"}},
      {"arrays in arrays", {"", "*1\r\n"}},
      {"answers that nobody asked for", {"", "+PONG\r\n"}},
      {"bytes that mean nothing", {"", "?!\r\n"}},
  };
  for (const char* verb : {"info", "ping"}) {
    Watched world(&HonestMaster);
    world.sentinel->Do({"SENTINEL", "SET", "mymaster", "down-after-milliseconds", "1000"});
    for (const auto& [what, bytes] : endless) {
      CAPTURE(verb);
      CAPTURE(what);
      const std::uint64_t connections = world.server.accepted();
      world.server.Set([verb, bytes = bytes](const Words& words) -> HostileServer::Reply {
        return base::ToLower(words[0]) == verb ? bytes : HonestMaster(words);
      });
      // The connection is given up, and another one tried.
      CHECK(WaitFor([&] { return world.server.accepted() > connections + 1; }, 30000));
      CHECK(world.sentinel->Answers());
      CHECK(world.Growth() < 64 * kMegabyte);
      world.server.Set(&HonestMaster);
      CHECK(WaitFor([&] { return InstanceFlags(*world.sentinel) == "master"; }, 30000));
    }
    INFO(world.sentinel->process.log());
    // One for each kind at the most, not one for each connection.
    CHECK(CountIn(world.sentinel->process.log(), "-bad-reply master mymaster") >= 1);
    CHECK(CountIn(world.sentinel->process.log(), "-bad-reply master mymaster") <= std::size(endless));
    CHECK(world.Counter("vigil_bad_replies") >= 5);
  }
}

TEST_CASE("hostile: thousands of replicas in INFO and of sentinels by hello are refused beyond the limits") {
  std::string info = "# Server\r\nrole:master\r\n# Replication\r\nrole:master\r\n";
  for (int i = 0; i < 5000; ++i) {
    info += fmt::format("slave{}:ip=127.{}.{}.1,port=1,state=online,offset=1,lag=0\r\n", i, 1 + i / 250, i % 250);
  }
  std::atomic<int> port{0};
  Watched world([&](const std::vector<std::string>& words) -> HostileServer::Reply {
    const std::string verb = base::ToLower(words[0]);
    if (verb == "info") return HostileServer::Bulk(info);
    std::string reply = HostileServer::Honest(words);
    if (verb != "subscribe") return reply;
    for (int i = 0; i < 3000; ++i) {
      reply += "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n" +
               HostileServer::Bulk(fmt::format("127.0.{}.{},1,{:040x},0,mymaster,127.0.0.1,{},0", i / 250, 1 + i % 250,
                                               i + 1, port.load()));
    }
    return reply;
  });
  port = world.server.port();
  world.server.Drop();  // it subscribes once more
  REQUIRE(WaitFor([&] { return world.Counter("vigil_sentinels_refused") > 100; }, 60000));
  REQUIRE(WaitFor([&] { return world.Counter("vigil_replicas_refused") > 0; }, 60000));
  const std::string log = world.sentinel->process.log();
  CHECK(CountIn(log, "-replica-limit") == 1);
  CHECK(CountIn(log, "-sentinel-limit") == 1);
  auto master = Pairs(world.sentinel->Do({"SENTINEL", "MASTER", "mymaster"}));
  CHECK(master["num-slaves"] == "250");
  CHECK(master["num-other-sentinels"] == "100");
  // Connected again after the drop, and up.
  CHECK(WaitFor([&] { return Pairs(world.sentinel->Do({"SENTINEL", "MASTER", "mymaster"}))["flags"] == "master"; }));
  CHECK(world.Growth() < 40 * kMegabyte);
}

TEST_CASE("hostile: replies of the wrong type and malformed hellos change nothing, and are counted") {
  using Words = std::vector<std::string>;
  const std::string types[] = {":7\r\n",
                               "$-1\r\n",
                               "*-1\r\n",
                               "*0\r\n",
                               "$0\r\n\r\n",
                               "-ERR no\r\n",
                               "+\r\n",
                               "*2\r\n*1\r\n:1\r\n$-1\r\n",
                               "*3\r\n$-1\r\n:-9\r\n+x\r\n",
                               "$4\r\nPONG\r\n",
                               "*1\r\n+PONG\r\n",
                               ":-9223372036854775808\r\n"};
  const std::string hellos[] = {
      "",
      ",,,,,,,",
      "127.0.0.1,26379,abc,0,mymaster,127.0.0.1,1,0",
      "127.0.0.1,99999,2222222222222222222222222222222222222222,0,mymaster,127.0.0.1,1,0",
      "127.0.0.1,-1,2222222222222222222222222222222222222222,0,mymaster,127.0.0.1,1,0",
      "127.0.0.1,26379,2222222222222222222222222222222222222222,-1,mymaster,127.0.0.1,1,99999999999999999999999",
      "127.0.0.1,26379,2222222222222222222222222222222222222222,0,mymaster,127.0.0.1,1",
      "127.0.0.1,26379,2222222222222222222222222222222222222222,0,mymaster,127.0.0.1,1,0,more",
      "not a host!,26379,2222222222222222222222222222222222222222,0,mymaster,127.0.0.1,1,0",
      "127.0.0.1,26379,2222222222222222222222222222222222222222,0,other,127.0.0.1,1,0",
      "127.0.0.1,26379,2222222222222222222222222222222222222222,0,my\nmaster,127.0.0.1,1,0",
      std::string(100000, 'x'),
  };
  std::atomic<std::size_t> asked{0};
  const HostileServer::Answer wrong = [&](const Words& words) -> HostileServer::Reply {
    const std::string reply = types[asked++ % std::size(types)];
    if (base::ToLower(words[0]) != "subscribe") return reply;
    std::string all = reply;
    for (const std::string& hello : hellos) {
      all += "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n" + HostileServer::Bulk(hello);
    }
    return all;
  };
  Watched world(&HonestMaster);
  world.sentinel->Do({"SENTINEL", "SET", "mymaster", "down-after-milliseconds", "1000"});
  // A peer that answers as badly: the same server, introduced as a sentinel.
  world.sentinel->Do({"PUBLISH", "__sentinel__:hello",
                      fmt::format("127.0.0.1,{},{},0,mymaster,127.0.0.1,{},0", world.server.port(),
                                  std::string(40, '3'), world.server.port())});
  CHECK(Pairs(world.sentinel->Do({"SENTINEL", "MASTER", "mymaster"}))["num-other-sentinels"] == "1");
  world.server.Set(wrong);
  world.server.Drop();
  CHECK(WaitFor([&] { return asked > 20 * std::size(types); }, 60000));
  CHECK(WaitFor([&] { return world.Counter("vigil_hellos_dropped") >= 8; }, 60000));
  CHECK(world.sentinel->Answers());
  auto master = Pairs(world.sentinel->Do({"SENTINEL", "MASTER", "mymaster"}));
  CHECK(master["num-other-sentinels"] == "1");
  CHECK(master["num-slaves"] == "0");
  CHECK(master["config-epoch"] == "0");
  CHECK(world.Growth() < 64 * kMegabyte);
  world.server.Set(&HonestMaster);
  world.server.Drop();
  INFO(world.sentinel->process.log());
  CHECK(WaitFor([&] { return InstanceFlags(*world.sentinel) == "master"; }, 60000));
}
