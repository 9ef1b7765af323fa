#include "replication/core/observed.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "replication/base/text.h"

namespace replication {
namespace {

constexpr std::string_view kHidden = "(redacted)";
constexpr std::size_t kMostWords = 32;
constexpr std::size_t kMostBytes = 128;

std::int64_t Seconds(const Now& now) {
  return base::UnixMillis(now.wall) / 1000;
}

std::vector<std::string> WithoutSecrets(const serve::CommandRow& row, const resp::Words& words) {
  std::vector<std::string> shown(words.begin(), words.end());
  ForEachSecret(row, words, [&shown](std::size_t at) { shown[at] = kHidden; });
  return shown;
}

// A line of MONITOR. Source: its documentation.
std::string MonitorLine(const NodeClient& client, const serve::CommandRow& row, const resp::Words& words,
                        const Now& now) {
  const std::int64_t millis = base::UnixMillis(now.wall);
  std::string line = fmt::format("{}.{:06} [{} {}]", millis / 1000, millis % 1000 * 1000, client.db, client.peer);
  for (const std::string& word : WithoutSecrets(row, words)) line += " " + base::Quoted(word);
  return line;
}

void ShowToMonitors(NodeState& state, const NodeClient& client, const serve::CommandRow& row, const resp::Words& words,
                    const Now& now) {
  const std::string line = MonitorLine(client, row, words, now);
  for (const ClientId id : state.observed->monitors) {
    NodeClient* monitor = state.Find(id);
    if (monitor == nullptr || monitor->closing != serve::Client::Closing::kNo) continue;
    resp::ReplyWriter(monitor->out, monitor->protocol).Simple(line);
    state.server.clients.Wake(*monitor);
  }
}

}  // namespace

std::size_t DurationCounts::PlaceOf(std::uint64_t nanoseconds) {
  nanoseconds = std::clamp<std::uint64_t>(nanoseconds, 1, kLongest);
  if (nanoseconds < kExact) return nanoseconds;
  const auto power = static_cast<unsigned>(std::bit_width(nanoseconds) - 1);  // 8 or more
  return kExact + (power - 8) * kParts + (nanoseconds >> (power - 7) & (kParts - 1));
}

std::uint64_t DurationCounts::LongestAt(std::size_t place) {
  if (place < kExact) return place;
  const std::size_t power = (place - kExact) / kParts + 8;
  const std::uint64_t part = (place - kExact) % kParts + kParts;
  return ((part + 1) << (power - 7)) - 1;
}

void DurationCounts::Add(std::uint64_t nanoseconds) {
  ++counts_[PlaceOf(nanoseconds)];
  ++total_;
}

std::uint64_t DurationCounts::Percentile(double share) const {
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(share / 100 * static_cast<double>(total_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted && counts_[i] > 0) return LongestAt(i);
  }
  return 0;
}

void DurationCounts::ForEachPower(const std::function<void(std::uint64_t, std::uint64_t)>& visit) const {
  std::uint64_t seen = 0;
  std::uint64_t told = 0;
  std::size_t next = 0;
  for (std::uint64_t power = 1024; told < total_; power *= 2) {
    const std::size_t last = PlaceOf(power);
    for (; next <= last; ++next) seen += counts_[next];
    if (seen > told) visit(LongestAt(last) / 1000, seen);
    told = seen;
  }
}

void SlowLog::Add(const resp::Words& words, const NodeClient& client, std::int64_t microseconds, const Now& now,
                  std::size_t most) {
  Entry entry{.id = next_id_++,
              .at = Seconds(now),
              .microseconds = microseconds,
              .words = {},
              .peer = client.peer,
              .name = client.name};
  const std::size_t kept = std::min(words.size(), kMostWords);
  for (std::size_t i = 0; i < kept; ++i) {
    if (i + 1 == kept && words.size() > kept) {
      entry.words.push_back(fmt::format("... ({} more arguments)", words.size() - kept + 1));
    } else if (words[i].size() > kMostBytes) {
      entry.words.push_back(
          fmt::format("{}... ({} more bytes)", words[i].substr(0, kMostBytes), words[i].size() - kMostBytes));
    } else {
      entry.words.emplace_back(words[i]);
    }
  }
  entries_.push_front(std::move(entry));
  if (entries_.size() > most) entries_.resize(most);
}

void LatencySeries::Add(std::int64_t at, std::uint64_t milliseconds) {
  longest = std::max(longest, milliseconds);
  if (!samples.empty() && samples.back().at == at) {
    samples.back().milliseconds = std::max(samples.back().milliseconds, milliseconds);
    return;
  }
  samples.push_back({at, milliseconds});
  if (samples.size() > kSamples) samples.pop_front();
}

void ForEachSecret(const serve::CommandRow& row, const resp::Words& words,
                   const std::function<void(std::size_t)>& visit) {
  const auto from = [&](std::size_t first) {
    for (std::size_t i = first; i < words.size(); ++i) visit(i);
  };
  if (row.name == "auth") {
    from(1);
  } else if (row.name == "hello") {
    for (std::size_t i = 2; i + 2 < words.size(); ++i) {
      if (!base::EqualsIgnoreCase(words[i], "auth")) continue;
      visit(i + 1);
      visit(i + 2);
    }
  } else if (row.name == "acl|setuser") {
    from(2);
  } else if (row.name == "config|set") {
    for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
      const std::string name = base::ToLower(words[i]);
      if (name == "masterauth" || name == "masteruser" || name == "requirepass" || name == "primaryauth") visit(i + 1);
    }
  } else if (row.name == "failover" || row.name == "migrate") {
    for (std::size_t i = 1; i + 1 < words.size(); ++i) {
      if (base::EqualsIgnoreCase(words[i], "auth") || base::EqualsIgnoreCase(words[i], "auth2")) from(i + 1);
    }
  }
}

