#include "sentinel/core/health.h"

#include <doctest/doctest.h>

#include "sentinel/core/links.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/roles.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;
using base::Millis;

namespace {
ReplyValue Status(const char* text) {
  return ReplyValue::Status(text);
}
}  // namespace

TEST_CASE("health: masters are pinged twenty times per down-after, 10 ms to 1 s apart; others four times") {
  OneSentinel one;
  Replica& replica = one.AddReplicaAt(7001);
  const auto period = [&](int down_after, bool master) {
    one.master().down_after = Millis(down_after);
    return PingPeriod(master ? WatchedOf(one.master()) : WatchedOf(one.master(), replica)).count();
  };
  CHECK(period(1000, true) == 50);
  CHECK(period(100, true) == 10);
  CHECK(period(30000, true) == 1000);
  CHECK(period(1000, false) == 250);
  CHECK(period(30000, false) == 1000);
}

TEST_CASE("health: +PONG, -LOADING and -MASTERDOWN are proofs of life, everything else is not") {
  CHECK(IsProofOfLife(Status("PONG")));
  CHECK(IsProofOfLife(ReplyValue::Error("LOADING Redis is loading the dataset in memory")));
  CHECK(IsProofOfLife(ReplyValue::Error("MASTERDOWN Link with MASTER is down")));
  CHECK_FALSE(IsProofOfLife(ReplyValue::Error("MISCONF Redis is configured to save RDB snapshots")));
  CHECK_FALSE(IsProofOfLife(ReplyValue::Error("NOAUTH Authentication required.")));
  CHECK_FALSE(IsProofOfLife(ReplyValue::Error("BUSY Redis is busy")));
  CHECK_FALSE(IsProofOfLife(ReplyValue::String("PONG")));
}

TEST_CASE("health: down exactly down-after behind the last proof of life") {
  OneSentinel one;
  one.Run(Millis(400));
  TakePong(one.state, WatchedOf(one.master()), Status("PONG"), one.now, one.out);
  one.out.clear();
  one.Run(Millis(999));
  CHECK_FALSE(one.Has("+sdown"));
  one.Run(Millis(1));
  CHECK(one.Has("+sdown"));
  CHECK(one.Events().back() == "+sdown master mymaster 127.0.0.1 7000");
  one.out.clear();
  TakePong(one.state, WatchedOf(one.master()), ReplyValue::Error("MISCONF x"), one.now, one.out);
  CHECK(one.master().liveness.down());
  TakePong(one.state, WatchedOf(one.master()), Status("PONG"), one.now, one.out);
  CHECK(one.Has("-sdown"));
}

TEST_CASE("health: time in which our own loop stood still is not held against anybody") {
  OneSentinel one;
  one.Run(Millis(900));
  one.Wait(Millis(3000));
  one.Feed(Stalled{Millis(3000)});
  CHECK(one.Has("+tilt"));
  one.Run(Millis(99));
  CHECK_FALSE(one.Has("+sdown"));
  one.Run(Millis(1));
  CHECK(one.Has("+sdown"));
  one.Run(Millis(30000));
  CHECK(one.Has("-tilt"));
}

TEST_CASE("health: after a stall an INFO does not make a master down whose PONG waits behind it") {
  OneSentinel one;
  Master& master = one.master();
  one.Feed(LinkUp{master.command.id, "127.0.0.1"});
  one.Wait(Millis(5000));
  // Even if nobody had told of the stall: both answers are in the socket, and they are read one after the other.
  const auto asked = static_cast<std::uint64_t>((one.now.mono - Millis(5000)).time_since_epoch().count());
  one.Feed(ReplyArrived{master.command.id, Command{Request::kInfo, "mymaster", asked, {}},
                        ReplyValue::String("role:master\r\n")});
  CHECK_FALSE(one.Has("+sdown"));
  one.Feed(ReplyArrived{master.command.id, Command{Request::kPing, "", 0, {}}, Status("PONG")});
  one.Feed(Deadline{});
  CHECK_FALSE(one.Has("+sdown"));
  CHECK_FALSE(master.liveness.down());
}

TEST_CASE("health: a stall of ours does not bring a master back that counts as down") {
  OneSentinel one;
  one.Run(Millis(1000));
  REQUIRE(one.master().liveness.down());
  one.Wait(Millis(900));
  one.Feed(Stalled{Millis(900)});
  ReviewDown(one.state, WatchedOf(one.master()), one.now, one.out);
  CHECK(one.master().liveness.down());
}

