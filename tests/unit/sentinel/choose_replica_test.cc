#include "sentinel/core/choose_replica.h"

#include <doctest/doctest.h>

#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

const base::ReplicationId kOld{std::string(40, 'a')};
const base::ReplicationId kNew{std::string(40, 'b')};

struct Contest : OneSentinel {
  Contest() {
    master().info.replid = kOld;
    master().liveness.down_since = now.mono;
  }
  // A replica that has answered twice, equal to the others but for what the test changes.
  InfoReport& Add(std::uint16_t port) {
    Replica& replica = AddReplicaAt(port);
    BringUp(replica.command, now.mono);
    InfoReport info;
    info.role = Role::kReplica;
    info.run_id = Id(static_cast<char>('0' + port % 10));
    info.master = master().address;
    info.offset = 1000;
    info.master_offset = 1000;
    info.replid = kOld;
    info.keys = 5;
    replica.info = info;
    replica.info_at = now.mono;
    replica.first_read = Replica::Read{now.mono, info};
    replica.second_read = Replica::Read{now.mono, info};
    return replica.second_read->info;
  }
  std::vector<Candidate> Rank(Evidence evidence = Evidence::kTwoReads) {
    return RankReplicas(state, master(), evidence, now.mono);
  }
  std::uint16_t Best() {
    const auto ranked = Rank();
    const Candidate* best = BestOf(ranked);
    return best == nullptr ? std::uint16_t{0} : best->address.port;
  }
  Replica& At(std::uint16_t port) { return master().replicas.at(base::Endpoint{"127.0.0.1", port}); }
  std::string Against(std::uint16_t port) {
    for (const Candidate& candidate : Rank()) {
      if (candidate.address.port == port) return candidate.against;
    }
    return "unknown";
  }
};

}  // namespace

TEST_CASE("choice: priority first, then offset, then the smaller run id") {
  Contest contest;
  contest.Add(7001);
  contest.Add(7002);
  CHECK(contest.Best() == 7001);
  contest.At(7002).second_read->info.offset = 2000;
  CHECK(contest.Best() == 7002);
  contest.At(7001).second_read->info.priority = 10;
  CHECK(contest.Best() == 7001);
}

TEST_CASE("choice: reasons against a replica, one at a time") {
  struct Case {
    const char* reason;
    void (*spoil)(Contest&, Replica&);
  };
  const std::vector<Case> cases = {
      {"it is down", [](Contest& f, Replica& r) { r.liveness.down_since = f.now.mono; }},
      {"there is no connection to it", [](Contest&, Replica& r) { r.command.stage = Link::Stage::kDown; }},
      {"it refuses our password",
       [](Contest& f, Replica& r) {
         r.conduct.auth_failed = "WRONGPASS invalid username-password pair or user is disabled.";
         r.liveness.answered_at = f.now.mono + base::Millis(1);
       }},
      {"it has not answered PING lately",
       [](Contest& f, Replica& r) { r.liveness.proof_at = f.now.mono - base::Millis(5001); }},
      {"it has not answered twice", [](Contest&, Replica& r) { r.second_read.reset(); }},
      {"its priority is 0", [](Contest&, Replica& r) { r.second_read->info.priority = 0; }},
      {"it is loading its data", [](Contest&, Replica& r) { r.second_read->info.loading = true; }},
      {"it applies late", [](Contest&, Replica& r) { r.second_read->info.delayed = true; }},
      {"it lost its master 11000 ms ago",
       [](Contest&, Replica& r) { r.second_read->info.master_link_down_for = base::Millis(11000); }},
  };
  for (const Case& spoiled : cases) {
    Contest contest;
    contest.Add(7001);
    spoiled.spoil(contest, contest.At(7001));
    CHECK(contest.Against(7001) == spoiled.reason);
    CHECK(contest.Best() == 0);
  }
}

// A master that restarted with an old configuration may follow its own replica: neither has a link then, for as long as
// nobody decides.
TEST_CASE("choice: a master that has become a replica is no master to have a link to") {
  Contest contest;
  contest.Add(7001);
  contest.At(7001).second_read->info.master_link_down_for = base::Millis(20'000);
  CHECK(contest.Best() == 0);
  contest.master().role_reported = Role::kReplica;
  contest.master().role_reported_at = contest.now.mono - base::Millis(20'000);
  CHECK(contest.Best() == 7001);
}

TEST_CASE("choice: how old INFO may be does not depend on how often it is asked") {
  Contest contest;
  contest.Add(7001);
  contest.state.periods.info = base::Millis(100);
  contest.At(7001).info_at = contest.now.mono - base::Millis(29000);
  CHECK(BestOf(contest.Rank(Evidence::kAnyInfo)) != nullptr);
  contest.At(7001).info_at = contest.now.mono - base::Millis(30001);
  CHECK(contest.Rank(Evidence::kAnyInfo)[0].against == "it has not answered INFO lately");
}

TEST_CASE("choice: empty while another holds data, unless it is simply ahead") {
  Contest contest;
  InfoReport& empty = contest.Add(7001);
  contest.Add(7002);
  empty.priority = 1;
  empty.keys = 0;
  empty.offset = 10;
  CHECK(contest.Against(7001) == "it is empty while another holds data");
  CHECK(contest.Best() == 7002);
  contest.At(7001).second_read->info.offset = 1200;  // has applied a FLUSHALL that the other has not seen
  CHECK(contest.Best() == 7001);
  contest.At(7002).liveness.down_since = contest.now.mono;
  contest.At(7001).second_read->info.offset = 0;
  CHECK(contest.Best() == 7001);  // nobody else is left
}

TEST_CASE("choice: a replica of an older history that went on beyond the fork is left out") {
  Contest contest;
  InfoReport& older = contest.Add(7001);
  contest.Add(7002);
  older.offset = 5000;
  InfoReport& newer = contest.At(7002).second_read->info;
  newer.replid = kNew;
  newer.replid2 = kOld;
  newer.second_offset = 3000;
  CHECK(contest.Against(7001) == "another holds a newer history");
  CHECK(contest.Best() == 7002);
  contest.At(7001).second_read->info.offset = 2999;
  contest.At(7001).second_read->info.priority = 1;
  CHECK(contest.Best() == 7001);  // merely behind
}

TEST_CASE("choice: one that lost its master long before another did is left out") {
  Contest contest;
  contest.Add(7001).master_link_down_for = base::Millis(10001);
  contest.Add(7002);
  contest.master().liveness.down_since = contest.now.mono - base::Millis(60000);
  contest.At(7001).second_read->info.priority = 1;
  CHECK(contest.Against(7001) == "it lost its master long before another did");
  contest.At(7001).second_read->info.master_link_down_for = base::Millis(9999);
  CHECK(contest.Best() == 7001);
}

TEST_CASE("choice: what a predecessor promoted comes first, then what it said it would promote") {
  Contest contest;
  contest.Add(7001).offset = 9000;
  contest.Add(7002);
  contest.Add(7003);
  contest.master().led_replica = base::Endpoint{"127.0.0.1", 7003};
  CHECK(contest.Best() == 7003);
  InfoReport& promoted = contest.At(7002).second_read->info;
  promoted.role = Role::kMaster;
  promoted.replid = kNew;
  promoted.replid2 = kOld;
  promoted.master_offset = 1010;
  promoted.second_offset = 9500;
  CHECK(contest.Best() == 7002);
  CHECK(contest.Rank()[0].offset == 1010);
}
