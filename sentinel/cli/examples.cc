// What is shown below the help of each verb, and in its manual page.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "sentinel/cli/flags.h"

namespace cli {
namespace {

struct Example {
  std::string_view verb;
  std::string_view command;
  std::string_view meaning;
};

constexpr std::array kExamples = {
    Example{"up", "vigil up --nodes 5", "one master and four replicas in ./vigil-data"},
    Example{"down", "vigil down --dir /tmp/try", "end the cluster in that folder"},
    Example{"status", "vigil status", "all masters of the sentinel on this machine"},
    Example{"status", "vigil status mymaster --json | jq .healthy", "for scripts"},
    Example{"addr", "redis-cli -u redis://$(vigil addr mymaster)", "talk to whichever node is the master"},
    Example{"show", "vigil show mymaster", "every node and sentinel, and why a replica would not be taken"},
    Example{"topology", "vigil topology mymaster", "the tree of replication, chains and lag included"},
    Example{"matrix", "vigil matrix mymaster", "which link is cut, seen from both ends"},
    Example{"watch", "vigil watch mymaster", "live; q ends it"},
    Example{"events", "vigil events -f", "what the sentinels say from now on"},
    Example{"events", "vigil events mymaster -f --json --for 10m", "ten minutes of it, an object per line"},
    Example{"history", "vigil history mymaster --count 3", "the latest three decisions"},
    Example{"why", "vigil why mymaster", "what happened last night, in sentences"},
    Example{"explain", "vigil explain mymaster", "would a failover succeed now?"},
    Example{"plan", "vigil plan switchover mymaster --to 10.0.0.2:6379", "a dry run: who, how long, at what price"},
    Example{"failover", "vigil failover mymaster --force", "when the master is gone and nothing else helps"},
    Example{"switchover", "vigil switchover mymaster", "to the best replica, without losing a write"},
    Example{"switchover", "vigil switchover mymaster --to 10.0.0.2:6379 --yes", "to that one, without being asked"},
    Example{"pause", "vigil pause mymaster --for 1h --reason 'new switches'", "no automatic failover for an hour"},
    Example{"resume", "vigil resume mymaster", "end the pause"},
    Example{"drain", "vigil drain 127.0.0.1:6379",
            "hand over if it is a master, then stop it: for ExecStop and preStop"},
    Example{"drain", "vigil drain --keep-running --timeout 20", "hand over only; systemd or the kubelet stops it"},
    Example{"config", "vigil config diff mymaster", "what the sentinels do not agree about"},
    Example{"forget", "vigil forget mymaster 10.0.0.9:6379", "a replica that will not come back"},
    Example{"doctor", "vigil doctor", "check everything, with a remedy for each finding"},
    Example{"doctor", "vigil doctor --json | jq '.findings[].remedy'", "for scripts"},
    Example{"journal", "vigil journal show 127.0.0.1:6379 --match 'FLUSH*'", "who emptied it, and when"},
    Example{"demo", "vigil demo --rate 5000", "kill a master under load and count what it costs"},
    Example{"completion", "vigil completion bash > /etc/bash_completion.d/vigil", "for all shells of this machine"},
    Example{"manual", "vigil manual status | man -l -", "the page of a verb"},
};

}  // namespace

void AddExamples(CLI::App& app) {
  for (CLI::App* const verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string text;
    for (const Example& example : kExamples) {
      if (example.verb == verb->get_name()) text += fmt::format("  {}\n      {}\n", example.command, example.meaning);
    }
    if (text.empty()) continue;
    text.pop_back();
    const std::string footer = verb->get_footer();
    verb->footer(fmt::format("{}{}Examples:\n{}", footer, footer.empty() ? "" : "\n", text));
  }
}

}  // namespace cli
