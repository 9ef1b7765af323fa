// Testimony: what a silent master's replicas say for it. Sentinels that alone have lost a master, while its replicas
// and clients still reach it, would make a second one.
//
// A direct, undelayed replica testifies when its link to the master is up and its slave_read_repl_offset grew between
// two reads, the later at least down-after behind the master's last answer to us, and both at least half of down-after
// apart. Replicas are asked at exactly those moments, so that nothing waits for it: of a master that was killed the
// links are down by then, of one that is frozen or idle nothing grows, and the failover goes its ordinary way.
//
// Source: spec/decisions.md A9.
#pragma once

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The master's ping timer calls this: sets the moment of the first read once the master has been silent for
// unusually long. O(log timers).
void WatchSilence(State& state, const Master& master, const base::Now& now);
// That moment, or the next one, has come: asks every replica for INFO.
void TestimonyDue(State& state, Master& master, const base::Now& now, Actions& out);
// An INFO of `replica` that was asked for at `asked_at` has arrived and stands in `replica.info`. O(replicas) while
// the master is silent, O(1) otherwise.
void TakeTestimonyRead(State& state, Master& master, Replica& replica, base::MonoTime asked_at, const base::Now& now,
                       Actions& out);
// The master has answered a PING, whatever the answer: what was said for it during its silence is over.
void MasterAnswered(State& state, Master& master, const base::Now& now, Actions& out);
// Another address, or none: announces the end of a hold.
void ForgetTestimony(State& state, Master& master, Actions& out);

// Announces +testimony-hold and -testimony-hold when that has changed; at the end of a hold the failover is scheduled.
void JudgeTestimony(State& state, Master& master, const base::Now& now, Actions& out);

// The replica that testifies now for a master that counts as down by silence; null when there is none.
const Replica* WitnessFor(const Master& master, const base::Now& now);
// Is an automatic failover held back now? False with testimony-timeout 0, and once that time has passed since the
// first testimony of this silence. What a pre-vote asks, too.
bool IsHeldByTestimony(const Master& master, const base::Now& now);
// Is the read under way that decides whether a replica testifies, or due within a moment? Whoever says now that nobody
// does may be wrong a millisecond later, and a pre-vote that was granted is not taken back. Only while a replica whose
// link was up at the first read owes its answer, and for at most 50 ms before and after that read is asked for, so that
// a replica that died with its master delays nothing.
bool IsTestimonyOpen(const Master& master, const base::Now& now);
// When a hold that lasts now ends at the latest. Only while IsHeldByTestimony().
base::MonoTime TestimonyTimeoutAt(const Master& master);

}  // namespace sentinel
