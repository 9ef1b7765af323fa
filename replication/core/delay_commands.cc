// REPLDELAY: what an operator does with a delayed replica.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "replication/base/text.h"
#include "replication/core/delay.h"
#include "replication/core/server_commands.h"

namespace replication {
namespace {

constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
constexpr std::size_t kShownWords = 8;
constexpr std::size_t kShownLength = 128;

// A command of what waits. What belongs to one MULTI ends with its EXEC.
struct PendingCommand {
  Offset unit_end = 0;  // the last byte of what is applied in one go
  int db = 0;
  resp::Words words;
};

// Calls `see` for each command that has been received whole and is not applied, oldest first, until it says false; a
// transaction only when its EXEC is there. O(bytes).
void ScanPending(const NodeState& state, const std::function<bool(const PendingCommand&)>& see) {
  constexpr std::size_t kPiece = 256 << 10;
  resp::RequestParser parser;
  parser.set_limits(resp::RequestParser::kTrusted);
  Offset next = state.applied + 1;
  int db = state.stream_db;
  bool in_multi = false;
  std::vector<std::pair<int, std::vector<std::string>>> queued;
  resp::Words words;
  while (next <= Received(state)) {
    const auto views = state.stream.Read(next, Received(state) + 1, kPiece);
    if (!views || views->empty()) return;
    for (const std::string_view view : *views) {
      parser.Feed(view);
      next += static_cast<Offset>(view.size());
    }
    while (parser.Next(words) == resp::RequestParser::Outcome::kRequest) {
      const Offset end = state.applied + static_cast<Offset>(parser.consumed());
      if (base::EqualsIgnoreCase(words[0], "select") && words.size() == 2) {
        db = base::ParseInt<int>(words[1]).value_or(db);
      }
      if (base::EqualsIgnoreCase(words[0], "multi")) {
        in_multi = true;
      } else if (base::EqualsIgnoreCase(words[0], "exec")) {
        in_multi = false;
        for (const auto& [in_db, each] : queued) {
          if (!see({end, in_db, resp::Words(each.begin(), each.end())})) return;
        }
        queued.clear();
      } else if (in_multi) {
        queued.emplace_back(db, std::vector<std::string>(words.begin(), words.end()));
      } else if (!see({end, db, words})) {
        return;
      }
    }
  }
}

// When the byte arrived; the last mark's time behind all of them.
const Delay::Mark* MarkOf(const NodeState& state, Offset offset) {
  const auto& marks = state.delay->marks;
  const auto found = std::ranges::lower_bound(marks, offset, {}, &Delay::Mark::through);
  return found == marks.end() ? nullptr : &*found;
}

void Status(NodeState& state, NodeClient&, const resp::Words&, const Now& now, resp::ReplyWriter& reply) {
  const Delay& delay = *state.delay;
  const bool waits = !delay.marks.empty() && PendingBytes(state) > 0;
  const auto next = DelayDeadline(state);
  const auto put = [&reply](std::string_view name, std::int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  reply.Map(10);
  put("delay-seconds", state.settings.replica_apply_delay.count());
  put("paused", delay.paused);
  put("applied-offset", state.applied);
  put("received-offset", Received(state));
  put("pending-bytes", PendingBytes(state));
  put("oldest-age-ms", waits ? (now.mono - delay.marks.front().at).count() : 0);
  put("next-apply-ms", next ? std::max<std::int64_t>((*next - now.mono).count(), 0) : -1);
  put("apply-until", delay.until.value_or(-1));
  put("applies-early", delay.over_limit);
  put("resync-put-off", delay.resync_wanted_at.has_value());
}

bool IsReplica(const NodeState& state, resp::ReplyWriter& reply) {
  if (!state.is_master()) return true;
  reply.Error("ERR this node is a master: it applies its own writes at once");
  return false;
}

void SetDelay(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  const auto seconds = base::ParseInt<std::int64_t>(words[2]);
  if (!seconds || *seconds < 0 || *seconds > 31536000) return reply.Error(kNotAnInteger);
  state.settings.replica_apply_delay = base::Seconds(*seconds);
  state.Say(base::LogLevel::kNotice, fmt::format("replica-apply-delay is {} s now", *seconds));
  reply.Ok();
}

void PauseApply(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (!IsReplica(state, reply)) return;
  state.delay->paused = true;
  state.delay->until.reset();
  state.Say(base::LogLevel::kWarning,
            fmt::format("REPLDELAY PAUSE: nothing behind offset {} is applied", state.applied));
  reply.Ok();
}

void ResumeApply(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  if (!IsReplica(state, reply)) return;
  state.delay->paused = false;
  state.delay->until.reset();
  state.Say(base::LogLevel::kWarning, "REPLDELAY RESUME: what is due is applied");
  reply.Ok();
}

// PENDING [COUNT n] [MATCH pattern]: [offset, age in ms, database, words] of each, oldest first.
void Pending(NodeState& state, NodeClient&, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  std::int64_t count = 100;
  std::string pattern;
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (i + 1 == words.size()) return reply.Error("ERR syntax error");
    if (base::EqualsIgnoreCase(words[i], "count")) {
      const auto given = base::ParseInt<std::int64_t>(words[i + 1]);
      if (!given || *given < 1) return reply.Error("ERR value is out of range, must be positive");
      count = *given;
    } else if (base::EqualsIgnoreCase(words[i], "match")) {
      pattern = base::ToLower(words[i + 1]);
    } else {
      return reply.Error("ERR syntax error");
    }
  }
  std::vector<std::pair<PendingCommand, std::vector<std::string>>> found;
  ScanPending(state, [&](const PendingCommand& command) {
    std::string text;
    for (const std::string_view word : command.words) {
      text += (text.empty() ? "" : " ");
      text += word.substr(0, kShownLength);
      if (text.size() > kShownLength * kShownWords) break;
    }
    if (!pattern.empty() && !base::GlobMatch(pattern, base::ToLower(text))) return true;
    std::vector<std::string> shown;
    for (const std::string_view word : command.words) {
      if (shown.size() == kShownWords) {
        shown.emplace_back(fmt::format("... ({} more)", command.words.size() - kShownWords));
        break;
      }
      shown.emplace_back(word.size() <= kShownLength
                             ? std::string(word)
                             : fmt::format("{}... ({} bytes)", word.substr(0, kShownLength), word.size()));
    }
    found.emplace_back(PendingCommand{command.unit_end, command.db, {}}, std::move(shown));
    return static_cast<std::int64_t>(found.size()) < count;
  });
  reply.Array(found.size());
  for (const auto& [command, shown] : found) {
    const Delay::Mark* mark = MarkOf(state, command.unit_end);
    reply.Array(4);
    reply.Integer(command.unit_end);
    reply.Integer(mark != nullptr ? (now.mono - mark->at).count() : 0);
    reply.Integer(command.db);
    reply.Array(shown.size());
    for (const std::string& word : shown) reply.Bulk(word);
  }
}

// APPLY UNTIL OFFSET n | BEFORE n | TIME unix-ms: applies that far at once, and stays paused. The reply is the offset
// at which it will stand: always behind a whole command or EXEC.
void Apply(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  if (!IsReplica(state, reply)) return;
  if (!base::EqualsIgnoreCase(words[2], "until")) return reply.Error("ERR syntax error");
  const auto number = base::ParseInt<std::int64_t>(words[4]);
  if (!number) return reply.Error(kNotAnInteger);
  Offset limit = *number;
  if (base::EqualsIgnoreCase(words[3], "before")) {
    --limit;
  } else if (base::EqualsIgnoreCase(words[3], "time")) {
    limit = state.applied;
    for (const Delay::Mark& mark : state.delay->marks) {
      if (base::UnixMillis(mark.wall) <= *number) limit = std::max(limit, mark.through);
    }
  } else if (!base::EqualsIgnoreCase(words[3], "offset")) {
    return reply.Error("ERR syntax error");
  }
  if (limit < state.applied) {
    return reply.Error(fmt::format("ERR offset {} is applied already: this replica is at {}", *number, state.applied));
  }
  if (limit > Received(state)) {
    return reply.Error(
        fmt::format("ERR offset {} has not been received yet: this replica has {}", *number, Received(state)));
  }
  Offset until = state.applied;
  ScanPending(state, [&](const PendingCommand& command) {
    if (command.unit_end > limit) return false;
    until = command.unit_end;
    return true;
  });
  state.delay->paused = true;
  state.delay->until = until;
  state.Say(base::LogLevel::kWarning,
            fmt::format("REPLDELAY APPLY: everything up to offset {} is applied, and nothing behind it", until));
  reply.Integer(until);
}

void Help(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

using namespace serve;

constexpr NodeCommand Row(std::string_view name, int arity, NodeHandler handler, std::string_view help,
                          std::string_view usage = {}) {
  return NodeCommand{{name,
                      arity,
                      kAdmin | kNoScript | kStale | kNoMulti,
                      {},
                      kCatAdmin | kCatSlow | kCatDangerous,
                      "server",
                      help,
                      usage},
                     handler};
}

constexpr std::array kRows = {
    NodeCommand{{"repldelay", -2, 0, {}, kCatSlow, "server", "A container for what concerns delayed replicas"},
                &OnlyWithSubcommand},
    Row("repldelay|apply", 5, &Apply, "Applies what waits up to a place, and stays paused there",
        "UNTIL OFFSET <offset>|BEFORE <offset>|TIME <unix-ms>"),
    NodeCommand{{"repldelay|help", 2, kLoading | kStale, {}, kCatSlow, "server", "Prints this help"}, &Help},
    Row("repldelay|pause", 2, &PauseApply,
        "Nothing more is applied until RESUME or APPLY; it is received all the same"),
    Row("repldelay|pending", -2, &Pending, "Lists what was received and not applied: offset, age, database, command",
        "[COUNT <n>] [MATCH <pattern>]"),
    Row("repldelay|resume", 2, &ResumeApply, "Goes on applying what is due"),
    Row("repldelay|set", 3, &SetDelay, "Sets replica-apply-delay; what is due by it is applied at once", "<seconds>"),
    Row("repldelay|status", 2, &Status, "Tells how far behind this replica is on purpose"),
};

}  // namespace

std::span<const NodeCommand> DelayCommands() {
  return kRows;
}

}  // namespace replication
