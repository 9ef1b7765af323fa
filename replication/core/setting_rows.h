// Configuration directives as rows: how each is read, kept, shown and written.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "replication/base/result.h"
#include "replication/core/settings.h"

namespace replication {

// What a value looks like, and hence how it is judged and shown.
enum class SettingKind {
  kYesNo,
  kNumber,
  kMemory,   // bytes with units
  kChoice,   // one of a few words
  kText,     // one word, quoted where necessary
  kWords,    // several words, kept as they are
  kSpecial,  // has functions of its own
};

enum SettingFlag : std::uint32_t {
  kFixed = 1U << 0,      // only by file or command line
  kProtected = 1U << 1,  // CONFIG SET asks enable-protected-configs
  kHidden = 1U << 2,     // not matched by globs of CONFIG GET
  kManyWords = 1U << 3,  // CONFIG SET splits the value at spaces
};

using SettingField =
    std::variant<std::monostate, bool Settings::*, int Settings::*, unsigned Settings::*, std::uint16_t Settings::*,
                 std::int64_t Settings::*, std::uint64_t Settings::*, base::Millis Settings::*,
                 base::Seconds Settings::*, std::string Settings::*, Guard Settings::*>;

struct SettingRow {
  std::string_view name;
  std::string_view alias = {};  // the older name of the same
  SettingKind kind = SettingKind::kText;
  SettingField field = {};  // none: kept among Settings::others, unless the row is special
  std::uint32_t flags = 0;
  std::int64_t low = 0;
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  std::string_view choices = {};   // kChoice: separated by spaces
  std::string_view fallback = {};  // default of a row without field
  std::string_view refusal = {};   // why every value but the default is refused; empty: it is not

  using Apply = base::Result<void> (*)(Settings& settings, std::span<const std::string> words);
  using Render = std::string (*)(const Settings& settings);
  Apply apply = nullptr;    // kSpecial
  Render render = nullptr;  // kSpecial, as CONFIG GET shows it
};

// Those that change what the node does, and those that are only accepted. Both sorted by name.
std::span<const SettingRow> UsedSettings();
std::span<const SettingRow> UnusedSettings();

// By name or alias, in lower case; null when there is none.
const SettingRow* FindSetting(std::string_view name);
bool IsUsed(const SettingRow& row);

// Sets it from the words behind the name. The error is the reason.
base::Result<void> ApplySetting(Settings& settings, const SettingRow& row, std::span<const std::string> words);
// As CONFIG GET shows it.
std::string RenderSetting(const Settings& settings, const SettingRow& row);
bool IsDefault(const Settings& settings, const SettingRow& row);

}  // namespace replication