TEST_CASE("stall: a wall clock that jumps is shown as TILT and changes nothing else") {
  for (const int jump : {-3600'000, 3600'000}) {
    OneSentinel one;
    one.Run(Millis(900));
    one.Feed(Deadline{});
    one.now.wall += Millis(jump);
    one.Feed(Deadline{});
    CHECK(one.Has("+tilt"));
    CHECK(one.state.total_tilt == 1);
    CHECK_FALSE(one.master().liveness.down());
    one.Run(Millis(99));
    CHECK_FALSE(one.master().liveness.down());
    one.Run(Millis(1));  // to the millisecond, as if nothing had happened
    CHECK(one.master().liveness.down());
    one.Run(Millis(30000));
    CHECK(one.Has("-tilt"));
    CHECK(one.state.total_tilt == 1);
  }
}

TEST_CASE("stall: what is about to be looked at for the last time is asked once more, after a stall and after a jump") {
  for (const bool jump : {false, true}) {
    OneSentinel one;
    Replica& replica = one.AddReplicaAt(7001);
    OneSentinel::BringUp(replica.command, one.now.mono);
    one.AddPeerWith('2');
    one.Run(Millis(1000));
    Master& master = one.master();
    REQUIRE(master.liveness.down());
    replica.liveness.down_since.reset();
    master.failover.stage = Stage::kSendPromotion;
    master.failover.epoch = master.vote.epoch = one.state.current_epoch = base::Epoch{1};
    master.vote.candidate = one.state.my_id;
    master.failover.promoted = replica.id;
    master.failover.last_look.serial = one.state.last_serial = 77;
    master.failover.last_look.yes = {OneSentinel::Id('3')};
    one.state.timers.Set(TimerKey{master.id, TimerKind::kFailoverTimeout, 0}, one.now.mono + Millis(9999));
    if (jump) {
      one.now.wall += Millis(150);
      one.Feed(Deadline{});
    } else {
      one.Wait(Millis(60));
      one.Feed(Stalled{Millis(60)});
    }
    CHECK(master.failover.last_look.serial > 77);
    CHECK(master.failover.last_look.yes.empty());
  }
}

TEST_CASE("health: a master that calls itself a replica is down after down-after and two INFO periods") {
  OneSentinel one;
  one.master().role_reported = Role::kReplica;
  one.master().role_reported_at = one.now.mono;
  for (int i = 0; i < 21000 - 100; i += 100) {
    one.Run(Millis(100));
    one.master().liveness.proof_at = one.now.mono;
  }
  CHECK_FALSE(one.master().liveness.down());
  one.Run(Millis(100));
  JudgeDown(one.state, WatchedOf(one.master()), one.now, one.out);
  CHECK(one.master().liveness.down());
  CHECK(one.master().down_cause == DownCause::kRoleMismatch);
}

TEST_CASE("health: one PING at a time, and a link that seems half-open is dropped") {
  OneSentinel one;
  Master& master = one.master();
  const LinkId link = master.command.id;
  one.Feed(LinkUp{link, "127.0.0.1"});
  CHECK(master.command.pings == 1);
  one.Run(Millis(500));
  CHECK(master.command.pings == 1);
  master.down_after = Millis(1000);
  one.Run(Millis(1300));
  CHECK(master.command.id == link);
  one.Run(Millis(700));
  CHECK(master.command.id != link);  // nothing came for twice down-after
}

TEST_CASE("health: a link that seems half-open is not dropped more often than every 15 s when down-after is long") {
  OneSentinel one;
  Master& master = one.master();
  const LinkId link = master.command.id;
  one.Feed(LinkUp{link, "127.0.0.1"});
  master.down_after = Millis(20000);
  one.Run(Millis(14500));
  CHECK(master.command.id == link);
  one.Run(Millis(2000));
  CHECK(master.command.id != link);
}

TEST_CASE("health: a young link over which nothing comes is kept for a second, however short down-after is") {
  OneSentinel one;
  Master& master = one.master();
  const LinkId link = master.command.id;
  master.down_after = Millis(100);
  one.Feed(LinkUp{link, "127.0.0.1"});
  one.Run(Millis(900));
  CHECK(master.command.id == link);
  one.Run(Millis(300));
  CHECK(master.command.id != link);
}

