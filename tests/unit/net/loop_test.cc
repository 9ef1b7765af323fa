#include "replication/net/loop.h"

#include <doctest/doctest.h>

#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/net/bed.h"

using base::Millis;
using net::Loop;
using net::Timer;
using net_test::Bed;

TEST_CASE("loop: a timer is never early, and fires once") {
  Bed bed;
  for (const int delay : {0, 1, 2, 5, 20}) {
    int fired = 0;
    const base::MonoTime at = Loop::ReadClocks().mono + Millis(delay);
    base::MonoTime fired_at{};
    Timer timer(bed.loop, [&] {
      ++fired;
      fired_at = Loop::ReadClocks().mono;
    });
    timer.StartAt(at);
    CHECK(bed.RunUntil([&] { return fired > 0; }));
    CHECK(fired_at >= at);
    int later = 0;
    Timer after(bed.loop, [&] { ++later; });
    after.StartAt(Loop::ReadClocks().mono + Millis(3));
    CHECK(bed.RunUntil([&] { return later > 0; }));
    CHECK(fired == 1);
  }
}

TEST_CASE("loop: a deadline that has passed fires as soon as possible; starting again moves it; Stop cancels") {
  Bed bed;
  std::string order;
  Timer moved(bed.loop, [&] { order += "moved "; });
  Timer past(bed.loop, [&] { order += "past "; });
  Timer stopped(bed.loop, [&] { order += "stopped "; });
  Timer last(bed.loop, [&] { order += "last"; });
  const base::MonoTime now = Loop::ReadClocks().mono;
  moved.StartAt(now + Millis(1));
  stopped.StartAt(now + Millis(2));
  past.StartAt(now - base::Seconds(5));
  moved.StartAt(now + Millis(20));
  last.StartAt(now + Millis(30));
  stopped.Stop();
  CHECK(bed.RunUntil([&] { return order.ends_with("last"); }));
  CHECK(order == "past moved last");
}

TEST_CASE("loop: a timer may destroy itself and may start itself again in its callback") {
  Bed bed;
  bool fired = false;
  std::optional<Timer> timer;
  timer.emplace(bed.loop, [&] {
    timer.reset();
    fired = true;
  });
  timer->StartAt(Loop::ReadClocks().mono);
  CHECK(bed.RunUntil([&] { return fired; }));

  int count = 0;
  Timer again(bed.loop, [&] {
    if (++count < 3) again.StartAt(Loop::ReadClocks().mono);
  });
  again.StartAt(Loop::ReadClocks().mono);
  CHECK(bed.RunUntil([&] { return count == 3; }));
}

TEST_CASE("loop: what a timer made is seen at the end of the same turn, before the loop sleeps") {
  Loop loop;
  bool dirty = false;
  bool flushed = false;
  loop.OnTurnEnd([&] {
    if (!dirty) return;
    flushed = true;
    loop.Stop();
  });
  Timer timer(loop, [&] { dirty = true; });
  bool late = false;
  Timer limit(loop, [&] {
    late = true;
    loop.Stop();
  });
  timer.StartAt(Loop::ReadClocks().mono + Millis(5));
  limit.StartAt(Loop::ReadClocks().mono + base::Seconds(30));
  loop.Run();
  CHECK(flushed);
  CHECK(!late);
}

TEST_CASE("loop: the turn that stops the loop is flushed too") {
  Loop loop;
  std::vector<std::string> order;
  loop.OnTurnEnd([&] { order.push_back("flush"); });
  loop.Post([&] {
    order.push_back("stop");
    loop.Stop();
  });
  loop.Run();
  REQUIRE(order.size() >= 2);
  CHECK(order[order.size() - 2] == "stop");
  CHECK(order.back() == "flush");
}

TEST_CASE("loop: callbacks posted by other threads run on the loop's thread, in order, none lost") {
  Bed bed;
  constexpr int kEach = 1000;
  const auto loop_thread = std::this_thread::get_id();
  std::vector<int> next(2, 0);
  bool elsewhere = false;
  bool disorder = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        bed.loop.Post([&, t, i] {
          elsewhere = elsewhere || std::this_thread::get_id() != loop_thread;
          disorder = disorder || next[t] != i;
          next[t] = i + 1;
        });
      }
    });
  }
  CHECK(bed.RunUntil([&] { return next[0] == kEach && next[1] == kEach; }));
  for (std::thread& thread : threads) thread.join();
  CHECK(!elsewhere);
  CHECK(!disorder);
}

TEST_CASE("loop: a signal arrives as a callback") {
  Bed bed;
  int signals = 0;
  bed.loop.OnSignal(SIGUSR1, [&] { ++signals; });
  std::raise(SIGUSR1);
  CHECK(bed.RunUntil([&] { return signals == 1; }));
}
