#include "replication/core/settings.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "replication/base/text.h"
#include "tests/unit/core/world.h"

using replication::Box;
using replication::GetSettings;
using replication::Guard;
using replication::RewriteSettings;
using replication::SetContext;
using replication::SetSettings;
using replication::Settings;
using replication::SettingsLoader;
using replication::World;

namespace {

base::Result<Settings> Load(std::string_view text, std::vector<std::string>* without_effect = nullptr) {
  const auto lines = base::ParseConfig(text);
  if (!lines) return tl::unexpected(lines.error());
  SettingsLoader loader;
  for (const auto& line : *lines) {
    if (const auto applied = loader.Apply(line); !applied) return tl::unexpected(applied.error());
  }
  if (without_effect != nullptr) *without_effect = loader.without_effect();
  return loader.Finish();
}

std::string ErrorOf(std::string_view text) {
  const auto loaded = Load(text);
  return loaded ? "" : loaded.error().text;
}

std::string Get(const Settings& settings, std::string_view name) {
  const std::string_view patterns[] = {name};
  const auto found = GetSettings(settings, patterns);
  return found.size() == 1 ? found[0].second : "(" + std::to_string(found.size()) + " found)";
}

std::string SetErrorOf(Settings& settings, std::vector<std::pair<std::string_view, std::string_view>> values,
                       const SetContext& context = {}) {
  const auto set = SetSettings(settings, values, context);
  return set ? "" : set.error().text;
}

}  // namespace

TEST_CASE("settings: directives have their types, units and older names") {
  const auto settings = Load(
      "port 7000\nslave-priority 5\nrepl-backlog-size 2mb\nmin-slaves-to-write 1\nreplicaof 10.0.0.1 7001\n"
      "requirepass \"a b\"\nclient-output-buffer-limit slave 1mb 512kb 9 pubsub 1 2 3\nprimaryauth s\n"
      "enable-debug-command local\nrename-command FLUSHALL \"\"\n");
  REQUIRE(settings.has_value());
  CHECK(settings->port == 7000);
  CHECK(settings->replica_priority == 5);
  CHECK(settings->repl_backlog_size == 2 << 20);
  CHECK(settings->min_replicas_to_write == 1);
  CHECK(settings->replicaof == base::Endpoint{"10.0.0.1", 7001});
  CHECK(settings->requirepass == "a b");
  CHECK(settings->replica_limit == replication::OutputLimit{1 << 20, 512 << 10, base::Seconds(9)});
  CHECK(settings->pubsub_limit == replication::OutputLimit{1, 2, base::Seconds(3)});
  CHECK(settings->masterauth == "s");
  CHECK(settings->enable_debug_command == Guard::kLocal);
  CHECK(settings->rename_command == std::vector<replication::RenamedCommand>{{"flushall", ""}});
}

TEST_CASE("settings: the first save line replaces the default points, later ones add") {
  CHECK(Get(*Load(""), "save") == "3600 1 300 100 60 10000");
  CHECK(Get(*Load("save 10 1\nsave 20 2\n"), "save") == "10 1 20 2");
  CHECK(Get(*Load("save 10 1 20 2\n"), "save") == "10 1 20 2");
  CHECK(Get(*Load("save \"\"\n"), "save").empty());
  CHECK(Get(*Load("save 10 1\nsave \"\"\n"), "save").empty());
}

TEST_CASE("settings: a bad line is told why") {
  CHECK(ErrorOf("portt 1") == "unknown directive");
  CHECK(ErrorOf("port") == "wrong number of arguments");
  CHECK(ErrorOf("port 1 2") == "wrong number of arguments");
  CHECK(ErrorOf("port abc") == "argument couldn't be parsed into an integer");
  CHECK(ErrorOf("port 70000") == "argument must be between 0 and 65535 inclusive");
  CHECK(ErrorOf("repl-timeout 0") == "argument must be between 1 and 2147483647 inclusive");
  CHECK(ErrorOf("maxmemory 1q") == "argument must be a memory value");
  CHECK(ErrorOf("protected-mode maybe") == "argument must be 'yes' or 'no'");
  CHECK(ErrorOf("loglevel x") == "argument(s) must be one of the following: debug, verbose, notice, warning");
  CHECK(ErrorOf("save 60") == "Invalid save parameters");
  CHECK(ErrorOf("replicaof a b") == "Invalid master port");
  CHECK(ErrorOf("rename-command foo bar") == "No such command in rename-command");
  CHECK(ErrorOf("rename-command get set") == "Target command name already exists");
  CHECK(ErrorOf("rename-command get get2\nrename-command get2 get\nrename-command CONFIG \"\"").empty());
  CHECK(ErrorOf("dbfilename a/b") == "dbfilename can't be a path, just a filename");
}

