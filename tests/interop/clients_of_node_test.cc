// How clients come in and are let go, beside stock: unix sockets, maxmemory-clients.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "tests/interop/side_by_side.h"

using namespace support;

TEST_CASE("unix socket: served beside the port, with its permissions, and gone with the node") {
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(static_cast<int>(make));
    Cluster cluster;
    const std::string path = cluster.temp.path() + "/node.sock";
    Member& node = cluster.AddNode(make, nullptr, {"unixsocket " + path, "unixsocketperm 750", "save \"\""});
    const auto mode = [&path] {
      struct stat facts {};
      return stat(path.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode) ? facts.st_mode & 0777 : 0;
    };
    CHECK(mode() == 0750);
    CHECK(Pairs(node.Do({"CONFIG", "GET", "unixsocketperm"}))["unixsocketperm"] == "750");
    {
      Redis redis(path, 0);
      CHECK(redis.Do({"SET", "k", std::string(200000, 'v')}).ok());
      CHECK(redis.Do({"GET", "k"}).text.size() == 200000);
      const std::string line = redis.Do({"CLIENT", "INFO"}).text;
      CHECK(line.find(fmt::format(" addr={0}:0 laddr={0}:0 ", path)) != std::string::npos);
      CHECK(line.find(" flags=U ") != std::string::npos);
    }
    // What a crash leaves behind is in nobody's way.
    node.Kill();
    CHECK(mode() == 0750);
    node.Start();
    REQUIRE(WaitFor([&node] { return node.Answers(); }));
    CHECK(Redis(path, 0).Do({"PING"}).text == "PONG");
    node.Do({"SHUTDOWN", "NOSAVE"});
    CHECK(WaitFor([&mode] { return mode() == 0; }));
  }
}

TEST_CASE("maxmemory-clients: those that take most are closed, the spared ones and the small ones stay") {
  for (const Make make : {Make::kStock, Make::kOurs}) {
    CAPTURE(static_cast<int>(make));
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, {"maxmemory-clients 30mb", "save \"\""});
    const auto evicted = [&node] { return base::ParseInt<int>(node.Info("evicted_clients")).value_or(-1); };
    // A transaction that is never executed is memory of the client that queues it.
    const std::string value(1 << 20, 'v');
    const auto open = [&](int megabytes, bool spared) {
      auto redis = std::make_unique<Redis>("127.0.0.1", node.port, 20000);
      if (spared) CHECK(redis->Do({"CLIENT", "NO-EVICT", "ON"}).ok());
      CHECK(redis->Do({"MULTI"}).ok());
      for (int i = 0; i < megabytes; ++i) {
        if (redis->Do({"SET", "k", value}).text != "QUEUED") break;
      }
      return redis;
    };
    const auto lives = [](Redis& redis) { return redis.Do({"PING"}).kind != Value::Kind::kNone; };
    const auto spared = open(3, true);
    const auto small = open(1, false);
    const auto middle = open(4, false);
    CHECK(evicted() == 0);
    const auto large = open(26, false);
    REQUIRE(WaitFor([&evicted] { return evicted() > 0; }));
    CHECK(evicted() == 1);
    CHECK_FALSE(lives(*large));
    CHECK(lives(*middle));
    CHECK(lives(*small));
    CHECK(lives(*spared));
    // Those that are left take about 9 MB, the spared one included: a limit that holds without the middle one.
    CHECK(node.Do({"CONFIG", "SET", "maxmemory-clients", "7mb"}).ok());
    REQUIRE(WaitFor([&evicted] { return evicted() == 2; }));
    CHECK_FALSE(lives(*middle));
    CHECK(lives(*small));
    CHECK(lives(*spared));
  }
}
