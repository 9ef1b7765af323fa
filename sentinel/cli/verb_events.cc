// vigil events: what was decided, a line each; and then what the sentinels announce.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/events.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/timeline.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

// "2026-11-23 16:45:05.531 UTC", as SENTINEL HISTORY writes it.
std::string UtcNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms % 1000);
}

// The past, oldest first, as lines of text with their time.
int ShowPast(const EventsOptions& options, const Found& found, const std::vector<std::string>& masters) {
  std::multimap<std::int64_t, std::pair<std::string, json>> decisions;
  for (const std::string& master : masters) {
    const auto answer = AskAnySentinel(found, master, {"SENTINEL", "HISTORY", master});
    // Stock sentinels have no memory; they can be followed all the same.
    if (!answer && options.follow) continue;
    if (!answer) return ReportRefusedAnswer(answer.error(), found, master);
    for (const Reply& item : answer->reply.items) {
      auto decision = EvidenceFromReply(item);
      if (decision) decisions.insert({decision->value("time-unix-ms", std::int64_t{0}), {master, *decision}});
    }
  }
  for (const auto& [at, each] : decisions) {
    const auto& [master, decision] = each;
    if (options.json) {
      Say(Dump({{"time", Text(decision, "time")},
                {"master", master},
                {"event", Text(decision, "kind")},
                {"text", Text(decision, "summary")},
                {"past", true}},
               -1));
    } else {
      Say(fmt::format("{}  {}: {}", Text(decision, "time"), master, Text(decision, "summary")));
    }
  }
  return kDone;
}

}  // namespace

int Events(const EventsOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto known = AskMasterNames(found->where);
  if (!known) return ReportAskError(known.error(), *found);
  std::vector<std::string> masters = *known;
  if (!options.master.empty()) {
    masters = {options.master};
    const auto address = AskAddress(found->where, options.master);
    if (!address) return ReportAskError(address.error(), *found, options.master);
  }
  std::vector<base::Endpoint> sentinels;
  for (const std::string& master : masters) {
    const auto topology = AskTopology(found->where, master);
    if (!topology) continue;
    for (const SentinelView& sentinel : topology->sentinels) {
      const bool have = std::ranges::find(sentinels, sentinel.address) != sentinels.end();
      if (sentinel.answers && !have) sentinels.push_back(sentinel.address);
    }
  }
  const bool follow = options.follow || options.length.count() > 0;
  auto follower = follow ? EventFollower::Start(sentinels, found->where.credentials)
                         : base::Result<std::unique_ptr<EventFollower>>(nullptr);
  if (!follower) return ReportAskError(follower.error(), *found);
  EventsOptions past = options;
  past.follow = follow;
  if (const int code = ShowPast(past, *found, masters); code != kDone || !follow) return code;
  const auto deadline = steady_clock::now() + std::chrono::milliseconds(options.length.count());
  const Paint paint = Paint::ForStdout();
  for (;;) {
    for (const Event& event : (*follower)->Take()) {
      if (!options.master.empty() && event.master != options.master) continue;
      if (options.json) {
        Say(Dump({{"time", UtcNow()},
                  {"master", event.master},
                  {"event", event.name},
                  {"text", event.text},
                  {"sentinel", event.sentinel.ToString()},
                  {"past", false}},
                 -1));
        continue;
      }
      const std::string meaning = Explain(event);
      Say(fmt::format("{}  {}  {} {}{}", UtcNow(), event.sentinel.ToString(), paint(Tone::kBold, event.name),
                      event.text, meaning.empty() ? "" : "  (" + meaning + ")"));
    }
    const bool over = options.length.count() > 0 && steady_clock::now() > deadline;
    if (over) return kDone;
    if (std::ranges::none_of(sentinels, [&](const auto& each) { return (*follower)->Follows(each); })) {
      Complain("the connection to every sentinel is lost", "`vigil status` says who answers");
      return kUnreachable;
    }
    if (!Pause(std::chrono::milliseconds(20))) return kInterruptedExit;
  }
}

}  // namespace cli
