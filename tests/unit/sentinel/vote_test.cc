#include "sentinel/core/vote.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "sentinel/core/election.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/settings.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;
using base::Epoch;

namespace {
const base::RunId kA{std::string(40, 'a')};
const base::RunId kB{std::string(40, 'b')};
const base::Endpoint kMaster{"127.0.0.1", 7000};
}  // namespace

TEST_CASE("vote: a second candidate in the same epoch is told the first one's name") {
  OneSentinel one;
  const Vote first = CastVote(one.state, one.master(), {Epoch{3}, kA}, one.now, one.out);
  CHECK(first.candidate == kA);
  CHECK(first.epoch == Epoch{3});
  CHECK(first.change > 0);
  CHECK(one.state.current_epoch == Epoch{3});
  const Vote second = CastVote(one.state, one.master(), {Epoch{3}, kB}, one.now, one.out);
  CHECK(second.candidate == kA);
  CHECK(second.change == first.change);
}

TEST_CASE("vote: a repeated answer rests on the same change, also when nothing new happens") {
  OneSentinel one;
  const Answer first = AnswerQuestion(one.state, {kMaster, Epoch{1}, kA}, one.now, one.out);
  one.out.clear();
  const Answer again = AnswerQuestion(one.state, {kMaster, Epoch{1}, kA}, one.now, one.out);
  CHECK(again.leader == kA.hex);
  CHECK(again.change == first.change);
  CHECK(again.change > one.state.durable_change);
  CHECK(one.out.empty());
}

TEST_CASE("vote: an old epoch gets the last vote, and epoch 0 reads it") {
  OneSentinel one;
  CastVote(one.state, one.master(), {Epoch{5}, kA}, one.now, one.out);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{4}, kB}, one.now, one.out).leader == kA.hex);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{0}, kB}, one.now, one.out).leader == kA.hex);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{0}, {}}, one.now, one.out).leader == "*");
}

TEST_CASE("vote: after a restart the epoch alone prevents a second vote") {
  OneSentinel one;
  one.state.current_epoch = Epoch{5};
  one.master().vote = Vote{Epoch{5}, {}, 0};
  const Answer answer = AnswerQuestion(one.state, {kMaster, Epoch{5}, kA}, one.now, one.out);
  CHECK(answer.leader == "*");
  CHECK(answer.leader_epoch == Epoch{5});
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{6}, kA}, one.now, one.out).leader == kA.hex);
}

TEST_CASE("vote: the elections of other masters, which raise the common epoch, do not void it") {
  OneSentinel one;
  const base::Endpoint other{"127.0.0.1", 7100};
  AddMaster(one.state, NewMaster{"other", other, "", 2}, one.now, one.out).value();
  CHECK(AnswerQuestion(one.state, {other, Epoch{40}, kB}, one.now, one.out).leader == kB.hex);
  CHECK(one.state.current_epoch == Epoch{40});
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{7}, kA, one.now) == PreVote::kYes);
  const Answer answer = AnswerQuestion(one.state, {kMaster, Epoch{7}, kA}, one.now, one.out);
  CHECK(answer.leader == kA.hex);
  CHECK(answer.leader_epoch == Epoch{7});
  CHECK(answer.change > one.state.durable_change);
  CHECK(one.state.current_epoch == Epoch{40});
  // Once, and never for less than it knows of this master.
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{7}, kB}, one.now, one.out).leader == kA.hex);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{6}, kB}, one.now, one.out).leader == kA.hex);
  one.master().config_epoch = Epoch{9};
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{9}, kB}, one.now, one.out).leader == kA.hex);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{10}, kB}, one.now, one.out).leader == kB.hex);
}

TEST_CASE("vote: none twice in one epoch through REMOVE and MONITOR, RESET, or a file that does not tell of it") {
  OneSentinel one;
  AnswerQuestion(one.state, {kMaster, Epoch{5}, kA}, one.now, one.out);
  ResetMaster(one.state, one.master(), one.now, one.out);
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{5}, kB}, one.now, one.out).leader == kA.hex);

  RemoveMaster(one.state, one.master(), one.out);
  AddMaster(one.state, NewMaster{"mymaster", kMaster, "", 2}, one.now, one.out).value();
  for (const std::uint64_t epoch : {1, 5}) {
    CHECK(AnswerQuestion(one.state, {kMaster, Epoch{epoch}, kB}, one.now, one.out).leader == "*");
    CHECK(AnswerPreVote(one.state, kMaster, Epoch{epoch}, kB, one.now) == PreVote::kNo);
  }
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{6}, kB}, one.now, one.out).leader == kB.hex);

  // As a stock sentinel writes it after REMOVE and MONITOR.
  State loaded(1);
  const std::string text =
      "sentinel monitor mymaster 127.0.0.1 7000 2\nsentinel leader-epoch mymaster 0\nsentinel current-epoch 5\n";
  REQUIRE(LoadSettings(text, loaded, one.now));
  CHECK(AnswerQuestion(loaded, {kMaster, Epoch{5}, kB}, one.now, one.out).leader == "*");
  CHECK(AnswerQuestion(loaded, {kMaster, Epoch{6}, kB}, one.now, one.out).leader == kB.hex);
}

