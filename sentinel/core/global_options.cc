#include "sentinel/core/global_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "replication/base/text.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/members.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/sentinel_directives.h"

namespace sentinel {
namespace {

struct GlobalOption {
  std::string_view name;
  std::string (*get)(const State& state);
  bool (*set)(State& state, std::string_view value);  // false: the value is refused
  bool credentials;                                   // links to the peers are made anew
};

std::string YesNo(bool value) {
  return value ? "yes" : "no";
}

bool SetYesNo(bool& option, std::string_view value) {
  const auto parsed = base::ParseYesNo(value);
  if (!parsed) return false;
  option = *parsed;
  return true;
}

bool SetText(std::string& option, std::string_view value) {
  if (base::HasControlCharacters(value)) return false;
  option = value;
  return true;
}

bool SetAnnouncePort(State& state, std::string_view value) {
  const auto port = base::ParseInt<std::uint16_t>(value);
  if (!port) return false;
  state.announce_port = *port;
  return true;
}

// In the order in which GET shows them.
constexpr std::array kOptions = {
    GlobalOption{"resolve-hostnames", [](const State& state) { return YesNo(state.resolve_hostnames); },
                 [](State& state, std::string_view value) { return SetYesNo(state.resolve_hostnames, value); }, false},
    GlobalOption{"announce-hostnames", [](const State& state) { return YesNo(state.announce_hostnames); },
                 [](State& state, std::string_view value) { return SetYesNo(state.announce_hostnames, value); }, false},
    GlobalOption{"announce-ip", [](const State& state) { return state.announce_ip; },
                 [](State& state, std::string_view value) { return SetText(state.announce_ip, value); }, false},
    GlobalOption{"announce-port", [](const State& state) { return std::to_string(state.announce_port); },
                 &SetAnnouncePort, false},
    GlobalOption{"sentinel-user", [](const State& state) { return state.sentinel_user; },
                 [](State& state, std::string_view value) { return SetText(state.sentinel_user, value); }, true},
    GlobalOption{"sentinel-pass", [](const State& state) { return state.sentinel_pass; },
                 [](State& state, std::string_view value) { return SetText(state.sentinel_pass, value); }, true},
};

// Whatever several patterns match is shown once.
void GetOptions(Call& call) {
  std::vector<const GlobalOption*> shown;
  for (const std::string_view pattern : std::span(call.words).subspan(3)) {
    for (const GlobalOption& option : kOptions) {
      if (!base::GlobMatch(pattern, option.name, true)) continue;
      if (std::ranges::find(shown, &option) == shown.end()) shown.push_back(&option);
    }
  }
  call.reply.Map(shown.size());
  for (const GlobalOption* option : shown) {
    call.reply.Bulk(option->name);
    call.reply.Bulk(option->get(call.state));
  }
}

struct Setting {
  const GlobalOption* option;
  std::string before;
};

// Sets the pairs one after the other and keeps in `done` what was there before; an error, without its code, at the
// first that is wrong.
std::string SetPairs(State& state, std::span<const std::string_view> pairs, std::vector<Setting>& done) {
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    const auto option = std::ranges::find(kOptions, base::ToLower(pairs[i]), &GlobalOption::name);
    if (option == kOptions.end()) return fmt::format("Invalid argument '{}' to SENTINEL CONFIG SET", pairs[i]);
    if (std::ranges::find(done, option, &Setting::option) != done.end()) {
      return fmt::format("Duplicate argument '{}' to SENTINEL CONFIG SET", pairs[i]);
    }
    if (i + 1 == pairs.size()) return fmt::format("Missing argument '{}' value", pairs[i]);
    const std::string before = option->get(state);
    if (!option->set(state, pairs[i + 1])) {
      return fmt::format("Invalid value '{}' to SENTINEL CONFIG SET '{}'", pairs[i + 1], pairs[i]);
    }
    done.push_back({option, before});
  }
  return {};
}

void SetOptions(Call& call) {
  std::vector<Setting> done;
  const std::string error = SetPairs(call.state, std::span(call.words).subspan(3), done);
  if (!error.empty()) {
    for (const Setting& setting : done) setting.option->set(call.state, setting.before);
    return call.reply.Error("ERR " + error);
  }
  const ChangeNumber change = MarkChanged(call.state, call.out);
  if (std::ranges::any_of(done, [](const Setting& setting) { return setting.option->credentials; })) {
    CredentialsChanged(call.state, nullptr, call.now, call.out);
  }
  call.OkWhenSaved(change);
}

struct Period {
  std::string_view name;
  base::Millis Periods::*value;
};

constexpr std::array kPeriods = {
    Period{"INFO-PERIOD", &Periods::info},
    Period{"PING-PERIOD", &Periods::ping},
    Period{"ASK-PERIOD", &Periods::ask},
    Period{"PUBLISH-PERIOD", &Periods::publish},
    Period{"DEFAULT-DOWN-AFTER", &Periods::default_down_after},
    Period{"DEFAULT-FAILOVER-TIMEOUT", &Periods::default_failover_timeout},
    Period{"TILT-TRIGGER", &Periods::tilt_trigger},
    Period{"TILT-PERIOD", &Periods::tilt_period},
    Period{"SLAVE-RECONF-TIMEOUT", &Periods::replica_reconf_timeout},
    Period{"MIN-LINK-RECONNECT-PERIOD", &Periods::min_link_reconnect},
    Period{"ELECTION-TIMEOUT", &Periods::election_timeout},
    Period{"SCRIPT-MAX-RUNTIME", &Periods::script_max_runtime},
    Period{"SCRIPT-RETRY-DELAY", &Periods::script_retry_delay},
};

void ShowPeriods(Call& call) {
  call.reply.Map(kPeriods.size());
  for (const Period& period : kPeriods) {
    call.reply.Bulk(period.name);
    call.reply.BulkNumber((call.state.periods.*period.value).count());
  }
}

}  // namespace

void ConfigCommand(Call& call) {
  const std::string_view verb = call.words[2];
  if (base::EqualsIgnoreCase(verb, "get") && call.words.size() >= 4) return GetOptions(call);
  if (base::EqualsIgnoreCase(verb, "set") && call.words.size() >= 5) return SetOptions(call);
  call.reply.Error("ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.");
}

void DebugCommand(Call& call) {
  if (call.words.size() == 2) return ShowPeriods(call);
  Periods periods = call.state.periods;
  for (std::size_t i = 2; i < call.words.size(); i += 2) {
    const auto period = std::ranges::find_if(
        kPeriods, [&](const Period& row) { return base::EqualsIgnoreCase(row.name, call.words[i]); });
    if (period == kPeriods.end() || i + 1 == call.words.size()) {
      return call.reply.Error(
          fmt::format("ERR Unknown option or number of arguments for SENTINEL DEBUG '{}'", call.words[i]));
    }
    const auto ms = base::ParseInt<std::int64_t>(call.words[i + 1]);
    if (!ms || *ms <= 0 || base::Millis(*ms) > kLongestPeriod) {
      return call.reply.Error(
          fmt::format("ERR Invalid argument '{}' for SENTINEL DEBUG '{}'", call.words[i + 1], call.words[i]));
    }
    periods.*(period->value) = base::Millis(*ms);
  }
  call.state.periods = periods;
  for (auto& [name, master] : call.state.masters) SettingsChanged(call.state, master, call.now, call.out);
  ScriptLimitChanged(call.state);
  call.reply.Ok();
}

}  // namespace sentinel
