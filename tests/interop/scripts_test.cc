// Lua scripts of ours and of stock redis-server 7.0.15: equal replies, equal data on both sides of a replication.
#include <cstdlib>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\""};

// What a script sees and how it fails. RESP3 is in tests/unit.
const std::vector<std::string> kScripts = {
    "return 1.9",
    "return -1.9",
    "return 1e300",
    "return 0/0",
    "return true",
    "return false",
    "return nil",
    "return",
    "return {1,{err='x y'},{ok='z'},true,false}",
    "return {1,2,nil,3}",
    "return {double=1.5}",
    "return {map={a=1}}",
    "return {set={a=true}}",
    "return {big_number='123'}",
    "return {verbatim_string={string='x',format='txt'}}",
    "return {err=1}",
    "return {ok=1}",
    "return function() end",
    "return 'a\\r\\nb'",
    "return redis.status_reply('a\\r\\nb')",
    "return redis.error_reply('a\\r\\nb')",
    "return redis.error_reply('-A b')",
    "return redis.error_reply('')",
    "return redis.error_reply(1)",
    "return redis.status_reply(1)",
    "redis.setresp(3) return true",
    "redis.setresp(3) return {double=1.5}",
    "redis.setresp(3) return redis.call('get','no')",
    "redis.call('hset','h','a','b') redis.setresp(3) return redis.call('hgetall','h')",
    "redis.setresp(3) return cjson.encode(redis.call('hgetall','h'))",
    "redis.call('sadd','s','m') redis.setresp(3) return redis.call('smembers','s')",
    "redis.call('zadd','z',1.5,'m') redis.setresp(3) return redis.call('zrange','z',0,-1,'withscores')",
    "a=1",
    "return a",
    "redis.x=1",
    "string.x=1",
    "setmetatable(_G,{})",
    "rawset(_G,'a',1)",
    "getmetatable(_G).x=1",
    "getmetatable('').__index=1",
    "table.insert(redis,1)",
    "KEYS={1}",
    "KEYS[1]='a' return KEYS[1]",
    "return os",
    "return print",
    "return getfenv",
    "return loadstring('\\27Lua')",
    "local a,b=loadstring('\\27Lua') return b",
    "local a,b=load(function() return 'x y' end) return b",
    "return loadstring('return 1')()",
    "error('x')",
    "error('x',0)",
    "error({err='MY x'})",
    "error({err='-ERR a'})",
    "error(nil)",
    "error(true)",
    "error(redis.error_reply('My Err'))",
    "\n\nerror('l3')",
    "local function f() error('deep',2) end\nf()",
    "x y",
    "return 1 +",
    "local a = nil; return a.b",
    "return 1 .. nil",
    "return {} < 1",
    "redis.foo()",
    "local function g() return 1+g() end; return g()",
    "return assert(nil,'msg')",
    "return assert(false)",
    "return {pcall(error,'q')}",
    "local ok,e=pcall(redis.call,'nosuch'); return e",
    "local a,b=xpcall(function() error('x') end,function(e) return e..'!' end) return b",
    "return {coroutine.resume(coroutine.create(function() error('p') end))}",
    "return redis.call('nosuch')",
    "return redis.pcall('nosuch')",
    "return redis.call()",
    "return redis.call({})",
    "return redis.call('get')",
    "return redis.call('multi')",
    "return redis.call('eval','return 1','0')",
    "return redis.call('blpop','no',0)",
    "return redis.call('client','setname','a')",
    "return redis.call('lpush','h','a')",
    "return redis.pcall('lpush','h','a')",
    "return cjson.encode(redis.pcall('get'))",
    "return redis.call('set','q',0.1)",
    "return redis.call('get','q')",
    "return redis.sha1hex('')",
    "return redis.sha1hex()",
    "return redis.log(1)",
    "return redis.log(9,'x')",
    "return redis.setresp(4)",
    "return redis.set_repl(9)",
    "return redis.acl_check_cmd('get','a')",
    "return redis.acl_check_cmd('no')",
    "return {redis.replicate_commands()}",
    "return {redis.breakpoint()}",
    "#!lua\nreturn a",
    "#!lua flags=no-writes\nreturn redis.call('set','a',1)",
    "#!lua flags=foo\nreturn 1",
    "#!lua name=x\nreturn 1",
    "#!js\nreturn 1",
    "#!lua flags=no-writes",
    "#!lua flags=\nreturn 2",
    "return "
    "{cjson.encode({}),cjson.encode({1,2}),cjson.encode('\\0/'),cjson.encode(123456789012345678),cjson.encode(0.1)}",
    "return cjson.encode({a=1,[1]=2})",
    "return cjson.encode({[1000]=1})",
    "return cjson.decode('[1')",
    "return cjson.encode(0/0)",
    "local x = {} x.x = x return cjson.encode(x)",
    "return cjson.decode('{\"a\":[1,null]}').a",
    "return {bit.lshift(1,31),bit.rol(0x12345678,8),bit.tobit(2^40+1),bit.tohex(-1,-4)}",
    "return bit.bnot('a')",
    "return cmsgpack.pack({1,{a='b'},1.5,-129,2^53,0.1,true,string.rep('a',300)})",
    "return cmsgpack.pack()",
    "return {cmsgpack.unpack('\\1\\2\\3')}",
    "return {cmsgpack.unpack_one('\\1\\2\\3',1)}",
    "return {cmsgpack.unpack_limit('\\1\\2\\3',2,1)}",
    "return cmsgpack.unpack('\\161')",
    "return cmsgpack.unpack('\\193')",
    "local t={} t.t=t return #cmsgpack.pack(t)",
    "return {cmsgpack.unpack_one('\\1',9)}",
    "return struct.pack('>I2i3s',258,-2,'ab')",
    "return {struct.unpack('>I2sc2','\\1\\2abc\\0de')}",
    "return struct.pack('z','a')",
    "return struct.pack('!3 i',1)",
    "return {struct.unpack('<I4','a')}",
    "return struct.size('!8bi8')",
    "return struct.size('s')",
    "return {struct.unpack('bc0','\\3abcd')}",
};

