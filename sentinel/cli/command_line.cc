#include "sentinel/cli/command_line.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "sentinel/cli/flags.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/nearest.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

void AddUpFlags(CLI::App& verb, UpOptions& options) {
  verb.add_option("--dir", options.folder, "folder of the cluster's files")->type_name("DIR")->capture_default_str();
  verb.add_option("--nodes", options.nodes, "data nodes: one master, the rest replicas [3]")
      ->check(CLI::Range(1, 20, "1-20"))
      ->type_name("N");
  verb.add_option("--sentinels", options.sentinels, "sentinels [3]")->check(CLI::Range(1, 20, "1-20"))->type_name("N");
  verb.add_option("--node-exe", options.node_exe, "data node program, started as EXE CONFIG [vigil-node]")
      ->type_name("EXE");
  verb.add_option("--sentinel-exe", options.sentinel_exe,
                  "sentinel program, started as EXE CONFIG --sentinel [vigil-sentinel]")
      ->type_name("EXE");
  verb.add_option("--down-after", options.down_after_ms, "silence in ms after which a node counts as down [1000]")
      ->check(CLI::Range(50, 3600000, "50-3600000"))
      ->type_name("MS");
}

// A caller may have closed some of 0, 1, 2; the next socket must not become our stdout.
void OccupyStandardStreams() {
  for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    close(fd);
    return;
  }
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

// The options of a verb live as long as its callback.
void AddEvidenceVerbs(CLI::App& app, int& code) {
  const auto history = std::make_shared<HistoryOptions>();
  CLI::App* const history_verb =
      app.add_subcommand("history", "What was decided about a master, why, and what it cost");
  history_verb->add_option("MASTER", history->master, "name of the master")->required()->type_name("");
  history_verb->add_option("--count", history->count, "only the latest")
      ->check(CLI::Range(1, 1000, "1-1000"))
      ->type_name("N");
  history_verb->add_flag("--json", history->json, "for programs");
  AddAskFlags(*history_verb, history->ask);
  history_verb->final_callback([history, &code] {
    TakePasswordFromEnvironment(history->ask.credentials);
    code = History(*history);
  });

  const auto explain = std::make_shared<ExplainOptions>();
  CLI::App* const explain_verb =
      app.add_subcommand("explain", "What would happen if a master failed now, and what stands in the way");
  explain_verb->add_option("MASTER", explain->master, "name of the master")->required()->type_name("");
  explain_verb->add_flag("--json", explain->json, "for programs");
  AddAskFlags(*explain_verb, explain->ask);
  explain_verb->footer(
      "Exit codes: 0 a failover would succeed, 4 it would not, 5 nobody can say, 3 no sentinel answers.\n"
      "Without --sentinel and --dir: the cluster in ./vigil-data, or else 127.0.0.1:26379.");
  explain_verb->final_callback([explain, &code] {
    TakePasswordFromEnvironment(explain->ask.credentials);
    code = ExplainNow(*explain);
  });
}

