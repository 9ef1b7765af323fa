// What the keyspace tells of its changes, and to whom it is told: WATCH, blocked clients, notifications, client caches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/core/blocked_keys.h"
#include "replication/core/transactions.h"
#include "replication/data/keyspace.h"

namespace replication {

class Tracking;

// Keyspace notifications on their way to subscribers: they leave when the command that caused them has answered, so
// that they never stand within a reply.
class KeyEvents {
 public:
  void Add(int db, std::string_view event, std::string_view key);
  bool empty() const { return pending_.empty(); }

  struct One {
    int db = 0;
    std::string event;
    std::string key;
  };
  std::vector<One> Take() { return std::exchange(pending_, {}); }

 private:
  std::vector<One> pending_;
};

// Tells all of every change.
class ChangeFork final : public data::ChangeListener {
 public:
  ChangeFork(Watches& watches, BlockedKeys& blocked, KeyEvents& events, Tracking& tracking)
      : watches_(watches), blocked_(blocked), events_(events), tracking_(tracking) {}
  void KeyChanged(int db, std::string_view key) override;
  void AnnexChanged(int db, std::string_view key) override { blocked_.KeyChanged(db, key); }
  void AllChanged(int db) override;
  void KeyEvent(int db, std::uint32_t kind, std::string_view event, std::string_view key) override;

 private:
  Watches& watches_;
  BlockedKeys& blocked_;
  KeyEvents& events_;
  Tracking& tracking_;
};

// Publishes what has been noted. Source: "Redis keyspace notifications".
void PublishKeyEvents(NodeState& state);

}  // namespace replication
