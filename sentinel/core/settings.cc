#include "sentinel/core/settings.h"

#include <algorithm>
#include <deque>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"
#include "sentinel/core/sentinel_directives.h"
#include "sentinel/core/server_directives.h"
#include "sentinel/core/vigil_directives.h"
#include "sentinel/core/vigil_file.h"

namespace sentinel {
namespace {

struct SentinelLine {
  const base::ConfigLine* line;
  const SentinelDirective* directive;
  std::vector<std::string> words;  // without the leading "sentinel"
};

tl::unexpected<base::Error> Refuse(const base::ConfigLine& line, std::string_view reason) {
  return base::Fail(base::ErrorCode::kInvalid, base::DescribeConfigError(line, reason));
}

base::Result<SentinelLine> ReadSentinelLine(const State& state, const base::ConfigLine& line) {
  constexpr std::string_view kUnrecognized = "Unrecognized sentinel configuration statement.";
  if (line.words.size() < 2) return Refuse(line, "wrong number of arguments");
  SentinelLine out{&line, nullptr, {line.words.begin() + 1, line.words.end()}};
  out.words[0] = base::ToLower(out.words[0]);
  const auto rows = SentinelDirectives();
  const auto row = std::ranges::find(rows, out.words[0], &SentinelDirective::name);
  if (row == rows.end() && FindVigilDirective(out.words[0]) != nullptr) {
    return Refuse(line, BelongsIntoVigilFile(state, out.words[0]));
  }
  if (row == rows.end()) return Refuse(line, kUnrecognized);
  if (out.words.size() < row->min_words || out.words.size() > row->max_words) return Refuse(line, kUnrecognized);
  // Values are written back into a file of lines: a line break inside one could become a line of its own.
  if (std::ranges::any_of(out.words, base::HasControlCharacters)) {
    return Refuse(line, "control characters are not allowed in a value");
  }
  out.directive = &*row;
  return out;
}

std::string Apply(State& state, const SentinelLine& line, const base::Now& now) {
  if (line.directive->self) return line.directive->self(state, line.words, now);
  const auto master = state.masters.find(line.words[1]);
  if (master == state.masters.end()) return "No such master with specified name.";
  return line.directive->master(state, master->second, line.words, now);
}

constexpr int kMaxIncludes = 16;  // one inside the other

// The lines of a file and of those that it includes, by what has to wait for what.
struct Sorted {
  std::vector<SentinelLine> sentinel;
  std::vector<const base::ConfigLine*> users;
  std::deque<std::vector<base::ConfigLine>> files;  // whoever is pointed to lives here
};

base::Result<void> SortLines(std::string_view text, State& state, ProcessSettings& settings,
                             const ReadIncluded& read_included, int depth, Sorted& sorted) {
  auto lines = base::ParseConfig(text);
  if (!lines) return tl::unexpected(lines.error());
  sorted.files.push_back(std::move(*lines));
  for (const base::ConfigLine& line : sorted.files.back()) {
    const bool rewritten = line.words[0] == "sentinel" || line.words[0] == "user";
    if (rewritten && depth > 0) {
      return Refuse(line, "must stand in the sentinel's own file, which is rewritten, not in one that it includes");
    }
    if (line.words[0] == "sentinel") {
      auto read = ReadSentinelLine(state, line);
      if (!read) return tl::unexpected(read.error());
      sorted.sentinel.push_back(std::move(*read));
    } else if (line.words[0] == "user") {
      sorted.users.push_back(&line);  // they have the last word, wherever they stand
    } else if (line.words[0] == "include") {
      if (line.words.size() != 2) return Refuse(line, "wrong number of arguments");
      if (!read_included) return Refuse(line, "include is not possible here");
      if (depth == kMaxIncludes) return Refuse(line, "files include each other");
      const auto included = read_included(line.words[1]);
      if (!included) return Refuse(line, included.error().text);
      if (const auto done = SortLines(*included, state, settings, read_included, depth + 1, sorted); !done) {
        return Refuse(line, done.error().text);
      }
    } else if (const std::string reason = ApplyServerDirective(state, settings, line.words); !reason.empty()) {
      return Refuse(line, reason);
    }
  }
  return {};
}

}  // namespace

base::Result<ProcessSettings> LoadSettings(std::string_view text, State& state, const base::Now& now,
                                           const ReadIncluded& read_included) {
  ProcessSettings settings;
  Sorted sorted;
  if (const auto done = SortLines(text, state, settings, read_included, 0, sorted); !done) {
    return tl::unexpected(done.error());
  }
  for (const base::ConfigLine* line : sorted.users) {
    if (const std::string reason = ApplyServerDirective(state, settings, line->words); !reason.empty()) {
      return Refuse(*line, reason);
    }
  }
  for (const DirectivePass pass : {DirectivePass::kSelf, DirectivePass::kMonitor, DirectivePass::kMasters}) {
    for (const SentinelLine& line : sorted.sentinel) {
      if (line.directive->pass != pass) continue;
      if (const std::string reason = Apply(state, line, now); !reason.empty()) return Refuse(*line.line, reason);
    }
  }
  // What a master's own lines do not tell of former votes, the clock does.
  for (auto& [name, master] : state.masters) master.vote_floor = state.current_epoch;
  state.users_in_config = settings.aclfile.empty();
  return settings;
}

}  // namespace sentinel
