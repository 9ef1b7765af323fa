#include "sentinel/core/scripts.h"

#include <doctest/doctest.h>

#include "sentinel/core/state.h"

using namespace sentinel;
using base::Millis;
using base::MonoTime;

namespace {

struct Bed {
  State state{1};
  Master master;
  base::Now now{MonoTime(Millis(1000)), base::FromUnixMillis(0)};
  Actions out;

  Bed() {
    master.name = "m";
    master.notification_script = "/bin/notify";
    master.reconfig_script = "/bin/reconfig";
  }
  // The scripts that were started since the last call.
  std::vector<RunScript> Started() {
    out.clear();
    StartScripts(state, now, out);
    std::vector<RunScript> started;
    for (const Action& action : out) {
      if (const auto* run = std::get_if<RunScript>(&action)) started.push_back(*run);
    }
    return started;
  }
  std::vector<std::string> End(std::uint64_t job, int exit_code, int signal = 0) {
    out.clear();
    TakeScriptEnded(state, ScriptEnded{job, exit_code, signal, 77}, now, out);
    std::vector<std::string> events;
    for (const Action& action : out) {
      if (const auto* announce = std::get_if<Announce>(&action))
        events.push_back(announce->event + " " + announce->text);
    }
    return events;
  }
};

}  // namespace

TEST_CASE("scripts: the words are those that scripts for a stock sentinel expect") {
  Bed bed;
  QueueNotification(bed.state, bed.master, "+sdown", "master m 1.1.1.1 1", 5);
  QueueReconfiguration(bed.state, bed.master, SwitchRole::kLeader, {"1.1.1.1", 1}, {"2.2.2.2", 2}, 6);
  const auto started = bed.Started();
  REQUIRE(started.size() == 2);
  CHECK(started[0].argv == std::vector<std::string>{"/bin/notify", "+sdown", "master m 1.1.1.1 1"});
  CHECK(started[0].change == 5);
  CHECK(started[1].argv ==
        std::vector<std::string>{"/bin/reconfig", "m", "leader", "start", "1.1.1.1", "1", "2.2.2.2", "2"});
  CHECK(bed.Started().empty());
}

TEST_CASE("scripts: a new time limit holds for those that run already") {
  Bed bed;
  QueueNotification(bed.state, bed.master, "+sdown", "x", 0);
  const std::uint64_t job = bed.Started().at(0).job;
  const TimerKey key{InstanceId::kNone, TimerKind::kScript, job};
  CHECK(bed.state.timers.At(key) == bed.now.mono + bed.state.periods.script_max_runtime);
  bed.state.periods.script_max_runtime = Millis(700);
  ScriptLimitChanged(bed.state);
  CHECK(bed.state.timers.At(key) == bed.now.mono + Millis(700));
}

TEST_CASE("scripts: no script, no job") {
  Bed bed;
  bed.master.notification_script.clear();
  QueueNotification(bed.state, bed.master, "+sdown", "x", 0);
  CHECK(bed.state.scripts.empty());
}

TEST_CASE("scripts: exit 1 and signals are tried again, later and later; exit 2 is an error at once") {
  Bed bed;
  QueueNotification(bed.state, bed.master, "+odown", "x", 0);
  std::uint64_t job = bed.Started().at(0).job;
  for (int run = 1; run < kMaxScriptRuns; ++run) {
    CHECK(bed.End(job, run % 2, run % 2 == 1 ? 0 : 9).size() == 1);  // -script-child only
    bed.now.mono += bed.state.periods.script_retry_delay * (1LL << (run - 1)) - Millis(1);
    CHECK(bed.Started().empty());
    bed.now.mono += Millis(1);
    REQUIRE(bed.Started().size() == 1);
  }
  CHECK(bed.End(job, 1).back() == "-script-error /bin/notify 0 1");
  CHECK(bed.state.scripts.empty());

  QueueNotification(bed.state, bed.master, "+odown", "x", 0);
  job = bed.Started().at(0).job;
  CHECK(bed.End(job, 2).back() == "-script-error /bin/notify 0 2");
  CHECK(bed.state.scripts.empty());
}

TEST_CASE("scripts: one that runs for too long is killed, and told") {
  Bed bed;
  QueueNotification(bed.state, bed.master, "+odown", "x", 0);
  const std::uint64_t job = bed.Started().at(0).job;
  TakeScriptStarted(bed.state, ScriptStarted{job, 77});
  bed.now.mono += bed.state.periods.script_max_runtime;
  const auto due = bed.state.timers.PopDue(bed.now.mono);
  REQUIRE(due.has_value());
  bed.out.clear();
  ScriptDue(bed.state, due->detail, bed.now, bed.out);
  REQUIRE(bed.out.size() == 2);
  CHECK(std::get<Announce>(bed.out[0]).text == "/bin/notify 77");
  CHECK(std::get<KillScript>(bed.out[1]).job == job);
}

TEST_CASE("scripts: sixteen run at once, a full queue drops the oldest that waits") {
  Bed bed;
  for (int i = 0; i < 300; ++i) QueueNotification(bed.state, bed.master, "+sdown", std::to_string(i), 0);
  CHECK(bed.state.scripts.size() == kMaxQueuedScripts);
  const auto started = bed.Started();
  REQUIRE(started.size() == kMaxRunningScripts);
  CHECK(started[0].argv[2] == "44");
  QueueNotification(bed.state, bed.master, "+sdown", "newest", 0);
  CHECK(bed.state.scripts.front().running());
  CHECK(bed.state.scripts.back().argv[2] == "newest");
  CHECK(bed.End(started[0].job, 0).size() == 1);
  CHECK(bed.Started().size() == 1);
}
