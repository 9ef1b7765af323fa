// Libraries of functions: loaded, called, kept in files and sent to replicas. The expected texts are those of a running
// redis-server 7.0.15.
#include "replication/core/functions.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/unit/core/world.h"

using namespace replication;

namespace {

constexpr std::string_view kLibrary =
    "#!lua name=lib\n"
    "local n = 0\n"
    "redis.register_function('count', function() n = n + 1 return n end)\n"
    "redis.register_function{function_name='put', description='keeps', callback=function(keys, args)\n"
    "  return redis.call('set', keys[1], args[1]) end}\n"
    "redis.register_function{function_name='look', flags={'no-writes'}, callback=function(keys)\n"
    "  return redis.call('get', keys[1]) end}";

struct One {
  World world;
  Box& node = world.Add("node");
  std::string Load(std::string_view text) { return world.Do(node, {"FUNCTION", "LOAD", text}); }
};

std::string List(World& world, Box& box) {
  return world.Do(box, {"FUNCTION", "LIST", "WITHCODE"});
}

}  // namespace

TEST_CASE("functions: the first line names a library") {
  const auto head = ParseLibraryHead("#!lua name=my_lib1\nx");
  REQUIRE(head);
  CHECK(head->name == "my_lib1");
  CHECK(head->begins_at == 18);
  CHECK(ParseLibraryHead("x").error().text == "Missing library metadata");
  CHECK(ParseLibraryHead("#!lua name=a").error().text == "Invalid library metadata");
  CHECK(ParseLibraryHead("#!lua\n").error().text == "Library name was not given");
  CHECK(ParseLibraryHead("#!js name=a\n").error().text == "Engine 'js' not found");
  CHECK(ParseLibraryHead("#!lua name=a-b\n").error().text.starts_with("Library names can only contain"));
  CHECK(ParseLibraryHead("#!lua foo=b\n").error().text == "Invalid metadata value given: foo=b");
}

TEST_CASE("functions: a library is loaded once, replaced, deleted") {
  One one;
  auto& [world, node] = one;
  CHECK(one.Load(kLibrary) == "$3\r\nlib\r\n");
  CHECK(one.Load(kLibrary) == "-ERR Library 'lib' already exists\r\n");
  CHECK(world.Do(node, {"FCALL", "count", "0"}) == ":1\r\n");
  CHECK(world.Do(node, {"FCALL", "COUNT", "0"}) == ":2\r\n");
  CHECK(world.Do(node, {"FUNCTION", "LOAD", "REPLACE", kLibrary}) == "$3\r\nlib\r\n");
  CHECK(world.Do(node, {"FCALL", "count", "0"}) == ":1\r\n");
  CHECK(one.Load("#!lua name=b\nredis.register_function('Put', function() end)") ==
        "-ERR Function Put already exists\r\n");
  // A replacement that fails changes nothing.
  CHECK(world.Do(node, {"FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nx y"}).starts_with("-ERR Error compiling"));
  CHECK(world.Do(node, {"FCALL", "count", "0"}) == ":2\r\n");
  CHECK(world.Do(node, {"FUNCTION", "DELETE", "lib"}) == "+OK\r\n");
  CHECK(world.Do(node, {"FUNCTION", "DELETE", "lib"}) == "-ERR Library not found\r\n");
  CHECK(world.Do(node, {"FCALL", "count", "0"}) == "-ERR Function not found\r\n");
  CHECK(List(world, node) == "*0\r\n");
}

TEST_CASE("functions: while it is loaded a library sees little, and may not run for long") {
  One one;
  auto& [world, node] = one;
  constexpr std::string_view kRefused =
      "-ERR Error registering functions: ERR user_function:2: Script attempted to "
      "access nonexistent global variable '{}'\r\n";
  for (const std::string_view name : {"math", "_G", "KEYS", "pcall"}) {
    CHECK(one.Load(fmt::format("#!lua name=a\nlocal x = {}", name)) == fmt::format(fmt::runtime(kRefused), name));
  }
  CHECK(one.Load("#!lua name=a\nredis.call('get','a')") == fmt::format(fmt::runtime(kRefused), "call"));
  CHECK(one.Load("#!lua name=a\n") == "-ERR No functions registered\r\n");
  node.clock_step = base::Millis(100);
  CHECK(one.Load("#!lua name=a\nwhile true do end") ==
        "-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n");
  // What failed left nothing behind: the next one sees what it should.
  node.clock_step = base::Millis(0);
  CHECK(one.Load("#!lua name=a\nredis.register_function('f', function() return math.floor(1.5) end)") == "$1\r\na\r\n");
  CHECK(world.Do(node, {"FCALL", "f", "0"}) == ":1\r\n");
  CHECK(world.Do(node, {"EVAL", "return math.floor(2.5)", "0"}) == ":2\r\n");
}

TEST_CASE("functions: what a function may do is what its flags say") {
  One one;
  auto& [world, node] = one;
  REQUIRE(one.Load(kLibrary) == "$3\r\nlib\r\n");
  CHECK(world.Do(node, {"FCALL", "put", "1", "k", "v"}) == "+OK\r\n");
  CHECK(world.Do(node, {"FCALL_RO", "look", "1", "k"}) == "$1\r\nv\r\n");
  CHECK(world.Do(node, {"FCALL_RO", "put", "1", "k", "v"}) ==
        "-ERR Can not execute a script with write flag using *_ro command.\r\n");
  CHECK(
      one.Load("#!lua name=w\nredis.register_function{function_name='lies', flags={'no-writes'}, callback=function()\n"
               "return redis.call('set','a','b') end}") == "$1\r\nw\r\n");
  CHECK(world.Do(node, {"FCALL", "lies", "0"}) ==
        "-ERR Write commands are not allowed from read-only scripts. script: lies, on @user_function:3.\r\n");
  CHECK(world.Do(node, {"FCALL", "put", "x"}) == "-ERR Bad number of keys provided\r\n");
}