// Scripts of a few random commands, some of which fail half-way.
class RandomScripts {
 public:
  explicit RandomScripts(std::uint64_t seed) : random_(seed) {}

  Request operator()() {
    std::string script;
    for (std::uint64_t n = random_.Below(6); n > 0; --n) {
      const bool careful = random_.Chance(0.5);
      script += fmt::format("r = redis.{}({}) ", careful ? "pcall" : "call", Arguments());
      if (random_.Chance(0.1)) script += "error('half') ";
    }
    script = "local r " + script + "return r";
    if (random_.Chance(0.1)) return {"EVAL_RO", script, "0"};
    return {"EVAL", script, "0"};
  }

 private:
  std::string Arguments() {
    const std::uint64_t n = random_.Below(5);
    switch (random_.Below(16)) {
      case 0:
        return fmt::format("'set','k{}',{}", n, random_.Below(1000));
      case 1:
        return fmt::format("'incr','k{}'", n);
      case 2:
        return fmt::format("'rpush','l{}','a',{},'c'", n, random_.Below(100));
      case 3:
        return fmt::format("'lpop','l{}'", n);
      case 4:
        return fmt::format("'hset','h{}','f{}',1.5", n, random_.Below(9));
      case 5:
        return fmt::format("'hincrbyfloat','h{}','f{}',0.1", n, random_.Below(9));
      case 6:
        return fmt::format("'zadd','z{}',{},'m{}'", n, random_.Below(20), random_.Below(9));
      case 7:
        return fmt::format("'zrange','z{}',0,-1,'withscores'", n);
      case 8:
        return fmt::format("'zpopmin','z{}'", n);
      case 9:
        return fmt::format("'get','{}{}'", random_.Chance(0.3) ? "l" : "k", n);
      case 10:
        return fmt::format("'del','k{}','l{}'", n, random_.Below(5));
      case 11:
        return fmt::format("'sadd','s{}','{}'", n, random_.Below(9));
      case 12:
        return fmt::format("'scard','s{}'", n);
      case 13:
        return fmt::format("'select',{}", random_.Below(3));
      case 14:
        return fmt::format("'lrange','l{}',0,-1", n);
      default:
        return fmt::format("'expire','k{}',100000", n);
    }
  }

  base::Random random_;
};

}  // namespace

TEST_CASE("scripts: what a script sees, answers and says when it fails is what stock's does") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  Redis stock_link(stock.port, 20000);
  Redis our_link(ours.port, 20000);
  for (const std::string& script : kScripts) {
    INFO(script);
    const Value theirs = stock_link.Do({"EVAL", script, "0"});
    REQUIRE(theirs.kind != Value::Kind::kNone);
    CHECK(theirs.ToString() == our_link.Do({"EVAL", script, "0"}).ToString());
  }
}

TEST_CASE("scripts: random scripts get the replies of stock and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 100000 : 4000;
  CompareReplies(stock, ours, requests, RandomScripts(21));
}

TEST_CASE("scripts: what they do reaches replicas, from ours to stock and back") {
  CheckReplicated(Make::kOurs, Make::kStock, kLines, RandomScripts(22));
  CheckReplicated(Make::kStock, Make::kOurs, kLines, RandomScripts(23));
}
