#include "sentinel/core/testimony.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/health.h"
#include "sentinel/core/manual_failover.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;
using base::Millis;

namespace {

// One sentinel whose quorum is itself, its master silent from the start on, a replica that is asked by hand.
struct Silence : OneSentinel {
  Replica& replica;
  base::Offset offset = 100;

  Silence() : OneSentinel(1), replica(AddReplicaAt(7001)) {
    BringUp(replica.command, now.mono);
    // Nobody answers in here: the INFO of the replica is fed by hand, and its PING is not what this is about.
    replica.info.role = Role::kReplica;
    replica.info.master = master().address;
    replica.info.master_link_up = true;
  }
  // The replica answers its PINGs, the master does not.
  void Run(Millis length) {
    for (Millis left = length; left.count() > 0; left -= std::min(left, Millis(100))) {
      replica.liveness.proof_at = now.mono;
      OneSentinel::Run(std::min(left, Millis(100)));
    }
  }
  // The replica answers the INFO that was asked for `ago` before now.
  void Read(base::Offset growth, Millis ago = Millis(0)) {
    offset += growth;
    replica.info.read_offset = offset;
    replica.info.offset = offset;
    replica.info_at = now.mono;
    replica.info_asked_at.reset();
    TakeTestimonyRead(state, master(), replica, now.mono - ago, now, out);
    AdvanceFailover(state, master(), now, out);
  }
  // Half of down-after, and all of it, behind the last answer: the two reads.
  void TwoReads(base::Offset growth) {
    Run(Millis(500));
    Read(0);
    Run(Millis(500));
    Read(growth);
  }
  int Asked() const {
    return static_cast<int>(std::count_if(out.begin(), out.end(), [](const Action& action) {
      const auto* send = std::get_if<Send>(&action);
      return send != nullptr && send->batch[0].request == Request::kInfo;
    }));
  }
  int Count(const std::string& name) const {
    const std::vector<std::string> events = Events();
    return static_cast<int>(std::count_if(events.begin(), events.end(),
                                          [&](const std::string& event) { return event.starts_with(name + " "); }));
  }
};

}  // namespace

TEST_CASE(
    "testimony: replicas are asked half of down-after behind the last answer, and all of it, to the millisecond") {
  Silence one;
  one.master().liveness.proof_at = one.now.mono;
  one.replica.info_asked_at = one.now.mono;  // an INFO that nobody answers keeps the ordinary ones away
  one.Run(Millis(499));
  one.replica.info_asked_at.reset();
  one.state.timers.Cancel(TimerKey{one.replica.id, TimerKind::kInfo, 0});
  one.out.clear();
  CHECK(one.Asked() == 0);
  one.Run(Millis(1));
  CHECK(one.Asked() == 1);
  one.Read(0);
  one.state.timers.Cancel(TimerKey{one.replica.id, TimerKind::kInfo, 0});
  one.out.clear();
  one.Run(Millis(499));
  CHECK(one.Asked() == 0);
  one.Run(Millis(1));
  CHECK(one.Asked() >= 1);
  CHECK(one.master().liveness.down());
}

TEST_CASE("testimony: a replica whose link is up and whose offset grew holds the failover back, for the time given") {
  Silence one;
  one.master().testimony_timeout = Millis(5000);
  one.TwoReads(10);
  CHECK(one.Has("+odown"));
  REQUIRE(one.Has("+testimony-hold"));
  const std::vector<std::string> events = one.Events();
  CHECK(std::find(events.begin(), events.end(),
                  "+testimony-hold master mymaster 127.0.0.1 7000 #127.0.0.1:7001 still hears it, failover held for at "
                  "most 5000 ms") != events.end());
  CHECK(IsHeldByTestimony(one.master(), one.now));
  CHECK_FALSE(one.master().failover.active());
  one.out.clear();
  for (int i = 0; i < 9; ++i) {
    one.Run(Millis(500));
    one.Read(10);
    CHECK(IsHeldByTestimony(one.master(), one.now));
  }
  CHECK_FALSE(one.Has("+try-failover"));
  CHECK_FALSE(one.Has("-testimony-hold"));
  one.Run(Millis(500));
  CHECK(one.Events().size() >= 2);
  CHECK(one.Has("-testimony-hold"));
  // What it says after that time does not count any more.
  one.out.clear();
  one.Read(10);
  CHECK_FALSE(IsHeldByTestimony(one.master(), one.now));
  CHECK_FALSE(one.Has("+testimony-hold"));
}

