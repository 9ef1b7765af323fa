#include "replication/core/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "replication/base/digest.h"
#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/setting_rows.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using Pair = std::pair<std::string_view, std::string_view>;

std::string HexOfSha256(std::string_view text) {
  std::string hex;
  for (const std::uint8_t byte : base::Sha256(text)) hex += fmt::format("{:02x}", byte);
  return hex;
}

bool HasWildcard(std::string_view pattern) {
  return pattern.find_first_of("*?[") != std::string_view::npos;
}

// The words of a value that CONFIG SET got.
std::vector<std::string> WordsOf(const SettingRow& row, std::string_view value) {
  if ((row.flags & kManyWords) == 0) return {std::string(value)};
  std::vector<std::string> words;
  for (const std::string_view word : base::Split(value, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty()) words.emplace_back();
  return words;
}

tl::unexpected<base::Error> SetFailed(std::string_view name, std::string_view reason) {
  return Fail(ErrorCode::kInvalid,
              fmt::format("CONFIG SET failed (possibly related to argument '{}') - {}", name, reason));
}

// May this be set while the server runs? Empty: yes.
std::string_view WhyNotNow(const Settings& settings, const SettingRow& row, const SetContext& context) {
  if (row.flags & kFixed) return "can't set immutable config";
  if ((row.flags & kProtected) && !Allows(settings.enable_protected_configs, context.client_is_local)) {
    return "can't set protected config";
  }
  return {};
}

// ---- The text of a configuration file. ----

std::string RenderMemory(std::uint64_t bytes) {
  for (const auto& [unit, size] : {std::pair{"gb", 1ULL << 30}, {"mb", 1ULL << 20}, {"kb", 1ULL << 10}}) {
    if (bytes != 0 && bytes % size == 0) return fmt::format("{}{}", bytes / size, unit);
  }
  return fmt::format("{}", bytes);
}

class Rewriter {
 public:
  Rewriter(const Settings& settings, std::string_view old_text)
      : settings_(settings), old_(WhatItSays(old_text)), rewrite_(old_text) {}

  std::string Finish() {
    for (const SettingRow& row : UsedSettings()) Write(row);
    for (const SettingRow& row : UnusedSettings()) {
      if (settings_.others.contains(std::string(row.name))) Write(row);
    }
    WriteUsers();
    return rewrite_.Finish();
  }

 private:
  // Lines that nobody could load say nothing.
  static Settings WhatItSays(std::string_view text) {
    SettingsLoader loader;
    for (const std::string_view line : base::Split(text, '\n')) {
      const auto parsed = base::ParseConfig(line);
      if (!parsed || parsed->empty() || parsed->front().words[0] == "user") continue;
      static_cast<void>(loader.Apply(parsed->front()));
    }
    return loader.Finish().value_or(Settings{});
  }

  // Where an old line has the older name, the new one takes its place.
  std::string KindFor(const SettingRow& row) {
    const std::string name(row.name);
    const std::string alias(row.alias);
    if (alias.empty() || !rewrite_.Has(alias)) return name;
    if (!rewrite_.Has(name)) return alias;
    rewrite_.Manage(alias);
    return name;
  }

  void Write(const SettingRow& row) {
    // What the user wrote stays as he wrote it, unless it says something else than what holds.
    const bool older_name = !row.alias.empty() && rewrite_.Has(std::string(row.alias));
    if (!older_name && RenderSetting(old_, row) == RenderSetting(settings_, row)) return;
    const std::string kind = KindFor(row);
    rewrite_.Manage(kind);
    if (IsDefault(settings_, row) && !rewrite_.Has(kind)) return;
    for (const std::string& value : ValuesOf(row)) rewrite_.Put(kind, fmt::format("{} {}", row.name, value));
  }

  // What stands behind the name, once per line; none: no line at all.
  std::vector<std::string> ValuesOf(const SettingRow& row) const {
    const std::string value = RenderSetting(settings_, row);
    if (row.name == "save") return SaveLines();
    if (row.name == "client-output-buffer-limit") return LimitLines();
    if (row.name == "bind") return {value.empty() ? "\"\"" : value};
    if (row.name == "replicaof") return value.empty() ? std::vector<std::string>{} : std::vector{value};
    if (row.kind == SettingKind::kWords) return {value};
    if (row.kind == SettingKind::kMemory) {
      const auto bytes = base::ParseInt<std::uint64_t>(value);
      return {bytes ? RenderMemory(*bytes) : value};
    }
    if (row.kind == SettingKind::kText && value.empty()) return {};
    return {base::QuoteWord(value)};
  }

  std::vector<std::string> SaveLines() const {
    if (settings_.save.empty()) return {"\"\""};
    std::vector<std::string> lines;
    for (const SavePoint& point : settings_.save) {
      lines.push_back(fmt::format("{} {}", point.after.count(), point.changes));
    }
    return lines;
  }

  std::vector<std::string> LimitLines() const {
    const Settings defaults;
    std::vector<std::string> lines;
    const auto add = [&](std::string_view name, const OutputLimit& limit, const OutputLimit& fallback) {
      if (limit == fallback) return;
      lines.push_back(
          fmt::format("{} {} {} {}", name, RenderMemory(limit.hard), RenderMemory(limit.soft), limit.soft_for.count()));
    };
    add("normal", settings_.normal_limit, defaults.normal_limit);
    add("replica", settings_.replica_limit, defaults.replica_limit);
    add("pubsub", settings_.pubsub_limit, defaults.pubsub_limit);
    return lines;
  }

  // Redis adds a line for the default user by itself; where one stands it must say what holds.
  void WriteUsers() {
    for (const std::vector<std::string>& user : settings_.users) {
      std::string line = "user";
      for (const std::string& word : user) line += " " + base::QuoteWord(word);
      rewrite_.Put("user", line);
    }
    if (!settings_.users.empty() || !rewrite_.Has("user")) return;
    const std::string password = settings_.requirepass.empty() ? "nopass" : "#" + HexOfSha256(settings_.requirepass);
    rewrite_.Put("user", fmt::format("user default on {} ~* &* +@all", password));
  }

  const Settings& settings_;
  const Settings old_;  // what the old text alone says
  base::ConfigRewrite rewrite_;
};

}  // namespace

