// Hosts and TCP connections with delays, cuts, one-way cuts, frozen hosts, and crashes seen or unseen.
//
// Within one connection order holds. While a direction is cut its bytes wait, as TCP's do, and arrive when it heals.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/random.h"
#include "tests/sim/event_queue.h"

namespace sim {

using HostId = int;
using WireId = std::uint64_t;
enum class Side { kOpener, kAcceptor };

// A process on a machine of its own.
class Host {
 public:
  virtual ~Host() = default;
  virtual void OnAccepted(WireId wire, HostId from) = 0;
  virtual void OnConnected(WireId wire, bool ok) = 0;  // of a wire that it opened
  virtual void OnBytes(WireId wire, std::string_view bytes) = 0;
  virtual void OnClosed(WireId wire) = 0;
};

class Network {
 public:
  Network(EventQueue& queue, base::Random& random) : queue_(queue), random_(random) {}

  // Addresses are 10.0.0.<id + 1>.
  HostId Add(Host& host);
  static std::string AddressOf(HostId id);
  // -1 when nobody has this address.
  HostId HostOf(const std::string& address) const;

  // What the processes do.
  WireId Open(HostId from, const std::string& address);
  void Send(WireId wire, Side from, std::string bytes);
  void Close(WireId wire, Side from);
  // Bytes that this side has sent and the other has not got yet; 0 when the wire is gone.
  std::size_t InFlight(WireId wire, Side from);

  // What goes wrong.
  void SetCut(HostId from, HostId to, bool cut);
  bool IsCut(HostId from, HostId to) const { return cuts_.contains({from, to}); }
  // Alive and reachable in both directions.
  bool Reachable(HostId a, HostId b) const;
  // `silent`: the machine is gone, nobody is told until they try to speak to it after its return.
  void Crash(HostId host, bool silent);
  void Restart(HostId host);
  bool IsUp(HostId host) const { return machines_[static_cast<std::size_t>(host)].up; }
  void Freeze(HostId host);
  void Thaw(HostId host);
  bool IsFrozen(HostId host) const { return machines_[static_cast<std::size_t>(host)].frozen; }
  // Runs `event` for the host after `delay`, or when it thaws; not at all when it has crashed in between.
  void After(HostId host, base::Millis delay, std::function<void()> event);

  base::Millis Latency();

 private:
  struct Machine {
    Host* host = nullptr;
    bool up = true;
    bool frozen = false;
    std::uint64_t life = 0;  // grows with each crash
    std::vector<std::function<void()>> postponed;
  };
  struct Wire {
    HostId ends[2];          // by Side
    std::uint64_t lives[2];  // in which life of its host the end was made
    bool closed[2] = {false, false};
    std::size_t in_flight[2] = {0, 0};           // by the side that sent them
    base::MonoTime last_arrival[2]{};            // of what goes *to* that side
    std::vector<std::function<void()>> held[2];  // while the way to that side is cut
  };

  static Side Other(Side side) { return side == Side::kOpener ? Side::kAcceptor : Side::kOpener; }
  static std::size_t Index(Side side) { return side == Side::kOpener ? 0 : 1; }
  Machine& MachineOf(HostId id) { return machines_[static_cast<std::size_t>(id)]; }
  // Runs `event` for the host now, or when it thaws; not at all when it has crashed in between.
  template <typename Event>
  void Run(HostId host, Event event);
  // Lets `event` happen at the far end, after all that went the same way before.
  template <typename Event>
  void Carry(WireId wire, Side to, Event event);
  bool EndLives(const Wire& wire, Side side) const;
  // Null when it is gone.
  Wire* Find(WireId id) { return id < wires_.size() ? wires_[id].get() : nullptr; }
  void Forget(WireId id) { wires_[id].reset(); }

  EventQueue& queue_;
  base::Random& random_;
  std::vector<Machine> machines_;
  std::vector<std::unique_ptr<Wire>> wires_;  // by id, which are given in order and never twice
  std::set<std::pair<HostId, HostId>> cuts_;
};

}  // namespace sim