TEST_CASE("health: a PONG with another PING still under way does not hide that its link dies") {
  OneSentinel one;
  Master& master = one.master();
  const LinkId link = master.command.id;
  one.Feed(LinkUp{link, "127.0.0.1"});
  master.command.up_at = one.now.mono - Millis(20000);
  master.liveness.pinged_at = one.now.mono;
  SendOne(master.command, Command{Request::kLastPing, "mymaster", 1, {"PING"}}, 0, one.out);
  one.Feed(ReplyArrived{link, Command{Request::kPing, "", 0, {}}, Status("PONG")});
  CHECK(master.command.pings == 1);
  CHECK(master.command.id == link);
  one.Run(Millis(700));
  CHECK(master.command.id != link);
}

TEST_CASE("quorum: opinions count for five ask periods, and only while we ourselves see it down") {
  OneSentinel one(2);
  Peer& peer = one.AddPeerWith('2');
  Opinion& opinion = one.master().sentinels.at(peer.run_id);
  NoteOpinion(one.state, one.master(), opinion, true, one.now, one.out);
  CHECK_FALSE(one.Has("+odown"));
  one.Run(Millis(1000));
  CHECK(one.Has("+sdown"));
  const std::vector<std::string> events = one.Events();
  CHECK(std::count(events.begin(), events.end(), "+odown master mymaster 127.0.0.1 7000 #quorum 2/2") == 1);
  one.out.clear();
  one.Run(Millis(3999));
  CHECK_FALSE(one.Has("-odown"));
  one.Run(Millis(1));
  CHECK(one.Has("-odown"));
}

TEST_CASE("quorum: usable are those that are not down") {
  OneSentinel one(2);
  Peer& peer = one.AddPeerWith('2');
  one.AddPeerWith('3');
  QuorumReport report = CheckQuorum(one.state, one.master());
  CHECK(report.usable == 3);
  CHECK(report.quorum_reachable);
  CHECK(report.majority_reachable);
  peer.liveness.down_since = one.now.mono;
  one.state.peers.at(OneSentinel::Id('3')).liveness.down_since = one.now.mono;
  report = CheckQuorum(one.state, one.master());
  CHECK(report.usable == 1);
  CHECK_FALSE(report.quorum_reachable);
  CHECK_FALSE(report.majority_reachable);
}

TEST_CASE("links: the first words on a connection, and the renamed ones") {
  OneSentinel one;
  Master& master = one.master();
  master.auth_user = "u";
  master.auth_pass = "p";
  master.renamed_commands["PING"] = "PONGPLEASE";
  one.Feed(LinkUp{master.command.id, "127.0.0.1"});
  std::vector<std::string> sent;
  for (const Action& action : one.out) {
    const auto* send = std::get_if<Send>(&action);
    if (send == nullptr) continue;
    for (const Command& command : send->batch) {
      std::string line;
      for (const std::string& word : command.words) line += (line.empty() ? "" : " ") + word;
      sent.push_back(line);
    }
  }
  REQUIRE(sent.size() >= 4);
  CHECK(sent[0] == "AUTH u p");
  CHECK(sent[1] == "CLIENT SETNAME sentinel-11111111-cmd");
  CHECK(sent[2] == "INFO");
  CHECK(sent[3] == "PONGPLEASE");
}

TEST_CASE("links: a refused connection is tried again after a tenth of a second, a hanging one after a second") {
  OneSentinel one;
  const LinkId first = one.master().command.id;
  one.Feed(LinkDown{first, LinkDown::Reason::kRefused, "refused"});
  one.Run(Millis(99));
  CHECK(one.master().command.id == LinkId::kNone);
  one.Run(Millis(1));
  const LinkId second = one.master().command.id;
  CHECK(second != LinkId::kNone);
  CHECK(second != first);
  one.Run(Millis(999));
  CHECK(one.master().command.id == second);
  one.Run(Millis(1));
  CHECK(one.master().command.id != second);
}

TEST_CASE("roles: a change of master is one transaction that waits for what it rests on") {
  OneSentinel one;
  Replica& replica = one.AddReplicaAt(7001);
  OneSentinel::BringUp(replica.command, one.now.mono);
  one.out.clear();
  const base::Endpoint to{"10.0.0.5", 6379};
  SendSlaveOf(one.master(), replica, &to, 7, one.now, one.out);
  REQUIRE(one.out.size() == 1);
  const auto& send = std::get<Send>(one.out[0]);
  CHECK(send.change == 7);
  REQUIRE(send.batch.size() == 7);
  CHECK(send.batch[1].words == std::vector<std::string>{"SLAVEOF", "10.0.0.5", "6379"});
  CHECK(send.batch[5].words == std::vector<std::string>{"EXEC"});
  CHECK(send.batch[6].request == Request::kInfo);
}
