#include "replication/serve/user.h"

#include <doctest/doctest.h>

#include "replication/serve/permission.h"
#include "tests/unit/serve/session_bed.h"

namespace {

using namespace serve;

constexpr CommandRow kRows[] = {
    {"set", -3, kWrite | kDenyOom, {1, 1, 1}, kCatString, "string", "Set"},
    {"copy", -3, kWrite | kDenyOom, {1, 2, 1}, kCatKeyspace, "generic", "Copy"},
    {"strlen", 2, kReadonly | kFast, {1, 1, 1}, kCatString, "string", "Length"},
    {"incr", 2, kWrite | kFast, {1, 1, 1}, kCatString, "string", "Count"},
    {"config", -2, 0, {}, 0, "server", "Configuration"},
    {"config|get", -3, kAdmin, {}, 0, "server", "Get"},
    {"config|set", -4, kAdmin, {}, 0, "server", "Set"},
    {"select", 2, kFast, {}, kCatConnection, "connection", "Select"},
};

struct Desk {
  serve_test::Bed bed;
  User user;

  Desk() {
    for (const CommandRow& row : kRows) bed.server.commands.Add(row, 2, 0);
  }
  std::string Apply(const std::vector<std::string>& rules) {
    const auto applied = ApplyRules(bed.server.commands, rules, {}, user);
    return applied ? "" : applied.error().text;
  }
  // "ok", "command", or the word that is refused.
  std::string Try(const Words& words) {
    std::string error;
    const auto* entry = bed.server.commands.Resolve(words, error);
    REQUIRE(entry != nullptr);
    const Verdict verdict = Judge(user, *entry, words);
    if (verdict.allowed()) return "ok";
    return verdict.reason == Verdict::Reason::kCommand ? "command" : std::string(words[verdict.word]);
  }
};

}  // namespace

TEST_CASE("users: a new one may do nothing, and cannot enter") {
  Desk desk;
  CHECK(desk.user.Describe() == "off resetchannels -@all");
  CHECK(desk.Try({"get", "a"}) == "command");
  CHECK(desk.Try({"auth", "x"}) == "ok");  // whoever may not even say who he is stays a stranger for ever
}

TEST_CASE("users: rules about commands hold one after the other, and are shown as they were given") {
  Desk desk;
  REQUIRE(desk.Apply({"+@all", "-@admin", "+config|get", "allkeys", "allchannels"}).empty());
  CHECK(desk.user.Describe() == "off ~* &* +@all -@admin +config|get");
  CHECK(desk.Try({"get", "a"}) == "ok");
  CHECK(desk.Try({"config", "get", "x"}) == "ok");
  CHECK(desk.Try({"config", "set", "x", "y"}) == "command");
  CHECK_FALSE(desk.user.everything());

  REQUIRE(desk.Apply({"-config", "+@all"}).empty());
  CHECK(desk.user.root.DescribeCommands() == "+@all");
  CHECK(desk.user.everything());
  REQUIRE(desk.Apply({"-get"}).empty());
  CHECK(desk.Try({"get", "a"}) == "command");
  CHECK(desk.Try({"set", "a", "b"}) == "ok");
  REQUIRE(desk.Apply({"+get"}).empty());
  CHECK(desk.user.root.DescribeCommands() == "+@all +get");
  CHECK(desk.Try({"get", "a"}) == "ok");
  REQUIRE(desk.Apply({"nocommands", "+@string", "-strlen"}).empty());
  CHECK(desk.Try({"set", "a", "b"}) == "ok");
  CHECK(desk.Try({"strlen", "a"}) == "command");
  CHECK(desk.Try({"copy", "a", "b"}) == "command");
}

TEST_CASE("users: a container gives its subcommands, a first argument only itself") {
  Desk desk;
  REQUIRE(desk.Apply({"+config", "-config|set", "+select|0", "+select|3"}).empty());
  CHECK(desk.user.root.DescribeCommands() == "-@all +config -config|set +select|0 +select|3");
  CHECK(desk.Try({"config", "get", "x"}) == "ok");
  CHECK(desk.Try({"config", "set", "x", "y"}) == "command");
  CHECK(desk.Try({"select", "3"}) == "ok");
  CHECK(desk.Try({"select", "1"}) == "command");
  REQUIRE(desk.Apply({"-select"}).empty());
  CHECK(desk.Try({"select", "3"}) == "command");
  CHECK(desk.user.root.DescribeCommands() == "-@all +config -config|set -select");
}

TEST_CASE("users: what is read and what is written are asked for apart") {
  Desk desk;
  REQUIRE(desk.Apply({"+@all", "~a*", "%R~r*", "%W~w*"}).empty());
  CHECK(desk.Try({"get", "r1"}) == "ok");
  CHECK(desk.Try({"get", "w1"}) == "w1");
  CHECK(desk.Try({"set", "w1", "x"}) == "ok");
  CHECK(desk.Try({"set", "w1", "x", "GET"}) == "w1");
  CHECK(desk.Try({"set", "r1", "x"}) == "r1");
  CHECK(desk.Try({"incr", "w1"}) == "w1");
  CHECK(desk.Try({"strlen", "w1"}) == "ok");  // tells nothing of the value
  CHECK(desk.Try({"copy", "r1", "w1"}) == "ok");
  CHECK(desk.Try({"copy", "w1", "r1"}) == "w1");
  CHECK(desk.Try({"incr", "a"}) == "ok");
  // The same pattern twice is both.
  REQUIRE(desk.Apply({"%R~w*"}).empty());
  CHECK(desk.user.root.DescribeKeys() == "~a* %R~r* ~w*");
}

