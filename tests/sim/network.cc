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

template <typename Event>
void Network::Run(HostId id, Event event) {
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

template <typename Event>
void Network::Carry(WireId id, Side to, Event event) {
  base::MonoTime& last = wires_.at(id)->last_arrival[Index(to)];
  last = std::max(last, queue_.now() + Latency());
  queue_.At(last, [this, id, to, event = std::move(event)]() mutable {
    Wire* wire = Find(id);
    if (wire == nullptr) return;
    // Behind bytes that are still held it waits its turn.
    const bool cut = IsCut(wire->ends[Index(Other(to))], wire->ends[Index(to)]);
    if (cut || !wire->held[Index(to)].empty()) {
      wire->held[Index(to)].push_back(std::move(event));
    } else {
      event();
    }
  });
}

WireId Network::Open(HostId from, const std::string& address) {
  const WireId id = wires_.size();
  wires_.emplace_back();
  const HostId to = HostOf(address);
  if (to < 0) {
    After(from, Millis(1), [this, from, id] { MachineOf(from).host->OnConnected(id, false); });
    return id;
  }
  wires_[id] = std::make_unique<Wire>(Wire{{from, to}, {MachineOf(from).life, MachineOf(to).life}});
  Carry(id, Side::kAcceptor, [this, id, from, to] {
    Wire& wire = *Find(id);
    const bool up = MachineOf(to).up;
    if (up) wire.lives[1] = MachineOf(to).life;
    if (!up) {
      // A machine that is off answers nothing; a port without process refuses. Both are seen as a refusal here, the
      // silent one only by the opener's own deadlines.
      Carry(id, Side::kOpener, [this, id, from] {
        const bool lives = EndLives(*Find(id), Side::kOpener);
        Forget(id);
        if (lives) Run(from, [this, id, from] { MachineOf(from).host->OnConnected(id, false); });
      });
      return;
    }
    // The system accepts for a frozen process, too.
    Carry(id, Side::kOpener, [this, id, from] {
      if (EndLives(*Find(id), Side::kOpener))
        Run(from, [this, id, from] { MachineOf(from).host->OnConnected(id, true); });
    });
    Run(to, [this, id, from, to] {
      if (Find(id) != nullptr) MachineOf(to).host->OnAccepted(id, from);
    });
  });
  return id;
}

void Network::Send(WireId id, Side from, std::string bytes) {
  Wire* wire = Find(id);
  if (wire == nullptr || !EndLives(*wire, from)) return;
  const Side to = Other(from);
  wire->in_flight[Index(from)] += bytes.size();
  Carry(id, to, [this, id, to, bytes = std::move(bytes)]() mutable {
    Wire& way = *Find(id);
    way.in_flight[Index(Other(to))] -= bytes.size();
    const HostId host = way.ends[Index(to)];
    if (EndLives(way, to)) {
      Run(host, [this, id, host, bytes = std::move(bytes)] {
        if (Find(id) != nullptr) MachineOf(host).host->OnBytes(id, bytes);
      });
    } else if (MachineOf(host).up) {
      // Speaking to a connection that is not known any more is answered with a reset.
      const Side back = Other(to);
      Carry(id, back, [this, id, back] {
        const HostId opener = Find(id)->ends[Index(back)];
        const bool lives = EndLives(*Find(id), back);
        Forget(id);
        if (lives) Run(opener, [this, id, opener] { MachineOf(opener).host->OnClosed(id); });
      });
    }
  });
}

std::size_t Network::InFlight(WireId id, Side from) {
  const Wire* wire = Find(id);
  return wire == nullptr ? 0 : wire->in_flight[Index(from)];
}

void Network::Close(WireId id, Side from) {
  Wire* wire = Find(id);
  if (wire == nullptr || wire->closed[Index(from)]) return;
  wire->closed[Index(from)] = true;
  const Side to = Other(from);
  Carry(id, to, [this, id, to] {
    const HostId host = Find(id)->ends[Index(to)];
    const bool lives = EndLives(*Find(id), to);
    Forget(id);
    if (lives) Run(host, [this, id, host] { MachineOf(host).host->OnClosed(id); });
  });
}

void Network::SetCut(HostId from, HostId to, bool cut) {
  if (cut) {
    cuts_.insert({from, to});
    return;
  }
  cuts_.erase({from, to});
  std::vector<WireId> concerned;
  for (WireId id = 0; id < wires_.size(); ++id) {
    const Wire* wire = Find(id);
    if (wire == nullptr) continue;
    if ((wire->ends[0] == from && wire->ends[1] == to) || (wire->ends[1] == from && wire->ends[0] == to))
      concerned.push_back(id);
  }
  for (const WireId id : concerned) {
    Wire* wire = Find(id);
    if (wire == nullptr) continue;
    const Side side = wire->ends[0] == to ? Side::kOpener : Side::kAcceptor;
    for (auto& event : std::exchange(wire->held[Index(side)], {})) {
      if (Find(id) != nullptr) event();
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
  for (WireId wire_id = 0; wire_id < wires_.size(); ++wire_id) {
    const Wire* wire = Find(wire_id);
    for (const Side side : {Side::kOpener, Side::kAcceptor}) {
      if (wire == nullptr) break;
      if (wire->ends[Index(side)] == id && wire->lives[Index(side)] == life) open.emplace_back(wire_id, side);
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