TEST_CASE("testimony: none from a link that is down, an offset that stands still, or one that cannot be known") {
  const auto held_after = [](const std::function<void(Silence&)>& change, base::Offset growth) {
    Silence one;
    change(one);
    one.TwoReads(growth);
    return IsHeldByTestimony(one.master(), one.now) || one.Has("+testimony-hold");
  };
  CHECK(held_after([](Silence&) {}, 1));
  CHECK_FALSE(held_after([](Silence&) {}, 0));
  CHECK_FALSE(held_after([](Silence& one) { one.replica.info.master_link_up = false; }, 10));
  CHECK_FALSE(held_after([](Silence& one) { one.replica.info.delayed = true; }, 10));
  CHECK_FALSE(held_after([](Silence& one) { one.replica.info.loading = true; }, 10));
  CHECK_FALSE(held_after([](Silence& one) { one.replica.info.role = Role::kMaster; }, 10));
  CHECK_FALSE(held_after([](Silence& one) { one.replica.info.master.port = 7002; }, 10));  // chained, not direct
  CHECK_FALSE(held_after([](Silence& one) { one.offset = -20; }, 10));  // servers that do not say what they received
}

TEST_CASE("testimony: reads that are too early or too close together are none") {
  Silence one;
  one.Run(Millis(700));
  one.Read(0);
  one.Run(Millis(300));  // down-after has passed, but the reads are 300 ms apart
  one.Read(10);
  CHECK_FALSE(IsHeldByTestimony(one.master(), one.now));
  one.Run(Millis(200));
  one.Read(0);
  CHECK(IsHeldByTestimony(one.master(), one.now));

  Silence late;
  late.Run(Millis(500));
  late.Read(0);
  late.Run(Millis(500));
  late.Read(10, Millis(1));  // asked for 999 ms behind the last answer
  CHECK_FALSE(IsHeldByTestimony(late.master(), late.now));
}

TEST_CASE("testimony: growth that ended before the first read proves nothing (a frozen master is not held back)") {
  Silence one;
  one.Run(Millis(100));
  one.Read(50);  // the last that it sent before it froze
  one.TwoReads(0);
  CHECK_FALSE(one.Has("+testimony-hold"));
}

TEST_CASE("testimony: a link that goes down during a hold ends it in that turn") {
  Silence one;
  one.TwoReads(10);
  REQUIRE(IsHeldByTestimony(one.master(), one.now));
  one.out.clear();
  one.Run(Millis(50));
  one.replica.info.master_link_up = false;
  one.Read(0);
  CHECK(one.Has("-testimony-hold"));
  CHECK_FALSE(IsHeldByTestimony(one.master(), one.now));
}

TEST_CASE("testimony: during a hold the replicas are asked at the pace of PINGs") {
  Silence one;
  one.TwoReads(10);
  REQUIRE(IsHeldByTestimony(one.master(), one.now));
  one.state.timers.Cancel(TimerKey{one.replica.id, TimerKind::kInfo, 0});
  one.out.clear();
  one.Run(Millis(50));
  CHECK(one.Asked() == 1);
}

TEST_CASE("testimony: a silent witness is no witness for longer than down-after and a half") {
  Silence one;
  one.TwoReads(10);
  REQUIRE(IsHeldByTestimony(one.master(), one.now));
  one.replica.info_asked_at = one.now.mono;  // asked, and it does not answer
  one.out.clear();
  one.Run(Millis(1600));
  CHECK(one.Has("-testimony-hold"));
  CHECK_FALSE(IsHeldByTestimony(one.master(), one.now));
}

TEST_CASE("testimony: with testimony-timeout 0 it is an event, and holds nothing back") {
  Silence one;
  one.master().testimony_timeout = Millis(0);
  one.TwoReads(10);
  CHECK(one.Has("+testimony-hold"));
  CHECK_FALSE(IsHeldByTestimony(one.master(), one.now));
}

