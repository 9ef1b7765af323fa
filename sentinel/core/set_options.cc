#include "sentinel/core/set_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "sentinel/core/changes.h"
#include "sentinel/core/events.h"
#include "sentinel/core/members.h"
#include "sentinel/core/sentinel_directives.h"
#include "sentinel/core/vigil_directives.h"

namespace sentinel {
namespace {

using Values = std::vector<std::string>;

enum class Effect : std::uint8_t { kNone, kDeadlines, kCredentials };

struct SetOption {
  std::string_view name;
  std::size_t values;
  Effect effect;
  bool secret;  // its value is not shown
  bool script;  // refused with deny-scripts-reconfig
  // Null, or the value that is refused.
  const std::string* (*refused)(const Values& values);
  void (*apply)(Master& master, const Values& values);
};

std::optional<std::int64_t> Number(const std::string& word, std::int64_t least, std::int64_t most) {
  const auto number = base::ParseInt<std::int64_t>(word);
  if (!number || *number < least || *number > most) return std::nullopt;
  return number;
}

const std::string* RefuseUnlessPeriod(const Values& values) {
  return Number(values[0], 1, kLongestPeriod.count()) ? nullptr : &values[0];
}
const std::string* RefuseUnlessPeriodOrZero(const Values& values) {
  return Number(values[0], 0, kLongestPeriod.count()) ? nullptr : &values[0];
}
const std::string* RefuseUnlessCount(const Values& values) {
  return Number(values[0], 1, 1'000'000'000) ? nullptr : &values[0];
}
const std::string* RefuseNothing(const Values&) {
  return nullptr;
}
const std::string* RefuseEmpty(const Values& values) {
  for (const std::string& value : values) {
    if (value.empty()) return &value;
  }
  return nullptr;
}

base::Millis AsPeriod(const std::string& value) {
  return base::Millis(base::ParseInt<std::int64_t>(value).value());
}
int AsCount(const std::string& value) {
  return base::ParseInt<int>(value).value();
}

void RenameCommand(Master& master, const Values& values) {
  std::string name = values[0];
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (base::EqualsIgnoreCase(values[0], values[1])) {
    master.renamed_commands.erase(name);  // its own name: no longer renamed
  } else {
    master.renamed_commands[name] = values[1];
  }
}

constexpr std::array kOptions = {
    SetOption{"auth-pass", 1, Effect::kCredentials, true, false, &RefuseNothing,
              [](Master& master, const Values& values) { master.auth_pass = values[0]; }},
    SetOption{"auth-user", 1, Effect::kCredentials, false, false, &RefuseNothing,
              [](Master& master, const Values& values) { master.auth_user = values[0]; }},
    SetOption{"client-reconfig-script", 1, Effect::kNone, false, true, &RefuseNothing,
              [](Master& master, const Values& values) { master.reconfig_script = values[0]; }},
    SetOption{"down-after-milliseconds", 1, Effect::kDeadlines, false, false, &RefuseUnlessPeriod,
              [](Master& master, const Values& values) { master.down_after = AsPeriod(values[0]); }},
    SetOption{"failover-timeout", 1, Effect::kDeadlines, false, false, &RefuseUnlessPeriod,
              [](Master& master, const Values& values) { master.failover_timeout = AsPeriod(values[0]); }},
    SetOption{"master-reboot-down-after-period", 1, Effect::kDeadlines, false, false, &RefuseUnlessPeriodOrZero,
              [](Master& master, const Values& values) { master.reboot_down_after = AsPeriod(values[0]); }},
    SetOption{"notification-script", 1, Effect::kNone, false, true, &RefuseNothing,
              [](Master& master, const Values& values) { master.notification_script = values[0]; }},
    SetOption{"parallel-syncs", 1, Effect::kDeadlines, false, false, &RefuseUnlessCount,
              [](Master& master, const Values& values) { master.parallel_syncs = AsCount(values[0]); }},
    SetOption{"primary-reboot-down-after-period", 1, Effect::kDeadlines, false, false, &RefuseUnlessPeriodOrZero,
              [](Master& master, const Values& values) { master.reboot_down_after = AsPeriod(values[0]); }},
    SetOption{"quorum", 1, Effect::kDeadlines, false, false, &RefuseUnlessCount,
              [](Master& master, const Values& values) { master.quorum = AsCount(values[0]); }},
    SetOption{"rename-command", 2, Effect::kNone, false, false, &RefuseEmpty, &RenameCommand},
};

// Settings that stand in <config>.vigil. What an empty master accepts, every master does.
const std::string* RefusedByRow(State& state, const VigilDirective& row, std::vector<std::string> words,
                                const Values& values, const base::Now& now) {
  Master empty;
  return row.load_master(state, empty, words, now).empty() ? nullptr : &values[0];
}

struct Setting {
  const SetOption* option;  // one of these two
  const VigilDirective* row;
  std::string as_given;  // the option's name as the operator wrote it: so it is announced
  Values values;
};

std::vector<std::string> RowWords(const VigilDirective& row, const std::string& master, const Values& values) {
  std::vector<std::string> words{std::string(row.name), master};
  words.insert(words.end(), values.begin(), values.end());
  return words;
}

base::Result<std::vector<Setting>> ReadSettings(State& state, const Master& master, const serve::Words& words,
                                                const base::Now& now) {
  std::vector<Setting> settings;
  std::size_t i = 3;
  while (i < words.size()) {
    Setting setting{nullptr, nullptr, std::string(words[i]), {}};
    const std::string name = base::ToLower(words[i]);
    const auto option = std::ranges::find(kOptions, name, &SetOption::name);
    if (option != kOptions.end()) setting.option = &*option;
    if (const VigilDirective* row = FindVigilDirective(name); row != nullptr && row->settable) setting.row = row;
    ++i;
    const bool known = setting.option != nullptr || setting.row != nullptr;
    const std::size_t count = setting.option != nullptr ? setting.option->values
                              : setting.row != nullptr  ? setting.row->min_words - 2
                                                        : 0;
    if (!known || words.size() - i < count) {
      return base::Fail(
          base::ErrorCode::kInvalid,
          fmt::format("ERR Unknown option or number of arguments for SENTINEL SET '{}'", setting.as_given));
    }
    if (setting.option != nullptr && setting.option->script && state.deny_scripts_reconfig) {
      return base::Fail(base::ErrorCode::kInvalid,
                        "ERR Reconfiguration of scripts path is denied for security reasons. Check the "
                        "deny-scripts-reconfig configuration directive in your Sentinel configuration");
    }
    for (std::size_t value = 0; value < count; ++value) setting.values.emplace_back(words[i++]);
    const std::string* refused =
        setting.option != nullptr
            ? setting.option->refused(setting.values)
            : RefusedByRow(state, *setting.row, RowWords(*setting.row, master.name, setting.values), setting.values,
                           now);
    // A line break in a password would become a line of the file, and lines of the file name scripts to run.
    const auto control = std::ranges::find_if(setting.values, base::HasControlCharacters);
    if (control != setting.values.end()) refused = &*control;
    const bool script = setting.option != nullptr && setting.option->script;
    if (script && !setting.values[0].empty() && state.can_run && !state.can_run(setting.values[0])) {
      refused = &setting.values[0];
    }
    if (refused != nullptr) {
      return base::Fail(base::ErrorCode::kInvalid,
                        fmt::format("ERR Invalid argument '{}' for SENTINEL SET '{}'", *refused, setting.as_given));
    }
    settings.push_back(std::move(setting));
  }
  return settings;
}

}  // namespace

base::Result<ChangeNumber> SetOptions(State& state, Master& master, const serve::Words& words, const base::Now& now,
                                      Actions& out) {
  const auto settings = ReadSettings(state, master, words, now);
  if (!settings) return tl::unexpected(settings.error());
  bool deadlines = false, credentials = false;
  for (const Setting& setting : *settings) {
    if (setting.row != nullptr) {
      setting.row->load_master(state, master, RowWords(*setting.row, master.name, setting.values), now);
      deadlines = true;
      continue;
    }
    setting.option->apply(master, setting.values);
    deadlines |= setting.option->effect == Effect::kDeadlines;
    credentials |= setting.option->effect == Effect::kCredentials;
  }
  const ChangeNumber change = MarkChanged(state, out);
  for (const Setting& setting : *settings) {
    std::string text = Describe(state, master) + " " + setting.as_given;
    for (const std::string& value : setting.values)
      text += " " + (setting.option != nullptr && setting.option->secret ? "******" : value);
    AnnounceEvent(state, &master, "+set", text, change, out);
  }
  if (deadlines) SettingsChanged(state, master, now, out);
  if (credentials) CredentialsChanged(state, &master, now, out);
  return change;
}

}  // namespace sentinel
