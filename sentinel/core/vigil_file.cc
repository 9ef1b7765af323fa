#include "sentinel/core/vigil_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"
#include "sentinel/core/decision_text.h"
#include "sentinel/core/vigil_directives.h"

namespace sentinel {
namespace {

constexpr std::string_view kHead =
    "# What vigil-sentinel keeps beside sentinel.conf, where a stock redis-sentinel would not start with it.\n"
    "# Settings may be edited while the sentinel is stopped, or set with SENTINEL SET.\n";

// From here on nothing but decisions, which are rendered without looking at the old text.
constexpr std::string_view kDecisionsBelow = "# Decisions, oldest first: SENTINEL HISTORY shows them.\n";

// So many are written: the file stays small beside thousands of masters, and the newest of each are there.
constexpr std::size_t kDecisionsInFile = 512;

void AppendDecisions(const State& state, std::string& text) {
  std::size_t masters = 0;
  for (const auto& [name, master] : state.masters) masters += !master.chronicle.decisions.empty();
  if (masters == 0) return;
  const std::size_t each = std::clamp(kDecisionsInFile / masters, std::size_t{1}, kDecisionsPerMaster);
  text += kDecisionsBelow;
  for (const auto& [name, master] : state.masters) {
    const std::vector<Decision>& all = master.chronicle.decisions;
    for (std::size_t i = all.size() - std::min(all.size(), each); i < all.size(); ++i) {
      if (all[i].line.empty()) {
        all[i].line = "sentinel decision " + base::QuoteWord(name);
        for (const std::string& word : EncodeDecision(all[i])) all[i].line += " " + base::QuoteWord(word);
        all[i].line += "\n";
      }
      text += all[i].line;
    }
  }
}

tl::unexpected<base::Error> Refuse(const base::ConfigLine& line, std::string_view reason) {
  return base::Fail(base::ErrorCode::kInvalid, base::DescribeConfigError(line, reason));
}

std::string KindOf(const VigilDirective& row) {
  return "sentinel " + std::string(row.name);
}

class Rewrite : public VigilLines {
 public:
  explicit Rewrite(std::string_view old_text) : rewrite_(old_text) {}
  void Begin(const VigilDirective& row) {
    kind_ = KindOf(row);
    rewrite_.Manage(kind_);
  }
  void Put(std::string_view arguments) override {
    rewrite_.Put(kind_, fmt::format("{} {}", kind_, arguments));
    any_ = true;
  }
  bool any() const { return any_; }
  std::string Finish() const { return rewrite_.Finish(); }

 private:
  base::ConfigRewrite rewrite_;
  std::string kind_;
  bool any_ = false;
};

}  // namespace

std::string VigilPath(std::string_view config_path) {
  return std::string(config_path) + ".vigil";
}

base::Result<std::vector<std::string>> LoadVigil(std::string_view text, State& state, const base::Now& now) {
  auto lines = base::ParseConfig(text);
  if (!lines) return tl::unexpected(lines.error());
  std::vector<std::string> remarks;
  for (base::ConfigLine& line : *lines) {
    if (line.words[0] != "sentinel" || line.words.size() < 2) return Refuse(line, "a line begins with 'sentinel'");
    std::vector<std::string> words(line.words.begin() + 1, line.words.end());
    words[0] = base::ToLower(words[0]);
    const VigilDirective* row = FindVigilDirective(words[0]);
    if (row == nullptr) return Refuse(line, "there is no such directive in this file");
    if (words.size() < row->min_words || words.size() > row->max_words) {
      return Refuse(line, "wrong number of arguments");
    }
    if (std::ranges::any_of(words, base::HasControlCharacters)) {
      return Refuse(line, "control characters are not allowed in a value");
    }
    std::string reason;
    if (row->load != nullptr) {
      reason = row->load(state, words, now);
    } else if (const auto master = state.masters.find(words[1]); master != state.masters.end()) {
      reason = row->load_master(state, master->second, words, now);
    } else {
      remarks.push_back(
          fmt::format("line {} is about '{}', which is not monitored, and is dropped", line.number, words[1]));
    }
    // History is for people: a line of it that cannot be read is no reason not to watch.
    if (!reason.empty() && row->name == "decision") {
      remarks.push_back(fmt::format("line {} is dropped: {}", line.number, reason));
    } else if (!reason.empty()) {
      return Refuse(line, reason);
    }
  }
  return remarks;
}

std::string RenderVigil(const State& state, std::string_view old_text) {
  const std::string_view head = old_text.substr(0, old_text.find(kDecisionsBelow));
  Rewrite rewrite(head.empty() ? kHead : head);
  for (const VigilDirective& row : VigilDirectives()) {
    rewrite.Begin(row);
    if (row.render != nullptr) {
      row.render(state, rewrite);
      continue;
    }
    for (const auto& [name, master] : state.masters) row.render_master(state, master, rewrite);
  }
  std::string decisions;
  AppendDecisions(state, decisions);
  if (old_text.empty() && !rewrite.any() && decisions.empty()) return {};
  return rewrite.Finish() + decisions;
}

std::string BelongsIntoVigilFile(const State& state, std::string_view directive) {
  return fmt::format(
      "'{}' is a directive of vigil-sentinel, with which a stock redis-sentinel would not start: it "
      "belongs into {}",
      directive, state.config_path.empty() ? "<this file>.vigil" : VigilPath(state.config_path));
}

}  // namespace sentinel
