// MONITOR, SLOWLOG, LATENCY: what the server tells of its own work.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "replication/base/text.h"
#include "replication/core/observed.h"
#include "replication/core/server_commands.h"

namespace replication {
namespace {

void Help(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

void Monitor(NodeState& state, NodeClient& client, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (client.in_exec) return reply.Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  if (state.replicas.Find(client.id) != nullptr) return;
  if (state.observed->monitors.insert(client.id).second) client.marks += 'O';
  reply.Ok();
}

// --- SLOWLOG

void SlowLogGet(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  std::int64_t count = 10;
  if (words.size() > 3) return reply.Error("ERR wrong number of arguments for 'slowlog|get' command");
  if (words.size() == 3) {
    const auto asked = base::ParseInt<std::int64_t>(words[2]);
    if (!asked || *asked < -1) return reply.Error("ERR count should be greater than or equal to -1");
    count = *asked;
  }
  const auto& entries = state.observed->slow.entries();
  const std::size_t shown = count < 0 ? entries.size() : std::min(entries.size(), static_cast<std::size_t>(count));
  reply.Array(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    const SlowLog::Entry& entry = entries[i];
    reply.Array(6);
    reply.Integer(entry.id);
    reply.Integer(entry.at);
    reply.Integer(entry.microseconds);
    reply.Array(entry.words.size());
    for (const std::string& word : entry.words) reply.Bulk(word);
    reply.Bulk(entry.peer);
    reply.Bulk(entry.name);
  }
}

void SlowLogLen(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Integer(static_cast<std::int64_t>(state.observed->slow.entries().size()));
}

void SlowLogReset(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  state.observed->slow.Clear();
  reply.Ok();
}

// --- LATENCY

void LatencyLatest(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Array(state.observed->latency.size());
  for (const auto& [event, series] : state.observed->latency) {
    reply.Array(4);
    reply.Bulk(event);
    reply.Integer(series.samples.back().at);
    reply.Integer(static_cast<std::int64_t>(series.samples.back().milliseconds));
    reply.Integer(static_cast<std::int64_t>(series.longest));
  }
}

void LatencyHistory(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  const auto found = state.observed->latency.find(words[2]);
  if (found == state.observed->latency.end()) return reply.Array(0);
  reply.Array(found->second.samples.size());
  for (const LatencySeries::Sample& sample : found->second.samples) {
    reply.Array(2);
    reply.Integer(sample.at);
    reply.Integer(static_cast<std::int64_t>(sample.milliseconds));
  }
}

void LatencyReset(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  auto& latency = state.observed->latency;
  if (words.size() == 2) {
    reply.Integer(static_cast<std::int64_t>(latency.size()));
    return latency.clear();
  }
  std::int64_t forgotten = 0;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto found = latency.find(words[i]);
    if (found == latency.end()) continue;
    latency.erase(found);
    ++forgotten;
  }
  reply.Integer(forgotten);
}

// "15s", "4m", "2h", "3d"
std::string Ago(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 24 * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / (24 * 3600));
}

// Columns of up to four rows of three steps each, and under each how long ago it was, from top to bottom.
std::string Graph(std::string_view event, const LatencySeries& series, std::int64_t now) {
  constexpr int kRows = 4;
  constexpr std::string_view kSteps = "_o#";
  constexpr std::size_t kColumns = 80;
  const auto [low, high] = std::ranges::minmax(series.samples, {}, &LatencySeries::Sample::milliseconds);
  std::string text = fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n{}\n", event, high.milliseconds,
                                 low.milliseconds, series.longest, std::string(kColumns, '-'));
  const std::size_t first = series.samples.size() > kColumns ? series.samples.size() - kColumns : 0;
  const std::uint64_t range = std::max<std::uint64_t>(high.milliseconds - low.milliseconds, 1);
  const int steps = kRows * static_cast<int>(kSteps.size());
  std::vector<int> heights;
  std::vector<std::string> labels;
  std::size_t longest_label = 0;
  for (std::size_t i = first; i < series.samples.size(); ++i) {
    const std::uint64_t above = series.samples[i].milliseconds - low.milliseconds;
    heights.push_back(std::min(steps - 1, static_cast<int>(above * static_cast<std::uint64_t>(steps) / range)));
    labels.push_back(Ago(now - series.samples[i].at));
    longest_label = std::max(longest_label, labels.back().size());
  }
  for (int row = kRows - 1; row >= 0; --row) {
    for (const int height : heights) {
      const int step = height - row * static_cast<int>(kSteps.size());
      text += step < 0 ? ' ' : step < static_cast<int>(kSteps.size()) ? kSteps[static_cast<std::size_t>(step)] : '|';
    }
    text += '\n';
  }
  text += '\n';
  for (std::size_t line = 0; line < longest_label; ++line) {
    for (const std::string& label : labels) text += line < label.size() ? label[line] : ' ';
    text += '\n';
  }
  return text;
}

void LatencyGraph(NodeState& state, NodeClient&, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const auto found = state.observed->latency.find(words[2]);
  if (found == state.observed->latency.end()) {
    return reply.Error(fmt::format("ERR No samples available for event '{}'", words[2]));
  }
  reply.Verbatim("txt", Graph(found->first, found->second, base::UnixMillis(now.wall) / 1000));
}

