#include <doctest/doctest.h>

#include "sentinel/cli/reach.h"
#include "sentinel/cli/verb_table.h"

using namespace cli;

namespace {

std::vector<VerbInfo> Verbs() {
  FlagInfo master;
  master.argument = "MASTER";
  master.required = true;
  FlagInfo to{{"--to"}, "", "HOST:PORT", "the replica's address", false, {}};
  FlagInfo yes{{"--yes", "-y"}, "", "", "do not ask", false, {}};
  FlagInfo dir{{"--dir"}, "", "DIR", "a folder", false, {}};
  FlagInfo kind;
  kind.argument = "KIND";
  kind.choices = {"failover", "switchover"};
  return {{"plan", "A dry run", "Exit codes: 0.\nExamples:\n  vigil plan x\n      .dots", {kind, master, to, dir}},
          {"config diff", "What differs", "", {master, yes}},
          {"down", "End it", "", {dir}}};
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("completion: bash knows verbs, flags, choices, folders and who takes a master") {
  const std::string text = BashCompletion(Verbs());
  CHECK(Has(text, "compgen -W 'config down plan --help --version'"));
  CHECK(Has(text, "plan) words='failover switchover --to --dir' ;;"));
  CHECK(Has(text, "config) words='diff --yes -y' ;;"));
  CHECK(Has(text, "    --dir) COMPREPLY=($(compgen -f"));
  CHECK(Has(text, "    --to) return ;;"));
  CHECK(Has(text, "    plan|config) case"));
}

TEST_CASE("completion: zsh and fish quote what their shells would read") {
  const std::string zsh = ZshCompletion(Verbs());
  CHECK(Has(zsh, "'plan:A dry run'"));
  CHECK(Has(zsh, "'*--to[the replica'\\''s address]:HOST:PORT: '") == false);  // a colon would end the message
  CHECK(Has(zsh, "'*--to[the replica'\\''s address]:HOST\\:PORT: '"));
  CHECK(Has(zsh, "\":KIND:(failover switchover)\""));
  const std::string fish = FishCompletion(Verbs());
  CHECK(Has(fish, "complete -c vigil -n '__fish_seen_subcommand_from plan' -l to -x -d 'the replica\\'s address'"));
  CHECK(Has(fish, "complete -c vigil -n '__fish_seen_subcommand_from config' -l yes -s y -d 'do not ask'"));
}

TEST_CASE("manual: what roff would read as its own is literal") {
  const auto verbs = Verbs();
  const std::string page = ManualPage(verbs[0], "0.1.0");
  CHECK(page.starts_with(".TH VIGIL\\-PLAN 1"));
  CHECK(Has(page, ".SH NAME\nvigil\\-plan \\- A dry run\n"));
  CHECK(Has(page, "\\fB\\-\\-to\\fR \\fIHOST:PORT\\fR"));
  CHECK(Has(page, ".SH EXAMPLES\n.nf\n  vigil plan x\n      .dots\n.fi\n"));
  const std::string all = ManualPage(verbs, "0.1.0");
  CHECK(Has(all, ".B config diff\nWhat differs\n"));
  CHECK(Has(all, ".BR vigil\\-config\\-diff (1),\n"));
  CHECK(Has(all, ".BR vigil\\-down (1)\n"));
}

TEST_CASE("matrix: who does not reach whom is said by those who say so, and nothing is known of the silent") {
  Topology topology;
  topology.master = "m";
  topology.address = {"a", 1};
  NodeView master;
  master.address = {"a", 1};
  master.error = "connection refused";
  NodeView replica;
  replica.address = {"b", 1};
  replica.answers = true;
  replica.role = Role::kReplica;
  replica.follows = {"a", 1};
  replica.link_down_for = 7;
  replica.rtt_us = 1500;
  topology.nodes = {master, replica};
  SentinelView sentinel;
  sentinel.address = {"s", 9};
  sentinel.answers = true;
  sentinel.rtt_us = 20'000;
  sentinel.master = {"a", 1};
  Reply reply;
  reply.kind = Reply::Kind::kArray;
  for (const char* word : {"flags", "master,s_down,disconnected", "last-ok-ping-reply", "4000"}) {
    Reply item;
    item.kind = Reply::Kind::kText;
    item.text = word;
    reply.items.push_back(item);
  }
  sentinel.fields = *Fields::FromReply(reply);
  topology.sentinels = {sentinel};
  const auto links = FindLinks(topology);
  REQUIRE(links.size() == 5);
  CHECK_FALSE(links[0].reaches);
  CHECK(links[1].rtt_us == 1500);
  CHECK(links[3].kind == "watches");
  CHECK(links[3].note == "finds it down");
  CHECK(links[3].last_answer_ms == 4000);
  CHECK(links[4].kind == "follows");
  CHECK(links[4].note == "no link for 7 s");
  const std::string text = RenderMatrix(topology, links, Paint(false));
  CHECK(Has(text, "here   NO  1.5 ms  20 ms"));
  CHECK(Has(text, "s:9 -> a:1: finds it down\n"));
  CHECK(Has(text, "b:1 -> a:1: no link for 7 s\n"));
}
