// What the world is made of, for its own files: a sentinel with its disk, a connection.
#pragma once

#include "tests/scenarios/world.h"

namespace scenario {

// Where sentinel n listens.
inline std::uint16_t PortOf(int n) {
  return static_cast<std::uint16_t>(26000 + n);
}

// One TCP connection that a sentinel opened.
struct World::Connection {
  int from = 0;
  sentinel::LinkId link{};
  sentinel::LinkKind kind{};
  std::uint16_t to = 0;
  std::string host;
  serve::ClientId client = 0;  // at a sentinel
  bool open = true;            // as the opener sees it
  bool subscribed = false;
  bool in_multi = false;
  std::vector<sentinel::Command> transaction;
  sentinel::CommandQueue outbox;
  std::deque<sentinel::Command> unanswered;  // at a sentinel: replies come in order
  std::deque<sentinel::Command> waiting;     // at a frozen node
};

struct World::Sentinel {
  int n = 0;
  bool running = true;
  bool stopped = false;
  std::deque<sentinel::Input> held;  // while it is stopped
  Millis wall_clock_off{0};
  bool stock = false;
  bool saves_fail = false;
  Millis disk{2};
  bool saving = false;
  bool save_again = false;
  SavedTexts durable;
  std::uint64_t life = 0;  // events of an earlier life are dropped
  std::unique_ptr<sentinel::State> state;
  std::map<serve::ClientId, sentinel::ReplyQueue> replies;
  std::map<serve::ClientId, std::string> heard;  // what a client from outside has got
};

}  // namespace scenario
