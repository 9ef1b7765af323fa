#include "sentinel/core/fast_fail.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "sentinel/core/extensions.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;
using base::Millis;

namespace {

// fast-fail 200, a peer of ours, quorum 2, an established link to the master.
struct Refused : OneSentinel {
  explicit Refused(int fast_fail = 200) : OneSentinel(2) {
    master().fast_fail = Millis(fast_fail);
    Peer& peer = AddPeerWith('2');
    peer.words = {std::string(kDownPush), std::string(kRefusedPush)};
    peer.words_known = true;
    BringUp(peer.command, now.mono);
    Feed(LinkUp{master().command.id, "127.0.0.1"});
    Run(Millis(30));
    out.clear();
  }
  void Lose() { Feed(LinkDown{master().command.id, LinkDown::Reason::kClosed, "closed by the peer"}); }
  // For `length`, every attempt to connect ends for `reason` in the moment in which it is made. Returns how many.
  int Try(Millis length, LinkDown::Reason reason = LinkDown::Reason::kRefused) {
    int attempts = 0;
    const base::MonoTime end = now.mono + length;
    Actions all;
    while (now.mono < end) {
      out.clear();
      Run(Millis(1));
      all.insert(all.end(), out.begin(), out.end());
      if (master().command.stage != Link::Stage::kConnecting) continue;
      ++attempts;
      Feed(LinkDown{master().command.id, reason, "refused"});
      all.insert(all.end(), out.begin(), out.end());
    }
    out = std::move(all);
    return attempts;
  }
  void PeerFinds(bool refused) { ApplyRefusedPush(state, master().address, refused, Id('2'), now, out); }
  int Pushed(const std::string& word) const {
    int pushed = 0;
    for (const Action& action : out) {
      const auto* send = std::get_if<Send>(&action);
      if (send == nullptr) continue;
      for (const Command& command : send->batch) {
        pushed += command.words.size() > 4 && command.words[1] == "REFUSED-PUSH" && command.words[4] == word;
      }
    }
    return pushed;
  }
};

}  // namespace

TEST_CASE("fast-fail: refused for that long, and a quorum of ours finds the same: down at once, by that cause") {
  Refused one;
  one.Lose();
  CHECK(one.Try(Millis(195)) >= 9);  // it keeps trying at a fine pace
  one.PeerFinds(true);
  CHECK_FALSE(one.master().liveness.down());
  CHECK(one.Pushed("1") == 0);
  one.Try(Millis(10));
  CHECK(one.Pushed("1") == 1);
  CHECK(one.Has("+sdown"));
  CHECK(one.master().down_cause == DownCause::kRefused);
  // Each second again, as long as it lasts.
  one.Try(Millis(2100));
  CHECK(one.Pushed("1") == 2);
}

TEST_CASE("fast-fail: without the others it is nothing") {
  Refused one;
  one.Lose();
  one.Try(Millis(500));
  CHECK_FALSE(one.master().liveness.down());
  one.PeerFinds(true);
  CHECK(one.master().liveness.down());
  one.PeerFinds(false);
  CHECK_FALSE(one.master().liveness.down());
}

TEST_CASE("fast-fail: what a peer said long ago does not count") {
  Refused one(2000);
  one.master().down_after = Millis(30000);
  one.Lose();
  one.PeerFinds(true);
  one.Try(Millis(1000));
  one.Wait(Millis(5000));
  one.Try(Millis(1000));
  CHECK(one.master().refusal.told_at.has_value());
  CHECK_FALSE(one.master().liveness.down());
}

TEST_CASE("fast-fail: a connection in between, or an attempt that ends otherwise, begins the time anew") {
  Refused one;
  one.Lose();
  one.PeerFinds(true);
  one.Try(Millis(150));
  one.Try(Millis(40), LinkDown::Reason::kUnreachable);
  one.Try(Millis(150));
  CHECK_FALSE(one.master().liveness.down());
  one.Try(Millis(200));
  CHECK(one.master().liveness.down());
  // The cause is gone when somebody accepts.
  one.Run(Millis(100));
  REQUIRE(one.master().command.stage == Link::Stage::kConnecting);
  one.Feed(LinkUp{one.master().command.id, "127.0.0.1"});
  CHECK_FALSE(one.master().liveness.down());
  CHECK(one.Has("-sdown"));
  CHECK(one.Pushed("0") == 1);
}

TEST_CASE("fast-fail: a port that never let us in, a link that hangs, and 0 are not it") {
  Refused never;
  never.master().command.down_at.reset();
  never.Feed(LinkDown{never.master().command.id, LinkDown::Reason::kRefused, "refused"});
  never.master().command.down_at.reset();
  never.PeerFinds(true);
  never.Try(Millis(400));
  CHECK_FALSE(never.master().liveness.down());

  Refused hangs;
  hangs.Lose();
  hangs.PeerFinds(true);
  hangs.Run(Millis(800));  // attempts are made, and nothing is heard of them
  CHECK_FALSE(hangs.master().liveness.down());

  Refused off(0);
  off.Lose();
  off.PeerFinds(true);
  off.Try(Millis(900));
  CHECK_FALSE(off.master().liveness.down());
  CHECK(FastFailOffBecause(off.state, off.master()) == "fast-fail is 0");
}

TEST_CASE("fast-fail: unreachable at once is not tried in a tight loop") {
  Refused one;
  one.Lose();
  CHECK(one.Try(Millis(200), LinkDown::Reason::kUnreachable) <= 6);
}

TEST_CASE("fast-fail: a stock voter switches it off, and it says so") {
  Refused one;
  CHECK_FALSE(FastFailOffBecause(one.state, one.master()).has_value());
  one.AddPeerWith('3');
  CHECK(FastFailOffBecause(one.state, one.master()) ==
        "sentinel " + std::string(40, '3') + " does not speak refused-push");
  one.Lose();
  one.PeerFinds(true);
  one.Try(Millis(500));
  CHECK_FALSE(one.master().liveness.down());
}

TEST_CASE("fast-fail: a replica that still hears the master speaks against it") {
  Refused one;
  Replica& replica = one.AddReplicaAt(7001);
  OneSentinel::BringUp(replica.command, one.now.mono);
  one.out.clear();
  one.Lose();
  one.PeerFinds(true);
  one.Try(Millis(120));
  replica.info.role = Role::kReplica;
  replica.info.master = one.master().address;
  replica.info.master_link_up = true;
  replica.info_at = one.now.mono;
  one.Try(Millis(200));
  CHECK(one.master().refusal.told_at.has_value());
  CHECK_FALSE(one.master().liveness.down());
  CHECK(replica.info_asked_at.has_value());  // it is asked again
  replica.info.master_link_up = false;
  one.Try(Millis(30));
  CHECK(one.master().liveness.down());
}

TEST_CASE("fast-fail: time in which our own loop stood still does not count") {
  Refused one;
  one.Lose();
  one.PeerFinds(true);
  one.Try(Millis(50));
  one.Wait(Millis(1000));
  one.Feed(Stalled{Millis(1000)});
  one.Try(Millis(100));
  CHECK_FALSE(one.master().liveness.down());
}
