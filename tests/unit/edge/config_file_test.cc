#include "replication/edge/config_file.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/process.h"

using replication::edge::CheckLaunch;
using replication::edge::ReadLaunch;
using replication::edge::RewriteConfigFile;

namespace {

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const auto launch = ReadLaunch(arguments);
  return launch ? "" : launch.error().text;
}

}  // namespace

TEST_CASE("launch: directives of the command line come after those of the file") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.conf";
  support::WriteTextFile(path, "port 7000\nmaxclients 5\nlogfile n.log\ndir " + temp.path() + "\nio-threads 2\n");
  const auto launch = ReadLaunch(std::vector<std::string>{path, "--port", "7001", "--save", "", "--replicaof",
                                                          "127.0.0.1", "7002", "--requirepass", "a b"});
  REQUIRE_MESSAGE(launch.has_value(), launch.error().text);
  CHECK(launch->config_file == std::filesystem::canonical(path));
  CHECK(launch->settings.port == 7001);
  CHECK(launch->settings.maxclients == 5);
  CHECK(launch->settings.save.empty());
  CHECK(launch->settings.replicaof == base::Endpoint{"127.0.0.1", 7002});
  CHECK(launch->settings.requirepass == "a b");
  CHECK(launch->settings.dir == std::filesystem::canonical(temp.path()));
  CHECK(launch->settings.logfile == launch->settings.dir + "/n.log");
  CHECK(launch->without_effect == std::vector<std::string>{"io-threads"});
}

TEST_CASE("launch: without a file the defaults hold, and dir is where we are") {
  const auto launch = ReadLaunch({});
  REQUIRE(launch.has_value());
  CHECK(launch->config_file.empty());
  CHECK(launch->settings.port == 6379);
  CHECK(launch->settings.dir == std::filesystem::current_path());
}

TEST_CASE("launch: a bad line is named by file, number, line and reason") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.conf";
  support::WriteTextFile(path, "# c\n\nport abc\n");
  CHECK(ErrorOf({path}) == path + ":3: 'port abc': argument couldn't be parsed into an integer");
  support::WriteTextFile(path, "port 7000\nbind \"a\n");
  CHECK(ErrorOf({path}) == path + ":2: 'bind \"a': unbalanced quotes");
  CHECK(ErrorOf({temp.path() + "/none"}) == "can't open '" + temp.path() + "/none': No such file or directory");
  CHECK(ErrorOf({"--portt", "1"}) == "command line: '--portt 1': unknown directive");
  CHECK(ErrorOf({"--port"}) == "command line: '--port': wrong number of arguments");
  CHECK(ErrorOf({"--dir", temp.path() + "/none"}) ==
        "can't use dir '" + temp.path() + "/none': No such file or directory");
}

TEST_CASE("launch: a check names all mistakes, of included files and of the command line too") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.conf";
  const std::string more = temp.path() + "/more.conf";
  support::WriteTextFile(more, "maxmemory 1xb\n");
  support::WriteTextFile(
      path, "port abc\nbind \"a\nsave 900\ninclude " + more + "\ninclude " + temp.path() + "/none\nloglevel notice\n");
  const auto mistakes = CheckLaunch(std::vector<std::string>{path, "--portt", "1"});
  REQUIRE(mistakes.size() == 6);
  CHECK(mistakes[0] == path + ":2: 'bind \"a': unbalanced quotes");
  CHECK(mistakes[1] == path + ":1: 'port abc': argument couldn't be parsed into an integer");
  CHECK(mistakes[2].starts_with(path + ":3: 'save 900': "));
  CHECK(mistakes[3].starts_with(more + ":1: 'maxmemory 1xb': "));
  CHECK(mistakes[4] == "can't open '" + temp.path() + "/none': No such file or directory");
  CHECK(mistakes[5] == "command line: '--portt 1': unknown directive");
  // The first of them is what a start would tell.
  CHECK(ErrorOf({path}) == mistakes[0]);
  support::WriteTextFile(path, "port 7000\n");
  CHECK(CheckLaunch(std::vector<std::string>{path}).empty());
  const auto no_folder = CheckLaunch(std::vector<std::string>{path, "--dir", temp.path() + "/none"});
  REQUIRE(no_folder.size() == 1);
  CHECK(no_folder[0].starts_with("can't use dir"));
}

TEST_CASE("launch: includes are followed, globs too, and an endless circle is refused") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.conf";
  support::WriteTextFile(temp.path() + "/a.inc", "port 7003\n");
  support::WriteTextFile(temp.path() + "/b.inc", "maxclients 9\n");
  support::WriteTextFile(path, "include " + temp.path() + "/*.inc\ninclude " + temp.path() + "/*.none\n");
  const auto launch = ReadLaunch(std::vector<std::string>{path});
  REQUIRE_MESSAGE(launch.has_value(), launch.error().text);
  CHECK(launch->settings.port == 7003);
  CHECK(launch->settings.maxclients == 9);

  support::WriteTextFile(temp.path() + "/b.inc", "\nmaxclients x\n");
  CHECK(ErrorOf({path}) == temp.path() + "/b.inc:2: 'maxclients x': argument couldn't be parsed into an integer");
  support::WriteTextFile(path, "include " + temp.path() + "/none\n");
  CHECK(ErrorOf({path}).find("/none': No such file or directory") != std::string::npos);
  support::WriteTextFile(path, "include " + path + "\n");
  CHECK(ErrorOf({path}).find("too many nested includes") != std::string::npos);
}

TEST_CASE("config file: a rewrite keeps what the user wrote, and survives a missing file") {
  const support::TempDir temp;
  const std::string path = temp.path() + "/n.conf";
  support::WriteTextFile(path, "# mine\nport 7000\n");
  replication::Settings settings;
  settings.port = 7000;
  settings.replicaof = {"127.0.0.1", 7001};
  REQUIRE(RewriteConfigFile(path, settings).has_value());
  CHECK(support::ReadTextFile(path) == "# mine\nport 7000\n# Generated by CONFIG REWRITE\nreplicaof 127.0.0.1 7001\n");
  std::filesystem::remove(path);
  REQUIRE(RewriteConfigFile(path, settings).has_value());
  CHECK(ReadLaunch(std::vector<std::string>{path})->settings.replicaof == settings.replicaof);

  const auto failed = RewriteConfigFile(temp.path() + "/none/n.conf", settings);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().text.find("No such file or directory") != std::string::npos);
}
