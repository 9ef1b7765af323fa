// Everything that can happen to a sentinel. A closed list: what is not here cannot change a decision.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/serve/client.h"
#include "sentinel/core/link.h"
#include "sentinel/core/reply.h"

namespace sentinel {

// The moment of the last WakeAt has come (or has passed).
struct Deadline {};

struct LinkUp {
  LinkId link{};
  std::string local_host;  // our address on this connection
};

// A connection was lost, or an attempt failed; not reported for what we disconnected ourselves.
struct LinkDown {
  enum class Reason { kRefused, kUnreachable, kClosed, kProtocol };
  LinkId link{};
  Reason reason = Reason::kClosed;
  std::string text;  // fit for a log line
};

struct ReplyArrived {
  LinkId link{};
  Command command;  // as it was sent; its words may be gone
  ReplyValue reply;
};

// A message on __sentinel__:hello, by subscription.
struct HelloReceived {
  LinkId link{};
  std::string payload;
};

// Somebody connected to us. The edge chooses the id; ids grow and are never reused.
struct ClientArrived {
  serve::ClientId client = 0;
  std::string peer;   // "127.0.0.1:40000"
  std::string local;  // our end
};

struct ClientCommand {
  serve::ClientId client = 0;
  std::vector<std::string> words;  // at least one
};

struct ClientGone {
  serve::ClientId client = 0;
};

// A save ended. `ok`: every change up to `through` is durable now. Otherwise nothing is known to be, and `error`
// says why.
struct StateSaved {
  ChangeNumber through = 0;
  bool ok = true;
  std::string error;
};

struct ScriptEnded {
  std::uint64_t job = 0;
  int exit_code = 0;
  int signal = 0;  // 0: it exited by itself; 99 with exit code 0: it could not be started
  std::int64_t pid = 0;
};

struct ScriptStarted {
  std::uint64_t job = 0;
  std::int64_t pid = 0;
};

struct NameResolved {
  std::string name;
  base::Result<std::string> address;  // numeric
};

// SIGHUP: the configuration as it stands in the file now.
struct ConfigReread {
  std::string text;
};

// Our own loop did not run for `by` beyond what it should have (SIGSTOP, a paused virtual machine, a slow disk under
// the clock). Told before anything that the sockets bring afterwards; deadlines come when those have been read.
struct Stalled {
  base::Millis by{};
};

// SIGTERM or SIGINT: we say good-bye, and leave.
struct Terminate {};

using Input = std::variant<Deadline, LinkUp, LinkDown, ReplyArrived, HelloReceived, ClientArrived, ClientCommand,
                           ClientGone, StateSaved, ScriptStarted, ScriptEnded, NameResolved, ConfigReread, Stalled,
                           Terminate>;

}  // namespace sentinel
