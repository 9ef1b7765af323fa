// A planned failover while the master works: it hands over what it has before another is promoted, so that nothing
// that it acknowledged is lost. One function per stage; the stages are those of HandoverStage.
//
// Everything is said to the master on a link of its own that never carries a hello, and no hello goes to that node
// meanwhile: PUBLISH waits behind a pause, and everything behind PUBLISH on its link as well.
//
// Source: spec/decisions.md A6.
#pragma once

#include <string_view>

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

// What stands behind SENTINEL FAILOVER <name>.
struct ManualWish {
  bool coordinated = false;             // COORDINATED: never without the master's help
  bool force = false;                   // FORCE: without it, and whatever another sentinel is doing
  base::Endpoint target;                // TO; empty: the best replica
  std::optional<base::Millis> timeout;  // TIMEOUT; empty: failover-timeout
};

// The gentlest method that the rights allow at a master that reports `info`.
HandoverMethod ChooseMethod(bool may_failover, bool may_pause, const InfoReport& info);
// "by FAILOVER of the node" ...: the words of +failover-mode.
std::string_view MethodName(HandoverMethod method);

// The attempt has begun: connects to the master and asks what we may do there. When the wish or the state of the master
// forbid a hand-over, only says so (+failover-mode forced).
void BeginHandover(State& state, Master& master, const ManualWish& wish, const base::Now& now, Actions& out);

// In Stage::kSendPromotion: may the last look go out? It may when nothing is planned, and when the replica is but
// moments behind; meanwhile this makes the stages go on.
bool HandoverAllowsLook(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);

// The last look allows the promotion: writes are stopped, or the node is asked to do it all.
void StopWrites(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);

// In Stage::kWaitPromotion of a planned failover: true when the replica's claim to be a master is to be published.
bool MayPublish(const Master& master, const Replica& replica);

// The next look at the nodes is due.
void HandoverDue(State& state, Master& master, const base::Now& now, Actions& out);

void StepsLinkUp(State& state, Master& master, const base::Now& now, Actions& out);
void StepsLinkDown(State& state, Master& master, const base::Now& now, Actions& out);
void TakeStep(State& state, Master& master, const Command& asked, const ReplyValue& reply, const base::Now& now,
              Actions& out);

// Whatever was done to the master is taken back: its pause, its dead end, a FAILOVER under way.
void TakeBackHandover(State& state, Master& master, const base::Now& now, Actions& out);
// The attempt ends without a promotion.
void EndHandover(State& state, Master& master, const base::Now& now, Actions& out);
// The replica has gone before anything irreversible was done: another will be chosen.
void LetReplicaGo(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
