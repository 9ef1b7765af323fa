// Functions of ours and of stock redis-server 7.0.15: equal replies, equal libraries and data on both sides of a
// replication and in files.
#include <algorithm>
#include <cstdlib>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\"", "busy-reply-threshold 100"};

// Libraries are listed in no promised order, and neither are the functions and flags in them.
Value Sorted(Value reply) {
  for (Value& element : reply.elements) element = Sorted(element);
  std::ranges::sort(reply.elements, {}, &Value::ToString);
  return reply;
}

std::string Libraries(const Member& node) {
  return Sorted(node.Do({"FUNCTION", "LIST", "WITHCODE"})).ToString();
}

// What stands behind "#!lua name=a\n".
const std::vector<std::string> kBodies = {
    "",
    "return 1",
    "x y",
    "redis.call('get','a')",
    "redis.register_function()",
    "redis.register_function('f')",
    "redis.register_function('f',1)",
    "redis.register_function(1,function() end)",
    "redis.register_function(function() end,1)",
    "redis.register_function({})",
    "redis.register_function{function_name='f'}",
    "redis.register_function{callback=print}",
    "redis.register_function{function_name='f',callback=function() end,flags=1}",
    "redis.register_function{function_name='f',callback=function() end,flags={'foo'}}",
    "redis.register_function{function_name='f',callback=function() end,flags={1}}",
    "redis.register_function{function_name='f',callback=function() end,flags={{}}}",
    "redis.register_function{function_name='f',callback=function() end,flags={a='no-writes'}}",
    "redis.register_function{function_name='f',callback=function() end,flags={'NO-WRITES','no-cluster'}}",
    "redis.register_function{function_name='f',callback=function() end,foo=1}",
    "redis.register_function{function_name='f',callback=function() end,[1]=1}",
    "redis.register_function{function_name=1,callback=function() end}",
    "redis.register_function{function_name={},callback=function() end}",
    "redis.register_function{function_name='f',callback=1}",
    "redis.register_function{function_name='f',callback=function() end,description=1}",
    "redis.register_function{function_name='f',callback=function() end,description={}}",
    "redis.register_function{FUNCTION_NAME='f',callback=function() end}",
    "redis.register_function{1,2}",
    "redis.register_function(nil)",
    "redis.register_function(nil,nil)",
    "redis.register_function{function_name='x y',callback=function() end}",
    "redis.register_function('',function() end)",
    "redis.register_function('f',function() end) redis.register_function('f',function() end)",
    "redis.register_function('Taken',function() end)",
    "redis.register_function('f',function() end,1)",
    "redis.register_function('f',redis.log)",
    "x=1",
    "local a = b",
    "error('boo')",
    "redis.foo()",
    "redis.log(1)",
    "redis.log(1,'x')",
    "redis.setresp(3)",
    "local x = redis.REDIS_VERSION .. redis.LOG_DEBUG redis.register_function('f',function() return x end)",
    "local x = redis.REPL_ALL",
    "math.random()",
    "KEYS[1]=1",
    "redis.x=1",
    "_G.y=1",
    "redis.register_function=1",
    "while true do end",
    "return ('x'):rep(3)",
    "local r = redis.register_function r('f',function() return r('g',function() end) end)",
    "local redis = redis redis.register_function('f',function() return redis.call('get','a') end)",
    "redis.register_function('f',function() return type(redis.register_function) end)",
};

// First lines and all.
const std::vector<std::string> kTexts = {
    "",
    "x",
    "#!lua",
    "#!lua\n",
    "#!lua \n",
    "#!\nx",
    "#!lua nam=x\n",
    "#!lua name=\n",
    "#!lua name=a-b\nreturn 1",
    "#!lua name=a name=b\n",
    "#!js name=a\nreturn 1",
    "#!lua name=a foo=b\n x",
    "#!lua  name=a\nredis.register_function('f',function() end)",
    "#!lua\tname=a\nredis.register_function('f',function() end)",
    "#!LUA NAME=a\nredis.register_function('f',function() end)",
    "#!lua name='a'\nredis.register_function('f',function() end)",
    "#!lua name=\"a\nredis.register_function('f',function() end)",
    "#!lua name=a\r\nredis.register_function('f',function() end)",
    "#! lua name=a\nredis.register_function('f',function() end)",
};