void AddMemberVerbs(CLI::App& app, int& code) {
  const auto forget = std::make_shared<ForgetOptions>();
  CLI::App* const forget_verb = app.add_subcommand("forget", "Forget a replica or sentinel that is gone for good");
  forget_verb->add_option("MASTER", forget->master, "name of the master")->required()->type_name("");
  forget_verb->add_option("MEMBER", forget->member, "HOST:PORT, or the id of a sentinel")->required()->type_name("");
  forget_verb->add_flag("--json", forget->json, "for programs");
  AddAskFlags(*forget_verb, forget->ask);
  forget_verb->final_callback([forget, &code] {
    TakePasswordFromEnvironment(forget->ask.credentials);
    code = Forget(*forget);
  });

  const auto pause = std::make_shared<PauseOptions>();
  CLI::App* const pause_verb =
      app.add_subcommand("pause", "Stop automatic failovers and repairs of a master for a while");
  pause_verb->add_option("MASTER", pause->master, "name of the master")->required()->type_name("");
  CLI::Option* const length = AddLength(*pause_verb, "LENGTH", pause->length, "how long: 30s, 15m, 2h");
  AddLength(*pause_verb, "--for", pause->length, "how long, likewise")->excludes(length);
  pause_verb->add_flag("--json", pause->json, "for programs");
  pause_verb->add_option("--reason", pause->reason, "shown by all sentinels meanwhile")->type_name("TEXT");
  pause_verb->add_flag("--anyway", pause->anyway, "also beside stock sentinels, which do not heed it");
  AddAskFlags(*pause_verb, pause->ask);
  pause_verb->final_callback([pause, &code] {
    TakePasswordFromEnvironment(pause->ask.credentials);
    if (pause->length <= base::Millis(0)) {
      Complain("how long?", "say it as in `vigil pause " + pause->master + " --for 1h`; a pause ends by itself");
      code = kBadUsage;
      return;
    }
    code = PauseMaster(*pause);
  });

  const auto resume = std::make_shared<MasterOptions>();
  CLI::App* const resume_verb = app.add_subcommand("resume", "End a pause");
  AddMasterFlags(*resume_verb, *resume);
  resume_verb->final_callback([resume, &code] {
    TakePasswordFromEnvironment(resume->ask.credentials);
    code = Resume(*resume);
  });
}

// All words behind the verb are the node program's, --help too.
void AddJournalVerb(CLI::App& app, int& code) {
  CLI::App* const verb =
      app.add_subcommand("journal", "Look at a node's journal, back it up, find what to undo (`vigil journal --help`)");
  verb->set_help_flag();
  verb->prefix_command();
  verb->final_callback([verb, &code] {
    Credentials credentials;
    TakePasswordFromEnvironment(credentials);
    code = Journal(verb->remaining(), credentials);
  });
}

}  // namespace

