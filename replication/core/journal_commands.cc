// BGREWRITEAOF.
#include <array>

#include "replication/core/execute.h"
#include "replication/core/journal.h"
#include "replication/core/state.h"

namespace replication {
namespace {

void BgRewriteAof(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  Journal& journal = *state.journal;
  if (journal.stage == Journal::Stage::kOff) {
    return reply.Error("ERR There is no append only file: appendonly is no. To begin one, CONFIG SET appendonly yes");
  }
  if (journal.rewrite || journal.stage == Journal::Stage::kRebase) {
    return reply.Error("ERR Background append only file rewriting already in progress");
  }
  journal.rewrite_scheduled = true;  // begins at the end of this turn, between two commands
  reply.Simple("Background append only file rewriting started");
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"bgrewriteaof",
                 1,
                 kAdmin | kNoScript | kNoAsyncLoading,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Asynchronously rewrites the append-only file to disk"},
                &BgRewriteAof},
};

}  // namespace

std::span<const NodeCommand> JournalCommands() {
  return kRows;
}

}  // namespace replication
