#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "replication/base/text.h"
#include "sentinel/cli/verb_table.h"

namespace cli {
namespace {

// The words of the names: "config diff" is completed word by word.
std::string First(const VerbInfo& verb) {
  return verb.name.substr(0, verb.name.find(' '));
}
std::string Second(const VerbInfo& verb) {
  const std::size_t space = verb.name.find(' ');
  return space == std::string::npos ? "" : verb.name.substr(space + 1);
}

// In the text of a shell script, between single quotes.
std::string Quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

// fish keeps a backslash's meaning between single quotes.
std::string FishQuoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return "'" + out + "'";
}

bool TakesMaster(const VerbInfo& verb) {
  return std::ranges::any_of(verb.flags, [](const FlagInfo& flag) { return flag.argument == "MASTER"; });
}

// What may stand behind a verb: flags, choices of its arguments, its second word.
std::map<std::string, std::vector<std::string>> WordsByVerb(const std::vector<VerbInfo>& verbs) {
  std::map<std::string, std::vector<std::string>> words;
  for (const VerbInfo& verb : verbs) {
    std::vector<std::string>& mine = words[First(verb)];
    if (!Second(verb).empty()) mine.push_back(Second(verb));
    for (const FlagInfo& flag : verb.flags) {
      mine.insert(mine.end(), flag.names.begin(), flag.names.end());
      mine.insert(mine.end(), flag.choices.begin(), flag.choices.end());
    }
  }
  return words;
}

std::vector<std::string> VerbsWithMaster(const std::vector<VerbInfo>& verbs) {
  std::vector<std::string> names;
  for (const VerbInfo& verb : verbs) {
    if (TakesMaster(verb)) names.push_back(First(verb));
  }
  return names;
}

// Flags whose next word is a value of their own kind.
std::string FlagsThatTake(const std::vector<VerbInfo>& verbs, bool folder) {
  std::vector<std::string> names;
  for (const VerbInfo& verb : verbs) {
    for (const FlagInfo& flag : verb.flags) {
      if (flag.value.empty() || (flag.value == "DIR" || flag.value == "EXE") != folder) continue;
      for (const std::string& name : flag.names) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
  }
  return fmt::format("{}", fmt::join(names, "|"));
}

}  // namespace

std::string BashCompletion(const std::vector<VerbInfo>& verbs) {
  const auto words = WordsByVerb(verbs);
  std::vector<std::string> names;
  std::string cases;
  for (const auto& [name, mine] : words) {
    names.push_back(name);
    cases += fmt::format("    {}) words={} ;;\n", name, Quoted(fmt::format("{}", fmt::join(mine, " "))));
  }
  return fmt::format(R"sh(# bash completion for vigil, made by `vigil completion bash`.
_vigil() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$current"))
    return
  fi
  case $previous in
    {}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    {}) return ;;
  esac
  case ${{COMP_WORDS[1]}} in
{}  esac
  case ${{COMP_WORDS[1]}} in
    {}) case $current in -*) ;; *) words="$words $(vigil masters 2>/dev/null)" ;; esac ;;
  esac
  COMPREPLY=($(compgen -W "$words --help" -- "$current"))
}}
complete -F _vigil vigil
)sh",
                     fmt::join(names, " "), FlagsThatTake(verbs, true), FlagsThatTake(verbs, false), cases,
                     fmt::join(VerbsWithMaster(verbs), "|"));
}

std::string ZshCompletion(const std::vector<VerbInfo>& verbs) {
  const auto escaped = [](std::string text) {
    std::string out;
    for (const char c : text) {
      if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string list;
  std::string cases;
  std::map<std::string, std::string> seen;
  for (const VerbInfo& verb : verbs) {
    if (seen.emplace(First(verb), verb.help).second) {
      list += fmt::format("    {}\n", Quoted(fmt::format("{}:{}", First(verb), escaped(verb.help))));
    }
    std::string specs;
    if (!Second(verb).empty()) specs += fmt::format(" {}", Quoted(fmt::format("1:word:({})", Second(verb))));
    for (const FlagInfo& flag : verb.flags) {
      for (const std::string& name : flag.names) {
        const std::string value = flag.value.empty() ? ""
                                  : flag.value == "DIR" || flag.value == "EXE"
                                      ? fmt::format(":{}:_files", flag.value)
                                      : fmt::format(":{}: ", escaped(flag.value));
        specs += fmt::format(" {}", Quoted(fmt::format("*{}[{}]{}", name, escaped(flag.help), value)));
      }
      if (flag.argument.empty()) continue;
      const std::string what = flag.argument == "MASTER" ? "($(vigil masters 2>/dev/null))"
                               : !flag.choices.empty()   ? fmt::format("({})", fmt::join(flag.choices, " "))
                                                         : " ";
      specs += fmt::format(" \":{}:{}\"", flag.argument, what);
    }
    cases += fmt::format("    {}) _arguments -S{} ;;\n", First(verb), specs);
  }
  return fmt::format(R"sh(#compdef vigil
# zsh completion for vigil, made by `vigil completion zsh`.
_vigil() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
{}  esac
}}
_vigil "$@"
)sh",
                     list, cases);
}

std::string FishCompletion(const std::vector<VerbInfo>& verbs) {
  std::string out = "# fish completion for vigil, made by `vigil completion fish`.\ncomplete -c vigil -f\n";
  for (const VerbInfo& verb : verbs) {
    const std::string behind = fmt::format("-n '__fish_seen_subcommand_from {}'", First(verb));
    out += fmt::format("complete -c vigil -n __fish_use_subcommand -a {} -d {}\n", First(verb), FishQuoted(verb.help));
    if (!Second(verb).empty()) out += fmt::format("complete -c vigil {} -a {}\n", behind, Second(verb));
    if (TakesMaster(verb)) out += fmt::format("complete -c vigil {} -a '(vigil masters 2>/dev/null)'\n", behind);
    for (const FlagInfo& flag : verb.flags) {
      if (!flag.choices.empty())
        out += fmt::format("complete -c vigil {} -a '{}'\n", behind, fmt::join(flag.choices, " "));
      if (flag.names.empty()) continue;
      std::string names;
      for (const std::string& name : flag.names) {
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      const bool folder = flag.value == "DIR" || flag.value == "EXE";
      const std::string takes = flag.value.empty() ? "" : folder ? " -r -F" : " -x";
      out += fmt::format("complete -c vigil {}{}{} -d {}\n", behind, names, takes, FishQuoted(flag.help));
    }
  }
  return out;
}

}  // namespace cli
