// A master that returns after it was replaced is made a replica within a second, when it is certain that it is one.
//
// Source: spec/decisions.md A7.
#pragma once

#include <optional>

#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// What `replica`, which says that it is a master, is to be done about.
struct ReturnVerdict {
  bool demote = false;
  std::optional<base::MonoTime> again;  // when to look again, if nothing happens before
};
// Certain is: it is the address that we switched away from in the present config epoch, it has not been a replica
// since, it was down or is another process, it has loaded its data, and a majority that was asked after its claim names
// our address, without a vote in a newer epoch. Asks for what is missing. A freshly promoted replica looks the same
// between SLAVEOF NO ONE and its publication: the votes tell it apart.
ReturnVerdict JudgeReturn(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out);

// Is it a former master whose return is watched for: not seen as a replica since the switch?
bool IsAwaited(const Master& master, const Replica& replica);

// How many bytes `former` holds that are not in the history of `master`; empty when that cannot be told.
std::optional<base::Offset> BytesBeyond(const InfoReport& former, const InfoReport& master);

// Records in master.divergence, and announces as +beyond-history, what a former master is about to lose. To be called
// just before it is demoted.
void RecordDivergence(State& state, Master& master, const Replica& replica, const base::Now& now, Actions& out);

}  // namespace sentinel
