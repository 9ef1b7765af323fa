#include "replication/host/durable_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tests/support/process.h"

using host::DurableFile;
using host::ReadWholeFile;
using host::RemoveLeftovers;

namespace {

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace

TEST_CASE("durable file: the old text stands until the new one is committed") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/a.conf";
  support::WriteTextFile(path, "old");
  auto file = DurableFile::Create(path);
  REQUIRE(file.has_value());
  REQUIRE(file->Write("new").has_value());
  CHECK(support::ReadTextFile(path) == "old");
  REQUIRE(file->Commit().has_value());
  CHECK(support::ReadTextFile(path) == "new");
  CHECK(NamesIn(temp.path()) == std::vector<std::string>{"a.conf"});
}

TEST_CASE("durable file: without a commit nothing is left of it") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/a.conf";
  support::WriteTextFile(path, "old");
  {
    auto file = DurableFile::Create(path);
    REQUIRE(file->Write("half").has_value());
  }
  CHECK(support::ReadTextFile(path) == "old");
  CHECK(NamesIn(temp.path()) == std::vector<std::string>{"a.conf"});
}

TEST_CASE("durable file: who could read the old file can read the new one, and nobody else") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/a.conf";
  support::WriteTextFile(path, "requirepass secret");
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  auto file = DurableFile::Create(path);
  REQUIRE(file->Commit().has_value());
  struct stat facts {};
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("durable file: errors name the path and the system's reason") {
  const support::TempDir temp;
  const auto file = DurableFile::Create(temp.path() + "/missing/a.conf");
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().text.find("/missing/a.conf") != std::string::npos);
  CHECK(file.error().text.find("No such file or directory") != std::string::npos);
  CHECK(ReadWholeFile(temp.path() + "/none").error().code == base::ErrorCode::kNotFound);
  CHECK(ReadWholeFile(temp.path()).error().code == base::ErrorCode::kIo);
}

TEST_CASE("durable file: what a killed process left is removed, and only that") {
  const support::TempDir temp;
  for (const char* name : {"dump.rdb", "dump.rdb.tmp-1", "dump.rdb.tmp-22", "dump.rdb.tmp-x", "other.rdb.tmp-1"}) {
    support::WriteTextFile(temp.path() + "/" + name, "x");
  }
  RemoveLeftovers(temp.path() + "/dump.rdb");
  CHECK(NamesIn(temp.path()) == std::vector<std::string>{"dump.rdb", "dump.rdb.tmp-x", "other.rdb.tmp-1"});
}
