// The proxy that other tests rely on does what it says.
#include "tests/support/proxy.h"

#include <doctest/doctest.h>

#include <chrono>

#include "tests/support/cluster.h"

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t MillisSince(Clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - then).count();
}

}  // namespace

TEST_CASE("proxy: bytes pass both ways, large ones too, and a close is passed on") {
  Cluster cluster;
  const Member& node = cluster.AddNode(Make::kOurs);
  Proxy proxy(node.port);
  const std::string big(3 << 20, 'b');
  {
    Redis redis(proxy.port());
    CHECK(redis.Do({"SET", "big", big}).ok());
    CHECK(redis.Do({"GET", "big"}).text == big);
    CHECK(proxy.bytes(Proxy::kToServer) > big.size());
    CHECK(proxy.bytes(Proxy::kToClient) > big.size());
  }
  CHECK(WaitFor([&] { return proxy.open_connections() == 0; }));
}

TEST_CASE("proxy: a stalled direction delivers what it kept once it passes again") {
  Cluster cluster;
  const Member& node = cluster.AddNode(Make::kOurs);
  Proxy proxy(node.port);
  Redis redis(proxy.port(), 20000);
  REQUIRE(redis.Do({"PING"}).text == "PONG");
  SUBCASE("requests") {
    proxy.Set(Proxy::kToServer, Flow::kStall);
  }
  SUBCASE("answers") {
    proxy.Set(Proxy::kToClient, Flow::kStall);
  }
  // The change holds before anything sent after it.
  redis.Send({"INCR", "n"});
  Redis direct(node.port);
  CHECK_FALSE(WaitFor([&] { return proxy.bytes(Proxy::kToClient) > 7; }, 200));
  proxy.Heal();
  CHECK(redis.Next().integer == 1);
  CHECK(direct.Do({"GET", "n"}).text == "1");
}

TEST_CASE("proxy: a connection that lost bytes is reset when they pass again") {
  Cluster cluster;
  const Member& node = cluster.AddNode(Make::kOurs);
  Proxy proxy(node.port);
  Redis redis(proxy.port(), 20000);
  REQUIRE(redis.Do({"PING"}).text == "PONG");
  proxy.Set(Proxy::kToClient, Flow::kDrop);
  redis.Send({"SET", "k", "v"});
  CHECK(WaitFor([&] { return Ask(node.port, {"GET", "k"}).text == "v"; }));  // one way: the request arrived
  proxy.Set(Proxy::kToClient, Flow::kPass);
  CHECK(redis.Next().kind == Value::Kind::kNone);
  CHECK_FALSE(redis.connected());
  CHECK(Ask(proxy.port(), {"PING"}).text == "PONG");
}

TEST_CASE("proxy: a delay holds for each answer, and the order stays") {
  Cluster cluster;
  const Member& node = cluster.AddNode(Make::kOurs);
  Proxy proxy(node.port);
  Redis redis(proxy.port(), 20000);
  proxy.Delay(Proxy::kToClient, 150, 50);
  const auto began = Clock::now();
  for (int i = 1; i <= 20; ++i) redis.Send({"INCR", "n"});
  for (int i = 1; i <= 20; ++i) CHECK(redis.Next().integer == i);
  CHECK(MillisSince(began) >= 150);
}

TEST_CASE("proxy: refused, half-open and cut, and healed again") {
  Cluster cluster;
  const Member& node = cluster.AddNode(Make::kOurs);
  Proxy proxy(node.port);
  proxy.Set(Door::kRefuse);
  CHECK(WaitFor([&] { return !Redis(proxy.port(), 1000).connected(); }));
  proxy.Heal();
  CHECK(WaitFor([&] { return Ask(proxy.port(), {"PING"}).text == "PONG"; }));

  Redis before(proxy.port(), 20000);
  REQUIRE(before.Do({"PING"}).text == "PONG");
  proxy.Cut();
  before.Send({"PING"});
  Redis during(proxy.port(), 20000);
  CHECK(during.connected());
  during.Send({"PING"});
  CHECK(Ask(proxy.port(), {"PING"}, 200).kind == Value::Kind::kNone);
  proxy.Heal();
  CHECK(before.Next().text == "PONG");
  CHECK(during.Next().text == "PONG");

  proxy.Reset();
  CHECK(before.Next().kind == Value::Kind::kNone);
}