std::uint64_t CommandBegins(NodeState& state) {
  Observed& observed = *state.observed;
  observed.owed = 0;
  // Within a turn one command begins where the one before has ended: one look at the clock for each is enough.
  return observed.tick != 0 ? observed.tick : state.host.Nanoseconds();
}

void CommandEnds(NodeState& state, const NodeClient& client, const serve::CommandTable::Entry& entry,
                 const resp::Words& words, std::uint64_t began, bool failed, const Now& now) {
  Observed& observed = *state.observed;
  observed.tick = state.host.Nanoseconds();
  const std::uint64_t took = observed.tick - std::min(began, observed.tick) + std::exchange(observed.owed, 0);
  CommandCounts& counts = observed.Of(entry);
  ++counts.calls;
  counts.nanoseconds += took;
  if (failed) ++counts.failed;
  const Settings& settings = state.settings;
  if (settings.latency_tracking) {
    if (counts.durations == nullptr) counts.durations = std::make_unique<DurationCounts>();
    counts.durations->Add(took);
  }
  const serve::CommandRow& row = *entry.row;
  const auto micros = static_cast<std::int64_t>(took / 1000);
  // What an EXEC runs is logged, not itself.
  if (settings.slowlog_log_slower_than >= 0 && micros >= settings.slowlog_log_slower_than && row.name != "exec") {
    const std::vector<std::string> shown = WithoutSecrets(row, words);
    observed.slow.Add(resp::Words(shown.begin(), shown.end()), client, micros, now, settings.slowlog_max_len);
  }
  if (settings.latency_monitor_threshold > 0 && (row.name != "exec")) {
    NoteDelay(state, (row.flags & serve::kFast) != 0 ? "fast-command" : "command", took, now);
  }
  if (observed.monitors.empty() || state.loading.active || (row.flags & serve::kAdmin) != 0) return;
  ShowToMonitors(state, client, row, words, now);
}

void NoteDelay(NodeState& state, std::string_view event, std::uint64_t nanoseconds, const Now& now) {
  const std::uint64_t threshold = state.settings.latency_monitor_threshold;
  const std::uint64_t millis = nanoseconds / 1'000'000;
  if (threshold == 0 || millis < threshold) return;
  state.observed->latency[std::string(event)].Add(Seconds(now), millis);
}

void ForgetCounts(NodeState& state) {
  state.observed->commands.clear();
}

void StopMonitoring(NodeState& state, NodeClient& client) {
  if (state.observed->monitors.erase(client.id) == 0) return;
  std::erase(client.marks, 'O');
}

}  // namespace replication
