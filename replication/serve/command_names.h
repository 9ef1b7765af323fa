// Names in a table of commands: what its checks and its reports both ask of them.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "replication/serve/command_row.h"

namespace serve {

using CommandEntries = std::map<std::string, CommandTable::Entry, std::less<>>;

// How much of what a client sent is repeated to it in an error.
inline constexpr std::size_t kMaxQuoted = 128;

inline bool ArityFits(const CommandRow& row, std::size_t words) {
  const auto count = static_cast<std::ptrdiff_t>(words);
  return row.arity >= 0 ? count == row.arity : count >= -row.arity;
}

inline std::string UpperName(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// The name of an entry without its container: "get" of "config|get".
inline std::string_view OwnName(std::string_view name) {
  const std::size_t bar = name.find('|');
  return bar == std::string_view::npos ? name : name.substr(bar + 1);
}

inline bool IsTopLevel(std::string_view name) {
  return name.find('|') == std::string_view::npos;
}

// The entries of `container`'s subcommands: a range, since they share a prefix.
inline std::pair<CommandEntries::const_iterator, CommandEntries::const_iterator> Subcommands(
    const CommandEntries& entries, std::string_view container) {
  std::string prefix = fmt::format("{}|", container);
  const auto begin = entries.lower_bound(prefix);
  prefix.back() = static_cast<char>('|' + 1);
  return {begin, entries.lower_bound(prefix)};
}

// What is repeated of a word: no more than `limit` bytes, and nothing behind a zero byte.
inline std::string_view Repeated(std::string_view word, std::size_t limit = kMaxQuoted) {
  return word.substr(0, std::min(limit, word.find('\0')));
}

inline std::string WrongArity(std::string_view name) {
  return fmt::format("ERR wrong number of arguments for '{}' command", name);
}

}  // namespace serve
