// What the server has seen of its own work: how often and how long commands ran, which were slow, and who looks on.
//
// Durations come from Host::Nanoseconds(): nothing is ever decided by them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/core/state.h"

namespace replication {

// How many durations fell where: exact to 1/128, from 1 ns to 1 s; longer ones count as 1 s. 25 KB.
class DurationCounts {
 public:
  void Add(std::uint64_t nanoseconds);
  std::uint64_t total() const { return total_; }
  // The longest duration of those that count for the share (0 to 100) of the shortest. Nanoseconds.
  std::uint64_t Percentile(double share) const;
  // visit(microseconds, how many took no longer): powers of two, and only where there are more than before.
  void ForEachPower(const std::function<void(std::uint64_t, std::uint64_t)>& visit) const;

 private:
  static constexpr std::size_t kParts = 128;  // of each power of two
  static constexpr std::size_t kExact = 256;  // shorter ones have a counter each
  static constexpr std::size_t kCounters = kExact + 22 * kParts;
  static constexpr std::uint64_t kLongest = 1'000'000'000;

  static std::size_t PlaceOf(std::uint64_t nanoseconds);
  static std::uint64_t LongestAt(std::size_t place);

  std::array<std::uint64_t, kCounters> counts_{};
  std::uint64_t total_ = 0;
};

// INFO commandstats.
struct CommandCounts {
  std::uint64_t calls = 0;
  std::uint64_t nanoseconds = 0;
  std::uint64_t rejected = 0;  // was not let run
  std::uint64_t failed = 0;    // ran, and answered an error
  std::unique_ptr<DurationCounts> durations;
};

// The latest commands that took long. Source: the documentation of SLOWLOG.
class SlowLog {
 public:
  struct Entry {
    std::int64_t id = 0;
    std::int64_t at = 0;  // seconds since 1970
    std::int64_t microseconds = 0;
    std::vector<std::string> words;  // shortened
    std::string peer;
    std::string name;
  };
  void Add(const resp::Words& words, const NodeClient& client, std::int64_t microseconds, const Now& now,
           std::size_t most);
  void Clear() { entries_.clear(); }
  const std::deque<Entry>& entries() const { return entries_; }  // the newest first

 private:
  std::deque<Entry> entries_;
  std::int64_t next_id_ = 0;
};

// Delays above the threshold, by what caused them. Source: "Redis latency monitoring".
struct LatencySeries {
  static constexpr std::size_t kSamples = 160;
  struct Sample {
    std::int64_t at = 0;  // seconds since 1970; the longest delay of each second is kept
    std::uint64_t milliseconds = 0;
  };
  std::deque<Sample> samples;  // the oldest first
  std::uint64_t longest = 0;   // of all time
  void Add(std::int64_t at, std::uint64_t milliseconds);
};

struct Observed {
  std::vector<CommandCounts> commands;  // by CommandTable::Entry::id
  std::uint64_t tick = 0;               // when the last command of this turn ended; 0: none has
  std::uint64_t owed = 0;  // nanoseconds that the running command takes after it has answered (DEBUG SLEEP)
  SlowLog slow;
  std::map<std::string, LatencySeries, std::less<>> latency;
  std::set<ClientId> monitors;

  CommandCounts& Of(const serve::CommandTable::Entry& entry) {
    if (entry.id >= commands.size()) commands.resize(entry.id + 1);
    return commands[entry.id];
  }
};

// A command begins; what it returns is for CommandEnds().
std::uint64_t CommandBegins(NodeState& state);
// It has ended. Counts it, logs it when it was slow, and shows it to monitors.
void CommandEnds(NodeState& state, const NodeClient& client, const serve::CommandTable::Entry& entry,
                 const resp::Words& words, std::uint64_t began, bool failed, const Now& now);
// A delay that is no command's: "expire-cycle", "eviction-cycle".
void NoteDelay(NodeState& state, std::string_view event, std::uint64_t nanoseconds, const Now& now);
// CONFIG RESETSTAT.
void ForgetCounts(NodeState& state);
// The client looks on no more.
void StopMonitoring(NodeState& state, NodeClient& client);

// Which words must not be shown: passwords of AUTH, HELLO, CONFIG SET and their like. visit(index).
void ForEachSecret(const serve::CommandRow& row, const resp::Words& words,
                   const std::function<void(std::size_t)>& visit);

// MONITOR, SLOWLOG and LATENCY.
std::span<const NodeCommand> ObservationCommands();
// MEMORY.
std::span<const NodeCommand> MemoryCommands();

}  // namespace replication
