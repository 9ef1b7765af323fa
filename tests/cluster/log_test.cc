// The log as those who rotate it meet it.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "tests/support/cluster.h"

using namespace support;

namespace {

bool Exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

long Inode(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 ? static_cast<long>(facts.st_ino) : -1;
}

void Answers(int port) {
  REQUIRE(WaitFor([&] { return Ask(port, {"PING"}).text == "PONG"; }));
}

}  // namespace

TEST_CASE("log: SIGHUP begins it anew after a rotation, in both programs") {
  TempDir temp;
  const std::string log = temp.path() + "/log";
  for (const std::string program : {"vigil-node", "vigil-sentinel"}) {
    CAPTURE(program);
    const int port = FreePort();
    const std::string config = temp.path() + "/" + program + ".conf";
    WriteTextFile(config, fmt::format("bind 127.0.0.1\nport {}\ndir {}\nlogfile {}\n", port, temp.path(), log));
    Process process({OurProgram(program), config}, temp.path() + "/" + program + ".output", temp.path());
    Answers(port);
    const long first = Inode(log);
    REQUIRE(std::rename(log.c_str(), (log + ".1").c_str()) == 0);
    const std::string before = ReadTextFile(log + ".1");
    process.Signal(SIGHUP);
    CHECK(WaitFor([&] { return Exists(log) && ReadTextFile(log).find("Received SIGHUP") != std::string::npos; }));
    CHECK(Inode(log) != first);
    CHECK(ReadTextFile(log + ".1") == before);
    CHECK(process.running());
    Answers(port);
    process.Signal(SIGTERM);
    CHECK(process.Wait(20000) == 0);
    unlink(log.c_str());
    unlink((log + ".1").c_str());
  }
}

TEST_CASE("log: a renamed or removed one is begun anew by itself") {
  TempDir temp;
  const std::string log = temp.path() + "/log";
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, {"logfile " + log});
  REQUIRE(Exists(log));
  for (int round = 0; round < 2; ++round) {
    REQUIRE((round == 0 ? std::rename(log.c_str(), (log + ".1").c_str()) : unlink(log.c_str())) == 0);
    CHECK_FALSE(Exists(log));
    // A change of role is a line.
    node.Do({"REPLICAOF", "127.0.0.1", "1"});
    node.Do({"REPLICAOF", "NO", "ONE"});
    CHECK(WaitFor([&] { return Exists(log) && !ReadTextFile(log).empty(); }));
  }
}