TEST_CASE("users: channels by pattern, patterns word for word") {
  Desk desk;
  REQUIRE(desk.Apply({"+@all", "&news*"}).empty());
  CHECK(desk.Try({"subscribe", "news1"}) == "ok");
  CHECK(desk.Try({"subscribe", "news1", "other"}) == "other");
  CHECK(desk.Try({"psubscribe", "news*"}) == "ok");
  CHECK(desk.Try({"psubscribe", "news1*"}) == "news1*");
  CHECK(desk.Try({"publish", "other", "news1"}) == "other");
}

TEST_CASE("users: any one selector is enough, and the nearest refusal is told") {
  Desk desk;
  REQUIRE(desk.Apply({"+get", "~a", "(+set", "~b)", "(+get ~c)"}).empty());
  CHECK(desk.user.Describe() ==
        "off ~a resetchannels -@all +get (~b resetchannels -@all +set) (~c resetchannels -@all +get)");
  CHECK(desk.Try({"get", "a"}) == "ok");
  CHECK(desk.Try({"get", "c"}) == "ok");
  CHECK(desk.Try({"get", "b"}) == "b");
  CHECK(desk.Try({"set", "b", "x"}) == "ok");
  CHECK(desk.Try({"incr", "b"}) == "command");
  REQUIRE(desk.Apply({"clearselectors"}).empty());
  CHECK(desk.Try({"set", "b", "x"}) == "command");
}

TEST_CASE("users: passwords are kept as digests, several at a time") {
  Desk desk;
  const std::string digest = PasswordDigest("one");
  REQUIRE(desk.Apply({">one", ">two", ">one"}).empty());
  CHECK(desk.user.passwords.size() == 2);
  CHECK(desk.user.HasPassword("one"));
  CHECK_FALSE(desk.user.HasPassword("three"));
  REQUIRE(desk.Apply({"!" + digest}).empty());
  CHECK_FALSE(desk.user.HasPassword("one"));
  CHECK(desk.Apply({"<one"}).find("does not exist") != std::string::npos);
  CHECK(desk.Apply({"#" + digest.substr(1)}).find("exactly 64 characters") != std::string::npos);
  REQUIRE(desk.Apply({"nopass"}).empty());
  CHECK(desk.user.passwords.empty());
}

TEST_CASE("users: what is no rule is refused by name") {
  Desk desk;
  CHECK(desk.Apply({"+nosuch"}) == "Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL");
  CHECK(desk.Apply({"-select|1"}).ends_with("Unknown command or category name in ACL"));
  CHECK(desk.Apply({"+config|get|x"}).ends_with("Allowing first-arg of a subcommand is not supported"));
  CHECK(desk.Apply({"+@nosuch"}).ends_with("Unknown command or category name in ACL"));
  for (const char* rule : {"nosuch", "%~x", "%RX~x", "~a b", "", "(nosuch)", "%R"}) {
    CAPTURE(rule);
    CHECK(desk.Apply({rule}).ends_with("Syntax error"));
  }
  CHECK(desk.Apply({"(+get"}) == "Unmatched parenthesis in acl selector starting at '(+get'.");
  REQUIRE(desk.Apply({"allkeys", "allchannels"}).empty());
  CHECK(desk.Apply({"~x"}).find("Adding a pattern after the * pattern") != std::string::npos);
  CHECK(desk.Apply({"&x"}).find("Adding a pattern after the * pattern") != std::string::npos);
}

TEST_CASE("users: what is described, read again, is the same user") {
  Desk desk;
  REQUIRE(desk.Apply({"on", ">x", "skip-sanitize-payload", "+@all", "-@dangerous", "+get", "-config|set", "~a", "%R~b",
                      "&c", "(%W~d +set)", "(+@read ~* &*)"})
              .empty());
  const std::string text = "user joe " + desk.user.Describe();
  const auto users = Access::ReadUsers(desk.bed.server.commands, text, {});
  REQUIRE(users);
  User expected = desk.user;
  expected.name = "joe";
  CHECK(*users->at("joe") == expected);
}

