// Configuration files in redis.conf's form: read into words with their line numbers, and rewritten so that
// comments, blank lines and the order of what the user wrote stay as they were.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"

namespace base {

struct ConfigLine {
  int number = 0;                  // from 1
  std::string text;                // as it stands in the file
  std::vector<std::string> words;  // unquoted; words[0] in lower case
};

// The lines that say something; blank lines and comments are left out. Error kInvalid: the text names the
// line number, the line and the reason ("unbalanced quotes").
Result<std::vector<ConfigLine>> ParseConfig(std::string_view text);
// The same for whoever wants to hear of all bad lines: their errors are added to `bad`, and the others are given.
std::vector<ConfigLine> ParseConfig(std::string_view text, std::vector<std::string>& bad);

// What a bad line gets: "<line number>: '<line>': <reason>".
std::string DescribeConfigError(const ConfigLine& line, std::string_view reason);

// Puts new values into an old text. A directive's *kind* is what its lines have in common: "port",
// "sentinel monitor". Lines of a kind that is Put() are replaced in place, in sequence; surplus ones are
// removed; new ones go to the end, below a marker. Kinds never mentioned stay untouched.
// Source: the behaviour of CONFIG REWRITE, spec/sentinel.md 1.10.
class ConfigRewrite {
 public:
  explicit ConfigRewrite(std::string_view old_text);

  // `line` replaces the next old line of `kind`, or is added. `kind` in lower case.
  void Put(const std::string& kind, std::string line);
  // Old lines of `kind` that no Put() replaces are removed.
  void Manage(const std::string& kind);
  // Is a line of this kind in the old text? Redis writes a default value only where one stood before.
  bool Has(const std::string& kind) const;
  std::string Finish() const;

 private:
  struct OldLine {
    std::string text;
    std::string kind;  // empty: a comment, a blank line, or a line that cannot be read
  };
  static std::string KindOf(const std::vector<std::string>& words);

  std::vector<OldLine> old_lines_;
  std::map<std::string, std::vector<std::string>> put_;
  std::vector<std::string> put_order_;
};

}  // namespace base