TEST_CASE("settings: what would be missed is refused, what is only a matter of degree is accepted") {
  CHECK(ErrorOf("appenddirname a/b") == "appenddirname can't be a path, just a dirname");
  CHECK(ErrorOf("appendfilename a/b") == "appendfilename can't be a path, just a filename");
  CHECK(ErrorOf("appendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0").empty());
  CHECK(ErrorOf("cluster-enabled yes") == "cluster mode is not supported");
  CHECK(ErrorOf("user alice on >x ~* +@nosuch").find("Unknown command or category") != std::string::npos);
  CHECK(ErrorOf("user alice on\nuser alice off").find("Duplicate user") != std::string::npos);
  CHECK(ErrorOf("user alice on\naclfile users.acl").find("not in both") != std::string::npos);
  CHECK(ErrorOf("appendonly no\ncluster-enabled no\ntls-port 0\nmaxmemory-policy noeviction\n").empty());

  std::vector<std::string> without_effect;
  REQUIRE(Load("io-threads 4\nhz 10\nactivedefrag yes\nslowlog-log-slower-than -1\n", &without_effect));
  CHECK(without_effect == std::vector<std::string>{"io-threads", "activedefrag"});
}

TEST_CASE("settings: the user line that Redis' CONFIG REWRITE adds is understood") {
  // The SHA-256 of "secret".
  const std::string line =
      "user default on #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ~* &* +@all\n";
  CHECK(ErrorOf("requirepass secret\n" + line).empty());
  CHECK(ErrorOf(line).empty());
  CHECK(ErrorOf("user default on nopass ~* &* +@all\n").empty());
  CHECK(RewriteSettings(*Load("requirepass secret"), line).find(line) == 0);
}

TEST_CASE("settings: CONFIG GET matches names and aliases by globs") {
  const Settings settings;
  const std::string_view patterns[] = {"*-priority", "PORT", "nothing"};
  const auto found = GetSettings(settings, patterns);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == std::pair<std::string, std::string>{"PORT", "6379"});
  CHECK(found[1].first == "replica-priority");
  CHECK(found[2].first == "slave-priority");
  CHECK(Get(settings, "appendonly") == "no");
  CHECK(Get(settings, "maxmemory-policy") == "noeviction");
  CHECK(Get(settings, "client-output-buffer-limit") ==
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
  CHECK(Get(settings, "key-load-delay") == "0");
  CHECK(Get(settings, "key-load-*") == "(0 found)");
}

TEST_CASE("settings: CONFIG SET changes all of its pairs or none") {
  Settings settings;
  CHECK(SetErrorOf(settings, {{"repl-timeout", "7"}, {"min-replicas-max-lag", "x"}}) ==
        "CONFIG SET failed (possibly related to argument 'min-replicas-max-lag') - argument couldn't be parsed into "
        "an integer");
  CHECK(settings == Settings{});
  CHECK(SetErrorOf(settings, {{"REPL-TIMEOUT", "7"}, {"save", "60 5 7 8"}}).empty());
  CHECK(settings.repl_timeout == base::Seconds(7));
  CHECK(Get(settings, "save") == "60 5 7 8");
  CHECK(SetErrorOf(settings, {{"save", ""}}).empty());
  CHECK(settings.save.empty());
  CHECK(SetErrorOf(settings, {{"repl-backlog-size", "1"}}).empty());
  CHECK(settings.repl_backlog_size == 16384);

  CHECK(SetErrorOf(settings, {{"portt", "1"}}) == "Unknown option or number of arguments for CONFIG SET - 'portt'");
  CHECK(SetErrorOf(settings, {{"databases", "3"}}).find("can't set immutable config") != std::string::npos);
  CHECK(SetErrorOf(settings, {{"slave-priority", "1"}, {"replica-priority", "2"}}).find("duplicate parameter") !=
        std::string::npos);
  CHECK(SetErrorOf(settings, {{"appenddirname", "x"}}).find("can't set immutable config") != std::string::npos);
}

