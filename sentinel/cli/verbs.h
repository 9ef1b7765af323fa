// The verbs of `vigil`: what the command line may say, and what each returns to the shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

// Exit codes of all verbs. Scripts rely on them: a number never changes its meaning.
constexpr int kDone = 0;
constexpr int kFailed = 1;       // it was tried and did not succeed, or there is no such master
constexpr int kBadUsage = 2;     // the command line makes no sense
constexpr int kUnreachable = 3;  // nobody answers, or nobody lets us ask
constexpr int kDegraded = 4;     // the question was answered, and something is wrong
constexpr int kRefused = 5;      // the sentinels, or we, refuse: it would not be safe now
constexpr int kTimedOut = 6;     // begun, and not finished in the time that was given

inline constexpr const char* kDefaultFolder = "vigil-data";

// What every verb that asks sentinels takes.
struct AskOptions {
  std::vector<std::string> sentinels;  // HOST[:PORT], tried in turn
  std::optional<std::string> folder;   // of a local cluster
  Credentials credentials;
};

// What a question about one master takes.
struct MasterOptions {
  AskOptions ask;
  std::string master;
  bool json = false;
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
  bool json = false;               // one object at the end in place of lines
  bool yes = false;                // `switchover` on a terminal does not ask back
};

struct HistoryOptions {
  AskOptions ask;
  std::string master;
  std::optional<int> count;  // of the latest decisions; all when left out
  bool json = false;
};

using ExplainOptions = MasterOptions;

struct ForgetOptions {
  AskOptions ask;
  std::string master;
  std::string member;  // HOST:PORT of a replica or sentinel, or the id of a sentinel
  bool json = false;
};

struct PauseOptions {
  AskOptions ask;
  std::string master;
  base::Millis length{0};
  std::string reason;
  bool anyway = false;  // beside stock sentinels, which will not heed it
  bool json = false;
};

struct PlanOptions {
  AskOptions ask;
  std::string kind;  // "failover" or "switchover"
  std::string master;
  std::string to;  // HOST:PORT of the replica; empty: the best one
  bool json = false;
};

struct DrainOptions {
  AskOptions ask;
  std::string node = "127.0.0.1:6379";
  int timeout_seconds = 60;
  bool keep_running = false;  // hand over only
  bool anyway = false;        // stop it also when nobody took over
  bool json = false;
};

struct EventsOptions {
  AskOptions ask;
  std::string master;  // empty: all
  bool follow = false;
  base::Millis length{0};  // how long to follow; 0: until interrupted
  bool json = false;
};

struct WatchOptions {
  AskOptions ask;
  std::string master;  // empty: all
  base::Millis interval{500};
  bool json = false;  // a line for each look
};

struct DoctorOptions {
  AskOptions ask;
  std::string master;  // empty: all
  bool json = false;
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
// kDone: all healthy; kDegraded: some problem; kUnreachable: no sentinel answers.
int Status(const StatusOptions& options);
// kDone, with HOST:PORT on stdout; kFailed: unknown master; kUnreachable.
int Addr(const MasterOptions& options);
// kDone when every replica follows the new master. kRefused: not begun; kFailed: given up; kTimedOut.
int Failover(const FailoverOptions& options);
// As Failover, coordinated: nothing is lost, or the old master works on; which of the two it was is looked at.
int Switchover(const FailoverOptions& options);
// What a failover or a switchover would do now, without doing it. kDone: it would succeed; kRefused: it would not.
int PlanSwitch(const PlanOptions& options);
// Hands over what a node is master of, and stops it. kRefused: nobody could take over, and it runs on.
int Drain(const DrainOptions& options);
// Checks a deployment; each finding with its remedy. kDegraded when there is an error or a warning.
int Doctor(const DoctorOptions& options);
// Who replicates from whom, as a tree.
int TopologyTree(const MasterOptions& options);
// The latest decision, or the one that is being made, in sentences.
int Why(const MasterOptions& options);
// What the sentinels' settings differ in. kDegraded: in something.
int ConfigDiff(const MasterOptions& options);
// What the sentinels announce. kDone when the time is over.
int Events(const EventsOptions& options);
// The state on a full screen until q or Ctrl-C.
int Watch(const WatchOptions& options);
// kDone also when nothing was decided yet.
int History(const HistoryOptions& options);
// kDone: a failover would succeed now; kDegraded: it would not; kRefused: nobody can say.
int ExplainNow(const ExplainOptions& options);
// kDone when it is durable at a sentinel. kRefused: it says no.
int Forget(const ForgetOptions& options);
int PauseMaster(const PauseOptions& options);
int Resume(const MasterOptions& options);
// Becomes `vigil-node --journal` with these words; HOST:PORT in place of the folder is that node's. Returns only when
// that cannot be: kFailed, or kUnreachable when the node does not answer.
int Journal(std::vector<std::string> words, const Credentials& credentials);
// kDone when a failover happened and the killed node came back as a replica.
int Demo(const DemoOptions& options);

}  // namespace cli
