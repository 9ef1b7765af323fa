// Lua scripts: what they see, what they answer, and what of them reaches replicas. The expected texts are those of a
// running redis-server 7.0.15.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "replication/core/scripts.h"
#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct One {
  World world;
  Box& node = world.Add("node");
  std::string Eval(std::string_view script) { return world.Do(node, {"EVAL", script, "0"}); }
  // Without the digest and the line, which end it.
  std::string Error(std::string_view script) {
    const std::string reply = Eval(script);
    return reply.substr(0, reply.find(" script: "));
  }
};

}  // namespace

TEST_CASE("scripts: values become replies") {
  One one;
  CHECK(one.Eval("return 1.9") == ":1\r\n");
  CHECK(one.Eval("return -1.9") == ":-1\r\n");
  CHECK(one.Eval("return 1e300") == ":-9223372036854775808\r\n");
  CHECK(one.Eval("return true") == ":1\r\n");
  CHECK(one.Eval("return false") == "$-1\r\n");
  CHECK(one.Eval("return nil") == "$-1\r\n");
  CHECK(one.Eval("return {1,'a',nil,3}") == "*2\r\n:1\r\n$1\r\na\r\n");
  CHECK(one.Eval("return {ok='x'}") == "+x\r\n");
  CHECK(one.Eval("return {err='MY x'}") == "-MY x\r\n");
  CHECK(one.Eval("return {double=1.5}") == "$3\r\n1.5\r\n");
  CHECK(one.Eval("return redis.error_reply('x')") == "-ERR x\r\n");
  CHECK(one.world.Do(one.node, {"EVAL", "return KEYS[1]..ARGV[1]", "1", "a", "b"}) == "$2\r\nab\r\n");
}

