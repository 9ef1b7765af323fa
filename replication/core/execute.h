// A request on its way: may it run, shall it wait or be queued, and what follows from it.
#pragma once

#include <span>
#include <string>

#include "replication/core/state.h"

namespace replication {

// Puts all rows into the table: those of every server, of the data set, and the node's own.
void FillCommandTable(serve::CommandTable& table);
// `rename-command`, in order. kNotFound: no such command; kInvalid: the new name is taken, or cannot be said.
base::Result<void> RenameCommands(serve::CommandTable& table, std::span<const RenamedCommand> renames);

// Executes what the client has sent, until something is incomplete or the client has to wait.
void ProcessRequests(NodeState& state, NodeClient& client, const Now& now);
// Goes on with clients whose wait is over, until none is left.
void ProcessResumed(NodeState& state, const Now& now);

// Runs one command that may run: handler, statistics, effects. `reply` receives what it answers.
void Call(NodeState& state, NodeClient& client, const serve::CommandTable::Entry& entry, const resp::Words& words,
          const Now& now, resp::ReplyWriter& reply);
// The same for a command of our master's stream: no checks, nothing is fed. Returns the error it ended with; empty:
// none.
std::string CallForMaster(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now);

// Why a command with these flags may not run now: the reply's text, empty when it may. `flags` of an EXEC are those of
// what it would execute.
std::string WhyRefused(const NodeState& state, const NodeClient& client, const serve::CommandRow& row,
                       std::uint32_t flags, const Now& now);

// Called with each request that was taken from the client's buffer, before it runs. A pipeline is there as a whole: what
// its commands will look for is fetched into the processor's caches while the first of them run. Most commands have
// their key in the second place, and a wrong guess costs nothing but the fetch. `fetched` begins with 0 and belongs to
// this function.
void FetchAhead(const NodeState& state, const NodeClient& client, std::size_t& fetched);

// The client goes on with its requests once the current call is over.
void Resume(NodeState& state, NodeClient& client);
// The connection is gone, and nothing runs for it: it is forgotten everywhere.
void ForgetClient(NodeState& state, NodeClient& client);
// Nothing of the client's transaction and watches is left.
void ForgetTransaction(NodeState& state, NodeClient& client);

}  // namespace replication