// What functions do when they are called.
const std::vector<std::string> kCalled = {
    "n=n+1 return n",
    "return {keys,args}",
    "return KEYS[1]",
    "return ARGV",
    "x=1",
    "return redis.register_function('z',function() end)",
    "return redis.call('nosuch')",
    "return redis.pcall('get')",
    "return redis.call('get')",
    "return redis.call('set',keys[1],args[1])",
    "error({err='MY x'})",
    "error('x')",
    "error()",
    "return redis.set_repl(1)",
    "return redis.breakpoint()",
    "return redis.replicate_commands()",
    "redis.setresp(3) return redis.call('hgetall','h')",
    "return redis.acl_check_cmd('get')",
    "local r={} for k in pairs(redis) do r[#r+1]=k end table.sort(r) return r",
    "local r={} for k in pairs(_G) do r[#r+1]=k end table.sort(r) return r",
    "return redis.call('fcall','f',0)",
    "return redis.call('eval','return 1',0)",
    "return redis.call('function','list')",
    "a.b=1",
    "rawset(redis,'x',1)",
    "return redis.call()",
    "return cjson.encode({a=1})",
    "return redis.status_reply('fine')",
};

std::string Library(const std::string& name, const std::string& body) {
  return fmt::format("#!lua name={}\n{}", name, body);
}

std::string Function(const std::string& name, const std::string& body, const std::string& flags = "") {
  return fmt::format("redis.register_function{{function_name='{}',callback=function(keys,args) {} end,flags={{{}}}}} ",
                     name, body, flags);
}

// Libraries come and go, and their functions write.
class RandomFunctions {
 public:
  explicit RandomFunctions(std::uint64_t seed) : random_(seed) {}

  Request operator()() {
    const std::uint64_t n = random_.Below(4);
    const std::string key = fmt::format("k{}", random_.Below(5));
    switch (random_.Below(14)) {
      case 0:
      case 1: {
        std::string body = "local n=0 " + Function(fmt::format("f{}", random_.Below(6)), kCalled[random_.Below(14)]);
        body += Function(fmt::format("w{}", n),
                         "redis.call('rpush','l'..keys[1],args[1]) return redis.call('incr',keys[1])");
        body += Function(fmt::format("r{}", n), "return redis.call('get',keys[1])", "'no-writes'");
        Request load = {"FUNCTION", "LOAD"};
        if (random_.Chance(0.6)) load.emplace_back("REPLACE");
        load.push_back(Library(fmt::format("lib{}", n), body));
        return load;
      }
      case 2:
        return {"FUNCTION", "DELETE", fmt::format("lib{}", n)};
      case 3:
        if (random_.Chance(0.2)) return {"FUNCTION", "FLUSH", random_.Chance(0.5) ? "SYNC" : "ASYNC"};
        return {"FUNCTION", "STATS"};
      case 4:
      case 5:
        return {"FCALL", fmt::format("f{}", random_.Below(6)), "1", key, "v"};
      case 6:
        return {"FCALL_RO", fmt::format("{}{}", random_.Chance(0.7) ? "r" : "w", n), "1", key, "v"};
      case 7:
      case 8:
        return {"FCALL", fmt::format("r{}", n), "1", key};
      default:
        return {"FCALL", fmt::format("w{}", n), "1", key, "v"};
    }
  }

 private:
  base::Random random_;
};

}  // namespace

