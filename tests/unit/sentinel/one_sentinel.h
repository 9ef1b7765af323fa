// A sentinel that watches `mymaster` at 127.0.0.1:7000, taken apart: a state, a clock and the actions of the last call.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sentinel/core/members.h"
#include "sentinel/core/state.h"
#include "sentinel/core/step.h"

namespace sentinel {

struct OneSentinel {
  State state{1};
  base::Now now{base::MonoTime(base::Millis(1000000)), base::FromUnixMillis(1700000000000)};
  Actions out;

  explicit OneSentinel(int quorum = 2) {
    state.my_id = Id('1');
    state.port = 26001;
    AddMaster(state, NewMaster{"mymaster", base::Endpoint{"127.0.0.1", 7000}, "", quorum}, now, out).value();
    master().down_after = base::Millis(1000);
    SettingsChanged(state, master(), now, out);
    out.clear();
  }

  static base::RunId Id(char digit) { return base::RunId{std::string(40, digit)}; }
  Master& master() { return state.masters.at("mymaster"); }
  Replica& AddReplicaAt(std::uint16_t port) {
    return *AddReplica(state, master(), base::Endpoint{"127.0.0.1", port}, now, out);
  }
  Peer& AddPeerWith(char digit) {
    const auto port = static_cast<std::uint16_t>(26000 + digit - '0');
    return AddPeer(state, master(), Id(digit), base::Endpoint{"127.0.0.1", port}, now, out);
  }
  // As if its connection had been made.
  static void BringUp(Link& link, base::MonoTime at) {
    link.stage = Link::Stage::kUp;
    link.up_at = at;
  }
  void Wait(base::Millis length) {
    now.mono += length;
    now.wall += length;
  }
  void Feed(const Input& input) {
    out.clear();
    Step(state, now, input, out);
  }
  // Advances to every deadline in turn.
  void Run(base::Millis length) {
    const base::MonoTime end = now.mono + length;
    while (state.timers.Next() && *state.timers.Next() <= end) {
      const auto step = std::max(*state.timers.Next() - now.mono, base::Millis(0));
      Wait(step);
      Step(state, now, Deadline{}, out);
    }
    Wait(end - now.mono);
  }
  std::vector<std::string> Events() const {
    std::vector<std::string> events;
    for (const Action& action : out) {
      if (const auto* event = std::get_if<Announce>(&action)) {
        if (event->level != base::LogLevel::kDebug) events.push_back(event->event + " " + event->text);
      }
    }
    return events;
  }
  bool Has(const std::string& name) const {
    const std::vector<std::string> events = Events();
    return std::any_of(events.begin(), events.end(),
                       [&](const std::string& event) { return event.starts_with(name + " "); });
  }
};

}  // namespace sentinel
