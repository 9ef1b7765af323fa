// CLIENT TRACKING of ours and of stock redis-server 7.0.15: the same commands, the same invalidations.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

// A RESP2 client that caches: what it is to forget comes over a second connection.
class Cache {
 public:
  explicit Cache(const Member& node) : reader_(node.port, 20000), ear_(node.port, 20000) {
    ear_id_ = std::to_string(ear_.Do({"CLIENT", "ID"}).integer);
    REQUIRE(ear_.Do({"SUBSCRIBE", "__redis__:invalidate"}).kind == Value::Kind::kArray);
  }
  Value Track(Request options) {
    Request words = {"CLIENT", "TRACKING", "ON", "REDIRECT", ear_id_};
    words.insert(words.end(), options.begin(), options.end());
    return reader_.Do(words);
  }
  Value Do(const Request& words) { return reader_.Do(words); }
  // The keys that it has been told to forget since it asked last.
  std::string Heard() {
    ear_.Send({"PING"});
    std::string heard;
    while (true) {
      const Value message = ear_.Next();
      REQUIRE(message.kind == Value::Kind::kArray);
      if (message.elements.size() != 3) return heard;
      heard += message.elements[2].ToString();
    }
  }

 private:
  Redis reader_;
  Redis ear_;
  std::string ear_id_;
};

}  // namespace

TEST_CASE("tracking: who has read a key, or waits below a prefix, is told what stock tells") {
  std::vector<std::string> told;
  for (const Make make : {Make::kStock, Make::kOurs}) {
    Cluster cluster;
    Member& node = cluster.AddNode(make, nullptr, {"enable-debug-command yes", "save \"\""});
    std::string& log = told.emplace_back();
    Redis writer(node.port, 20000);
    const auto note = [&](Cache& cache, std::string_view what) { log += fmt::format("{}: {}\n", what, cache.Heard()); };
    writer.Do({"MSET", "a", "1", "b", "2", "c", "3"});

    Cache plain(node);
    REQUIRE(plain.Track({}).ok());
    plain.Do({"GET", "a"});
    plain.Do({"MGET", "b", "none"});
    writer.Do({"SET", "a", "x"});
    writer.Do({"SET", "a", "y"});  // told once
    writer.Do({"SET", "none", "z"});
    note(plain, "plain");
    plain.Do({"SET", "b", "own"});
    note(plain, "own write");
    plain.Do({"GET", "c"});
    writer.Do({"PEXPIRE", "c", "1"});
    note(plain, "expiry set");
    plain.Do({"MULTI"});
    plain.Do({"GET", "a"});
    plain.Do({"EXEC"});
    writer.Do({"DEL", "a"});
    note(plain, "read in a transaction");
    plain.Do({"GET", "b"});
    writer.Do({"FLUSHALL"});
    note(plain, "flush");
    log += plain.Do({"CLIENT", "TRACKINGINFO"}).elements[1].ToString();

    Cache no_loop(node);
    REQUIRE(no_loop.Track({"NOLOOP"}).ok());
    no_loop.Do({"GET", "b"});
    no_loop.Do({"SET", "b", "own"});
    note(no_loop, "own write, NOLOOP");
    no_loop.Do({"GET", "b"});
    writer.Do({"SET", "b", "other"});
    note(no_loop, "other write, NOLOOP");

    Cache opt_in(node);
    REQUIRE(opt_in.Track({"OPTIN"}).ok());
    opt_in.Do({"GET", "a"});
    opt_in.Do({"CLIENT", "CACHING", "YES"});
    opt_in.Do({"GET", "b"});
    opt_in.Do({"GET", "c"});
    writer.Do({"MSET", "a", "1", "b", "2", "c", "3"});
    note(opt_in, "OPTIN");
    Cache opt_out(node);
    REQUIRE(opt_out.Track({"OPTOUT"}).ok());
    opt_out.Do({"CLIENT", "CACHING", "NO"});
    opt_out.Do({"GET", "a"});
    opt_out.Do({"GET", "b"});
    writer.Do({"MSET", "a", "1", "b", "2"});
    note(opt_out, "OPTOUT");

    Cache broadcast(node);
    REQUIRE(broadcast.Track({"BCAST", "PREFIX", "user:", "PREFIX", "item:"}).ok());
    writer.Do({"SET", "user:1", "x"});
    note(broadcast, "BCAST");
    writer.Do({"SET", "other:1", "x"});
    writer.Do({"DEL", "user:1"});
    note(broadcast, "BCAST");
    log += broadcast.Do({"CLIENT", "TRACKINGINFO"}).elements[1].ToString();
    log += node.Info("tracking_clients") + node.Info("tracking_total_prefixes");

    // Mistakes.
    Redis redis(node.port, 20000);
    const std::vector<Request> mistakes = {
        {"CLIENT", "CACHING", "YES"},
        {"CLIENT", "TRACKING", "on", "redirect", "999999"},
        {"CLIENT", "TRACKING", "on", "redirect", "x"},
        {"CLIENT", "TRACKING", "on", "prefix", "a"},
        {"CLIENT", "TRACKING", "on", "bcast", "prefix", "a", "prefix", "ab"},
        {"CLIENT", "TRACKING", "on", "optin", "optout"},
        {"CLIENT", "TRACKING", "on", "optin", "bcast"},
        {"CLIENT", "TRACKING", "up"},
        {"CLIENT", "TRACKING", "off"},
        {"CLIENT", "TRACKINGINFO"},
        {"CLIENT", "GETREDIR"},
        {"CLIENT", "TRACKING", "on", "bcast", "prefix", "ab"},
        {"CLIENT", "TRACKING", "on", "bcast", "prefix", "abc"},
        {"CLIENT", "TRACKING", "on"},
        {"CLIENT", "GETREDIR"},
        {"CLIENT", "TRACKING", "off"},
        {"CLIENT", "TRACKING", "on", "optout"},
        {"CLIENT", "TRACKING", "on", "optin"},
        {"CLIENT", "CACHING", "YES"},
        {"CLIENT", "CACHING", "maybe"},
        {"CLIENT", "CACHING", "NO"},
        {"CLIENT", "TRACKINGINFO"},
        {"RESET"},
        {"CLIENT", "TRACKINGINFO"},
    };
    for (const Request& words : mistakes) log += redis.Do(words).ToString() + "\n";
  }
  CHECK(told[0] == told[1]);
}

TEST_CASE("tracking: the table of keys is limited, and who is forgotten is told") {
  Cluster cluster;
  Member& node = cluster.AddNode(Make::kOurs, nullptr, {"save \"\"", "tracking-table-max-keys 10"});
  Cache cache(node);
  REQUIRE(cache.Track({}).ok());
  for (int i = 0; i < 25; ++i) cache.Do({"GET", fmt::format("key:{}", i)});
  CHECK(node.Info("tracking_total_keys") == "10");
  const std::string heard = cache.Heard();
  CHECK(std::count(heard.begin(), heard.end(), '[') == 15);
}
