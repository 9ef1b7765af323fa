// A master, its replicas and its sentinels, as they describe themselves at one moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "sentinel/cli/instance_map.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

enum class Role { kUnknown, kMaster, kReplica };

struct NodeView {
  base::Endpoint address;
  bool answers = false;
  std::string error;  // why it does not answer, or what it answers instead ("LOADING ...")
  Role role = Role::kUnknown;
  base::Offset offset = -1;               // end of what it has of the replication stream, in bytes; -1: unknown
  base::Endpoint follows;                 // a replica's master; empty: a master
  bool link_up = false;                   // a replica's link to its master
  bool syncing = false;                   // it is being sent a full copy
  std::int64_t link_down_for = -1;        // seconds; -1: up or unknown
  std::int64_t lag_bytes = -1;            // behind the master at this moment; -1: unknown
  std::int64_t lag_seconds = -1;          // since the master last heard an acknowledgement; -1: unknown
  bool writable = false;                  // a master that accepts writes, as far as can be seen without writing
  std::string why_not_writable;           // empty when writable
  std::vector<AttachedReplica> attached;  // who replicates from it, by its own account
  std::int64_t rtt_us = -1;               // of a PING from here; -1: no answer
  Fields info;                            // all of INFO
  std::int64_t asked_at_us = 0;           // our clock (since 1970) in the middle of that INFO
  Fields config;                          // CONFIG GET *, when asked thoroughly and allowed
};

struct SentinelView {
  base::Endpoint address;
  std::string id;
  bool answers = false;
  std::string error;
  base::Endpoint master;  // the address it gives to clients
  base::Epoch config_epoch;
  int quorum = 0;
  bool quorum_ok = false;
  std::string quorum_text;   // what CKQUORUM says
  bool master_down = false;  // it finds the master down: s_down, or with others o_down
  bool failing_over = false;
  std::vector<base::Endpoint> replicas;           // those it knows
  std::vector<base::Endpoint> bad_replicas;       // of these, those it finds down or has no link to
  std::vector<base::Endpoint> unlinked_replicas;  // those without a master when it last asked: up to 10 s old
  std::vector<base::Endpoint> peers;              // other sentinels it knows
  std::vector<base::Endpoint> bad_peers;          // of these, those it finds down or has no link to
  std::int64_t rtt_us = -1;                       // of a question from here; -1: no answer
  Fields fields;                                  // SENTINEL MASTER
  std::vector<Fields> replica_fields;             // SENTINEL REPLICAS
  std::vector<Fields> peer_fields;                // SENTINEL SENTINELS
  Fields info;                                    // INFO, when asked thoroughly
  std::int64_t asked_at_us = 0;                   // our clock in the middle of that INFO
  Fields config;                                  // SENTINEL CONFIG GET *, when asked thoroughly
  // One of ours; false also while that is not known, because it does not answer or was not asked thoroughly.
  bool ours() const { return info.Has("vigil_version"); }
};

struct Topology {
  std::string master;                   // its name
  base::Endpoint address;               // where most of the answering sentinels send clients; empty: nobody answers
  std::vector<NodeView> nodes;          // the master first, then by address
  std::vector<SentinelView> sentinels;  // by address
  int quorum = 0;
  std::vector<std::string> problems;  // empty: healthy. Each one line, the worst first.

  bool healthy() const { return problems.empty(); }
  const NodeView* Master() const;
  bool writable() const { return Master() != nullptr && Master()->writable; }
  // The master answers, but only that we may not ask: then nothing is known about it.
  bool refused() const;
};

// Where to ask. Each is tried in turn until one answers; that one names the others.
struct Where {
  std::vector<base::Endpoint> sentinels;
  Credentials credentials;
};

// Error kIo: no sentinel answers; the text names the one to look at first. Error kInvalid: refused (password).
base::Result<std::vector<std::string>> AskMasterNames(const Where& where);

// The address clients are given. Error kNotFound: no sentinel that answers knows this master. Others as above.
base::Result<base::Endpoint> AskAddress(const Where& where, const std::string& master);

// How much to ask: what `status` shows, or versions, clocks and settings too.
enum class Depth { kUsual, kThorough };

// Asks the sentinels and then every node, all at once: costs about one timeout when some do not answer.
// Errors as AskAddress.
base::Result<Topology> AskTopology(const Where& where, const std::string& master, Depth depth = Depth::kUsual);

// What a node says about itself: INFO and PING. Never fails: the view says what went wrong.
NodeView AskNode(const base::Endpoint& address, const Credentials& credentials, Depth depth = Depth::kUsual);

// Fills in address, quorum, lag and problems from the views. Pure.
void Judge(Topology& topology);

}  // namespace cli
