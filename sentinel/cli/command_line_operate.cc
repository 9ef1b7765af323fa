// The verbs for people who run a deployment: their flags and their help.
#include <memory>

#include "sentinel/cli/flags.h"
#include "sentinel/cli/verbs_look.h"

namespace cli {
namespace {

CLI::App* AddMasterVerb(CLI::App& app, int& code, const std::string& name, const std::string& help,
                        int (*run)(const MasterOptions&)) {
  const auto options = std::make_shared<MasterOptions>();
  CLI::App* const verb = app.add_subcommand(name, help);
  AddMasterFlags(*verb, *options);
  verb->final_callback([options, run, &code] {
    TakePasswordFromEnvironment(options->ask.credentials);
    code = run(*options);
  });
  return verb;
}

void AddLooks(CLI::App& app, int& code) {
  AddMasterVerb(app, code, "show", "Every node and sentinel of a master, and what each thinks of the others", &Show);
  AddMasterVerb(app, code, "topology", "Who replicates from whom, as a tree", &TopologyTree);
  AddMasterVerb(app, code, "matrix", "Who reaches whom, and how long an answer takes", &Matrix);
  AddMasterVerb(app, code, "why", "The latest decision, or the one being made, told in sentences", &Why);
  CLI::App* const config = app.add_subcommand("config", "What the sentinels are set to");
  config->require_subcommand(1);
  AddMasterVerb(*config, code, "diff", "What the sentinels of a master do not agree about", &ConfigDiff);
}

void AddPlans(CLI::App& app, int& code) {
  const auto plan = std::make_shared<PlanOptions>();
  CLI::App* const plan_verb = app.add_subcommand("plan", "What a failover or a switchover would do now; does nothing");
  plan_verb->add_option("KIND", plan->kind, "failover (the master dies) or switchover (it hands over)")
      ->required()
      ->check(CLI::IsMember({"failover", "switchover"}))
      ->type_name("");
  plan_verb->add_option("MASTER", plan->master, "name of the master")->required()->type_name("");
  plan_verb->add_option("--to", plan->to, "the replica to promote; the best one when left out")->type_name("HOST:PORT");
  plan_verb->add_flag("--json", plan->json, "for programs");
  AddAskFlags(*plan_verb, plan->ask);
  plan_verb->footer(std::string("Exit codes: 0 it would succeed, 5 it would be refused, 3 nobody to ask.\n") +
                    kWhoIsAsked);
  plan_verb->final_callback([plan, &code] {
    TakePasswordFromEnvironment(plan->ask.credentials);
    code = PlanSwitch(*plan);
  });

  const auto switchover = std::make_shared<FailoverOptions>();
  switchover->coordinated = true;
  CLI::App* const verb =
      app.add_subcommand("switchover", "Replace a working master by a replica: nothing is lost, or nothing happens");
  verb->add_option("MASTER", switchover->master, "name of the master")->required()->type_name("");
  verb->add_option("--to", switchover->to, "the replica to promote; the best one when left out")
      ->type_name("HOST:PORT");
  verb->add_option("--timeout", switchover->timeout_seconds, "seconds to wait for the last replica")
      ->check(CLI::Range(1, 86400, "1-86400"))
      ->type_name("S")
      ->capture_default_str();
  verb->add_option("--handover-timeout", switchover->handover_ms,
                   "ms that the replica may take to catch up before it is given up [failover-timeout]")
      ->check(CLI::Range(1, 86400000, "1-86400000"))
      ->type_name("MS");
  verb->add_flag("-y,--yes", switchover->yes, "do not ask back on a terminal");
  verb->add_flag("--json", switchover->json, "for programs: one object at the end");
  AddAskFlags(*verb, switchover->ask);
  verb->footer(
      std::string(
          "When the replica cannot catch up in time, or does not become a master, the old master takes writes again;\n"
          "which of the two it was is looked at, and said.\n"
          "Exit codes: 0 every replica follows the new master, 1 given up and rolled back, 3 nobody to ask, 5 "
          "refused,\n"
          "6 not finished in time.\n") +
      kWhoIsAsked);
  verb->final_callback([switchover, &code] {
    TakePasswordFromEnvironment(switchover->ask.credentials);
    code = Switchover(*switchover);
  });
}

void AddDrain(CLI::App& app, int& code) {
  const auto drain = std::make_shared<DrainOptions>();
  CLI::App* const verb = app.add_subcommand("drain", "Hand over what a node is master of, then stop it");
  verb->add_option("NODE", drain->node, "the node")->type_name("HOST:PORT")->capture_default_str();
  verb->add_option("--timeout", drain->timeout_seconds, "seconds for all of it")
      ->check(CLI::Range(1, 86400, "1-86400"))
      ->type_name("S")
      ->capture_default_str();
  verb->add_flag("--keep-running", drain->keep_running, "hand over, but leave the stopping to others");
  verb->add_flag("--anyway", drain->anyway, "stop it also when nobody could take over");
  verb->add_flag("--json", drain->json, "for programs");
  AddAskFlags(*verb, drain->ask);
  verb->footer(
      std::string(
          "A replica is stopped at once. A master is stopped only when another has taken over, unless --anyway.\n"
          "Exit codes: 0 done, 1 it would not end, 3 the node or the sentinels do not answer, 5 nobody can take "
          "over, 6 out of time.\n") +
      kWhoIsAsked);
  verb->final_callback([drain, &code] {
    TakePasswordFromEnvironment(drain->ask.credentials);
    code = Drain(*drain);
  });
}

void AddDoctor(CLI::App& app, int& code) {
  const auto doctor = std::make_shared<DoctorOptions>();
  CLI::App* const verb = app.add_subcommand("doctor", "Check a deployment; each finding comes with its remedy");
  verb->add_option("MASTER", doctor->master, "name of a master; all when left out")->type_name("");
  verb->add_flag("--json", doctor->json, "for programs");
  AddAskFlags(*verb, doctor->ask);
  verb->footer(
      std::string("Exit codes: 0 nothing worse than a note, 4 an error or a warning, 1 unknown master, 3 nobody "
                  "to ask.\n") +
      kWhoIsAsked);
  verb->final_callback([doctor, &code] {
    TakePasswordFromEnvironment(doctor->ask.credentials);
    code = Doctor(*doctor);
  });
}

void AddLive(CLI::App& app, int& code) {
  const auto events = std::make_shared<EventsOptions>();
  CLI::App* const events_verb = app.add_subcommand("events", "What the sentinels decided, a line each; -f: go on");
  events_verb->add_option("MASTER", events->master, "name of a master; all when left out")->type_name("");
  events_verb->add_flag("-f,--follow", events->follow, "go on with what the sentinels announce from now on");
  AddLength(*events_verb, "--for", events->length, "end after that time");
  events_verb->add_flag("--json", events->json, "an object per line");
  AddAskFlags(*events_verb, events->ask);
  events_verb->final_callback([events, &code] {
    TakePasswordFromEnvironment(events->ask.credentials);
    code = Events(*events);
  });

  const auto watch = std::make_shared<WatchOptions>();
  CLI::App* const watch_verb = app.add_subcommand("watch", "The state on a full screen, live; q ends it");
  watch_verb->add_option("MASTER", watch->master, "name of a master; all when left out")->type_name("");
  AddLength(*watch_verb, "--every", watch->interval, "how often it looks [500ms]");
  watch_verb->add_flag("--json", watch->json, "an object per line for each look; needs no terminal");
  AddAskFlags(*watch_verb, watch->ask);
  watch_verb->final_callback([watch, &code] {
    TakePasswordFromEnvironment(watch->ask.credentials);
    code = Watch(*watch);
  });
}

}  // namespace

void AddOperatorVerbs(CLI::App& app, int& code) {
  AddDoctor(app, code);
  AddPlans(app, code);
  AddDrain(app, code);
  AddLooks(app, code);
  AddLive(app, code);
  AddToolVerbs(app, code);
}

}  // namespace cli
