#include "tests/sim/checkers.h"

#include <fmt/format.h>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"

namespace sim {

void OneVotePerEpoch::OnVoteTold(int sentinel, const std::string& master, std::uint64_t epoch,
                                 const std::string& candidate) {
  const auto [found, first] = votes_.try_emplace({sentinel, master, epoch}, candidate);
  if (!first && found->second != candidate) {
    verdict_.Fail(fmt::format("sentinel {} voted twice in epoch {} of {}: for {} and for {}", sentinel, epoch, master,
                              found->second, candidate));
  }
}

void OneLeaderPerEpoch::OnElected(int sentinel, const std::string& master, std::uint64_t epoch) {
  const auto [found, first] = leaders_.try_emplace({master, epoch}, sentinel);
  if (!first && found->second != sentinel) {
    verdict_.Fail(
        fmt::format("two leaders in epoch {} of {}: sentinels {} and {}", epoch, master, found->second, sentinel));
  }
}

void EpochsNeverFall::RequireDurable(int sentinel, const std::string& what, std::uint64_t told) {
  const auto found = durable_.find({sentinel, what});
  const std::uint64_t durable = found == durable_.end() ? 0 : found->second;
  if (told > durable) {
    verdict_.Fail(fmt::format("sentinel {} told {} {}, and its disk holds {}", sentinel, what, told, durable));
  }
}

void EpochsNeverFall::OnVoteTold(int sentinel, const std::string& master, std::uint64_t epoch) {
  RequireDurable(sentinel, "leader-epoch " + master, epoch);
}

void EpochsNeverFall::OnHello(int sentinel, const sentinel::Hello& hello) {
  RequireDurable(sentinel, "current-epoch", hello.current_epoch.value);
  RequireDurable(sentinel, "config-epoch " + hello.master_name, hello.config_epoch.value);
  std::uint64_t& current = current_[sentinel];
  if (hello.current_epoch.value < current) {
    verdict_.Fail(fmt::format("sentinel {} told epoch {} after {}", sentinel, hello.current_epoch.value, current));
  }
  current = std::max(current, hello.current_epoch.value);
  std::uint64_t& config = config_[{sentinel, hello.master_name}];
  if (hello.config_epoch.value < config) {
    verdict_.Fail(fmt::format("sentinel {} told configuration epoch {} of {} after {}", sentinel,
                              hello.config_epoch.value, hello.master_name, config));
  }
  config = std::max(config, hello.config_epoch.value);
}

void EpochsNeverFall::OnDurable(int sentinel, const std::string& config) {
  const auto lines = base::ParseConfig(config);
  if (!lines)
    return verdict_.Fail(fmt::format("sentinel {} saved what cannot be read: {}", sentinel, lines.error().text));
  for (const base::ConfigLine& line : *lines) {
    if (line.words.size() < 3 || line.words[0] != "sentinel" || !line.words[1].ends_with("-epoch")) continue;
    const std::string what = line.words.size() == 3 ? line.words[1] : line.words[1] + " " + line.words[2];
    const std::uint64_t value = base::ParseInt<std::uint64_t>(line.words.back()).value_or(0);
    std::uint64_t& old_value = durable_[{sentinel, what}];
    if (value < old_value) {
      verdict_.Fail(fmt::format("sentinel {} saved {} {} after {}", sentinel, what, value, old_value));
    }
    old_value = std::max(old_value, value);
  }
}

void OneAddressPerEpoch::OnHello(int sentinel, const sentinel::Hello& hello) {
  if (excused_.contains(hello.config_epoch.value)) return;
  const auto [found, first] = addresses_.try_emplace({hello.master_name, hello.config_epoch.value}, hello.master);
  if (found->second != hello.master && !contested_.contains(hello.config_epoch.value)) {
    verdict_.Fail(fmt::format("two addresses of {} in configuration epoch {}: {} and, from sentinel {}, {}",
                              hello.master_name, hello.config_epoch.value, found->second.ToString(), sentinel,
                              hello.master.ToString()));
  }
  if (first && !unpromoted_excused_ && !was_promoted_(hello.master)) {
    verdict_.Fail(fmt::format("sentinel {} announced {}, which was never promoted", sentinel, hello.master.ToString()));
  }
}

}  // namespace sim