void LatencyDoctor(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (state.settings.latency_monitor_threshold == 0) {
    return reply.Verbatim("txt",
                          "Delays are not watched. CONFIG SET latency-monitor-threshold <milliseconds> begins it.\n");
  }
  if (state.observed->latency.empty()) {
    return reply.Verbatim("txt", fmt::format("Nothing has taken {} ms or longer since delays are watched.\n",
                                             state.settings.latency_monitor_threshold));
  }
  std::string text;
  for (const auto& [event, series] : state.observed->latency) {
    std::uint64_t sum = 0;
    for (const LatencySeries::Sample& sample : series.samples) sum += sample.milliseconds;
    text += fmt::format("{}: {} delays, mean {} ms, longest of all time {} ms.\n", event, series.samples.size(),
                        sum / series.samples.size(), series.longest);
    if (event == "command")
      text += "  SLOWLOG GET tells which commands were slow, if slowlog-log-slower-than is low enough.\n";
    if (event == "fast-command")
      text += "  Commands that do little took long: the machine had no time for this process.\n";
    if (event == "eviction-cycle") text += "  Many keys were evicted at once: lower maxmemory-eviction-tenacity.\n";
    if (event == "expire-cycle") text += "  Many keys expired at the same moment.\n";
  }
  reply.Verbatim("txt", text);
}

void LatencyHistogram(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  Observed& observed = *state.observed;
  std::map<std::string, const CommandCounts*> found;
  const auto add = [&](const std::string& name, const serve::CommandTable::Entry& entry) {
    if (entry.id >= observed.commands.size()) return;
    const CommandCounts& counts = observed.commands[entry.id];
    if (counts.durations != nullptr && counts.durations->total() > 0) found.emplace(name, &counts);
  };
  for (const auto& [name, entry] : state.server.commands.all()) {
    const std::string_view container = std::string_view(name).substr(0, name.find('|'));
    const bool wanted =
        words.size() == 2 ||
        std::ranges::any_of(words.begin() + 2, words.end(), [&, full = std::string_view(name)](auto word) {
          return base::EqualsIgnoreCase(word, full) || base::EqualsIgnoreCase(word, container);
        });
    if (wanted && entry.row->name == name) add(name, entry);
  }
  reply.Map(found.size());
  for (const auto& [name, counts] : found) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> powers;
    counts->durations->ForEachPower([&](std::uint64_t micros, std::uint64_t n) { powers.emplace_back(micros, n); });
    reply.Bulk(name);
    reply.Map(2);
    reply.Bulk("calls");
    reply.Integer(static_cast<std::int64_t>(counts->durations->total()));
    reply.Bulk("histogram_usec");
    reply.Map(powers.size());
    for (const auto& [micros, n] : powers) {
      reply.Integer(static_cast<std::int64_t>(micros));
      reply.Integer(static_cast<std::int64_t>(n));
    }
  }
}

using namespace serve;

constexpr std::uint32_t kSlow = kAdmin | kLoading | kStale;
constexpr std::uint32_t kDelay = kAdmin | kNoScript | kLoading | kStale;
constexpr std::uint32_t kAnytime = kLoading | kStale;

// Arity and flags as COMMAND INFO of Redis 7.0 has them.
constexpr std::array kRows = {
    NodeCommand{{"latency", -2, 0, {}, 0, "server", "A container for latency diagnostics commands"},
                &OnlyWithSubcommand},
    NodeCommand{{"latency|doctor", 2, kDelay, {}, 0, "server", "Explain the delays that were seen"}, &LatencyDoctor},
    NodeCommand{{"latency|graph", 3, kDelay, {}, 0, "server", "Draw the delays of an event", "<event>"}, &LatencyGraph},
    NodeCommand{{"latency|help", 2, kAnytime, {}, 0, "server", "Explain the subcommands"}, &Help},
    NodeCommand{{"latency|histogram",
                 -2,
                 kDelay,
                 {},
                 0,
                 "server",
                 "Tell how many calls of commands took how long",
                 "[<command> ...]"},
                &LatencyHistogram},
    NodeCommand{{"latency|history", 3, kDelay, {}, 0, "server", "Tell the delays of an event", "<event>"},
                &LatencyHistory},
    NodeCommand{{"latency|latest", 2, kDelay, {}, 0, "server", "Tell the latest delay of each event"}, &LatencyLatest},
    NodeCommand{
        {"latency|reset", -2, kDelay, {}, 0, "server", "Forget the delays of events, or of all", "[<event> ...]"},
        &LatencyReset},
    NodeCommand{{"monitor", 1, kDelay, {}, 0, "server", "Show every command that the server processes"}, &Monitor},
    NodeCommand{{"slowlog", -2, 0, {}, 0, "server", "A container for slow log commands"}, &OnlyWithSubcommand},
    NodeCommand{{"slowlog|get",
                 -2,
                 kSlow,
                 {},
                 0,
                 "server",
                 "Tell the latest slow commands: id, time, microseconds, words, client; 10 of them, -1 means all",
                 "[<count>]"},
                &SlowLogGet},
    NodeCommand{{"slowlog|help", 2, kAnytime, {}, 0, "server", "Explain the subcommands"}, &Help},
    NodeCommand{{"slowlog|len", 2, kSlow, {}, 0, "server", "Tell how many commands are in the slow log"}, &SlowLogLen},
    NodeCommand{{"slowlog|reset", 2, kSlow, {}, 0, "server", "Empty the slow log"}, &SlowLogReset},
};

}  // namespace

std::span<const NodeCommand> ObservationCommands() {
  return kRows;
}

}  // namespace replication
