// What is known of those who claim to be masters: nodes that were, nodes of other clusters, masters that lost their
// data; and what the other sentinels say of a master's address. Plain data, part of the state.
//
// Source: spec/decisions.md A7, A8, A11.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/time.h"

namespace sentinel {

// A node that was the master until the switch of config epoch `epoch`, as long as it is one of the replicas.
struct FormerMaster {
  base::Epoch epoch;
  base::RunId run_id;            // as it was then
  bool was_down = false;         // at the switch or since
  bool was_new = false;          // it came back without its data before the switch: perhaps somebody else's by then
  bool seen_as_replica = false;  // since the switch: its claim is no longer that of an old master
  std::optional<base::MonoTime> ordered_at;  // when it was last told to follow
  // The history that it wrote as our master, or that it went on under since: whoever names it has our data.
  base::ReplicationId history;
};

// What speaks for a node belonging to somebody else's cluster.
struct Foreign {
  std::string hello;                       // the other master's name, in a hello heard through the node
  std::optional<base::MonoTime> heard_at;  // the last such hello
  std::string why;                         // as it was announced; empty: it is one of ours
};

// What one other sentinel answered to a survey.
struct SurveyAnswer {
  base::Endpoint address;  // of the master, as it would tell clients
  base::Epoch config_epoch;
  base::Epoch vote_epoch;   // of the last vote that it gave for this master
  bool reaches = false;     // it sees a living master at that address
  bool settled = true;      // false: a failover of its own is under way, `address` says nothing
  bool vote_known = false;  // stock sentinels tell it in a second answer
  bool config_known = false;
  bool complete() const { return vote_known && config_known; }
};

// One question to all other sentinels of a master: which address do you name, under which config epoch, and in which
// epoch have you voted? Casts no votes.
struct Survey {
  std::uint64_t serial = 0;  // 0: none yet
  base::MonoTime asked_at{};
  std::map<base::RunId, SurveyAnswer> answers;
};

// The configured master is another process than before, or has been empty from the start (A8).
struct Restart {
  // Nobody has seen it with data: a replica that has some refuses it, because it holds nothing.
  bool refused = false;
  base::MonoTime noticed_at{};
  // Since when the process was away whose data are looked for: later restarts without them do not move it.
  base::MonoTime gone_at{};
  // Of the processes before, the last few, newest last: a replica may not have followed each of them.
  std::vector<base::ReplicationId> histories;
  std::optional<base::Offset> held;          // bytes of them that the new process holds; empty while it is loading
  std::optional<base::MonoTime> emptied_at;  // since then it is known that a replica holds more
};

// Is it the history of one of those?
bool IsOld(const Restart& restart, const base::ReplicationId& history);

// SENTINEL SET <name> empty-master: what to do about a master that came back with less than its replicas hold.
enum class EmptyMasterPolicy : std::uint8_t {
  kFailover,  // elect at once
  kFollow,    // as stock: nothing
  kHold,      // it counts as down, and the operator decides
};
// "failover", "follow", "hold".
std::string_view PolicyWord(EmptyMasterPolicy policy);
std::optional<EmptyMasterPolicy> PolicyOf(std::string_view word);

// What a former master held beyond the history that won, at the moment when it was demoted.
struct Divergence {
  base::Endpoint node;
  base::RunId run_id;
  base::Epoch config_epoch;           // of the switch away from it
  std::optional<base::Offset> bytes;  // empty: unknown, as after a restart without its history
  base::WallTime at{};
};

}  // namespace sentinel
