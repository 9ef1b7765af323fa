#include "tests/sim/operator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>

#include "replication/base/text.h"
#include "sentinel/core/quorum.h"

namespace sim {

std::vector<std::string> DrawOperatorCommand(const sentinel::State& state, const std::string& name,
                                             const std::function<bool(const base::RunId&)>& gone,
                                             base::Random& random) {
  const sentinel::Master& master = state.masters.at(name);
  switch (random.Below(5)) {
    case 0:
    case 1:
      return {"SENTINEL", "PAUSE", name, fmt::format("{}", 500 + random.Below(12'000)), "ANYWAY", "by the seed"};
    case 2:
      return {"SENTINEL", "RESUME", name};
    case 3:
      for (const auto& [id, opinion] : master.sentinels) {
        const sentinel::Peer* peer = sentinel::FindPeer(state, id);
        if (peer != nullptr && peer->liveness.down() && gone(id)) return {"SENTINEL", "FORGET", name, id.hex};
      }
      return {};
    default:
      for (const auto& [address, replica] : master.replicas) {
        // A former master that nobody knows any more would stay one when it returns: no operator of ours asks for that.
        const bool follows = replica.role_reported == sentinel::Role::kReplica && replica.info_at;
        if (replica.liveness.down() && follows) return {"SENTINEL", "FORGET", name, address.ToString()};
      }
      return {};
  }
}

std::vector<std::string> DrawFailover(const sentinel::State& state, const std::string& name, base::Random& random) {
  const sentinel::Master& master = state.masters.at(name);
  std::vector<std::string> words{"SENTINEL", "FAILOVER", name};
  if (random.Chance(0.5)) {
    words.emplace_back("COORDINATED");
  } else if (random.Chance(0.2)) {
    words.emplace_back("FORCE");
  }
  if (!master.replicas.empty() && random.Chance(0.3)) {
    auto replica = master.replicas.begin();
    std::advance(replica, static_cast<std::ptrdiff_t>(random.Below(master.replicas.size())));
    words.insert(words.end(), {"TO", replica->first.host, fmt::format("{}", replica->first.port)});
  }
  if (random.Chance(0.3)) words.insert(words.end(), {"TIMEOUT", fmt::format("{}", 1 + random.Below(3000))});
  return words;
}

void HandoverLosesNothing::OnEvent(int sentinel, const std::string& event, const std::string& text) {
  if (event == "+try-failover" || event.starts_with("-failover-abort")) {
    coordinated_.erase(sentinel);
    promoted_.erase(sentinel);
  }
  if (event == "+promoted-slave" && coordinated_.contains(sentinel)) promoted_.insert(sentinel);
  if (event != "+failover-mode") return;
  if (text.find(" coordinated ") != std::string::npos) {
    coordinated_.insert(sentinel);
  } else {
    coordinated_.erase(sentinel);
  }
}

void HandoverLosesNothing::OnSwitch(int sentinel, const std::string& node, base::Offset acknowledged,
                                    base::Offset fork) {
  coordinated_.erase(sentinel);
  promoted_.erase(sentinel);
  ++looks_;
  if (acknowledged < fork) return;
  verdict_.Fail(
      fmt::format("sentinel {} said that the master hands over to {}, which begins at {}; acknowledged was {}",
                  sentinel, node, fork, acknowledged));
}

void NoFailoverWhilePaused::OnDurable(int sentinel, const sentinel::SavedTexts& texts, base::MonoTime now,
                                      base::WallTime wall) {
  std::optional<Held> before;
  if (const auto held = held_.find(sentinel); held != held_.end()) before = held->second;
  held_.erase(sentinel);
  for (const std::string_view line : base::Split(texts.vigil, '\n')) {
    const auto words = base::Split(line, ' ');
    if (words.size() < 6 || words[1] != "paused") continue;
    const auto version = base::ParseInt<std::uint64_t>(words[3]);
    const auto ends_at = base::ParseInt<std::int64_t>(words[4]);
    const auto length = base::ParseInt<std::int64_t>(words[5]);
    if (!version || !ends_at || !length) {
      verdict_.Fail(fmt::format("sentinel {} saved a pause that cannot be read: {}", sentinel, line));
      continue;
    }
    if (*length == 0) continue;
    Held held{*version, base::FromUnixMillis(*ends_at), {}};
    held.until = now + std::chrono::duration_cast<base::Millis>(held.ends_at - wall);
    if (before && before->version == held.version) held.until = before->until;
    held_[sentinel] = held;
    ++pauses_;
  }
}

void NoFailoverWhilePaused::OnTryFailover(int sentinel, const sentinel::Master& master, base::MonoTime now,
                                          base::WallTime wall) {
  const auto held = held_.find(sentinel);
  if (held == held_.end() || master.failover.forced) return;
  if (master.pause.version > held->second.version) return;
  // A sentinel that runs counts the time itself; one that starts has only its wall clock, which somebody may have set.
  if (now >= held->second.until || wall >= held->second.ends_at) return;
  verdict_.Fail(fmt::format("sentinel {} starts a failover while its disk holds a pause", sentinel));
}

void MajorityCoversStock::OnStep(int sentinel, const sentinel::Master& master,
                                 const std::map<base::RunId, const sentinel::Master*>& stock) {
  if (master.forgotten.empty()) return;
  for (const auto& [id, there] : stock) {
    if (!master.sentinels.contains(id)) continue;
    const auto counted =
        std::count_if(master.forgotten.begin(), master.forgotten.end(), [&](const sentinel::Tombstone& stone) {
          return stone.is_sentinel() && there->sentinels.contains(stone.sentinel);
        });
    ++looks_;
    const int least = (static_cast<int>(master.sentinels.size()) + 1 + static_cast<int>(counted)) / 2 + 1;
    if (sentinel::MajorityOf(master) >= least) continue;
    verdict_.Fail(fmt::format("sentinel {} has a majority of {}, and the stock sentinel {} counts {} that it forgot",
                              sentinel, sentinel::MajorityOf(master), id.hex, counted));
  }
}

}  // namespace sim
