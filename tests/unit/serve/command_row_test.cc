#include "replication/serve/command_row.h"

#include <doctest/doctest.h>

#include <array>

using serve::CommandRow;
using serve::CommandTable;
using serve::Words;

namespace {

constexpr std::array kRows = {
    CommandRow{"get", 2, serve::kReadonly | serve::kFast, {1, 1, 1}, serve::kCatString, "string", "Get a value"},
    CommandRow{"mset", -3, serve::kWrite | serve::kDenyOom, {1, -1, 2}, serve::kCatString, "string", "Set values"},
    CommandRow{"config", -2, 0, {}, 0, "server", "A container for configuration"},
    CommandRow{"config|get",
               -3,
               serve::kAdmin | serve::kNoScript | serve::kLoading | serve::kStale,
               {},
               0,
               "server",
               "Read settings",
               "<pattern> [<pattern> ...]"},
    CommandRow{"config|help", 2, serve::kLoading | serve::kStale, {}, 0, "server", "Show helpful text"},
    CommandRow{"command", -1, serve::kLoading | serve::kStale, {}, serve::kCatConnection, "server", "Describe"},
    CommandRow{"command|count", 2, serve::kLoading | serve::kStale, {}, serve::kCatConnection, "server", "Count"},
    CommandRow{"ssubscribe", -2, serve::kPubsub, {1, -1, 1}, 0, "pubsub", "Listen"},
};

CommandTable Table() {
  CommandTable table;
  for (std::size_t i = 0; i < kRows.size(); ++i) table.Add(kRows[i], 7, i);
  return table;
}

std::string ErrorOf(const CommandTable& table, const Words& words) {
  std::string error;
  const CommandTable::Entry* entry = table.Resolve(words, error);
  CHECK((entry == nullptr) == !error.empty());
  return error;
}

std::string Replied(int protocol, const Words& words) {
  std::string out;
  resp::ReplyWriter reply(out, protocol);
  serve::ReplyCommand(Table(), words, reply);
  return out;
}

}  // namespace

TEST_CASE("command rows: a request finds its row in any case") {
  const CommandTable table = Table();
  std::string error;
  const auto* entry = table.Resolve({"GeT", "a"}, error);
  REQUIRE(entry != nullptr);
  CHECK(entry->row == &kRows[0]);
  CHECK(entry->group == 7);
  CHECK(entry->index == 0);
  CHECK(table.Resolve({"CONFIG", "Get", "*"}, error)->row->name == "config|get");
  CHECK(table.Resolve({"command"}, error)->row->name == "command");
  CHECK(table.Resolve({"command", "count"}, error)->row->name == "command|count");
  CHECK(error.empty());
}

