// sentinel.conf, both ways: text -> State, and State -> the same text with what changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/log.h"
#include "replication/base/result.h"
#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

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
  std::vector<std::string> ignored;  // accepted directives without meaning here, for one log line
};

// Fills a fresh state. Directives may come in any order. Error kInvalid: "<line>: '<text>': <reason>", the first
// one found. Every directive of redis.conf is accepted with its meaning, or ignored by name; what would change the
// safety of what we promise is refused.
// Source: spec/sentinel.md 1.1, 1.6, 1.10.
base::Result<ProcessSettings> LoadSettings(std::string_view text, State& state, const base::Now& now);

// The text to store: `old_text` with the state's lines put in place, so that a stock redis-sentinel can start from
// it. Deterministic; O(masters + replicas + peers).
std::string RenderSettings(const State& state, std::string_view old_text);

}  // namespace sentinel
