// vigil forget, vigil pause, vigil resume: what an operator tells the sentinels of masters and their members.
#include <fmt/format.h>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

// Sends it, and says `done` with the sentinel that took it.
int Tell(const AskOptions& ask, const std::string& master, const std::vector<std::string>& words,
         const std::string& done) {
  const auto found = FindSentinels(ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto answer = AskAnySentinel(*found, master, words);
  if (!answer) return ReportRefusedAnswer(answer.error(), *found);
  Say(fmt::format("{} The sentinel at {} has it on disk and tells the others.", done, answer->sentinel.ToString()));
  return kDone;
}

}  // namespace

int Forget(const ForgetOptions& options) {
  return Tell(options.ask, options.master, {"SENTINEL", "FORGET", options.master, options.member},
              fmt::format("{} is no member of {} any more.", options.member, options.master));
}

int PauseMaster(const PauseOptions& options) {
  std::vector<std::string> words{"SENTINEL", "PAUSE", options.master, fmt::format("{}", options.length.count())};
  if (options.anyway) words.emplace_back("ANYWAY");
  if (!options.reason.empty()) words.push_back(options.reason);
  return Tell(options.ask, options.master, words,
              fmt::format("No automatic failover or repair of {} for {} s; `vigil failover` still works, and "
                          "`vigil resume {}` ends it.",
                          options.master, options.length.count() / 1000.0, options.master));
}

int Resume(const AskOptions& ask, const std::string& master) {
  return Tell(ask, master, {"SENTINEL", "RESUME", master}, fmt::format("{} is guarded again.", master));
}

}  // namespace cli
