// The hidden verbs: completion for shells, manual pages, names of masters; all from the parser itself.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "replication/base/text.h"
#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/flags.h"
#include "sentinel/cli/nearest.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verb_table.h"
#include "sentinel/cli/verbs_look.h"

namespace cli {
namespace {

// "{failover,switchover}" of a checked option, as CLI11 describes it.
std::vector<std::string> Choices(const CLI::Option& option) {
  const std::string text = option.get_type_name();
  const std::size_t open = text.find('{');
  const std::size_t close = text.find('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (const std::string_view word : base::Split(std::string_view(text).substr(open + 1, close - open - 1), ',')) {
    choices.emplace_back(word);
  }
  return choices;
}

VerbInfo Describe(const CLI::App& verb, const std::string& name) {
  VerbInfo info{name, verb.get_description(), verb.get_footer(), {}};
  for (const CLI::Option* const option : verb.get_options([](const CLI::Option*) { return true; })) {
    FlagInfo flag;
    flag.help = option->get_description();
    flag.required = option->get_required();
    flag.choices = Choices(*option);
    for (const std::string& each : option->get_lnames()) flag.names.push_back("--" + each);
    for (const std::string& each : option->get_snames()) flag.names.push_back("-" + each);
    if (flag.names.empty()) flag.argument = option->get_name();
    const bool takes_value = option->get_items_expected_max() > 0;
    if (takes_value && !flag.names.empty()) {
      const std::string type = option->get_type_name();
      // CLI11 puts a check's range behind a colon: "N:1-20".
      flag.value = type.starts_with("HOST:PORT") ? "HOST:PORT" : type.substr(0, type.find_first_of(": {"));
      if (flag.value.empty()) flag.value = "VALUE";
    }
    info.flags.push_back(std::move(flag));
  }
  return info;
}

std::vector<VerbInfo> DescribeAll(const CLI::App& app) {
  std::vector<VerbInfo> verbs;
  for (const CLI::App* const verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_group().empty()) continue;
    const auto inner = verb->get_subcommands([](const CLI::App*) { return true; });
    if (inner.empty()) verbs.push_back(Describe(*verb, verb->get_name()));
    for (const CLI::App* const each : inner) {
      VerbInfo info = Describe(*each, verb->get_name() + " " + each->get_name());
      if (info.footer.find("Examples:") == std::string::npos) info.footer += "\n" + verb->get_footer();
      verbs.push_back(std::move(info));
    }
  }
  return verbs;
}

int Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

int PrintManual(const CLI::App& app, std::string name) {
  const std::vector<VerbInfo> verbs = DescribeAll(app);
  if (name.empty()) return Print(ManualPage(verbs, VIGIL_VERSION));
  std::vector<std::string> names;
  for (const VerbInfo& verb : verbs) {
    std::string dashed = verb.name;
    std::ranges::replace(dashed, ' ', '-');
    names.push_back(dashed);
    if (dashed == name) return Print(ManualPage(verb, VIGIL_VERSION));
  }
  if (name == "--list") return Print(fmt::format("{}\n", fmt::join(names, "\n")));
  Complain(fmt::format("there is no verb '{}'", name), DidYouMean(name, names));
  return kBadUsage;
}

int PrintMasters(const AskOptions& options) {
  const auto found = FindSentinels(options);
  if (!found) return kUnreachable;  // a shell that completes wants no complaint
  const auto names = AskMasterNames(found->where);
  if (!names) return kUnreachable;
  for (const std::string& name : *names) Say(name);
  return kDone;
}

}  // namespace

void AddToolVerbs(CLI::App& app, int& code) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const completion = app.add_subcommand("completion", "Print the completion script of a shell");
  completion->group("");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "fish", "zsh"}))
      ->type_name("");
  completion->final_callback([&app, shell, &code] {
    const std::vector<VerbInfo> verbs = DescribeAll(app);
    code = Print(*shell == "bash"  ? BashCompletion(verbs)
                 : *shell == "zsh" ? ZshCompletion(verbs)
                                   : FishCompletion(verbs));
  });

  const auto verb = std::make_shared<std::string>();
  const auto list = std::make_shared<bool>(false);
  CLI::App* const manual = app.add_subcommand("manual", "Print a manual page in roff: vigil(1), or a verb's");
  manual->group("");
  manual->add_option("VERB", *verb, "a verb; `config-diff` for two words")->type_name("");
  manual->add_flag("--list", *list, "the verbs that have a page, one per line");
  manual->final_callback([&app, verb, list, &code] { code = PrintManual(app, *list ? "--list" : *verb); });

  const auto ask = std::make_shared<AskOptions>();
  CLI::App* const masters = app.add_subcommand("masters", "Print the names of all masters, one per line");
  masters->group("");
  AddAskFlags(*masters, *ask);
  masters->final_callback([ask, &code] {
    TakePasswordFromEnvironment(ask->credentials);
    code = PrintMasters(*ask);
  });
}

}  // namespace cli
