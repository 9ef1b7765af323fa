// Our outgoing connections, and the requests that are under way on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/time.h"

namespace sentinel {

// Names one connection attempt and the connection that comes of it. Never reused: a reply of an earlier connection
// finds no link and is dropped.
enum class LinkId : std::uint64_t { kNone = 0 };

// Names one watched thing (master, replica, peer) for as long as this process runs. Never reused.
enum class InstanceId : std::uint64_t { kNone = 0 };

// The number of a durable change. Promises rest on one; 0 rests on nothing.
using ChangeNumber = std::uint64_t;

// What a request was for. It comes back with its reply, so that nothing has to be guessed from positions.
enum class Request : std::uint8_t {
  kIgnored,  // AUTH, SETNAME, MULTI ...: whatever the answer, nothing is decided by it
  kAuth,     // an error is shown as `auth failed`
  kPing,
  kInfo,
  kHello,  // PUBLISH __sentinel__:hello
  kSubscribe,
  kAsk,       // SENTINEL is-master-down-by-addr, for the state or for a vote
  kLastLook,  // the same question once more, just before the irreversible command
  kLastPing,  // the PING that goes out with it
  kSlaveOf,   // the EXEC of a role change
  kWords,     // SENTINEL VIGIL: which extensions does this peer speak
  kPreVote,
  kPush,          // an extension's announcement to one of ours
  kSurvey,        // which address do you name: SENTINEL CONFIGURATION, to one of ours
  kSurveyMaster,  // the same of a stock sentinel: SENTINEL MASTER
  kSurveyVote,    // and is-master-down-by-addr in epoch 0, which reads its vote
  kScriptKill,
  kForgets,      // which tombstones a peer of ours holds
  kPauses,       // and which pauses
  kVotersThere,  // how many sentinels a stock peer counts
  kGoodBye,
  kStep,    // of a planned failover; `serial` is a StepKind
  kRights,  // what we may do at a master: rights.h
};

struct Command {
  Request request = Request::kIgnored;
  // Who asked for what: the master and the epoch that a vote question was about, the attempt that a last look
  // belongs to. Meaning depends on `request`; comes back unchanged.
  std::string master;
  std::uint64_t serial = 0;
  std::vector<std::string> words;
};

// kSteps: what a planned failover says to the master.
enum class LinkKind : std::uint8_t { kCommand, kPubSub, kSteps };

// One of an instance's connections, as the core keeps it.
struct Link {
  enum class Stage : std::uint8_t { kDown, kConnecting, kUp };

  explicit Link(LinkKind what = LinkKind::kCommand) : kind(what) {}

  LinkKind kind = LinkKind::kCommand;
  LinkId id = LinkId::kNone;  // kNone while kDown
  Stage stage = Stage::kDown;
  std::optional<base::MonoTime> up_at;         // of the present connection
  std::optional<base::MonoTime> attempted_at;  // the last Connect
  std::optional<base::MonoTime> down_at;       // when the last established connection was lost
  std::optional<base::MonoTime> heard_at;      // the last byte that meant something
  std::string local_host;                      // our address on this connection: what hellos announce by default
  std::string last_error;                      // why the last attempt or connection ended
  int pending = 0;                             // requests without a reply
  int pings = 0;                               // of these, PINGs
  int hellos = 0;                              // and hellos, which may be waiting for a save

  bool up() const { return stage == Stage::kUp; }
};

}  // namespace sentinel
