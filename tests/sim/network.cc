#include "tests/sim/network.h"

#include <fmt/format.h>

#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace sim {

using base::Millis;

HostId Network::Add(Host& host) {
  machines_.push_back(Machine{&host});
  return static_cast<HostId>(machines_.size()) - 1;
}

std::string Network::AddressOf(HostId id) {
  return fmt::format("10.0.0.{}", id + 1);
}

HostId Network::HostOf(const std::string& address) const {
  const auto last = base::ParseInt<int>(address.substr(address.rfind('.') + 1));
  return last && *last >= 1 && *last <= static_cast<int>(machines_.size()) ? *last - 1 : -1;
}

Millis Network::Latency() {
  // Mostly below two milliseconds, with a tail.
  if (random_.Chance(0.01)) return random_.Between(Millis(5), Millis(40));
  return random_.Between(Millis(0), Millis(2));
}

bool Network::Reachable(HostId a, HostId b) const {
  return IsUp(a) && IsUp(b) && !IsFrozen(a) && !IsFrozen(b) && !IsCut(a, b) && !IsCut(b, a);
}

bool Network::EndLives(const Wire& wire, Side side) const {
  const Machine& machine = machines_[static_cast<std::size_t>(wire.ends[Index(side)])];
  return machine.up && machine.life == wire.lives[Index(side)] && !wire.closed[Index(side)];
}

void Network::Run(HostId id, std::function<void()> event) {
  Machine& machine = MachineOf(id);
  if (!machine.up) return;
  if (machine.frozen) {
    machine.postponed.push_back(std::move(event));
  } else {
    event();
  }
}

void Network::After(HostId id, Millis delay, std::function<void()> event) {
  queue_.After(delay, [this, id, life = MachineOf(id).life, event = std::move(event)]() mutable {
    if (MachineOf(id).life == life) Run(id, std::move(event));
  });
}

void Network::Arrive(WireId id, Side to, std::function<void()> event) {
  const auto found = wires_.find(id);
  if (found == wires_.end()) return;
  Wire& wire = found->second;
  if (IsCut(wire.ends[Index(Other(to))], wire.ends[Index(to)])) {
    wire.held[Index(to)].push_back(std::move(event));
    return;
  }
  event();
}

void Network::Carry(WireId id, Side to, std::function<void()> event) {
  Wire& wire = wires_.at(id);
  base::MonoTime& last = wire.last_arrival[Index(to)];
  last = std::max(last, queue_.now() + Latency());
  queue_.At(last, [this, id, to, event = std::move(event)]() mutable {
    const auto found = wires_.find(id);
    if (found == wires_.end()) return;
    // Behind bytes that are still held it waits its turn.
    if (!found->second.held[Index(to)].empty()) {
      found->second.held[Index(to)].push_back(std::move(event));
      return;
    }
    Arrive(id, to, std::move(event));
  });
}

WireId Network::Open(HostId from, const std::string& address) {
  const WireId id = ++last_wire_;
  const HostId to = HostOf(address);
  if (to < 0) {
    After(from, Millis(1), [this, from, id] { MachineOf(from).host->OnConnected(id, false); });
    return id;
  }
  wires_.emplace(id, Wire{{from, to}, {MachineOf(from).life, MachineOf(to).life}});
  Carry(id, Side::kAcceptor, [this, id, from, to] {
    Wire& wire = wires_.at(id);
    const bool up = MachineOf(to).up;
    if (up) wire.lives[1] = MachineOf(to).life;
    if (!up) {
      // A machine that is off answers nothing; a port without process refuses. Both are seen as a refusal here, the
      // silent one only by the opener's own deadlines.
      Carry(id, Side::kOpener, [this, id, from] {
        const Wire refused = wires_.at(id);
        wires_.erase(id);
        if (EndLives(refused, Side::kOpener))
          Run(from, [this, id, from] { MachineOf(from).host->OnConnected(id, false); });
      });
      return;
    }
    // The system accepts for a frozen process, too.
    Carry(id, Side::kOpener, [this, id, from] {
      if (EndLives(wires_.at(id), Side::kOpener))
        Run(from, [this, id, from] { MachineOf(from).host->OnConnected(id, true); });
    });
    Run(to, [this, id, from, to] {
      if (wires_.contains(id)) MachineOf(to).host->OnAccepted(id, from);
    });
  });
  return id;
}