TEST_CASE("vote: an unknown master is answered [0, *, 0]") {
  OneSentinel one;
  const Answer answer = AnswerQuestion(one.state, {{"127.0.0.1", 9}, Epoch{7}, kA}, one.now, one.out);
  CHECK_FALSE(answer.down);
  CHECK(answer.leader == "*");
  CHECK(answer.leader_epoch == Epoch{0});
  CHECK(one.state.current_epoch == Epoch{0});
}

TEST_CASE("vote: a jump of the epoch beyond reason is refused and announced") {
  OneSentinel one;
  const Answer answer = AnswerQuestion(one.state, {kMaster, Epoch{1'000'001}, kA}, one.now, one.out);
  CHECK(answer.leader == "*");
  CHECK(one.state.current_epoch == Epoch{0});
  CHECK(one.Has("-epoch-jump"));
  CHECK(AnswerQuestion(one.state, {kMaster, Epoch{1'000'000}, kA}, one.now, one.out).leader == kA.hex);
}

TEST_CASE("vote: events name the epoch and the candidate, and wait for the save") {
  OneSentinel one;
  CastVote(one.state, one.master(), {Epoch{3}, kA}, one.now, one.out);
  CHECK(one.Events() == std::vector<std::string>{"+new-epoch 3", "+vote-for-leader " + kA.hex + " 3"});
  for (const Action& action : one.out) {
    if (const auto* event = std::get_if<Announce>(&action)) CHECK(event->change > 0);
  }
}

TEST_CASE("vote: giving it away leaves the field for 3 s to one of ours, 10 s to a stock one") {
  OneSentinel one;
  Peer& ours = one.AddPeerWith('2');
  ours.words = {"down-push"};
  one.AddPeerWith('3');
  CastVote(one.state, one.master(), {Epoch{1}, ours.run_id}, one.now, one.out);
  CHECK(FieldIsTaken(one.master(), one.now));
  one.Wait(base::Millis(3000));
  CHECK_FALSE(FieldIsTaken(one.master(), one.now));
  CastVote(one.state, one.master(), {Epoch{2}, OneSentinel::Id('3')}, one.now, one.out);
  one.Wait(base::Millis(9999));
  CHECK(FieldIsTaken(one.master(), one.now));
  LeaderIsDown(one.state, OneSentinel::Id('3'), one.now, one.out);
  CHECK_FALSE(FieldIsTaken(one.master(), one.now));
}

TEST_CASE("pre-vote: granted as the vote would be, unless a leader has the field") {
  OneSentinel one;
  Peer& peer = one.AddPeerWith('2');
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{1}, kA, one.now) == PreVote::kYes);
  CHECK(one.state.current_epoch == Epoch{0});
  CastVote(one.state, one.master(), {Epoch{1}, peer.run_id}, one.now, one.out);
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{1}, kA, one.now) == PreVote::kNo);
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{2}, kA, one.now) == PreVote::kNo);
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{2}, peer.run_id, one.now) == PreVote::kYes);
  one.Wait(base::Millis(10000));
  CHECK(AnswerPreVote(one.state, kMaster, Epoch{2}, kA, one.now) == PreVote::kYes);
}

TEST_CASE("leading: prolongs the field, but not beyond failover-timeout") {
  OneSentinel one;
  Peer& peer = one.AddPeerWith('2');
  peer.words = {"leading"};
  one.master().failover_timeout = base::Millis(5000);
  const base::Endpoint replica{"127.0.0.1", 7001};
  CastVote(one.state, one.master(), {Epoch{1}, peer.run_id}, one.now, one.out);
  for (int second = 0; second < 4; ++second) {
    one.Wait(base::Millis(1000));
    ApplyLeading(one.state, kMaster, Epoch{1}, peer.run_id, replica, one.now, one.out);
  }
  CHECK(one.master().led_replica == replica);
  one.Wait(base::Millis(900));
  CHECK(FieldIsTaken(one.master(), one.now));
  one.Wait(base::Millis(200));
  ApplyLeading(one.state, kMaster, Epoch{1}, peer.run_id, replica, one.now, one.out);
  CHECK_FALSE(FieldIsTaken(one.master(), one.now));
}

namespace {
// Two peers that can be asked; we have begun to stand.
void StandWith(OneSentinel& one, std::initializer_list<char> peers) {
  for (const char digit : peers) {
    Peer& peer = one.AddPeerWith(digit);
    OneSentinel::BringUp(peer.command, one.now.mono);
  }
  one.master().liveness.down_since = one.now.mono;
  one.master().objective_down_since = one.now.mono;
  one.out.clear();
  Stand(one.state, one.master(), false, one.now, one.out);
}
void HearVote(OneSentinel& one, char from, const base::RunId& leader, Epoch epoch) {
  one.master().sentinels.at(OneSentinel::Id(from)).vote = Vote{epoch, leader, 0};
  CountVotes(one.state, one.master(), one.now, one.out);
}
}  // namespace

