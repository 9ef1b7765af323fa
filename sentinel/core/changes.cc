#include "sentinel/core/changes.h"

#include <algorithm>

namespace sentinel {

ChangeNumber MarkChanged(State& state, Actions& out) {
  const ChangeNumber change = state.NextChange();
  out.push_back(SaveState{change});
  return change;
}

void FlushClients(State& state, ChangeNumber change, Actions& out) {
  for (const serve::ClientId id : state.server.clients.TakeWoken()) {
    serve::Client* client = state.server.clients.Find(id);
    if (client == nullptr) continue;
    if (!client->out.empty()) {
      out.push_back(Reply{id, std::move(client->out), change});
      client->out.clear();
    }
    if (client->closing != serve::Client::Closing::kNo) {
      out.push_back(CloseClient{id, client->closing == serve::Client::Closing::kAfterReply});
    }
  }
}

}  // namespace sentinel
