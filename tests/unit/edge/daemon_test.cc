#include "replication/edge/daemon.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "replication/net/loop.h"
#include "replication/net/stream.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"

using replication::edge::Daemon;
using replication::edge::Launch;
using support::Redis;
using support::Value;

namespace {

int FreePort() {
  net::Loop loop;
  return (*net::Listener::Listen(loop, {"127.0.0.1", 0}, 1, [](auto) {}))->port();
}

bool Eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A node in a thread of this process, with a folder of its own.
class Running {
 public:
  explicit Running(const std::function<void(replication::Settings&)>& change = {}) : port(FreePort()) { Start(change); }
  ~Running() { Stop("nosave"); }

  void Start(const std::function<void(replication::Settings&)>& change = {}) {
    Launch launch;
    launch.settings.port = static_cast<std::uint16_t>(port);
    launch.settings.bind = {"127.0.0.1"};
    launch.settings.dir = temp.path();
    launch.settings.logfile = temp.path() + "/log";
    launch.settings.save.clear();
    launch.settings.repl_diskless_sync_delay = base::Seconds(0);
    if (change) change(launch.settings);
    config_file = temp.path() + "/node.conf";
    support::WriteTextFile(config_file, "# mine\n");
    launch.config_file = config_file;
    password = launch.settings.requirepass;
    daemon = std::make_unique<Daemon>(std::move(launch));
    const auto opened = daemon->Open();
    REQUIRE_MESSAGE(opened.has_value(), opened.error().text);
    thread = std::thread([this] { exit_code = daemon->Run(); });
  }

  void Stop(const std::string& how) {
    if (!thread.joinable()) return;
    Redis client(port);
    if (!password.empty()) client.Do({"auth", password});
    client.Send({"shutdown", how});  // no reply: the connections end with the process, here with the daemon
    thread.join();
    daemon.reset();
  }

  support::TempDir temp;
  int port;
  std::string config_file;
  std::string password;
  std::unique_ptr<Daemon> daemon;
  std::thread thread;
  int exit_code = -1;
};

}  // namespace

TEST_CASE("daemon: pipelined requests are answered in order, on many connections at once") {
  Running node;
  std::vector<std::unique_ptr<Redis>> clients;
  for (int c = 0; c < 20; ++c) clients.push_back(std::make_unique<Redis>(node.port));
  for (int i = 0; i < 100; ++i) {
    for (auto& client : clients) client->Send({"incr", "n"});
  }
  std::int64_t highest = 0;
  for (auto& client : clients) {
    std::int64_t before = 0;
    for (int i = 0; i < 100; ++i) {
      const Value reply = client->Next();
      CHECK(reply.integer > before);
      before = reply.integer;
    }
    highest = std::max(highest, before);
  }
  CHECK(highest == 2000);
}

TEST_CASE("daemon: a reply of many megabytes arrives whole, whatever the socket takes at once") {
  Running node;
  Redis client(node.port, 60000);
  const std::string large(20 << 20, 'x');
  CHECK(client.Do({"set", "large", large}).ok());
  for (int i = 0; i < 3; ++i) client.Send({"get", "large"});
  for (int i = 0; i < 3; ++i) CHECK(client.Next().text == large);
}

TEST_CASE("daemon: replicas get the stream, and what they were sent is what the master did") {
  Running master;
  Running replica([&](replication::Settings& settings) {
    settings.replicaof = {"localhost", static_cast<std::uint16_t>(master.port)};
  });
  Redis client(master.port);
  REQUIRE(Eventually([&] { return support::InfoField(replica.port, "master_link_status") == "up"; }));
  for (int i = 0; i < 500; ++i) client.Send({"set", "key:" + std::to_string(i), std::string(1000, 'v')});
  for (int i = 0; i < 500; ++i) CHECK(client.Next().ok());
  CHECK(client.Do({"wait", "1", "0"}).integer == 1);
  CHECK(support::Ask(replica.port, {"dbsize"}).integer == 500);
  CHECK(support::Ask(replica.port, {"set", "a", "b"}).text.starts_with("READONLY"));

  // A broken connection is continued where it broke.
  CHECK(client.Do({"client", "kill", "type", "replica"}).integer == 1);
  CHECK(client.Do({"set", "after", "1"}).ok());
  REQUIRE(Eventually([&] { return support::Ask(replica.port, {"get", "after"}).text == "1"; }));
  CHECK(support::InfoField(master.port, "sync_partial_ok") == "1");
  CHECK(support::InfoField(master.port, "sync_full") == "1");

  // Promotion and the way back.
  CHECK(support::Ask(replica.port, {"replicaof", "no", "one"}).ok());
  CHECK(support::Ask(replica.port, {"set", "promoted", "1"}).ok());
  CHECK(client.Do({"replicaof", "127.0.0.1", std::to_string(replica.port)}).ok());
  REQUIRE(Eventually([&] { return support::Ask(master.port, {"get", "promoted"}).text == "1"; }));
}

