#include "replication/core/key_events.h"

#include <fmt/format.h>

#include "replication/core/state.h"
#include "replication/core/tracking.h"

namespace replication {

void KeyEvents::Add(int db, std::string_view event, std::string_view key) {
  pending_.push_back({db, std::string(event), std::string(key)});
}

void ChangeFork::KeyChanged(int db, std::string_view key) {
  watches_.KeyChanged(db, key);
  blocked_.KeyChanged(db, key);
  if (tracking_.any()) tracking_.KeyChanged(key);
}

void ChangeFork::AllChanged(int db) {
  watches_.AllChanged(db);
  blocked_.AllChanged(db);
  if (tracking_.any()) tracking_.AllChanged();
}

void ChangeFork::KeyEvent(int db, std::uint32_t, std::string_view event, std::string_view key) {
  events_.Add(db, event, key);
}

void PublishKeyEvents(NodeState& state) {
  if (state.key_events.empty()) return;
  const std::uint32_t wanted = state.settings.notify_keyspace_events;
  for (const KeyEvents::One& one : state.key_events.Take()) {
    if ((wanted & data::kTellKeyspace) != 0) {
      state.server.pubsub.Publish(fmt::format("__keyspace@{}__:{}", one.db, one.key), one.event);
    }
    if ((wanted & data::kTellKeyevent) != 0) {
      state.server.pubsub.Publish(fmt::format("__keyevent@{}__:{}", one.db, one.event), one.key);
    }
  }
}

void TellOfChanges(NodeState& state) {
  PublishKeyEvents(state);
  SendInvalidations(state);
}

}  // namespace replication
