// vigil demo: a client writes, the master is killed, and everybody can watch who takes over and what it cost.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "sentinel/cli/counter_client.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/local_cluster.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/timeline.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using base::Endpoint;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long the client writes before the master is killed and after the new one has taken over.
constexpr milliseconds kWarmUp{1000};
constexpr milliseconds kAfterwards{1000};
// Stock sentinels make a returned master a replica only after they have seen it for 10 to 20 s.
constexpr milliseconds kReturnLimit{90000};

// Everything that happens from the kill on, printed as it happens.
class Stage {
 public:
  Stage(EventFollower& follower, CounterClient& client, Instant origin, const std::string& master,
        const Endpoint& victim)
      : follower_(follower), client_(client), timeline_(origin, master), victim_(victim) {}

  void Show() {
    std::vector<std::pair<Instant, std::string>> lines;
    for (const Event& event : follower_.Take()) {
      if (std::string line = timeline_.Take(event, paint_); !line.empty())
        lines.emplace_back(event.at, std::move(line));
    }
    Client(lines);
    std::ranges::stable_sort(lines, {}, &std::pair<Instant, std::string>::first);
    for (const auto& [at, line] : lines) Say(line);
  }
  void Note(std::string_view what) { Say(timeline_.Note(steady_clock::now(), what, paint_)); }

  // A write was accepted elsewhere and the sentinels have said where: the failover is over for clients.
  bool TakenOver() const { return first_write_.has_value() && timeline_.Has("+switch-master"); }
  std::optional<Instant> first_write() const { return first_write_; }
  const Endpoint& successor() const { return successor_; }
  const Timeline& timeline() const { return timeline_; }

 private:
  void Client(std::vector<std::pair<Instant, std::string>>& lines) {
    const auto now = client_.Now();
    if (first_write_ || (now.stays == stays_ && now.connected == connected_ && now.acknowledged == 0)) return;
    stays_ = now.stays;
    connected_ = now.connected;
    const Diary diary = client_.Read();
    for (const Stay& stay : diary) {
      if (!failure_ && stay.ended_at && stay.node == victim_) {
        failure_ = stay.ended_at;
        lines.emplace_back(*failure_, timeline_.Note(*failure_, "the client's write fails: " + stay.why_ended, paint_));
      }
      if (stay.node != victim_ && !stay.acknowledged.empty()) {
        first_write_ = stay.acknowledged.front().at;
        successor_ = stay.node;
        lines.emplace_back(*first_write_,
                           timeline_.Note(*first_write_, "first write accepted by " + stay.node.ToString(), paint_));
        return;
      }
    }
  }

  EventFollower& follower_;
  CounterClient& client_;
  Timeline timeline_;
  Endpoint victim_;
  Paint paint_ = Paint::ForStdout();
  std::size_t stays_ = 0;
  bool connected_ = true;
  std::optional<Instant> failure_;
  std::optional<Instant> first_write_;
  Endpoint successor_;
};

int GiveUp(const std::string& what, const DemoOptions& options) {
  const std::string dir = options.up.folder == kDefaultFolder ? "" : " --dir " + ShellWord(options.up.folder);
  if (Interrupted()) {
    const auto cluster = LoadCluster(options.up.folder);
    const bool complete = cluster && cluster->Running() == static_cast<int>(cluster->servers.size());
    Complain("interrupted", complete ? "" : fmt::format("`vigil up{}` starts again what does not run", dir));
    return kInterruptedExit;
  }
  Complain(what, fmt::format("`vigil status{0}` shows the state, `vigil up{0}` starts again what does not run", dir));
  return kFailed;
}

void Report(const CounterClient& client, const Stage& stage, const Paint& paint) {
  const Diary diary = client.Read();
  const long long lost = CountLost(diary);
  Say("");
  if (const auto outage = LongestOutage(diary)) {
    Say(fmt::format("  outage seen by the client   {:.0f} ms (from {:.0f} ms before to {:.0f} ms after the kill)",
                    std::chrono::duration<double, std::milli>(outage->to - outage->from).count(),
                    std::max(0.0, -stage.timeline().MillisAt(outage->from)), stage.timeline().MillisAt(outage->to)));
  }
  Say(fmt::format("  writes acknowledged         {}", Grouped(CountAcknowledged(diary))));
  Say(fmt::format("  acknowledged writes lost    {}", paint(lost == 0 ? Tone::kGood : Tone::kBad, Grouped(lost))));
  for (std::size_t i = 1; i < diary.size(); ++i) {
    const auto last = std::find_if(diary.rend() - static_cast<std::ptrdiff_t>(i), diary.rend(),
                                   [](const Stay& stay) { return !stay.acknowledged.empty(); });
    if (last == diary.rend()) continue;
    Say(fmt::format("  the counter                 {} was the last acknowledged, {} held {}",
                    Grouped(last->acknowledged.back().value), diary[i].node.ToString(), Grouped(diary[i].found)));
  }
  Say("");
}