TEST_CASE("settings: dir and dbfilename are protected, and a folder is looked at first") {
  Settings settings;
  CHECK(SetErrorOf(settings, {{"dir", "/"}}).find("can't set protected config") != std::string::npos);
  settings.enable_protected_configs = Guard::kLocal;
  CHECK(SetErrorOf(settings, {{"dir", "/"}}).find("can't set protected config") != std::string::npos);
  SetContext context{.client_is_local = true, .find_folder = [](const std::string& path) -> base::Result<std::string> {
                       if (path == "there") return std::string("/abs/there");
                       return base::Fail(base::ErrorCode::kIo, "No such file or directory");
                     }};
  CHECK(SetErrorOf(settings, {{"dir", "gone"}}, context).find("No such file or directory") != std::string::npos);
  CHECK(SetErrorOf(settings, {{"dir", "there"}}, context).empty());
  CHECK(settings.dir == "/abs/there");
}

TEST_CASE("settings: CONFIG REWRITE keeps comments and order, and writes what differs from the default") {
  const std::string old_text =
      "# mine\nport 7000\n\nsave 60 1\nsave 70 2\n# about timeouts\nrepl-timeout 60\nslave-priority 100\n"
      "slaveof 10.0.0.1 7001\nio-threads 4\nrename-command FLUSHALL \"\"\nbind 127.0.0.1 -::1\n";
  Settings settings = *Load(old_text);
  settings.dir = "/data";
  settings.requirepass = "a \"b";
  settings.repl_timeout = base::Seconds(61);
  settings.normal_limit = {1024, 0, base::Seconds(0)};
  settings.repl_backlog_size = 2 << 20;
  CHECK(RewriteSettings(settings, old_text) ==
        "# mine\nport 7000\n\nsave 60 1\nsave 70 2\n# about timeouts\nrepl-timeout 61\nreplica-priority 100\n"
        "replicaof 10.0.0.1 7001\nio-threads 4\nrename-command FLUSHALL \"\"\nbind 127.0.0.1 -::1\n"
        "# Generated by CONFIG REWRITE\nclient-output-buffer-limit normal 1kb 0 0\ndir /data\n"
        "repl-backlog-size 2mb\nrequirepass \"a \\\"b\"\n");
}

TEST_CASE("settings: a rewritten file loads as the settings it was written from") {
  Settings settings;
  settings.dir = "/a b";
  settings.replicaof = {"::1", 7001};
  settings.save.clear();
  settings.masterauth = std::string("\x01\xff'\"\n", 5);
  settings.maxmemory = 3ULL << 30;
  settings.enable_protected_configs = Guard::kLocal;
  settings.others["io-threads"] = "3";
  const std::string text = RewriteSettings(settings, "");
  const auto loaded = Load(text);
  REQUIRE_MESSAGE(loaded.has_value(), text);
  CHECK(*loaded == settings);

  // Promotion takes the replicaof line away again, whatever its name was.
  settings.replicaof = {};
  CHECK(RewriteSettings(settings, text).find("replicaof") == std::string::npos);
  CHECK(RewriteSettings(Settings{}, "slaveof a 1\nport 6379\n") == "port 6379\n");
}

TEST_CASE("settings: a renamed command answers to its new name alone, a container with all its subcommands") {
  World world;
  Box& box = world.Add("a", [](Settings& settings) {
    settings.rename_command = {{"config", "secret"}, {"flushall", ""}, {"get", "fetch"}};
  });
  CHECK(world.Do(box, {"config", "get", "port"}).starts_with("-ERR unknown command 'config'"));
  CHECK(world.Do(box, {"secret", "get", "maxclients"}).starts_with("*2\r\n"));
  CHECK(world.Do(box, {"flushall"}).starts_with("-ERR unknown command"));
  CHECK(world.Do(box, {"FETCH", "a"}) == "$-1\r\n");
  CHECK(world.Do(box, {"get", "a"}).starts_with("-ERR unknown command"));
}
