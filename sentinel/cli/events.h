// What sentinels announce over pub/sub, followed from several of them at once.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "replication/base/ids.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

using Instant = std::chrono::steady_clock::time_point;

struct Event {
  Instant at;               // when it arrived here
  base::Endpoint sentinel;  // who announced it
  std::string name;         // the channel: "+sdown"
  std::string text;         // the payload
  std::string kind;         // "master", "slave", "sentinel"; empty when the payload names no instance
  base::Endpoint subject;   // the instance; for +switch-master the new address
  base::Endpoint from;      // +switch-master: the old address
  std::string master;       // the master it concerns; empty: unknown, or all
  std::string rest;         // what follows the instance: "#quorum 2/2"
};

// Reads the payload of an event. Source: Redis Sentinel documentation, "Sentinel Pub/Sub messages".
Event ParseEvent(std::string_view name, std::string_view text);

// Subscribed to all events of each sentinel; collects them in a thread of its own until destroyed.
class EventFollower {
 public:
  // Returns when every sentinel that can be reached has confirmed the subscription: nothing caused afterwards is
  // missed. Error kIo: none could be reached.
  static base::Result<std::unique_ptr<EventFollower>> Start(const std::vector<base::Endpoint>& sentinels,
                                                            const Credentials& credentials);
  ~EventFollower();
  EventFollower(const EventFollower&) = delete;
  EventFollower& operator=(const EventFollower&) = delete;

  // What has arrived since the last call, in order of arrival.
  std::vector<Event> Take();
  // Is this sentinel's connection still there? False also for one that could not be reached at the start.
  bool Follows(const base::Endpoint& sentinel);

 private:
  explicit EventFollower(std::vector<RedisClient> clients);
  void Follow(std::vector<RedisClient> clients);

  std::mutex mutex_;
  std::vector<Event> events_;          // guarded by mutex_
  std::set<base::Endpoint> followed_;  // guarded by mutex_
  int stop_pipe_[2] = {-1, -1};        // written to end the thread at once
  std::thread thread_;                 // last: it uses the others
};

}  // namespace cli