TEST_CASE("scripts: replies become values") {
  One one;
  CHECK(one.Eval("return tostring(redis.call('get','a'))") == "$5\r\nfalse\r\n");
  CHECK(one.Eval("return redis.call('set','a','1').ok") == "$2\r\nOK\r\n");
  CHECK(one.Eval("return redis.call('set','n',0.1) and redis.call('get','n')") == "$19\r\n0.10000000000000001\r\n");
  CHECK(one.Eval("redis.call('hset','h','f','v') redis.setresp(3) return redis.call('hgetall','h').map.f") ==
        "$1\r\nv\r\n");
  CHECK(one.Eval("redis.setresp(3) return type(redis.call('get','none'))") == "$3\r\nnil\r\n");
  CHECK(one.Eval("return redis.pcall('lpush','a','x').err") ==
        "$65\r\nWRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

TEST_CASE("scripts: a client of RESP3 gets its types") {
  One one;
  auto& [world, node] = one;
  const ClientId client = world.Open(node);
  world.Send(node, client, {"HELLO", "3"});
  world.Received(node, client);
  const auto eval = [&](std::string_view script) {
    world.Send(node, client, {"EVAL", script, "0"});
    return world.Received(node, client);
  };
  CHECK(eval("return true") == ":1\r\n");
  CHECK(eval("return false") == "_\r\n");
  CHECK(eval("redis.setresp(3) return true") == "#t\r\n");
  CHECK(eval("return {double=1.5}") == ",1.5\r\n");
  CHECK(eval("return {map={a=1}}") == "%1\r\n$1\r\na\r\n:1\r\n");
  CHECK(eval("return {set={a=true}}") == "~1\r\n$1\r\na\r\n");
  CHECK(eval("return {big_number='123'}") == "(123\r\n");
  CHECK(eval("return {verbatim_string={string='x',format='txt'}}") == "=5\r\ntxt:x\r\n");
  CHECK(eval("redis.call('zadd','z',1.5,'m') redis.setresp(3) return redis.call('zscore','z','m')") == ",1.5\r\n");
  // What a script asks for is answered in RESP2 unless it says otherwise.
  CHECK(eval("return redis.call('zscore','z','m')") == "$3\r\n1.5\r\n");
}

TEST_CASE("scripts: an error tells its text, the script and the line") {
  One one;
  CHECK(one.Eval("return a") ==
        "-ERR user_script:1: Script attempted to access nonexistent global variable 'a' script: "
        "bbfcd1ececc90deec823f7fb730e4bfb2a4ba625, on @user_script:1.\r\n");
  CHECK(one.Eval("\n\nerror(\"l3\")") ==
        "-ERR user_script:3: l3 script: d041accd43c0cc93c920346ca2abe98c62c9cedc, on @user_script:3.\r\n");
  CHECK(one.Eval("error({err='MY x'})").starts_with("-MY x script: "));
  CHECK(one.Eval("error({})").starts_with("-ERR unknown error script: "));
  CHECK(one.Error("redis.call('nosuch')") == "-ERR Unknown Redis command called from script");
  CHECK(one.Error("redis.call('get')") == "-ERR Wrong number of args calling Redis command from script");
  CHECK(one.Error("redis.call('multi')") == "-ERR This Redis command is not allowed from script");
  CHECK(one.Error("redis.call('eval','return 1','0')") == "-ERR This Redis command is not allowed from script");
  CHECK(one.Eval("x y") == "-ERR Error compiling script (new function): user_script:1: '=' expected near 'y'\r\n");
}

TEST_CASE("scripts: nothing outlives a script but data") {
  One one;
  for (const std::string_view script : {"a=1", "redis.x=1", "string.x=1", "getmetatable(_G).x=1",
                                        "getmetatable('').__index=1", "KEYS={}", "_G.next=1"}) {
    INFO(script);
    CHECK(one.Error(script) == "-ERR user_script:1: Attempt to modify a readonly table");
  }
  for (const std::string_view script : {"setmetatable(_G,{})", "rawset(_G,'a',1)", "table.insert(redis,1)",
                                        "for k,v in pairs({redis}) do rawset(v,'a',1) end"}) {
    INFO(script);
    CHECK(one.Error(script) == "-ERR Attempt to modify a readonly table");
  }
  for (const std::string_view name :
       {"os", "io", "debug", "package", "require", "dofile", "loadfile", "print", "getfenv", "setfenv", "newproxy"}) {
    INFO(name);
    CHECK(one.Error(fmt::format("return {}", name)).ends_with(fmt::format("nonexistent global variable '{}'", name)));
  }
  CHECK(one.Eval("return next(redis) ~= nil and rawget(_G,'redis') == redis") == ":1\r\n");
  // Compiled chunks are no scripts: they could break the interpreter.
  CHECK(one.Eval("return loadstring(string.dump(function() return 1 end))") == "$-1\r\n");
  CHECK(one.Eval("local d = string.dump(function() return 1 end) return load(function() return d end)") == "$-1\r\n");
}

TEST_CASE("scripts: libraries pack what Redis' pack") {
  One one;
  CHECK(one.Eval("return cmsgpack.pack({1,{a='b'},1.5,-129})") ==
        std::string("$15\r\n\x94\x01\x81\xa1\x61\xa1\x62\xca\x3f\xc0\x00\x00\xd1\xff\x7f\r\n", 22));
  CHECK(one.Eval("return cjson.encode(cmsgpack.unpack(cmsgpack.pack({1,'x',{2}})))") == "$11\r\n[1,\"x\",[2]]\r\n");
  CHECK(one.Eval("return struct.pack('>I2i3s',258,-2,'ab')") ==
        std::string("$8\r\n\x01\x02\xff\xff\xfe\x61\x62\x00\r\n", 14));
  CHECK(one.Eval("return {struct.unpack('>I2sc2','\\1\\2abc\\0de')}") ==
        "*4\r\n:258\r\n$3\r\nabc\r\n$2\r\nde\r\n:9\r\n");
  CHECK(one.Eval("return bit.tohex(bit.rol(0x12345678,8))") == "$8\r\n34567812\r\n");
  CHECK(one.Eval("return cjson.encode({a=1,[1]=2})") == "$13\r\n{\"a\":1,\"1\":2}\r\n");
}

TEST_CASE("scripts: known by their digest until they are flushed") {
  One one;
  auto& [world, node] = one;
  const std::string_view sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
  CHECK(world.Do(node, {"EVALSHA", sha, "0"}) == "-NOSCRIPT No matching script. Please use EVAL.\r\n");
  CHECK(world.Do(node, {"SCRIPT", "LOAD", "return 1"}) == fmt::format("$40\r\n{}\r\n", sha));
  CHECK(world.Do(node, {"EVALSHA", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"}) == ":1\r\n");
  CHECK(world.Do(node, {"SCRIPT", "EXISTS", sha, "x"}) == "*2\r\n:1\r\n:0\r\n");
  CHECK(world.Do(node, {"SCRIPT", "FLUSH"}) == "+OK\r\n");
  CHECK(world.Do(node, {"EVALSHA", sha, "0"}) == "-NOSCRIPT No matching script. Please use EVAL.\r\n");
}

TEST_CASE("scripts: the first line says what a script is") {
  CHECK(ParseScriptHead("return 1")->begins_at == 0);
  const auto head = ParseScriptHead("#!lua flags=no-writes,allow-oom\nreturn 1");
  REQUIRE(head);
  CHECK(head->flags.no_writes);
  CHECK(head->flags.allow_oom);
  CHECK_FALSE(head->flags.allow_stale);
  CHECK(ParseScriptHead("#!lua flags=no").error().text == "Invalid script shebang");
  CHECK(ParseScriptHead("#!lua flags=foo\n").error().text == "Unexpected flag in script shebang: foo");
  CHECK(ParseScriptHead("#!lua name=x\n").error().text == "Unknown lua shebang option: name=x");
  CHECK(ParseScriptHead("#!js\n").error().text == "Unexpected engine in script shebang: #!js");
}

TEST_CASE("scripts: who may not write") {
  One one;
  auto& [world, node] = one;
  constexpr std::string_view kRefused = "-ERR Write commands are not allowed from read-only scripts. script: ";
  CHECK(world.Do(node, {"EVAL_RO", "return redis.call('set','a',1)", "0"}).starts_with(kRefused));
  CHECK(one.Eval("#!lua flags=no-writes\nreturn redis.call('set','a',1)").starts_with(kRefused));
  CHECK(world.Do(node, {"EVAL_RO", "return redis.call('get','a')", "0"}) == "$-1\r\n");
  CHECK(world.Do(node, {"EVAL_RO", "#!lua\nreturn 1", "0"}) ==
        "-ERR Can not execute a script with write flag using *_ro command.\r\n");
}

TEST_CASE("scripts: a script does what its caller may do") {
  One one;
  auto& [world, node] = one;
  world.Do(node, {"ACL", "SETUSER", "u", "on", "nopass", "~a*", "+eval", "+get"});
  const ClientId client = world.Open(node);
  world.Send(node, client, {"AUTH", "u", "x"});
  world.Received(node, client);
  world.Send(node, client, {"EVAL", "return redis.call('set','a',1)", "0"});
  CHECK(world.Received(node, client)
            .starts_with("-ERR The user executing the script can't run this command or subcommand script: "));
  world.Send(node, client, {"EVAL", "return redis.call('get','b')", "0"});
  CHECK(world.Received(node, client)
            .starts_with("-ERR The user executing the script can't access at least one of the keys mentioned in the "
                         "command arguments script: "));
}

TEST_CASE("scripts: replicas get what a script did, not the script") {
  World world;
  Box& master = world.Add("master");
  Box& replica = world.Add("replica", [&](Settings& settings) { settings.replicaof = {"127.0.0.1", master.port}; });
  world.Settle();
  const auto equal = [&] {
    world.Settle();
    return data::DataDigest(master.node->state().keyspace) == data::DataDigest(replica.node->state().keyspace);
  };
  world.Do(master, {"EVAL", "redis.call('set','x',5) redis.call('incr','x') redis.call('expire','x',1000)", "0"});
  CHECK(world.Do(master, {"EVAL", "redis.call('select',3) redis.call('set','z',1) error('half')", "0"})
            .starts_with("-ERR user_script:1: half"));
  CHECK(equal());
  // The caller's database is its own.
  CHECK(world.Do(master, {"DBSIZE"}) == ":1\r\n");
  // What is not to be replicated is not.
  world.Do(master, {"EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('set','own',1)", "0"});
  world.Settle();
  CHECK(world.Do(master, {"EXISTS", "own"}) == ":1\r\n");
  CHECK(world.Do(replica, {"EXISTS", "own"}) == ":0\r\n");
  CHECK(world.Do(replica, {"EVAL", "return redis.call('set','a',1)", "0"})
            .starts_with("-READONLY You can't write against a read only replica. script: "));
}