int Run(int argc, char** argv) {
  OccupyStandardStreams();
  CatchInterrupts();
  CLI::App app("Starts, watches and steers masters that fail over.", "vigil");
  app.set_version_flag("--version", "vigil " VIGIL_VERSION);
  app.require_subcommand(1);
  app.fallthrough(false);
  app.footer("`vigil VERB --help` explains a verb.\n" + std::string(kExitCodes));
  int code = kDone;

  UpOptions up;
  CLI::App* const up_verb = app.add_subcommand("up", "Start a local cluster and wait until it is healthy");
  AddUpFlags(*up_verb, up);
  up_verb->footer(
      "It listens on 127.0.0.1 only and outlives this command; `vigil down` ends it. Data stays in memory.");
  up_verb->final_callback([&] { code = Up(up); });

  std::string down_folder = kDefaultFolder;
  CLI::App* const down_verb = app.add_subcommand("down", "End a local cluster");
  down_verb->add_option("--dir", down_folder, "folder of the cluster's files")->type_name("DIR")->capture_default_str();
  down_verb->footer("Each process gets SIGTERM, and SIGKILL when it has not ended after 5 s. The files stay.");
  down_verb->final_callback([&] { code = Down(down_folder); });

  StatusOptions status;
  CLI::App* const status_verb = app.add_subcommand("status", "Is it writable, where, and what is wrong");
  status_verb->add_option("MASTER", status.master, "name of a master; all when left out")->type_name("");
  status_verb->add_flag("--json", status.json, "for programs");
  AddAskFlags(*status_verb, status.ask);
  status_verb->footer(
      "Exit codes: 0 healthy, 4 some problem, 1 unknown master, 3 no sentinel answers.\n"
      "Without --sentinel and --dir: the cluster in ./vigil-data, or else 127.0.0.1:26379.");
  status_verb->final_callback([&] {
    TakePasswordFromEnvironment(status.ask.credentials);
    code = Status(status);
  });

  MasterOptions addr;
  CLI::App* const addr_verb = app.add_subcommand("addr", "Print HOST:PORT of a master");
  AddMasterFlags(*addr_verb, addr);
  addr_verb->footer("Exit codes: 0 printed, 1 unknown master, 3 no sentinel answers.");
  addr_verb->final_callback([&] {
    TakePasswordFromEnvironment(addr.ask.credentials);
    code = Addr(addr);
  });

  FailoverOptions failover;
  CLI::App* const failover_verb =
      app.add_subcommand("failover", "Replace a master by one of its replicas and watch it happen");
  failover_verb->add_option("MASTER", failover.master, "name of the master")->required()->type_name("");
  failover_verb->add_option("--timeout", failover.timeout_seconds, "seconds to wait for the last replica")
      ->check(CLI::Range(1, 86400, "1-86400"))
      ->type_name("S")
      ->capture_default_str();
  CLI::Option* const coordinated =
      failover_verb->add_flag("--coordinated", failover.coordinated,
                              "only if the master hands over what it has: nothing is lost, or nothing happens");
  failover_verb
      ->add_flag(
          "--force", failover.force,
          "promote without the master's help, whatever another sentinel is doing; what the replica lacks is lost")
      ->excludes(coordinated);
  failover_verb->add_option("--to", failover.to, "the replica to promote; the best one when left out")
      ->type_name("HOST:PORT");
  failover_verb
      ->add_option("--handover-timeout", failover.handover_ms,
                   "ms that the replica may take to catch up before it is given up [failover-timeout]")
      ->check(CLI::Range(1, 86400000, "1-86400000"))
      ->type_name("MS");
  failover_verb->add_flag("--json", failover.json, "for programs: one object at the end");
  AddAskFlags(*failover_verb, failover.ask);
  failover_verb->footer(
      "Without --coordinated and --force the master hands over if it answers and our rights there allow it; otherwise "
      "a "
      "replica is promoted without it. Which it was, and what was lost, is said.\n"
      "Exit codes: 0 every replica follows the new master, 1 given up, 3 nobody to ask, 5 refused, 6 not finished in "
      "time.\n"
      "Without --sentinel and --dir: the cluster in ./vigil-data, or else 127.0.0.1:26379.");
  failover_verb->final_callback([&] {
    TakePasswordFromEnvironment(failover.ask.credentials);
    code = Failover(failover);
  });

  AddEvidenceVerbs(app, code);
  AddMemberVerbs(app, code);
  AddJournalVerb(app, code);
  AddOperatorVerbs(app, code);

  DemoOptions demo;
  CLI::App* const demo_verb =
      app.add_subcommand("demo", "Kill a local cluster's master under load and show what follows");
  AddUpFlags(*demo_verb, demo.up);
  demo_verb->add_option("--rate", demo.rate, "writes a second")
      ->check(CLI::Range(1, 100000, "1-100000"))
      ->type_name("N")
      ->capture_default_str();
  demo_verb->add_option("--timeout", demo.timeout_seconds, "seconds to wait for the failover")
      ->check(CLI::Range(1, 86400, "1-86400"))
      ->type_name("S")
      ->capture_default_str();
  demo_verb->footer(
      "Without a running cluster in --dir it starts one, with the flags of `vigil up`, and ends it afterwards.");
  demo_verb->final_callback([&] { code = Demo(demo); });

  AddExamples(app);
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return kBadUsage;
  }
  const auto verbs_known = app.get_subcommands([](const CLI::App*) { return true; });
  const auto is_asked = [&](const CLI::App* verb) { return verb->get_name() == argv[1]; };
  if (argv[1][0] != '-' && std::ranges::none_of(verbs_known, is_asked)) {
    std::vector<std::string> names;
    for (const CLI::App* const verb : verbs_known) {
      if (!verb->get_group().empty()) names.push_back(verb->get_name());
    }
    const std::string meant = DidYouMean(argv[1], names);
    Complain(fmt::format("there is no verb '{}'", argv[1]), meant.empty() ? "`vigil --help` lists them" : meant);
    return kBadUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    const auto verbs = app.get_subcommands();
    const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
    Complain(OneLine(error.what()), fmt::format("see `vigil{} --help`", verb));
    return kBadUsage;
  }
  // A full disk below a redirection must not look like success; a reader that went away is its own business.
  if (std::fflush(stdout) != 0 && errno != EPIPE) {
    Complain(fmt::format("cannot write the output: {}", std::strerror(errno)));
    return code == kDone ? kFailed : code;
  }
  return code;
}

}  // namespace cli