TEST_CASE("election: our own vote counts when it is durable, and not before") {
  OneSentinel one;
  StandWith(one, {'2', '3'});
  HearVote(one, '2', one.state.my_id, Epoch{1});
  CHECK(one.master().failover.stage == Stage::kWaitStart);
  one.Feed(StateSaved{one.state.newest_change, true, ""});
  CHECK(one.Has("+elected-leader"));
}

TEST_CASE("election: votes of another epoch than ours do not count") {
  OneSentinel one;
  StandWith(one, {'2', '3', '4', '5'});
  one.state.durable_change = one.state.newest_change;
  one.state.current_epoch = Epoch{7};  // raised by another master's election
  HearVote(one, '2', one.state.my_id, Epoch{1});
  CHECK(one.master().failover.stage == Stage::kWaitStart);
  HearVote(one, '3', one.state.my_id, Epoch{1});
  CHECK(one.Has("+elected-leader"));
}

TEST_CASE("election: a majority is of all ever known, and the quorum must be met too") {
  OneSentinel one(3);
  StandWith(one, {'2', '3', '4'});
  one.state.durable_change = one.state.newest_change;
  HearVote(one, '2', one.state.my_id, Epoch{1});
  CHECK_FALSE(one.Has("+elected-leader"));
  HearVote(one, '3', one.state.my_id, Epoch{1});
  CHECK(one.Has("+elected-leader"));
}

TEST_CASE("election: lost to another, whose field it then is; a split is retried within 600 ms") {
  OneSentinel lost;
  StandWith(lost, {'2', '3'});
  lost.state.durable_change = lost.state.newest_change;
  HearVote(lost, '2', OneSentinel::Id('2'), Epoch{1});
  HearVote(lost, '3', OneSentinel::Id('2'), Epoch{1});
  CHECK(lost.Has("-failover-abort-not-elected"));
  CHECK(FieldIsTaken(lost.master(), lost.now));

  OneSentinel split;
  StandWith(split, {'2', '3'});
  split.state.durable_change = split.state.newest_change;
  HearVote(split, '2', OneSentinel::Id('2'), Epoch{1});
  CHECK_FALSE(split.Has("-failover-abort-not-elected"));
  HearVote(split, '3', OneSentinel::Id('3'), Epoch{1});
  CHECK(split.Has("-failover-abort-not-elected"));
  CHECK_FALSE(FieldIsTaken(split.master(), split.now));
  const auto wait = split.master().stand_after - split.now.mono;
  CHECK(wait >= base::Millis(200));
  CHECK(wait <= base::Millis(600));
}

TEST_CASE("election: of many masters each sentinel comes first for its share, in an order that all compute alike") {
  OneSentinel one, two, three;
  two.state.my_id = OneSentinel::Id('2');
  three.state.my_id = OneSentinel::Id('3');
  const auto meet = [](OneSentinel& of, char a, char b) {
    for (const char digit : {a, b}) {
      Peer& peer = of.AddPeerWith(digit);
      peer.words = {"down-push"};
      OneSentinel::BringUp(peer.command, of.now.mono);
    }
  };
  meet(one, '2', '3');
  meet(two, '1', '3');
  meet(three, '1', '2');
  std::array<int, 3> first{};
  for (int i = 0; i < 300; ++i) {
    const std::string name = "shard-" + std::to_string(i);
    std::array<int, 3> ranks{};
    std::size_t at = 0;
    for (OneSentinel* sentinel : {&one, &two, &three}) {
      sentinel->master().name = name;
      ranks[at++] = RankOf(sentinel->state, sentinel->master());
      sentinel->master().name = "mymaster";
    }
    ++first[static_cast<std::size_t>(std::ranges::find(ranks, 0) - ranks.begin())];
    std::ranges::sort(ranks);
    CHECK(ranks == std::array{0, 1, 2});
  }
  for (const int share : first) CHECK(share > 60);
}

TEST_CASE("election: from the third failover within a minute on, the next waits, twice as long each time") {
  OneSentinel one;
  Master& master = one.master();
  const std::vector<int> waits = {0, 0, 1000, 2000, 4000};
  for (const int wait : waits) {
    NoteFailover(master, one.now);
    CHECK(BackOffOf(master, one.now) == base::Millis(wait));
    one.Wait(base::Millis(wait + 100));
    CHECK(BackOffOf(master, one.now) == base::Millis(0));
  }
  for (int i = 0; i < 10; ++i) NoteFailover(master, one.now);
  CHECK(BackOffOf(master, one.now) == base::Millis(60000));
  one.Wait(base::Millis(130000));
  NoteFailover(master, one.now);
  CHECK(BackOffOf(master, one.now) == base::Millis(0));
}
