// sentinel.conf, both ways: text -> State, and State -> the same text with what changed.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/log.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

// client-output-buffer-limit of one class: closed at `hard` bytes, or above `soft` for so long. 0: no limit.
struct OutputLimit {
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
  base::Seconds soft_for{0};
};

// What the file says to the process rather than to the core.
struct ProcessSettings {
  std::vector<std::string> bind;  // empty: all addresses. As written: names and a leading '-' (optional) included
  std::uint16_t port = 26379;
  std::string dir;
  std::string logfile;  // empty: standard output
  base::LogLevel loglevel = base::LogLevel::kNotice;
  std::string pidfile;
  bool daemonize = false;
  bool protected_mode = false;
  std::string bind_source_addr;
  int tcp_backlog = 511;
  unsigned tcp_keepalive = 300;
  std::size_t maxclients = 10000;
  base::Seconds timeout{0};  // a client that is silent for so long is closed; 0: never
  OutputLimit normal_limit;
  OutputLimit pubsub_limit{32 << 20, 8 << 20, base::Seconds(60)};
  std::string aclfile;               // where the users stand; empty: in this file
  std::set<std::string> users;       // whom `user` lines have named
  std::vector<std::string> ignored;  // accepted directives without meaning here, for one log line
};

// Fills a fresh state. Directives may come in any order. Error kInvalid: "<line>: '<text>': <reason>", the first
// one found. Every directive of redis.conf is accepted with its meaning, or ignored by name; what would change the
// safety of what we promise is refused.
// Source: spec/sentinel.md 1.1, 1.6, 1.10.
//
// `read_included` gives the text of a file that `include` names, for server directives: what a sentinel rewrites (its
// own lines, users) must stand in its own file. Without it, `include` is refused.
using ReadIncluded = std::function<base::Result<std::string>(const std::string& path)>;
base::Result<ProcessSettings> LoadSettings(std::string_view text, State& state, const base::Now& now,
                                           const ReadIncluded& read_included = {});

// The text to store: `old_text` with the state's lines put in place, so that a stock redis-sentinel can start from
// it. Deterministic; O(masters + replicas + peers).
std::string RenderSettings(const State& state, std::string_view old_text);

}  // namespace sentinel
