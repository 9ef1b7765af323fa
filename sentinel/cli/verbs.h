// The verbs of `vigil`: what the command line may say, and what each returns to the shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

// Exit codes of all verbs.
constexpr int kDone = 0;
constexpr int kFailed = 1;     // it was tried and did not succeed; for `status`: something is wrong
constexpr int kCannotAsk = 2;  // nobody answers, or the command line makes no sense

inline constexpr const char* kDefaultFolder = "vigil-data";

// What every verb that asks sentinels takes.
struct AskOptions {
  std::vector<std::string> sentinels;  // HOST[:PORT], tried in turn
  std::optional<std::string> folder;   // of a local cluster
  Credentials credentials;
};

struct UpOptions {
  std::string folder = kDefaultFolder;
  std::optional<int> nodes;                 // 3
  std::optional<int> sentinels;             // 3
  std::optional<std::string> node_exe;      // vigil-node beside this program
  std::optional<std::string> sentinel_exe;  // vigil-sentinel beside this program
  std::optional<int> down_after_ms;         // 1000
};

struct StatusOptions {
  AskOptions ask;
  std::string master;  // empty: all
  bool json = false;
};

struct FailoverOptions {
  AskOptions ask;
  std::string master;
  int timeout_seconds = 60;
  bool coordinated = false;        // the master hands over, or nothing happens
  bool force = false;              // without the master's help, whatever else is under way
  std::string to;                  // HOST:PORT of the replica; empty: the best one
  std::optional<int> handover_ms;  // how long the replica may take to catch up
};

struct HistoryOptions {
  AskOptions ask;
  std::string master;
  std::optional<int> count;  // of the latest decisions; all when left out
  bool json = false;
};

struct ExplainOptions {
  AskOptions ask;
  std::string master;
  bool json = false;
};

struct ForgetOptions {
  AskOptions ask;
  std::string master;
  std::string member;  // HOST:PORT of a replica or sentinel, or the id of a sentinel
};

struct PauseOptions {
  AskOptions ask;
  std::string master;
  base::Millis length{0};
  std::string reason;
  bool anyway = false;  // beside stock sentinels, which will not heed it
};

struct DemoOptions {
  UpOptions up;  // used when no cluster runs in the folder
  int rate = 1000;
  int timeout_seconds = 60;
};

// Starts, or completes, the cluster in a folder and waits until it is healthy. kDone when it is.
int Up(const UpOptions& options);
// Ends every process of the cluster. kDone also when none was running.
int Down(const std::string& folder);
// kDone: all healthy; kFailed: some problem; kCannotAsk: no sentinel answers.
int Status(const StatusOptions& options);
// kDone, with HOST:PORT on stdout; kFailed: unknown master; kCannotAsk.
int Addr(const AskOptions& options, const std::string& master);
// kDone when every replica follows the new master.
int Failover(const FailoverOptions& options);
// kDone also when nothing was decided yet.
int History(const HistoryOptions& options);
// kDone: a failover would succeed now; kFailed: it would not, or nobody can say.
int ExplainNow(const ExplainOptions& options);
// kDone when it is durable at a sentinel. kFailed: refused.
int Forget(const ForgetOptions& options);
int PauseMaster(const PauseOptions& options);
int Resume(const AskOptions& ask, const std::string& master);
// Becomes `vigil-node --journal` with these words; HOST:PORT in place of the folder is that node's. Returns only when
// that cannot be: kCannotAsk.
int Journal(std::vector<std::string> words, const Credentials& credentials);
// kDone when a failover happened and the killed node came back as a replica.
int Demo(const DemoOptions& options);

}  // namespace cli