TEST_CASE("daemon: what was saved is there after a restart, and a damaged file is never an empty start") {
  Running node;
  CHECK(support::Ask(node.port, {"set", "a", "1"}).ok());
  node.Stop("save");
  CHECK(node.exit_code == 0);
  node.Start();
  REQUIRE(Eventually([&] { return support::Ask(node.port, {"get", "a"}).text == "1"; }));
  node.Stop("nosave");

  const std::string path = node.temp.path() + "/dump.rdb";
  std::string bytes = support::ReadTextFile(path);
  bytes.resize(bytes.size() - 9);
  support::WriteTextFile(path, bytes);
  node.Start();
  node.thread.join();
  CHECK(node.exit_code == 1);
  const std::string log = support::ReadTextFile(node.temp.path() + "/log");
  CHECK(log.find("can't load '" + path + "': rdb: offset") != std::string::npos);
  CHECK(support::ReadTextFile(path) == bytes);
}

TEST_CASE("daemon: CONFIG REWRITE is durable before it is answered") {
  Running node;
  CHECK(support::Ask(node.port, {"config", "set", "repl-timeout", "77"}).ok());
  CHECK(support::Ask(node.port, {"config", "rewrite"}).ok());
  const std::string text = support::ReadTextFile(node.config_file);
  CHECK(text.starts_with("# mine\n"));
  CHECK(text.find("\nrepl-timeout 77\n") != std::string::npos);
  std::filesystem::remove_all(node.temp.path());
  CHECK(support::Ask(node.port, {"config", "rewrite"}).text.find("No such file or directory") != std::string::npos);
}

TEST_CASE("daemon: no more clients than maxclients, and those that are idle too long are closed") {
  Running node([](replication::Settings& settings) { settings.maxclients = 2; });
  Redis first(node.port);
  CHECK(first.Do({"ping"}).text == "PONG");
  {
    Redis second(node.port);
    CHECK(second.Do({"ping"}).text == "PONG");
    Redis third(node.port);
    CHECK(third.Next().text == "ERR max number of clients reached");
  }
  // The place of the second is free once the node has seen that it left.
  REQUIRE(Eventually([&] { return first.Info("clients")["connected_clients"] == "1"; }));
  CHECK(first.Info("stats")["rejected_connections"] == "1");

  Redis idle(node.port);
  REQUIRE(idle.Do({"config", "set", "timeout", "1"}).ok());
  CHECK(idle.Next().kind == Value::Kind::kNone);
  CHECK_FALSE(idle.connected());
}

TEST_CASE("daemon: a client that does not read is closed at its output limit") {
  Running node([](replication::Settings& settings) { settings.normal_limit = {4 << 20, 0, base::Seconds(0)}; });
  Redis client(node.port, 60000);
  CHECK(client.Do({"set", "large", std::string(1 << 20, 'x')}).ok());
  for (int i = 0; i < 60; ++i) client.Send({"get", "large"});
  int answered = 0;
  while (client.Next().kind == Value::Kind::kString) ++answered;
  CHECK(answered < 60);
  CHECK(support::Ask(node.port, {"ping"}).text == "PONG");
  const std::string log = support::ReadTextFile(node.temp.path() + "/log");
  CHECK(log.find("client-output-buffer-limit") != std::string::npos);
}

TEST_CASE("daemon: a port in use is told in one line") {
  Running node;
  Launch launch;
  launch.settings.port = static_cast<std::uint16_t>(node.port);
  launch.settings.bind = {"127.0.0.1", "-::1"};
  launch.settings.dir = node.temp.path();
  launch.settings.logfile = node.temp.path() + "/second.log";
  Daemon second(std::move(launch));
  const auto opened = second.Open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().text == "bind 127.0.0.1:" + std::to_string(node.port) + ": address already in use");
}
