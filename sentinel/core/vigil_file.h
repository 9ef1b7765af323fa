// `<config>.vigil`, both ways: our own settings and memories, beside a sentinel.conf that stays stock's.
//
// Which of the two counts. A save replaces sentinel.conf first and this file second, and is durable when both are. So
// whatever stands here was written when sentinel.conf held at least as much; a crash between the two leaves a newer
// sentinel.conf beside an older file, and of that save nothing was promised. Everything that safety rests on (epochs,
// the epoch of a vote, addresses) stands in sentinel.conf alone. A line here that speaks of it names the epochs that
// it belongs to, and is forgotten when sentinel.conf names others: the same rule covers the crash and a stock sentinel
// that has written sentinel.conf meanwhile. Settings are the operator's words and HISTORY is the past: both are always
// taken over.
//
// The other order would be wrong: this file would name a vote that was never promised; a stock sentinel started then
// could vote for somebody else in that epoch, and we would contradict it after the next change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Both files of one moment.
struct SavedTexts {
  std::string config;  // sentinel.conf
  std::string vigil;   // empty: there is nothing to say, and no file is needed
};

// "/etc/sentinel.conf" -> "/etc/sentinel.conf.vigil".
std::string VigilPath(std::string_view config_path);

// Completes a state that LoadSettings has filled. Returns remarks for the log: lines about masters that sentinel.conf
// does not know (any more) are passed over. Error kInvalid: "<line>: '<text>': <reason>", the first one found.
base::Result<std::vector<std::string>> LoadVigil(std::string_view text, State& state, const base::Now& now);

// The text to store: `old_text` with the state's lines put in place, comments and order stay; decisions behind them.
// Deterministic. Bounded: 512 decisions, or one for each master if these are more.
std::string RenderVigil(const State& state, std::string_view old_text);

// What a directive of this file gets that stands in sentinel.conf.
std::string BelongsIntoVigilFile(const State& state, std::string_view directive);

}  // namespace sentinel
