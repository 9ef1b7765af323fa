// What COMMAND DOCS tells of a command beyond its row: its arguments, read from the row's usage, and since when it has
// been there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace serve {

// One argument, as clients that complete and explain commands want it (redis-cli's hints).
// Source: the COMMAND DOCS documentation.
struct CommandArgument {
  std::string name;       // "master", "ex_px"
  std::string_view type;  // "key", "integer" ... "pure-token"; "oneof" and "block" have parts
  std::string token;      // the word before it: "COUNT"; of a pure token the word that it is
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;  // the token is repeated with each
  std::vector<CommandArgument> parts;

  bool operator==(const CommandArgument&) const = default;
};

// `usage` is what stands behind a command's name in its row:
//
//   <name>               a value                    COUNT <n>   a value behind a token
//   WORD                 a token                    a|b         one of them
//   [ ... ]              may be missing             ( ... )     belongs together
//   <a> [<a> ...]        one or more                [<a> ...]   any number
//
// A usage that breaks these rules is a mistake in a row: what can be read of it is returned.
std::vector<CommandArgument> ReadUsage(std::string_view usage);

// The release of Redis that brought `name` ("config|get"); empty when no release of it has.
// Source: COMMAND DOCS of redis-server and redis-sentinel 7.0.15.
std::string_view SinceOf(std::string_view name);

}  // namespace serve
