#include "replication/serve/client.h"

#include <utility>

#include "replication/base/check.h"

namespace serve {

std::string_view Client::type() const {
  switch (kind) {
    case ClientKind::kReplica:
      return "replica";
    case ClientKind::kMaster:
      return "master";
    case ClientKind::kNormal:
      break;
  }
  return subscriptions() > 0 ? "pubsub" : "normal";
}

Client& Clients::Add(std::unique_ptr<Client> client) {
  if (client->id == 0) client->id = next_id_++;
  Client& added = *client;
  clients_.emplace(added.id, std::move(client));
  return added;
}

Client* Clients::Find(ClientId id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

const Client* Clients::Find(ClientId id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

void Clients::Remove(ClientId id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  VIGIL_CHECK(found->second->subscriptions() == 0);
  clients_.erase(found);
}

void Clients::Wake(Client& client) {
  if (woken_set_.insert(client.id).second) woken_.push_back(client.id);
}

std::vector<ClientId> Clients::TakeWoken() {
  woken_set_.clear();
  return std::exchange(woken_, {});
}

void Clients::Close(Client& client, Client::Closing how) {
  if (client.closing != Client::Closing::kNow) client.closing = how;
  Wake(client);
}

}  // namespace serve
