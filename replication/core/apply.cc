#include "replication/core/apply.h"

#include <fmt/format.h>

#include <utility>

#include "replication/base/text.h"
#include "replication/core/delay.h"
#include "replication/core/execute.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

using base::LogLevel;

// Bytes of delayed stream that are applied before others have their turn.
constexpr std::size_t kPerTurn = 1 << 20;

// Commands that would cut the branch we sit on: a stream that holds them is not one of a master.
constexpr std::uint32_t kNeverInStream = serve::kNoMulti;

bool IsKnown(const NodeState& state, const resp::Words& words, std::string& error) {
  const serve::CommandTable::Entry* entry = state.server.commands.Resolve(words, error);
  return entry != nullptr && (entry->row->flags & kNeverInStream) == 0 && entry->row->name != "replicaof";
}

void RunOne(NodeState& state, NodeClient& master, const resp::Words& words, const Now& now) {
  std::string error;
  if (!IsKnown(state, words, error)) {
    ++state.stats.repl_unknown_commands;
    state.Say(LogLevel::kWarning,
              fmt::format("== CRITICAL == The master's stream holds a command that this node cannot apply: '{}'. Its "
                          "data set is no longer the master's.",
                          words[0].substr(0, 128)));
    return;
  }
  error = CallForMaster(state, master, words, now);
  if (error.empty()) return;
  ++state.stats.unexpected_error_replies;
  state.Say(LogLevel::kWarning,
            fmt::format("== CRITICAL == This replica is sending an error to its master: '{}' after processing the "
                        "command '{}'",
                        error, words[0].substr(0, 128)));
}

// A strict replica takes nothing of a command that it does not know, nor of the transaction that it stands in.
bool MustStop(const NodeState& state, const resp::Words& words) {
  if (!state.settings.replica_strict_stream) return false;
  if (base::EqualsIgnoreCase(words[0], "multi") || base::EqualsIgnoreCase(words[0], "exec")) return false;
  std::string error;
  return !IsKnown(state, words, error);
}

void RunCommand(NodeState& state, NodeClient& master, const resp::Words& words, const Now& now) {
  Transaction& transaction = master.transaction;
  if (base::EqualsIgnoreCase(words[0], "multi")) {
    transaction.open = true;
  } else if (base::EqualsIgnoreCase(words[0], "exec")) {
    const Transaction done = std::exchange(transaction, Transaction{});
    for (const auto& request : done.queue) {
      RunOne(state, master, resp::Words(request.begin(), request.end()), now);
    }
  } else if (transaction.open) {
    transaction.queue.emplace_back(words.begin(), words.end());
  } else {
    RunOne(state, master, words, now);
  }
}

void Credit(NodeState& state, const NodeClient& master) {
  if (master.transaction.open) return;
  state.applied = state.master.stream_base + static_cast<Offset>(master.parser.consumed());
  state.Selects(master.db);
}

}  // namespace

void ApplyStream(NodeState& state, std::string_view bytes, const Now& now) {
  MasterLink& link = state.master;
  state.stats.repl_input_bytes += bytes.size();
  if (IsDelayed(state)) {
    state.stream.Append(bytes);
    NoteReceived(state, now);
    return ApplyDue(state, kPerTurn, now);
  }
  state.stream.Append(bytes);
  link.client->parser.Feed(bytes);
  state.delay->fed = Received(state);
  ApplyReceived(state, now);
}

void ApplyReceived(NodeState& state, const Now& now) {
  // While a script is suspended the stream is kept, and applied when it has ended.
  if (state.master.client == nullptr || state.scripts.turns.suspended) return;
  NodeClient& master = *state.master.client;
  resp::Words words;
  std::size_t fetched = 0;
  while (true) {
    switch (master.parser.Next(words)) {
      case resp::RequestParser::Outcome::kRequest:
        if (MustStop(state, words)) return StopLink(state, words[0], now);
        FetchAhead(state, master, fetched);
        RunCommand(state, master, words, now);
        Credit(state, master);
        if (!master.transaction.open && CarriesData(words)) state.DataEndsHere();
        break;
      case resp::RequestParser::Outcome::kNeedMore:
        Credit(state, master);
        return;
      case resp::RequestParser::Outcome::kError:
        // Whatever follows cannot be trusted, and neither can what we would ask to go on with.
        state.Say(LogLevel::kWarning, fmt::format("Protocol error in the master's stream: {}", master.parser.error()));
        state.resumable = false;
        OnStreamBroken(state, now);
        return;
    }
  }
}

void DiscardAll(NodeState& state, data::Keyspace& keyspace) {
  keyspace.FlushAll();
  data::Discarded tables = keyspace.TakeDiscarded();
  if (!tables.empty()) state.wishes.push_back(Discard{std::move(tables)});
}

}  // namespace replication
