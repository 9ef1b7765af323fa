#include "replication/host/log_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <regex>

#include "tests/support/process.h"

using base::LogLevel;
using host::LogFile;

TEST_CASE("log: lines have the form that readers of Redis' log expect") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.log";
  char role = 'M';
  LogFile log([&role] { return role; });
  REQUIRE(log.Open(path).has_value());
  log.Write(LogLevel::kNotice, "hello {}");
  role = 'S';
  log.Write(LogLevel::kWarning, "trouble");
  log.Write(LogLevel::kVerbose, "detail");
  log.SetLevel("debug");
  log.Write(LogLevel::kDebug, "a\r\n1:M fake");
  const std::string time = R"(\d\d \w\w\w \d{4} \d\d:\d\d:\d\d\.\d{3})";
  const std::string pid = std::to_string(getpid());
  const std::regex expected(pid + ":M " + time + " \\* hello \\{\\}\n" + pid + ":S " + time + " # trouble\n" + pid +
                            ":S " + time + " \\. \"a\\\\r\\\\n1:M fake\"\n");
  CHECK_MESSAGE(std::regex_match(support::ReadTextFile(path), expected), support::ReadTextFile(path));
}

TEST_CASE("log: a file that was moved away is begun anew") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.log";
  LogFile log([] { return 'M'; });
  REQUIRE(log.Open(path).has_value());
  log.Write(LogLevel::kNotice, "one");
  std::filesystem::rename(path, path + ".1");
  REQUIRE(log.Reopen().has_value());
  log.Write(LogLevel::kNotice, "two");
  CHECK(support::ReadTextFile(path).find("two") != std::string::npos);
  CHECK(support::ReadTextFile(path + ".1").find("two") == std::string::npos);
}

TEST_CASE("log: a file that cannot be opened is told with its reason") {
  const support::TempDir temp;
  LogFile log([] { return 'M'; });
  const auto opened = log.Open(temp.path() + "/none/n.log");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().text.find("No such file or directory") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(temp.path() + "/none"));
}
