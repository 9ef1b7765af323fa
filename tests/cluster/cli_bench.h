// `vigil` run as a person runs it, on a local cluster in a folder that is cleared away.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/redis.h"

inline constexpr int kLimitMs = 120000;

struct Said {
  int code = -1;
  std::string text;  // stdout and stderr

  bool Has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

// Whether the process is gone, or is a zombie that nobody collects.
inline bool Ended(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  const std::string line{std::istreambuf_iterator<char>(stat), {}};
  const auto name_end = line.rfind(") ");
  return name_end == std::string::npos || line[name_end + 2] == 'Z' || line[name_end + 2] == 'X';
}

// A folder for a local cluster, which is ended with it, whatever the test did.
class Bench {
 public:
  ~Bench() {
    if (std::filesystem::exists(folder() + "/cluster.json")) Vigil({"down", "--dir", folder()});
  }
  // With a space: paths of users have them.
  std::string folder() const { return temp_.path() + "/a cluster"; }

  support::Process Start(std::vector<std::string> words) {
    words.insert(words.begin(), support::OurProgram("vigil"));
    return support::Process(std::move(words), fmt::format("{}/said-{}", temp_.path(), ++runs_));
  }
  Said Vigil(std::vector<std::string> words) {
    support::Process process = Start(std::move(words));
    const auto code = process.Wait(kLimitMs);
    return {code.value_or(-1), process.log()};
  }
  // The verb on this cluster.
  Said Do(std::vector<std::string> words) {
    words.insert(words.begin() + 1, {"--dir", folder()});
    return Vigil(std::move(words));
  }
  nlohmann::json Servers() const {
    return nlohmann::json::parse(support::ReadTextFile(folder() + "/cluster.json")).at("servers");
  }
  nlohmann::json Server(const std::string& name) const {
    for (const nlohmann::json& server : Servers()) {
      if (server.at("name") == name) return server;
    }
    throw std::runtime_error("no server " + name);
  }
  pid_t Pid(const std::string& name) const { return Server(name).at("pid").get<pid_t>(); }
  // Kills it and returns when it is gone: a process that was sent SIGKILL runs on until the kernel has ended it.
  void Kill(const std::string& name) const {
    const pid_t pid = Pid(name);
    kill(pid, SIGKILL);
    REQUIRE(support::WaitFor([&] { return Ended(pid); }));
  }
  // Processes that were given a configuration in our folder.
  int Running() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::error_code error;
      const auto where = std::filesystem::read_symlink(entry.path() / "cwd", error);
      // A zombie has no working directory.
      if (!error && where.string().starts_with(folder())) ++count;
    }
    return count;
  }

 private:
  support::TempDir temp_;
  int runs_ = 0;
};