TEST_CASE("command rows: refusals read as redis-server 7.0 writes them") {
  const CommandTable table = Table();
  CHECK(ErrorOf(table, {"foo", "a", "b"}) == "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
  CHECK(ErrorOf(table, {"FOO"}) == "ERR unknown command 'FOO', with args beginning with: ");
  CHECK(ErrorOf(table, {"config|get", "a"}) == "ERR unknown command 'config|get', with args beginning with: 'a' ");
  CHECK(ErrorOf(table, {"get"}) == "ERR wrong number of arguments for 'get' command");
  CHECK(ErrorOf(table, {"get", "a", "b"}) == "ERR wrong number of arguments for 'get' command");
  CHECK(ErrorOf(table, {"mset", "a"}) == "ERR wrong number of arguments for 'mset' command");
  CHECK(ErrorOf(table, {"config"}) == "ERR wrong number of arguments for 'config' command");
  CHECK(ErrorOf(table, {"Config", "Get"}) == "ERR wrong number of arguments for 'config|get' command");
  CHECK(ErrorOf(table, {"config", "x"}) == "ERR unknown subcommand 'x'. Try CONFIG HELP.");
  CHECK(ErrorOf(table, {"command", "count", "x"}) == "ERR wrong number of arguments for 'command|count' command");
  CHECK(ErrorOf(table, {std::string(500, 'a')}).size() < 200);
}

TEST_CASE("command rows: what a client sent is repeated up to 128 bytes") {
  const CommandTable table = Table();
  const std::string x(100, 'x');
  const std::string y(200, 'y');
  CHECK(ErrorOf(table, {"foo", x, x, "b"}) ==
        "ERR unknown command 'foo', with args beginning with: '" + x + "' '" + std::string(25, 'x') + "' ");
  CHECK(ErrorOf(table, {y, "b"}) ==
        "ERR unknown command '" + std::string(128, 'y') + "', with args beginning with: 'b' ");
  CHECK(ErrorOf(table, {std::string_view("a\0b", 3), std::string_view("c\0d", 3)}) ==
        "ERR unknown command 'a', with args beginning with: 'c' ");
  CHECK(ErrorOf(table, {"config", y}) == "ERR unknown subcommand '" + std::string(128, 'y') + "'. Try CONFIG HELP.");
}

TEST_CASE("command rows: an alias answers like its row, subcommands included; a removed name is unknown") {
  CommandTable table = Table();
  table.AddAlias("cfg", "config");
  std::string error;
  CHECK(table.Resolve({"cfg", "get", "*"}, error)->row == &kRows[3]);
  CHECK(ErrorOf(table, {"cfg", "get"}) == "ERR wrong number of arguments for 'cfg|get' command");
  table.Remove("config");
  CHECK(ErrorOf(table, {"config", "get", "*"}) == "ERR unknown command 'config', with args beginning with: 'get' '*' ");
  CHECK(table.Find("config|get") == nullptr);
  CHECK(!table.IsContainer("config"));
  CHECK(table.IsContainer("cfg"));
  CHECK(table.Find("get") != nullptr);
}

// The expected bytes are those of redis-server 7.0.15.
TEST_CASE("command rows: COMMAND INFO in both protocols") {
  CHECK(Replied(2, {"command", "info", "GET", "nosuch"}) ==
        "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n"
        "+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n"
        "$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
        "$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n$-1\r\n");
  CHECK(Replied(3, {"command", "info", "get", "config|get", "nosuch"}) ==
        "*3\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@string\r\n"
        "+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n"
        "$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
        "$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n"
        "*10\r\n$10\r\nconfig|get\r\n:-3\r\n~4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
        "~3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n~0\r\n~0\r\n~0\r\n_\r\n");
  CHECK(Replied(2, {"command", "info", "config"}).find("\r\n*2\r\n*10\r\n$10\r\nconfig|get\r\n") != std::string::npos);
  CHECK(Replied(2, {"command", "info", "mset"}).find("$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:2\r\n") !=
        std::string::npos);
}

TEST_CASE("command rows: COMMAND COUNT, LIST and DOCS count what a client may say") {
  CHECK(Replied(2, {"command", "count"}) == ":5\r\n");
  CHECK(Replied(2, {"command"}).starts_with("*5\r\n*10\r\n"));
  CHECK(Replied(2, {"command", "list"}).starts_with("*8\r\n$7\r\ncommand\r\n$13\r\ncommand|count\r\n"));
  CHECK(Replied(2, {"command", "list", "filterby", "pattern", "config|g*"}) == "*1\r\n$10\r\nconfig|get\r\n");
  CHECK(Replied(2, {"command", "list", "FILTERBY", "ACLCAT", "string"}) == "*2\r\n$3\r\nget\r\n$4\r\nmset\r\n");
  CHECK(Replied(2, {"command", "list", "filterby", "aclcat", "nosuch"}) == "*0\r\n");
  CHECK(Replied(2, {"command", "list", "filterby", "module", "x"}) == "*0\r\n");
  CHECK(Replied(2, {"command", "list", "filterby", "bad", "x"}) == "-ERR syntax error\r\n");
  CHECK(Replied(2, {"command", "list", "filterby"}) == "-ERR syntax error\r\n");
  CHECK(Replied(3, {"command", "docs", "get", "nosuch"}) ==
        "%1\r\n$3\r\nget\r\n%3\r\n$7\r\nsummary\r\n$11\r\nGet a "
        "value\r\n$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n");
  CHECK(Replied(2, {"command", "docs", "nosuch"}) == "*0\r\n");
  CHECK(Replied(2, {"command", "docs"}).starts_with("*10\r\n$7\r\ncommand\r\n*8\r\n"));
}

TEST_CASE("command rows: COMMAND GETKEYS") {
  CHECK(Replied(2, {"command", "getkeys", "get", "a"}) == "*1\r\n$1\r\na\r\n");
  CHECK(Replied(2, {"command", "getkeys", "mset", "a", "b", "c", "d"}) == "*2\r\n$1\r\na\r\n$1\r\nc\r\n");
  CHECK(Replied(2, {"command", "getkeys", "mset", "a"}) ==
        "-ERR Invalid number of arguments specified for command\r\n");
  CHECK(Replied(2, {"command", "getkeys", "get", "a", "b", "c"}) ==
        "-ERR Invalid number of arguments specified for command\r\n");
  CHECK(Replied(2, {"command", "getkeys", "foo", "a"}) == "-ERR Invalid command specified\r\n");
  CHECK(Replied(2, {"command", "getkeys", "config|get", "a"}) == "-ERR Invalid command specified\r\n");
  CHECK(Replied(2, {"command", "getkeys", "config", "get", "a"}) == "-ERR The command has no key arguments\r\n");
  CHECK(Replied(2, {"command", "getkeys", "ssubscribe", "a", "b"}) == "-ERR The command has no key arguments\r\n");
}

TEST_CASE("command rows: keys may be counted by a word before them") {
  static constexpr CommandRow kLmpop{
      "lmpop", -4, serve::kWrite, {0, 0, 0, 1}, serve::kCatList, "list", "Pop elements from a list"};
  CommandTable table;
  table.Add(kLmpop, 0, 0);
  const auto replied = [&table](const Words& words) {
    std::string out;
    resp::ReplyWriter reply(out, 2);
    serve::ReplyCommand(table, words, reply);
    return out;
  };
  CHECK(replied({"command", "getkeys", "lmpop", "2", "a", "b", "left"}) == "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  for (const std::string_view count : {"0", "4", "-1", "x", ""}) {
    CHECK(replied({"command", "getkeys", "lmpop", count, "a", "b", "left"}) ==
          "-ERR Invalid arguments specified for command\r\n");
  }
  const std::string info = replied({"command", "info", "lmpop"});
  CHECK(info.find("*2\r\n+write\r\n+movablekeys\r\n:0\r\n:0\r\n:0\r\n") != std::string::npos);
  CHECK(info.find("$6\r\nkeynum\r\n$4\r\nspec\r\n*6\r\n$9\r\nkeynumidx\r\n:0\r\n$8\r\nfirstkey\r\n:1\r\n"
                  "$7\r\nkeystep\r\n:1\r\n") != std::string::npos);
}

TEST_CASE("command rows: COMMAND GETKEYSANDFLAGS tells what is done with each key") {
  CHECK(Replied(2, {"command", "getkeysandflags", "get", "a"}) == "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n");
  CHECK(Replied(3, {"command", "getkeysandflags", "foo", "a"}) == "-ERR Invalid command specified\r\n");
}

TEST_CASE("command rows: HELP is made from the rows") {
  std::string out;
  resp::ReplyWriter reply(out, 3);
  serve::ReplyHelp(Table(), "config", reply);
  CHECK(out ==
        "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
        "+GET <pattern> [<pattern> ...]\r\n+    Read settings.\r\n+HELP\r\n+    Prints this help.\r\n");
}