TEST_CASE("users: a client is asked for its rights at each command, and refusals are recorded") {
  Desk desk;
  serve_test::Bed& bed = desk.bed;
  auto& boss = bed.Connect();
  auto& client = bed.Connect();
  CHECK(bed.Ask(boss, {"acl", "setuser", "joe", "on", ">pw", "+@all", "-@admin", "~a*"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"auth", "joe", "no"}).starts_with("-WRONGPASS"));
  CHECK(bed.Ask(client, {"auth", "joe", "pw"}) == "+OK\r\n");
  CHECK(bed.Ask(client, {"acl", "whoami"}) == "$3\r\njoe\r\n");
  CHECK(bed.Ask(client, {"get", "a"}) == "$-1\r\n");
  CHECK(bed.Ask(client, {"get", "b"}) ==
        "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n");
  CHECK(bed.Ask(client, {"acl", "list"}) == "-NOPERM this user has no permissions to run the 'acl|list' command\r\n");
  CHECK(bed.Ask(client, {"subscribe", "x"}) ==
        "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n");
  bed.Ask(client, {"get", "b"});
  const auto& log = bed.server.access.log();
  REQUIRE(log.size() == 4);
  CHECK(log[0].reason == "key");
  CHECK(log[0].object == "b");
  CHECK(log[0].count == 2);
  CHECK(log[3].reason == "auth");
  CHECK(log[3].user == "joe");
  CHECK(bed.Ask(boss, {"acl", "log", "reset"}) == "+OK\r\n");
  CHECK(bed.server.access.log().empty());
}

TEST_CASE("users: whose rights are taken away is cut off from what it listens to; whose user is deleted, at all") {
  Desk desk;
  serve_test::Bed& bed = desk.bed;
  auto& boss = bed.Connect();
  auto& listener = bed.Connect();
  auto& other = bed.Connect();
  bed.Ask(boss, {"acl", "setuser", "joe", "on", "nopass", "+@all", "&a", "&b"});
  bed.Ask(listener, {"auth", "joe", ""});
  bed.Ask(other, {"auth", "joe", ""});
  bed.Ask(listener, {"subscribe", "b"});
  bed.Ask(boss, {"acl", "setuser", "joe", "resetchannels", "&a"});
  CHECK(listener.closing == Client::Closing::kNow);
  CHECK(other.closing == Client::Closing::kNo);
  CHECK(bed.Ask(boss, {"acl", "deluser", "joe", "nobody"}) == ":1\r\n");
  CHECK(other.closing == Client::Closing::kNow);
  CHECK(bed.Ask(boss, {"acl", "deluser", "default"}) == "-ERR The 'default' user cannot be removed\r\n");
}

TEST_CASE("users: a password that is asked for later does not lock out who is in") {
  serve_test::Bed bed;
  auto& early = bed.Connect();
  bed.server.access.set_password("pw");
  auto& late = bed.Connect();
  CHECK(bed.Ask(early, {"get", "a"}) == "$-1\r\n");
  CHECK(bed.Ask(late, {"get", "a"}) == "-NOAUTH Authentication required.\r\n");
}

TEST_CASE("users: a file of users takes the place of all, or of none when one line is wrong") {
  Desk desk;
  serve_test::Bed& bed = desk.bed;
  std::string file = "user default on nopass ~* &* +@all\nuser joe on nopass +get ~*\n\n";
  bed.server.user_file = {.path = "users.acl",
                          .read = [&] { return base::Result<std::string>(file); },
                          .write =
                              [&](std::string_view text) {
                                file = text;
                                return base::Result<void>();
                              }};
  auto& boss = bed.Connect();
  auto& client = bed.Connect();
  CHECK(bed.Ask(boss, {"acl", "load"}) == "+OK\r\n");
  bed.Ask(client, {"auth", "joe", ""});
  CHECK(bed.Ask(boss, {"acl", "load"}) == "+OK\r\n");
  CHECK(client.closing == Client::Closing::kNo);  // nothing has changed for it
  file = "user joe on nopass +nosuch\n";
  const std::string end =
      "WARNING: ACL errors detected, no change to the previously active ACL rules was performed\r\n";
  CHECK(bed.Ask(boss, {"acl", "load"}) ==
        "-ERR users.acl:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. " + end);
  file = "user b nosuch nosuch2 +n1 (+n2 ~x)\nuser c #zz\nuser d on\nuser d on\nuser\nx\n";
  CHECK(bed.Ask(boss, {"acl", "load"}) ==
        "-ERR users.acl:1: Syntax error. users.acl:1: Error in applying operation '+n1': Unknown command or category "
        "name in ACL. users.acl:1: Error in applying operation '(+n2 ~x)': Unknown command or category name in ACL. "
        "users.acl:2: The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
        "characters. WARNING: Duplicate user 'd' found on line 4. users.acl:5 should start with user keyword followed "
        "by the username. users.acl:6 should start with user keyword followed by the username. " +
            end);
  file = "user joe on nopass +nosuch\n";
  CHECK(bed.server.access.Find("joe")->root.DescribeCommands() == "-@all +get");
  bed.Ask(boss, {"acl", "setuser", "eve", "on", ">x"});
  CHECK(bed.Ask(boss, {"acl", "save"}) == "+OK\r\n");
  CHECK(file.find("user eve on #") != std::string::npos);
  file = "user joe on nopass +set ~*\n";
  CHECK(bed.Ask(boss, {"acl", "load"}) == "+OK\r\n");
  CHECK(client.closing == Client::Closing::kNow);
  CHECK(bed.server.access.Find("eve") == nullptr);
}
