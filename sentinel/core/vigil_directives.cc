#include "sentinel/core/vigil_directives.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/decision_text.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/sentinel_directives.h"

namespace sentinel {
namespace {

using Words = std::vector<std::string>;

// In milliseconds since 1970: the year 9999. Arithmetic with it cannot overflow.
constexpr std::int64_t kLastMoment = 253402300799000;
// sentinel empty-master <master> failover|follow|hold: what to do about a master that came back with less than its
// replicas hold (A8).
std::string LoadEmptyMaster(State&, Master& master, const Words& words, const base::Now&) {
  const auto policy = PolicyOf(words[2]);
  if (!policy) return "failover, follow or hold is expected.";
  master.empty_master = *policy;
  return {};
}

void RenderEmptyMaster(const State&, const Master& master, VigilLines& lines) {
  if (master.empty_master == EmptyMasterPolicy::kFailover) return;
  lines.Put(fmt::format("{} {}", base::QuoteWord(master.name), PolicyWord(master.empty_master)));
}

// sentinel offset-first <master> yes|no: compare candidates by offset before priority (A5).
std::string LoadOffsetFirst(State&, Master& master, const Words& words, const base::Now&) {
  const auto value = base::ParseYesNo(words[2]);
  if (!value) return "yes or no is expected.";
  master.offset_first = *value;
  return {};
}

void RenderOffsetFirst(const State&, const Master& master, VigilLines& lines) {
  if (master.offset_first) lines.Put(base::QuoteWord(master.name) + " yes");
}

std::string LoadPeriod(const std::string& word, base::Millis& period) {
  const auto ms = base::ParseInt<std::int64_t>(word);
  if (!ms || *ms < 0 || base::Millis(*ms) > kLongestPeriod) return "milliseconds are expected, not negative.";
  period = base::Millis(*ms);
  return {};
}

void RenderPeriod(const Master& master, base::Millis period, base::Millis normal, VigilLines& lines) {
  if (period != normal) lines.Put(fmt::format("{} {}", base::QuoteWord(master.name), period.count()));
}

// sentinel fast-fail <master> <ms>: how long a lost master's port refuses until it counts as down; 0: off.
std::string LoadFastFail(State&, Master& master, const Words& words, const base::Now&) {
  return LoadPeriod(words[2], master.fast_fail);
}

void RenderFastFail(const State&, const Master& master, VigilLines& lines) {
  RenderPeriod(master, master.fast_fail, base::Millis(0), lines);
}

// sentinel manual-failover <master> coordinated|classic: how a plain SENTINEL FAILOVER goes about it (A6).
std::string LoadManualFailover(State&, Master& master, const Words& words, const base::Now&) {
  const bool classic = base::EqualsIgnoreCase(words[2], "classic");
  if (!classic && !base::EqualsIgnoreCase(words[2], "coordinated")) return "coordinated or classic is expected.";
  master.classic_failover = classic;
  return {};
}

void RenderManualFailover(const State&, const Master& master, VigilLines& lines) {
  if (master.classic_failover) lines.Put(base::QuoteWord(master.name) + " classic");
}

// sentinel testimony-timeout <master> <ms>: how long a failover is held back at most while replicas hear the master
// (A9); 0: not at all, it is said only.
std::string LoadTestimonyTimeout(State&, Master& master, const Words& words, const base::Now&) {
  return LoadPeriod(words[2], master.testimony_timeout);
}

void RenderTestimonyTimeout(const State&, const Master& master, VigilLines& lines) {
  RenderPeriod(master, master.testimony_timeout, kDefaultTestimonyTimeout, lines);
}

// sentinel vote <master> <epoch> <id> <config-epoch>: whom our vote of `leader-epoch` was given to. sentinel.conf has
// the epoch alone, and stands in for us where this line does not fit to it: after a stock sentinel has voted, or has
// failed the master over, nobody is named.
std::string LoadVote(State&, Master& master, const Words& words, const base::Now&) {
  const auto epoch = base::ParseInt<std::uint64_t>(words[2]);
  const auto candidate = base::ParseHexId<base::RunId>(words[3]);
  const auto config_epoch = base::ParseInt<std::uint64_t>(words[4]);
  if (!epoch || !config_epoch) return "an epoch is a number of 64 bits, not negative.";
  if (!candidate) return "a vote names a sentinel by its id of 40 hexadecimal digits.";
  const bool fits = master.vote.epoch.value == *epoch && master.config_epoch.value == *config_epoch;
  if (fits) master.vote.candidate = *candidate;
  return {};
}

void RenderVote(const State&, const Master& master, VigilLines& lines) {
  if (master.vote.candidate.empty()) return;
  lines.Put(fmt::format("{} {} {} {}", base::QuoteWord(master.name), master.vote.epoch.value, master.vote.candidate.hex,
                        master.config_epoch.value));
}

// sentinel decision <master> <field> ...: what HISTORY shows (decision_text.h). Written by RenderVigil itself.
std::string LoadDecision(State&, Master& master, const Words& words, const base::Now&) {
  auto decision = DecodeDecision(std::span(words).subspan(2));
  if (!decision) return decision.error().text;
  if (decision->open()) decision->outcome = Outcome::kInterrupted;
  Chronicle& chronicle = master.chronicle;
  if (chronicle.decisions.size() >= kDecisionsPerMaster) chronicle.decisions.erase(chronicle.decisions.begin());
  chronicle.last_number = std::max(chronicle.last_number, decision->number);
  chronicle.decisions.push_back(*std::move(decision));
  return {};
}

void RenderNothing(const State&, const Master&, VigilLines&) {}

// sentinel paused <master> <version> <ends-at-unix-ms> <length-ms> <id> <reason>
std::string LoadPaused(State&, Master& master, const Words& words, const base::Now& now) {
  const auto version = base::ParseInt<std::uint64_t>(words[2]);
  const auto ends_at = base::ParseInt<std::int64_t>(words[3]);
  const auto length = base::ParseInt<std::int64_t>(words[4]);
  const auto by = base::ParseHexId<base::RunId>(words[5]);
  if (!version || !ends_at || !length || !by || *ends_at < 0 || *ends_at > kLastMoment || *length < 0 ||
      base::Millis(*length) > kLongestPause || words[6].size() > kLongestReason) {
    return "a pause has a version, its end, its length, the sentinel that was asked, and a reason.";
  }
  master.pause = Pause{*version, *by, base::Millis(*length), base::FromUnixMillis(*ends_at), std::nullopt, words[6], 0};
  // A clock that was set back does not make a pause longer than it was meant to be.
  const base::Millis rest = std::min(master.pause.ends_at - now.wall, master.pause.length);
  if (rest.count() > 0) master.pause.until = now.mono + rest;
  return {};
}

void RenderPaused(const State&, const Master& master, VigilLines& lines) {
  const Pause& pause = master.pause;
  if (pause.version == 0) return;
  lines.Put(fmt::format("{} {} {} {} {} {}", base::QuoteWord(master.name), pause.version,
                        base::UnixMillis(pause.ends_at), pause.length.count(), pause.by.hex,
                        base::Quoted(pause.reason)));
}

// sentinel forgotten <master> sentinel|replica <id|-> <host> <port> <unix-ms> <by>
std::string LoadForgotten(State&, Master& master, const Words& words, const base::Now&) {
  const auto notice = ReadForgottenNotice({words.begin() + 1, words.end()});
  if (!notice) return "a forgotten member has a kind, an id, an address, a moment and the sentinel that was asked.";
  const Tombstone& stone = notice->stone;
  // sentinel.conf knows it: it has come back since, or somebody else has written that file.
  if (stone.is_sentinel() ? master.sentinels.contains(stone.sentinel) : master.replicas.contains(stone.address))
    return {};
  std::erase_if(master.forgotten, [&](const Tombstone& other) { return other.Names(stone); });
  if (master.forgotten.size() < kMaxTombstones) master.forgotten.push_back(stone);
  return {};
}

void RenderForgotten(const State&, const Master& master, VigilLines& lines) {
  for (const Tombstone& stone : master.forgotten) {
    std::string text;
    for (const std::string& field : ForgottenNotice(master, stone)) {
      text += (text.empty() ? "" : " ") + base::QuoteWord(field);
    }
    lines.Put(text);
  }
}

constexpr VigilDirective Setting(std::string_view name, std::size_t words, std::string_view usage,
                                 VigilDirective::LoadMaster load, VigilDirective::RenderMaster render) {
  return {name, words, words, nullptr, nullptr, load, render, true, usage};
}

// What we keep ourselves, with `least` to `most` words.
constexpr VigilDirective Learned(std::string_view name, std::size_t least, std::size_t most,
                                 VigilDirective::LoadMaster load, VigilDirective::RenderMaster render) {
  return {name, least, most, nullptr, nullptr, load, render, false, {}};
}

// sentinel http-port <port>, http-bind <address>: figures, health and state by HTTP. Read at the start alone.
std::string LoadHttpPort(State& state, const Words& words, const base::Now&) {
  const auto port = base::ParseInt<std::uint16_t>(words[1]);
  if (!port) return "a port is expected, or 0.";
  state.http_port = *port;
  return {};
}

void RenderHttpPort(const State& state, VigilLines& lines) {
  if (state.http_port != 0) lines.Put(fmt::format("{}", state.http_port));
}

std::string LoadHttpBind(State& state, const Words& words, const base::Now&) {
  state.http_bind = words[1];
  return {};
}

void RenderHttpBind(const State& state, VigilLines& lines) {
  if (state.http_bind != kDefaultHttpBind) lines.Put(base::QuoteWord(state.http_bind));
}

// What holds for the whole sentinel, written by an operator.
constexpr VigilDirective Global(std::string_view name, std::string_view usage, VigilDirective::Load load,
                                VigilDirective::Render render) {
  return {name, 2, 2, load, render, nullptr, nullptr, false, usage};
}

constexpr std::array kDirectives = {
    Learned("decision", 3, 2 + kMaxDecisionWords, &LoadDecision, &RenderNothing),
    Setting("empty-master", 3, "failover|follow|hold", &LoadEmptyMaster, &RenderEmptyMaster),
    Setting("fast-fail", 3, "<ms>", &LoadFastFail, &RenderFastFail),
    Learned("forgotten", 8, 8, &LoadForgotten, &RenderForgotten),
    Global("http-bind", "<address>", &LoadHttpBind, &RenderHttpBind),
    Global("http-port", "<port>", &LoadHttpPort, &RenderHttpPort),
    Setting("manual-failover", 3, "coordinated|classic", &LoadManualFailover, &RenderManualFailover),
    Setting("offset-first", 3, "yes|no", &LoadOffsetFirst, &RenderOffsetFirst),
    Learned("paused", 7, 7, &LoadPaused, &RenderPaused),
    Setting("testimony-timeout", 3, "<ms>", &LoadTestimonyTimeout, &RenderTestimonyTimeout),
    Learned("vote", 5, 5, &LoadVote, &RenderVote),
};
static_assert(std::ranges::is_sorted(kDirectives, {}, &VigilDirective::name));

}  // namespace

std::span<const VigilDirective> VigilDirectives() {
  return kDirectives;
}

const VigilDirective* FindVigilDirective(std::string_view name) {
  const auto found = std::ranges::find(kDirectives, name, &VigilDirective::name);
  return found == kDirectives.end() ? nullptr : &*found;
}

}  // namespace sentinel