TEST_CASE("functions: what a library may say, and what its functions answer, is as stock has it") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Redis stock_link(stock.port, 20000);
  Redis our_link(ours.port, 20000);
  const auto compare = [&](const Request& request) {
    INFO(fmt::format("{}", fmt::join(request, " ")));
    const Value theirs = stock_link.Do(request);
    REQUIRE(theirs.kind != Value::Kind::kNone);
    CHECK(Sorted(theirs).ToString() == Sorted(our_link.Do(request)).ToString());
  };
  compare({"FUNCTION", "LOAD", Library("other", "redis.register_function('taken',function() return 1 end)")});
  std::vector<std::string> texts = kTexts;
  for (const std::string& body : kBodies) texts.push_back(Library("a", body));
  for (const std::string& text : texts) {
    compare({"FUNCTION", "LOAD", text});
    compare({"FUNCTION", "LIST", "LIBRARYNAME", "a"});
    compare({"FCALL", "f", "0"});
    compare({"FUNCTION", "DELETE", "a"});
  }
  for (const std::string& body : kCalled) {
    compare({"FUNCTION", "LOAD", "REPLACE", Library("a", "local n=0 " + Function("f", body))});
    compare({"FCALL", "f", "1", "key", "arg"});
    compare({"FCALL", "F", "1", "key", "arg"});
    compare({"FCALL_RO", "f", "1", "key", "arg"});
  }
  for (const Request& request : std::vector<Request>{{"FCALL", "f", "x"},
                                                     {"FCALL", "f", "-1"},
                                                     {"FCALL", "f", "3", "a"},
                                                     {"FCALL", "nosuch", "0"},
                                                     {"FCALL", "f"},
                                                     {"FUNCTION"},
                                                     {"FUNCTION", "FOO"},
                                                     {"FUNCTION", "LIST", "LIBRARYNAME"},
                                                     {"FUNCTION", "LIST", "FOO"},
                                                     {"FUNCTION", "LIST", "WITHCODE", "WITHCODE"},
                                                     {"FUNCTION", "LIST", "LIBRARYNAME", "A*", "withcode"},
                                                     {"FUNCTION", "LOAD", "FOO", "x"},
                                                     {"FUNCTION", "LOAD", "REPLACE"},
                                                     {"FUNCTION", "LOAD", "REPLACE", "x", "y"},
                                                     {"FUNCTION", "FLUSH", "X"},
                                                     {"FUNCTION", "FLUSH", "ASYNC", "x"},
                                                     {"FUNCTION", "RESTORE", "x"},
                                                     {"FUNCTION", "RESTORE", "x", "y"},
                                                     {"FUNCTION", "RESTORE", "x", "y", "z"},
                                                     {"FUNCTION", "DELETE", "nosuch"},
                                                     {"FUNCTION", "KILL"},
                                                     {"FUNCTION", "STATS"},
                                                     {"COMMAND", "INFO", "fcall"},
                                                     {"COMMAND", "INFO", "fcall_ro"},
                                                     {"COMMAND", "INFO", "eval"},
                                                     {"COMMAND", "INFO", "evalsha_ro"},
                                                     {"COMMAND", "INFO", "function|load"},
                                                     {"COMMAND", "INFO", "function|stats"},
                                                     {"COMMAND", "GETKEYS", "FCALL", "f", "2", "a", "b", "c"},
                                                     {"COMMAND", "GETKEYS", "EVAL", "x", "0", "a"},
                                                     {"COMMAND", "GETKEYSANDFLAGS", "EVAL", "x", "1", "a"},
                                                     {"FUNCTION", "FLUSH"},
                                                     {"FUNCTION", "DUMP"}}) {
    compare(request);
  }
  // A payload of either is taken by the other.
  const std::string text = Library("a", Function("f", "return 1") + std::string(3000, ' '));
  compare({"FUNCTION", "LOAD", text});
  const std::string theirs = stock_link.Do({"FUNCTION", "DUMP"}).text;
  const std::string own = our_link.Do({"FUNCTION", "DUMP"}).text;
  CHECK(our_link.Do({"FUNCTION", "RESTORE", theirs, "REPLACE"}).ok());
  CHECK(stock_link.Do({"FUNCTION", "RESTORE", own, "FLUSH"}).ok());
  compare({"FUNCTION", "RESTORE", own});
  compare({"FUNCTION", "LIST", "WITHCODE"});
  compare({"FCALL", "f", "0"});
}

TEST_CASE("functions: random libraries and calls get the replies of stock and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 100000 : 3000;
  CompareReplies(stock, ours, requests, RandomFunctions(31));
  CHECK(Libraries(stock) == Libraries(ours));
}

TEST_CASE("functions: libraries and what they wrote reach replicas and files, from ours to stock and back") {
  for (const Make master_make : {Make::kOurs, Make::kStock}) {
    const Make replica_make = master_make == Make::kOurs ? Make::kStock : Make::kOurs;
    Cluster cluster;
    Member& master = cluster.AddNode(master_make, nullptr, kLines);
    RandomFunctions draw(master_make == Make::kOurs ? 32 : 33);
    const auto load = [&] {
      Redis redis(master.port, 20000);
      for (int i = 0; i < 800; ++i) redis.Send(draw());
      for (int i = 0; i < 800; ++i) REQUIRE(redis.Next().kind != Value::Kind::kNone);
      REQUIRE(redis.Do({"FUNCTION", "LOAD", "REPLACE", Library("kept", Function("kept", "return 'kept'"))}).text ==
              "kept");
    };
    load();
    Member& replica = cluster.AddNode(replica_make, &master, kLines);
    load();
    REQUIRE(WaitFor([&] {
      return replica.Info("master_link_status") == "up" &&
             replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
    }));
    CHECK(Libraries(master) == Libraries(replica));
    CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
    CHECK(replica.Info("unexpected_error_replies") == "0");
    // The replica's program loads the master's file.
    const std::string libraries = Libraries(master);
    REQUIRE(master.Do({"SAVE"}, 20000).ok());
    REQUIRE(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
    master.Kill();
    master.make = replica_make;
    master.Start();
    REQUIRE(WaitFor([&] { return master.Info("loading") == "0"; }));
    CHECK(Libraries(master) == libraries);
    CHECK(master.Do({"FCALL", "kept", "0"}).text == "kept");
  }
}
