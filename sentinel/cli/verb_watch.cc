// vigil watch: a look at everybody every half second, on a full screen, with what the sentinels announce.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>

#include "sentinel/cli/events.h"
#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/render_status.h"
#include "sentinel/cli/render_watch.h"
#include "sentinel/cli/screen.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/timeline.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

constexpr std::size_t kEventsKept = 200;

std::string LocalTime() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

using Look = base::Result<std::vector<Topology>>;

// All masters, or the one that was named, asked at the same time.
Look LookAround(const Where& where, const std::string& master) {
  std::vector<std::string> names{master};
  if (master.empty()) {
    auto known = AskMasterNames(where);
    if (!known) return tl::unexpected(known.error());
    names = std::move(*known);
  }
  std::vector<std::future<base::Result<Topology>>> asked;
  for (const std::string& name : names) {
    asked.push_back(std::async(std::launch::async, [&where, name] { return AskTopology(where, name); }));
  }
  std::vector<Topology> topologies;
  std::optional<base::Error> error;
  for (auto& each : asked) {
    auto topology = each.get();
    if (topology) {
      topologies.push_back(std::move(*topology));
    } else {
      error = topology.error();
    }
  }
  if (topologies.empty() && error) return tl::unexpected(*error);
  return topologies;
}

// Those that answered once are asked next time too: the one that was named may be the one that dies.
void Remember(const std::vector<Topology>& topologies, Where& where) {
  for (const Topology& topology : topologies) {
    for (const SentinelView& sentinel : topology.sentinels) {
      const bool have = std::ranges::find(where.sentinels, sentinel.address) != where.sentinels.end();
      if (sentinel.answers && !have) where.sentinels.push_back(sentinel.address);
    }
  }
}

int WatchLines(const WatchOptions& options, Where where) {
  for (;;) {
    const Look look = LookAround(where, options.master);
    if (look) {
      Remember(*look, where);
      nlohmann::ordered_json masters = nlohmann::ordered_json::array();
      for (const Topology& topology : *look) masters.push_back(TopologyJson(topology));
      Say(Dump({{"masters", masters}, {"error", nullptr}}, -1));
    } else {
      Say(Dump({{"masters", nlohmann::ordered_json::array()}, {"error", look.error().text}}, -1));
    }
    if (!Pause(std::chrono::milliseconds(options.interval.count()))) return kInterruptedExit;
  }
}

}  // namespace

int Watch(const WatchOptions& options) {
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  if (!options.json && !OnTerminal()) {
    Complain("watch needs a terminal", "`vigil status` shows it once, `vigil watch --json` again and again");
    return kBadUsage;
  }
  Look look = LookAround(found->where, options.master);
  if (!look) return ReportAskError(look.error(), *found, options.master);
  Where where = found->where;
  Remember(*look, where);
  if (options.json) return WatchLines(options, where);

  auto follower = EventFollower::Start(where.sentinels, where.credentials);
  const Paint paint = Paint::ForStdout();
  WatchView view;
  view.topologies = std::move(*look);
  FullScreen screen;
  std::future<Look> next;
  auto due = std::chrono::steady_clock::now();
  while (!Interrupted()) {
    const auto now = std::chrono::steady_clock::now();
    // Asked aside: the screen and the keys do not wait for a server that hangs.
    if (!next.valid() && now >= due) {
      due = now + std::chrono::milliseconds(options.interval.count());
      next = std::async(std::launch::async, [where, master = options.master] { return LookAround(where, master); });
    }
    if (next.valid() && next.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      look = next.get();
      view.trouble = look ? "" : look.error().text;
      if (look) {
        Remember(*look, where);
        view.topologies = std::move(*look);
      }
    }
    if (follower) {
      for (const Event& event : (*follower)->Take()) {
        if (!options.master.empty() && event.master != options.master) continue;
        const std::string meaning = Explain(event);
        view.events.push_back(fmt::format("{} {} {}", LocalTime(), paint(Tone::kBold, event.name),
                                          meaning.empty() ? event.text : event.master + ": " + meaning));
        if (view.events.size() > kEventsKept) view.events.pop_front();
      }
    }
    view.time = LocalTime();
    screen.Draw(RenderWatch(view, ScreenSize(), paint));
    const char key = screen.Key(std::chrono::milliseconds(100));
    if (key == 'q' || key == 'Q' || key == '\x1b') return kDone;
  }
  return kInterruptedExit;
}

}  // namespace cli
