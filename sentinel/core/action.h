// Everything that a sentinel can wish for. The edge (or the simulator) carries actions out in the order given.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/log.h"
#include "replication/base/time.h"
#include "replication/serve/client.h"
#include "sentinel/core/link.h"

namespace sentinel {

struct Connect {
  LinkId link{};
  LinkKind kind = LinkKind::kCommand;
  base::Endpoint to;  // numeric
};

// Also gives up an attempt. Replies still under way are dropped.
struct Disconnect {
  LinkId link{};
};

// One or more commands that belong together, back to back. Leaves when `change` is durable; until then it stands
// aside (CommandQueue).
struct Send {
  LinkId link{};
  std::vector<Command> batch;
  ChangeNumber change = 0;
};

// Bytes for a client, in order; leaves when `change` is durable (ReplyQueue).
struct Reply {
  serve::ClientId client = 0;
  std::string bytes;
  ChangeNumber change = 0;
};

struct CloseClient {
  serve::ClientId client = 0;
  bool after_replies = true;
};

// An event, for the log. Subscribers have got it as Reply actions already.
struct Announce {
  std::string event;  // "+sdown"
  std::string text;   // its payload
  base::LogLevel level = base::LogLevel::kWarning;
  ChangeNumber change = 0;  // a log line promises nothing, but the trace of a test wants to know
};

struct LogLine {
  base::LogLevel level = base::LogLevel::kNotice;
  std::string text;
};

// Changes up to `newest` want to be durable. Many in a row cost one write: the edge renders the newest state when it
// begins one, and reports StateSaved for the number that this state had.
struct SaveState {
  ChangeNumber newest = 0;
};

struct RunScript {
  std::uint64_t job = 0;
  std::vector<std::string> argv;
  ChangeNumber change = 0;
};

struct KillScript {
  std::uint64_t job = 0;
};

// Answered by NameResolved, whatever comes.
struct Resolve {
  std::string name;
};

// Replaces the last one.
struct WakeAt {
  base::MonoTime at{};
};

// After what is queued has left, or before anything else happens.
struct Stop {
  int exit_code = 0;
  bool at_once = false;
};

using Action = std::variant<Connect, Disconnect, Send, Reply, CloseClient, Announce, LogLine, SaveState, RunScript,
                            KillScript, Resolve, WakeAt, Stop>;
using Actions = std::vector<Action>;

}  // namespace sentinel