TEST_CASE("testimony: it counts against silence only") {
  Silence errors;
  const auto fail = [&] {
    TakePong(errors.state, WatchedOf(errors.master()), ReplyValue::Error("MISCONF x"), errors.now, errors.out);
  };
  for (int i = 0; i < 20; ++i) {
    errors.Run(Millis(50));
    fail();
  }
  errors.Read(0);
  errors.Run(Millis(1));
  CHECK(errors.master().liveness.down());
  CHECK(errors.master().down_cause == DownCause::kErrors);
  errors.Read(10);
  CHECK_FALSE(IsHeldByTestimony(errors.master(), errors.now));

  // An error that ends a silence ends what was said during it.
  Silence silent;
  silent.TwoReads(10);
  REQUIRE(IsHeldByTestimony(silent.master(), silent.now));
  TakePong(silent.state, WatchedOf(silent.master()), ReplyValue::Error("MISCONF x"), silent.now, silent.out);
  CHECK(silent.Has("-testimony-hold"));
  CHECK(silent.master().down_cause == DownCause::kErrors);
  CHECK_FALSE(IsHeldByTestimony(silent.master(), silent.now));
}

TEST_CASE("testimony: who sees it grants no pre-vote") {
  Silence one;
  const base::RunId candidate = OneSentinel::Id('2');
  const auto granted = [&] {
    return AnswerPreVote(one.state, one.master().address, base::Epoch{one.state.current_epoch.value + 1}, candidate,
                         one.now) == PreVote::kYes;
  };
  one.Run(Millis(500));
  one.Read(0);
  CHECK(granted());
  one.Run(Millis(500));
  one.Read(10);
  if (one.master().failover.active()) AbortFailover(one.state, one.master(), "-test", one.now, one.out);
  CHECK_FALSE(granted());
  one.replica.info.master_link_up = false;
  one.Read(0);
  CHECK(granted());
}

TEST_CASE("testimony: no pre-vote is granted while the decisive read is under way, nor a moment before it") {
  const auto answer = [](Silence& one) {
    return AnswerPreVote(one.state, one.master().address, base::Epoch{one.state.current_epoch.value + 1},
                         OneSentinel::Id('2'), one.now);
  };
  const auto first_read = [](Silence& one) {
    one.Run(Millis(500));
    one.Read(0);
  };
  Silence grows;
  first_read(grows);
  grows.Run(Millis(440));
  CHECK(answer(grows) == PreVote::kYes);
  grows.Run(Millis(10));
  CHECK(answer(grows) == PreVote::kNotYet);
  grows.Run(Millis(50));
  CHECK(grows.master().liveness.down());
  grows.Run(Millis(20));
  CHECK(answer(grows) == PreVote::kNotYet);
  CHECK_FALSE(grows.Has("+try-failover"));  // what holds for others holds for ourselves
  grows.Read(10, Millis(20));
  CHECK(answer(grows) == PreVote::kNo);

  Silence still;
  first_read(still);
  still.Run(Millis(520));
  CHECK(answer(still) == PreVote::kNotYet);
  still.replica.info.read_offset = still.offset;
  still.replica.info_asked_at.reset();
  TakeTestimonyRead(still.state, still.master(), still.replica, still.now.mono - Millis(20), still.now, still.out);
  CHECK(answer(still) == PreVote::kYes);

  Silence silent;  // its replica died a moment after its master
  first_read(silent);
  silent.Run(Millis(549));
  CHECK(answer(silent) == PreVote::kNotYet);
  CHECK_FALSE(silent.Has("+try-failover"));
  silent.Run(Millis(6));
  CHECK(silent.Has("+try-failover"));

  Silence killed;  // the replica's link is down at the first read
  killed.replica.info.master_link_up = false;
  first_read(killed);
  killed.Run(Millis(500));
  CHECK(killed.Has("+try-failover"));
}

TEST_CASE("testimony: it ends an attempt that has not sent its command yet, and never an operator's") {
  Silence one;
  one.replica.info_at = one.now.mono;
  one.replica.info.offset = 1;
  one.Run(Millis(500));
  one.Read(0);
  one.Run(Millis(500));
  CHECK(one.master().objective_down_since);  // with a quorum of one
  CHECK_FALSE(one.master().failover.active());
  one.Run(Millis(60));  // the decisive read has had its time
  REQUIRE(one.master().failover.active());
  one.out.clear();
  one.Read(10);
  CHECK(one.Has("-failover-abort-testimony"));
  CHECK_FALSE(one.master().failover.active());
  CHECK(one.Count("+testimony-hold") == 1);

  REQUIRE(StartManualFailover(one.state, one.master(), ManualWish{}, one.now, one.out));
  AdvanceFailover(one.state, one.master(), one.now, one.out);
  CHECK(one.master().failover.active());
}
