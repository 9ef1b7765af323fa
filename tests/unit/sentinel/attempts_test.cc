// Attempts: when one may begin, and that it ends when its cause has.
#include <doctest/doctest.h>

#include "sentinel/core/conflict.h"
#include "sentinel/core/election.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/manual_failover.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

// Speaks all words, and its link is up.
void AddOurs(OneSentinel& one, char digit) {
  Peer& peer = one.AddPeerWith(digit);
  for (const std::string_view word : OwnWords()) peer.words.insert(std::string(word));
  peer.words_known = true;
  OneSentinel::BringUp(peer.command, one.now.mono);
}

}  // namespace

TEST_CASE("pre-vote: a master that is back before the answers are is no cause to stand any more") {
  OneSentinel one;
  for (const char digit : {'2', '3'}) AddOurs(one, digit);
  Peer& peer = one.state.peers.at(OneSentinel::Id('2'));
  one.master().mend = Mend::kRestore;
  StandDue(one.state, one.master(), one.now, one.out);
  const std::uint64_t serial = one.master().pre_vote.serial;
  REQUIRE(serial != 0);
  one.master().mend = Mend::kNone;
  TakePreVote(one.state, peer, Command{Request::kPreVote, "mymaster", serial, {}}, ReplyValue::Integer(1), one.now,
              one.out);
  CHECK_FALSE(one.master().failover.active());
  CHECK(one.state.current_epoch.value == 0);
  CHECK(one.master().pre_vote.serial == 0);
}

TEST_CASE("conflict: without a majority in reach the epoch stays") {
  OneSentinel one;
  for (const char digit : {'2', '3', '4', '5'}) one.AddPeerWith(digit);
  OneSentinel::BringUp(one.state.peers.at(OneSentinel::Id('2')).command, one.now.mono);
  one.AddReplicaAt(7001);
  ApplyHello(one.state, "127.0.0.1,26002," + std::string(40, '2') + ",0,mymaster,127.0.0.1,7001,0", InstanceId::kNone,
             one.now, one.out);
  REQUIRE(one.Has("-config-epoch-conflict"));
  ConflictDue(one.state, one.master(), one.now, one.out);
  CHECK(one.state.current_epoch.value == 0);
  for (const char digit : {'3', '4'}) {
    OneSentinel::BringUp(one.state.peers.at(OneSentinel::Id(digit)).command, one.now.mono);
  }
  ConflictDue(one.state, one.master(), one.now, one.out);
  CHECK(one.state.current_epoch.value == 1);
}

TEST_CASE("mending: an attempt ends when the master is one again before anything irreversible") {
  OneSentinel one;
  Master& master = one.master();
  master.failover.stage = Stage::kSelectReplica;
  master.failover.mend = Mend::kPublish;
  master.mend = Mend::kPublish;
  one.AddReplicaAt(7001);
  master.failover.target = {"127.0.0.1", 7001};
  OneSentinel::BringUp(master.replicas.begin()->second.command, one.now.mono);
  AdvanceFailover(one.state, master, one.now, one.out);
  CHECK(master.failover.active());
  master.mend = Mend::kNone;
  AdvanceFailover(one.state, master, one.now, one.out);
  CHECK_FALSE(master.failover.active());
  CHECK(one.Has("-failover-abort-master-back"));
}

TEST_CASE("candidates: answers of a connection that is gone count no more") {
  OneSentinel one;
  Replica& replica = one.AddReplicaAt(7001);
  one.Feed(LinkUp{replica.command.id, "127.0.0.1"});
  replica.first_read = replica.second_read = Replica::Read{one.now.mono, {}};
  one.Feed(LinkDown{replica.command.id, LinkDown::Reason::kClosed, "closed by the peer"});
  CHECK_FALSE(replica.first_read.has_value());
  CHECK_FALSE(replica.second_read.has_value());
}

TEST_CASE("manual: while the state cannot be saved it is refused, and does not hang") {
  OneSentinel one;
  one.state.save_failing = true;
  const auto started = StartManualFailover(one.state, one.master(), ManualWish{}, one.now, one.out);
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().text.find("cannot be saved") != std::string::npos);
  CHECK_FALSE(one.master().failover.active());
}
