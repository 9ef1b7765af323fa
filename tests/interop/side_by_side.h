// The same commands for ours and for stock redis-server 7.0.15.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "replication/base/random.h"
#include "tests/support/cluster.h"

namespace support {

using Request = std::vector<std::string>;
using Draw = std::function<Request()>;

// Sorted: the arrays inside, too, as SCAN's kind has its elements behind the cursor.
inline std::string ReplyText(Value reply, bool sorted) {
  if (sorted) {
    for (Value& element : reply.elements) {
      if (!element.elements.empty()) std::ranges::sort(element.elements, {}, &Value::ToString);
    }
    std::ranges::sort(reply.elements, {}, [](const Value& element) { return element.ToString(); });
  }
  return reply.ToString();
}

// Sends what `draw` draws to both, and compares replies, byte for byte, and every now and then the data.
// `unordered` says for which requests the order of the reply's elements is nobody's promise.
inline void CompareReplies(
    const Member& stock, const Member& ours, int requests, const Draw& draw,
    const std::function<bool(const Request&)>& unordered = [](const Request&) { return false; }) {
  Redis stock_link(stock.port, 20000);
  Redis our_link(ours.port, 20000);
  std::vector<std::string> latest;
  for (int i = 0; i < requests; ++i) {
    const Request words = draw();
    latest.push_back(fmt::format("{}", fmt::join(words, " ")));
    const Value theirs = stock_link.Do(words);
    const Value reply = our_link.Do(words);
    REQUIRE(theirs.kind != Value::Kind::kNone);
    INFO("request " << i << ": " << latest.back());
    CHECK(ReplyText(theirs, unordered(words)) == ReplyText(reply, unordered(words)));
    if (i % 250 == 249 || i + 1 == requests) {
      INFO("up to here:\n" << fmt::format("{}", fmt::join(latest, "\n")));
      REQUIRE(stock_link.Do({"DEBUG", "DIGEST"}) == our_link.Do({"DEBUG", "DIGEST"}));
      latest.clear();
    }
  }
}

// Fills a master, gives it a replica, fills on, and wants equal data; then the files of both, each loaded by the
// other's program.
inline void CheckReplicated(Make master_make, Make replica_make, const std::vector<std::string>& lines,
                            const Draw& draw) {
  Cluster cluster;
  Member& master = cluster.AddNode(master_make, nullptr, lines);
  const auto load = [&](int requests) {
    Redis redis(master.port, 20000);
    for (int i = 0; i < requests; ++i) redis.Send(draw());
    for (int i = 0; i < requests; ++i) REQUIRE(redis.Next().kind != Value::Kind::kNone);
  };
  const auto caught_up = [&](const Member& replica) {
    return WaitFor([&] {
      return replica.Info("master_link_status") == "up" &&
             replica.Info("slave_repl_offset") == master.Info("master_repl_offset");
    });
  };
  load(1500);
  Member& replica = cluster.AddNode(replica_make, &master, lines);
  load(3000);
  REQUIRE(caught_up(replica));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == replica.Do({"DEBUG", "DIGEST"}));
  CHECK(master.Do({"DBSIZE"}).integer > 3);
  load(1500);
  REQUIRE(caught_up(replica));
  const Value digest = master.Do({"DEBUG", "DIGEST"});
  CHECK(digest == replica.Do({"DEBUG", "DIGEST"}));
  // Nothing came that the replica could not apply.
  CHECK(replica.Info("unexpected_error_replies") == "0");

  for (Member* node : {&master, &replica}) {
    CHECK(node->Do({"SAVE"}, 20000).ok());
    Process check({StockProgram("redis-check-rdb"), node->directory + "/dump.rdb"}, node->directory + "/check.log");
    CHECK(check.Wait(20000) == 0);
  }
  REQUIRE(replica.Do({"REPLICAOF", "NO", "ONE"}).ok());
  master.Kill();
  master.make = replica_make;
  master.Start();
  REQUIRE(WaitFor([&] { return master.Info("loading") == "0"; }));
  CHECK(master.Do({"DEBUG", "DIGEST"}) == digest);
}

}  // namespace support