// From the first write to the moment when the client has written on at the successor for a while.
int Perform(const DemoOptions& options, Cluster& cluster, Server& victim, EventFollower& follower) {
  const Paint paint = Paint::ForStdout();
  CounterClient client({cluster.Sentinels(), {}}, cluster.master, options.rate);
  Say(fmt::format("A client writes a counter {} times a second to {}, where the sentinels send it.",
                  Grouped(options.rate), victim.address.ToString()));
  const auto begun = steady_clock::now();
  while (client.Now().acknowledged == 0 || steady_clock::now() < begun + kWarmUp) {
    if (!Pause(milliseconds(10))) return GiveUp("", options);
    if (steady_clock::now() > begun + std::chrono::seconds(10)) {
      return GiveUp(fmt::format("no write was accepted by {}", victim.address.ToString()), options);
    }
  }
  follower.Take();  // what was before is not of this failover

  const Instant origin = steady_clock::now();
  if (!SendSignal(victim.process, SIGKILL)) return GiveUp(victim.name + " ended before it was killed", options);
  Stage stage(follower, client, origin, cluster.master, victim.address);
  Say(fmt::format("{:>8} ms  {}", 0,
                  paint(Tone::kBad, fmt::format("SIGKILL to the master {} (pid {})", victim.address.ToString(),
                                                victim.process.pid))));
  const auto deadline = origin + std::chrono::seconds(options.timeout_seconds);
  // Sentinels wait on purpose after several failovers in a minute; only their logs say so.
  constexpr std::chrono::seconds kPatient{5};
  bool explained = false;
  while (!stage.TakenOver()) {
    stage.Show();
    if (!explained && steady_clock::now() > origin + cluster.down_after + kPatient) {
      explained = true;
      stage.Note(fmt::format("still waiting; why, is in the sentinels' logs: {}",
                             (cluster.folder / "sentinel-*/log").string()));
    }
    if (steady_clock::now() > deadline) {
      return GiveUp(fmt::format("no failover within {} s", options.timeout_seconds), options);
    }
    if (!Pause(milliseconds(2))) return GiveUp("", options);
  }
  const auto until = steady_clock::now() + kAfterwards;
  while (steady_clock::now() < until && Pause(milliseconds(5))) stage.Show();
  client.Stop();
  stage.Show();
  Report(client, stage, paint);
  if (Interrupted()) return GiveUp("", options);

  if (const auto started = StartServer(cluster, victim); !started) return GiveUp(started.error().text, options);
  stage.Note(fmt::format("{} is started again (pid {}); the sentinels make it a replica", victim.address.ToString(),
                         victim.process.pid));
  const auto return_deadline = steady_clock::now() + kReturnLimit;
  for (;;) {
    // In slices, so that the events that lead there are printed when they happen.
    const auto healthy = WaitHealthy(cluster, milliseconds(50));
    stage.Show();
    if (healthy) break;
    if (healthy.error().code != base::ErrorCode::kIncomplete || steady_clock::now() > return_deadline) {
      return GiveUp(healthy.error().text, options);
    }
  }
  stage.Note(fmt::format("{} is back as a replica of {}; the cluster is healthy", victim.address.ToString(),
                         stage.successor().ToString()));
  return kDone;
}

int OnRunningCluster(const DemoOptions& options) {
  auto cluster = LoadCluster(options.up.folder);
  const auto lock = cluster ? FolderLock::Take(cluster->folder) : tl::unexpected(cluster.error());
  if (!lock) return GiveUp(lock.error().text, options);
  cluster = LoadCluster(options.up.folder);  // as it is now that nobody else changes it
  if (!cluster) return GiveUp(cluster.error().text, options);
  for (const Server& server : cluster->servers) {
    if (!IsRunning(server.process)) return GiveUp(server.name + " does not run", options);
  }
  const auto healthy = WaitHealthy(*cluster, milliseconds(20000));
  if (!healthy) return GiveUp(healthy.error().text, options);
  const auto victim = std::ranges::find(cluster->servers, healthy->address, &Server::address);
  if (victim == cluster->servers.end() || cluster->Of(ServerKind::kNode).size() < 2) {
    return GiveUp("there is no replica that could take over", options);
  }
  auto follower = EventFollower::Start(cluster->Sentinels(), {});
  if (!follower) return GiveUp(follower.error().text, options);
  return Perform(options, *cluster, *victim, **follower);
}

}  // namespace

int Demo(const DemoOptions& options) {
  const auto cluster = LoadCluster(options.up.folder);
  if (cluster && cluster->Running() > 0) return OnRunningCluster(options);
  Say("No cluster is running: one is started for the demo and ended after it.");
  if (const int code = Up(options.up); code != kDone) return code;
  Say("");
  const int code = OnRunningCluster(options);
  const int down = Down(options.up.folder);
  return code != kDone ? code : down;
}

}  // namespace cli