void Network::Send(WireId id, Side from, std::string bytes) {
  const auto found = wires_.find(id);
  if (found == wires_.end() || !EndLives(found->second, from)) return;
  const Side to = Other(from);
  Carry(id, to, [this, id, to, bytes = std::move(bytes)] {
    const Wire& wire = wires_.at(id);
    const HostId host = wire.ends[Index(to)];
    if (EndLives(wire, to)) {
      Run(host, [this, id, host, bytes] {
        if (wires_.contains(id)) MachineOf(host).host->OnBytes(id, bytes);
      });
    } else if (MachineOf(host).up) {
      // Speaking to a connection that is not known any more is answered with a reset.
      const Side back = Other(to);
      Carry(id, back, [this, id, back] {
        const Wire reset = wires_.at(id);
        wires_.erase(id);
        const HostId opener = reset.ends[Index(back)];
        if (EndLives(reset, back)) Run(opener, [this, id, opener] { MachineOf(opener).host->OnClosed(id); });
      });
    }
  });
}

void Network::Close(WireId id, Side from) {
  const auto found = wires_.find(id);
  if (found == wires_.end() || found->second.closed[Index(from)]) return;
  found->second.closed[Index(from)] = true;
  const Side to = Other(from);
  Carry(id, to, [this, id, to] {
    const Wire wire = wires_.at(id);
    wires_.erase(id);
    const HostId host = wire.ends[Index(to)];
    if (EndLives(wire, to)) Run(host, [this, id, host] { MachineOf(host).host->OnClosed(id); });
  });
}

void Network::SetCut(HostId from, HostId to, bool cut) {
  if (cut) {
    cuts_.insert({from, to});
    return;
  }
  cuts_.erase({from, to});
  std::vector<WireId> concerned;
  for (const auto& [id, wire] : wires_) {
    if ((wire.ends[0] == from && wire.ends[1] == to) || (wire.ends[1] == from && wire.ends[0] == to))
      concerned.push_back(id);
  }
  for (const WireId id : concerned) {
    const auto found = wires_.find(id);
    if (found == wires_.end()) continue;
    const Side side = found->second.ends[0] == to ? Side::kOpener : Side::kAcceptor;
    for (auto& event : std::exchange(found->second.held[Index(side)], {})) {
      if (wires_.contains(id)) event();
    }
  }
}

void Network::Crash(HostId id, bool silent) {
  Machine& machine = MachineOf(id);
  const std::uint64_t life = machine.life++;
  machine.up = false;
  machine.frozen = false;
  machine.postponed.clear();
  if (silent) return;
  std::vector<std::pair<WireId, Side>> open;
  for (const auto& [wire_id, wire] : wires_) {
    for (const Side side : {Side::kOpener, Side::kAcceptor}) {
      if (wire.ends[Index(side)] == id && wire.lives[Index(side)] == life) open.emplace_back(wire_id, side);
    }
  }
  for (const auto& [wire, side] : open) Close(wire, side);
}

void Network::Restart(HostId id) {
  MachineOf(id).up = true;
  ++MachineOf(id).life;
}

void Network::Freeze(HostId id) {
  MachineOf(id).frozen = true;
}

void Network::Thaw(HostId id) {
  MachineOf(id).frozen = false;
  // What it does now may freeze nobody, but it may crash: then the rest is lost with it.
  for (auto& event : std::exchange(MachineOf(id).postponed, {})) Run(id, std::move(event));
}

}  // namespace sim
