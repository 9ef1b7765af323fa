#include "replication/core/invariants.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/core/delay.h"
#include "replication/core/state.h"

namespace replication {
namespace {

using Stage = Replica::Stage;

void CheckReplica(const NodeState& state, const Replica& replica, std::vector<std::string>& broken) {
  const NodeClient* client = state.Find(replica.client);
  if (client == nullptr) {
    broken.push_back(fmt::format("replica {} has no client", replica.client));
    return;
  }
  if (client->closing == serve::Client::Closing::kNow) return;
  if (client->kind != serve::ClientKind::kReplica) broken.push_back("a replica's client is of another kind");
  if ((replica.stage == Stage::kPayload) != (replica.sync != nullptr)) {
    broken.push_back("a replica has a payload exactly while it is sent one");
  }
  if (replica.stage == Stage::kWaitSnapshot) return;
  if (replica.cursor < state.stream.begin() || replica.cursor > state.applied + 1) {
    broken.push_back(fmt::format("a replica's cursor {} is outside of [{}, {}]", replica.cursor, state.stream.begin(),
                                 state.applied + 1));
  }
  if (replica.ack > state.applied) broken.push_back("a replica acknowledged more than there is");
}

}  // namespace

std::vector<std::string> BrokenInvariants(const NodeState& state) {
  std::vector<std::string> broken;
  if (!base::IsHexId(state.history.replid.hex)) broken.push_back("the replication id is malformed");
  if (state.backlog) {
    if (state.applied + 1 > state.stream.end()) broken.push_back("more is applied than was received");
    if (state.applied + 1 < state.stream.begin()) broken.push_back("the stream begins behind what is applied");
    if (state.is_master() && state.applied + 1 != state.stream.end()) {
      broken.push_back("a master's offset is not the end of its stream");
    }
  }
  if (state.data_end > state.applied) broken.push_back("there is more data than stream");
  if (!state.backlog && !state.replicas.empty()) broken.push_back("there are replicas, but no backlog");
  if (state.is_master() && state.master.stage != MasterLink::Stage::kNone) broken.push_back("a master has a master");
  // A delayed replica may hold bytes of both that are not applied yet.
  if (state.history.second_offset > std::max(state.applied, state.is_master() ? 0 : Received(state)) + 1) {
    broken.push_back("the second history reaches beyond what there is");
  }
  if (state.link_up() && state.master.client == nullptr) broken.push_back("the stream has nobody to run as");
  for (const auto& [id, replica] : state.replicas.all()) CheckReplica(state, replica, broken);
  for (const auto& [id, each] : state.server.clients.all()) {
    const auto& client = static_cast<const NodeClient&>(*each);
    if (client.kind == serve::ClientKind::kReplica && state.replicas.Find(id) == nullptr) {
      broken.push_back("a client is a replica that nobody serves");
    }
    if ((client.blocked == Blocked::kWait) != state.waiters.waiting.contains(id)) {
      broken.push_back("a client waits for replicas exactly while it is blocked for that");
    }
    if ((client.blocked == Blocked::kKey) != state.blocked_keys.Waits(id)) {
      broken.push_back("a client waits for keys exactly while it is blocked for that");
    }
    if (client.blocked == Blocked::kPause && client.postponed.empty()) broken.push_back("nothing is postponed");
  }
  return broken;
}

}  // namespace replication