TEST_CASE("functions: replicas get libraries by full sync and by the stream, files keep them") {
  World world;
  Box& master = world.Add("master");
  REQUIRE(world.Do(master, {"FUNCTION", "LOAD", kLibrary}) == "$3\r\nlib\r\n");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Settle();
  CHECK(List(world, replica) == List(world, master));
  CHECK(world.Do(replica, {"FCALL", "count", "0"}) ==
        "-READONLY You can not run script with write flag on readonly "
        "replica.\r\n");
  CHECK(world.Do(replica, {"FCALL", "look", "1", "k"}) == "$-1\r\n");
  CHECK(world.Do(replica, {"FUNCTION", "FLUSH"}).starts_with("-READONLY"));

  world.Do(master, {"FUNCTION", "LOAD", "#!lua name=b\nredis.register_function('g', function() return 7 end)"});
  CHECK(List(world, replica) == List(world, master));
  world.Do(master, {"FUNCTION", "DELETE", "lib"});
  CHECK(List(world, replica) == List(world, master));
  const std::string dump = world.Do(master, {"FUNCTION", "DUMP"});
  const std::string_view payload =
      std::string_view(dump).substr(dump.find('\n') + 1, dump.size() - dump.find('\n') - 3);
  world.Do(master, {"FUNCTION", "FLUSH"});
  CHECK(List(world, replica) == "*0\r\n");
  CHECK(world.Do(master, {"FUNCTION", "RESTORE", payload}) == "+OK\r\n");
  CHECK(List(world, replica) == List(world, master));
  CHECK(world.Do(master, {"FCALL", "g", "0"}) == ":7\r\n");

  REQUIRE(world.Do(replica, {"SAVE"}) == "+OK\r\n");
  const std::string before = List(world, replica);
  world.Restart(replica);
  CHECK(List(world, replica) == before);
  // Another data set brings its own.
  Box& empty = world.Add("empty");
  world.Do(empty, {"SET", "a", "1"});
  world.Do(replica, {"REPLICAOF", "127.0.0.1", fmt::format("{}", empty.port)});
  CHECK(world.PassUntil([&] { return replica.state().link_up(); }));
  CHECK(List(world, replica) == "*0\r\n");
}

TEST_CASE("functions: a payload is taken as a whole or not at all") {
  One one;
  auto& [world, node] = one;
  REQUIRE(one.Load("#!lua name=a\nredis.register_function('f', function() return 1 end)") == "$1\r\na\r\n");
  REQUIRE(one.Load("#!lua name=b\nredis.register_function('g', function() return 1 end)") == "$1\r\nb\r\n");
  const std::string dump = world.Do(node, {"FUNCTION", "DUMP"});
  const std::string payload = dump.substr(dump.find('\n') + 1, dump.size() - dump.find('\n') - 3);
  CHECK(world.Do(node, {"FUNCTION", "RESTORE", payload}) == "-ERR Library a already exists\r\n");
  CHECK(world.Do(node, {"FUNCTION", "RESTORE", payload, "REPLACE"}) == "+OK\r\n");
  CHECK(world.Do(node, {"FUNCTION", "RESTORE", payload, "FLUSH"}) == "+OK\r\n");
  world.Do(node, {"FUNCTION", "FLUSH"});
  REQUIRE(one.Load("#!lua name=c\nredis.register_function('g', function() return 3 end)") == "$1\r\nc\r\n");
  CHECK(world.Do(node, {"FUNCTION", "RESTORE", payload, "REPLACE"}) == "-ERR Function g already exists\r\n");
  CHECK(world.Do(node, {"FCALL", "f", "0"}) == "-ERR Function not found\r\n");
  std::string damaged = payload;
  damaged[5] ^= 1;
  CHECK(world.Do(node, {"FUNCTION", "RESTORE", damaged}) == "-ERR DUMP payload version or checksum are wrong\r\n");
  CHECK(world.Do(node, {"FCALL", "g", "0"}) == ":3\r\n");
}

TEST_CASE("functions: one that runs too long is ended by FUNCTION KILL") {
  One one;
  auto& [world, node] = one;
  REQUIRE(one.Load("#!lua name=a\nredis.register_function('f', function() while true do end end)") == "$1\r\na\r\n");
  node.clock_step = base::Seconds(3);
  const ClientId caller = world.Open(node);
  world.Send(node, caller, {"FCALL", "f", "1", "k"});
  constexpr std::string_view kBusy =
      "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.\r\n";
  CHECK(world.Do(node, {"PING"}) == kBusy);
  CHECK(world.Do(node, {"SCRIPT", "KILL"}) == kBusy);
  CHECK(world.Do(node, {"FUNCTION", "STATS"})
            .starts_with("*4\r\n$14\r\nrunning_script\r\n*6\r\n$4\r\nname\r\n$1\r\nf\r\n$7\r\ncommand\r\n*4\r\n"
                         "$5\r\nFCALL\r\n$1\r\nf\r\n$1\r\n1\r\n$1\r\nk\r\n$11\r\nduration_ms\r\n:"));
  CHECK(world.Do(node, {"FUNCTION", "KILL"}) == "+OK\r\n");
  world.Settle();
  CHECK(world.Received(node, caller) ==
        "-ERR Script killed by user with SCRIPT KILL... script: f, on @user_function:2.\r\n");
  CHECK(world.Do(node, {"FUNCTION", "KILL"}) == "-NOTBUSY No scripts in execution right now.\r\n");
}