Result<void> SettingsLoader::Apply(const base::ConfigLine& line) {
  const std::span<const std::string> words = std::span(line.words).subspan(1);
  const std::string& name = line.words[0];
  if (name == "user") return ApplyUser(words);
  if (name == "rename-command") {
    if (words.size() != 2 || words[0].empty()) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
    settings_.rename_command.push_back({base::ToLower(words[0]), base::ToLower(words[1])});
    serve::CommandTable table;
    FillCommandTable(table);
    return RenameCommands(table, settings_.rename_command);
  }
  if (name == "loadmodule") return Fail(ErrorCode::kInvalid, "modules are not supported");
  if (name == "sentinel") return Fail(ErrorCode::kInvalid, "a sentinel's directive in a node's configuration");

  const SettingRow* row = FindSetting(name);
  if (row == nullptr) return Fail(ErrorCode::kInvalid, "unknown directive");
  if (words.empty()) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (name == "save" && !save_seen_) {
    // The first line replaces the default save points, the following ones add to it.
    settings_.save.clear();
    save_seen_ = true;
  }
  const std::vector<SavePoint> earlier = settings_.save;
  if (const auto applied = ApplySetting(settings_, *row, words); !applied) return applied;
  if (name == "save" && !settings_.save.empty()) {
    settings_.save.insert(settings_.save.begin(), earlier.begin(), earlier.end());
  }
  if (!IsUsed(*row) && !IsDefault(settings_, *row) &&
      std::find(without_effect_.begin(), without_effect_.end(), row->name) == without_effect_.end()) {
    without_effect_.emplace_back(row->name);
  }
  return {};
}

Result<void> SettingsLoader::ApplyUser(std::span<const std::string> words) {
  if (words.empty()) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
  if (std::any_of(words.begin(), words.end(), base::HasControlCharacters)) {
    return Fail(ErrorCode::kInvalid, "control characters are not allowed in a rule");
  }
  for (const auto& user : settings_.users) {
    if (user[0] == words[0]) return Fail(ErrorCode::kInvalid, "Duplicate user found. A user can only be defined once");
  }
  settings_.users.emplace_back(words.begin(), words.end());
  serve::CommandTable table;
  FillCommandTable(table);
  serve::Access access;
  return UseUserLine(settings_.users.back(), table, access);
}

Result<Settings> SettingsLoader::Finish() {
  if (!settings_.users.empty() && !settings_.aclfile.empty()) {
    return Fail(ErrorCode::kInvalid, "users stand either in this file or in the one that aclfile names, not in both");
  }
  return settings_;
}

Result<void> UseUserLine(const std::vector<std::string>& line, const serve::CommandTable& table,
                         serve::Access& access) {
  std::vector<std::string> rules(line.begin() + 1, line.end());
  if (line[0] == "default") rules.insert(rules.begin(), "reset");  // a line says all about its user
  return access.SetUser(table, line[0], rules);
}

std::vector<std::pair<std::string, std::string>> GetSettings(const Settings& settings,
                                                             std::span<const std::string_view> patterns) {
  std::map<std::string, std::string> found;
  for (const std::string_view pattern : patterns) {
    const std::string lowered = base::ToLower(pattern);
    if (!HasWildcard(pattern)) {
      if (const SettingRow* row = FindSetting(lowered)) found[std::string(pattern)] = RenderSetting(settings, *row);
      continue;
    }
    for (const auto rows : {UsedSettings(), UnusedSettings()}) {
      for (const SettingRow& row : rows) {
        if (row.flags & kHidden) continue;
        for (const std::string_view name : {row.name, row.alias}) {
          if (!name.empty() && base::GlobMatch(lowered, name)) {
            found[std::string(name)] = RenderSetting(settings, row);
          }
        }
      }
    }
  }
  return {found.begin(), found.end()};
}

Result<void> SetSettings(Settings& settings, std::span<const Pair> values, const SetContext& context) {
  std::set<const SettingRow*> seen;
  for (const auto& [name, value] : values) {
    const SettingRow* row = FindSetting(base::ToLower(name));
    if (row == nullptr) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("Unknown option or number of arguments for CONFIG SET - '{}'", name));
    }
    if (const auto reason = WhyNotNow(settings, *row, context); !reason.empty()) return SetFailed(name, reason);
    if (!seen.insert(row).second) return SetFailed(name, "duplicate parameter");
  }
  Settings changed = settings;
  for (const auto& [name, value] : values) {
    const SettingRow& row = *FindSetting(base::ToLower(name));
    std::vector<std::string> words = WordsOf(row, value);
    if (row.name == "dir" && context.find_folder) {
      auto folder = context.find_folder(words[0]);
      if (!folder) return SetFailed(name, folder.error().text);
      words[0] = std::move(*folder);
    }
    if (const auto applied = ApplySetting(changed, row, words); !applied) {
      return SetFailed(name, applied.error().text);
    }
  }
  settings = std::move(changed);
  return {};
}

std::string RewriteSettings(const Settings& settings, std::string_view old_text) {
  return Rewriter(settings, old_text).Finish();
}

}  // namespace replication
