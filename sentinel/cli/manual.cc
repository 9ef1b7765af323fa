#include <fmt/format.h>

#include "replication/base/text.h"
#include "sentinel/cli/verb_table.h"

namespace cli {
namespace {

// Text as roff takes it literally.
std::string Roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

// A footer's lines: examples stand as they are, the rest is running text.
std::string Footer(const std::string& footer) {
  const std::size_t at = footer.find("Examples:\n");
  const std::string text = footer.substr(0, at);
  std::string out;
  if (!base::Trim(text).empty()) out += ".SH NOTES\n";
  for (const std::string_view line : base::Split(text, '\n')) {
    if (!line.empty()) out += Roff(line) + "\n.br\n";
  }
  if (at == std::string::npos) return out;
  out += ".SH EXAMPLES\n.nf\n";
  const std::string examples = footer.substr(at + 10);
  return out + Roff(examples) + (examples.ends_with('\n') ? "" : "\n") + ".fi\n";
}

std::string Synopsis(const VerbInfo& verb) {
  std::string out = fmt::format(".B vigil {}\n", Roff(verb.name));
  for (const FlagInfo& flag : verb.flags) {
    if (flag.argument.empty()) continue;
    out +=
        flag.required ? fmt::format(".I {}\n", Roff(flag.argument)) : fmt::format(".RI [ {} ]\n", Roff(flag.argument));
  }
  return out + ".RI [ options ]\n";
}

std::string FlagText(const FlagInfo& flag) {
  std::string head;
  for (const std::string& name : flag.names) head += (head.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", Roff(name));
  if (!flag.argument.empty()) head = fmt::format("\\fI{}\\fR", Roff(flag.argument));
  if (!flag.value.empty()) head += fmt::format(" \\fI{}\\fR", Roff(flag.value));
  std::string help = flag.help;
  if (!flag.choices.empty()) help += fmt::format(" ({})", fmt::join(flag.choices, ", "));
  return fmt::format(".TP\n{}\n{}\n", head, Roff(help));
}

constexpr std::string_view kExitStatus = R"(.SH EXIT STATUS
.TP
0
done, or healthy
.TP
1
it was tried and failed, or there is no such master
.TP
2
the command line makes no sense
.TP
3
nobody answers, or nobody lets us ask
.TP
4
answered, and something is wrong
.TP
5
refused: it would not be safe now, or cannot be
.TP
6
begun, and not finished in the time given
.TP
130
interrupted
.SH ENVIRONMENT
.TP
VIGILCLI_AUTH
the password for AUTH
.TP
NO_COLOR
when set, no colours
)";

}  // namespace

std::string ManualPage(const VerbInfo& verb, const std::string& version) {
  std::string dashed = verb.name;
  for (char& c : dashed) {
    if (c == ' ') c = '-';
  }
  std::string title = "vigil-" + dashed;
  for (char& c : title) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  std::string out = fmt::format(".TH {} 1 \"\" \"vigil {}\" \"vigil\"\n.SH NAME\nvigil\\-{} \\- {}\n.SH SYNOPSIS\n{}",
                                Roff(title), Roff(version), Roff(dashed), Roff(verb.help), Synopsis(verb));
  out += ".SH OPTIONS\n";
  for (const FlagInfo& flag : verb.flags) out += FlagText(flag);
  out += Footer(verb.footer);
  out += kExitStatus;
  return out + ".SH SEE ALSO\n.BR vigil (1)\n";
}

std::string ManualPage(const std::vector<VerbInfo>& verbs, const std::string& version) {
  std::string out = fmt::format(
      ".TH VIGIL 1 \"\" \"vigil {}\" \"vigil\"\n.SH NAME\nvigil \\- watch and steer masters that fail over\n.SH "
      "SYNOPSIS\n"
      ".B vigil\n.I verb\n.RI [ options ]\n.SH DESCRIPTION\n"
      "vigil asks sentinels and nodes what they know, tells what it means, and asks for what an operator wants.\n"
      "One sentinel is enough to find the others; all are asked at once.\n.SH VERBS\n",
      Roff(version));
  for (const VerbInfo& verb : verbs) out += fmt::format(".TP\n.B {}\n{}\n", Roff(verb.name), Roff(verb.help));
  out +=
      ".SH FINDING THE SENTINELS\n\\fB\\-\\-sentinel\\fR \\fIHOST:PORT\\fR, again and again; else the local cluster in "
      "\\fB\\-\\-dir\\fR \\fIDIR\\fR; else the one in ./vigil\\-data; else 127.0.0.1:26379.\n";
  out += kExitStatus;
  out += ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    std::string dashed = verbs[i].name;
    for (char& c : dashed) {
      if (c == ' ') c = '-';
    }
    out += fmt::format(".BR vigil\\-{} (1){}\n", Roff(dashed), i + 1 < verbs.size() ? "," : "");
  }
  return out;
}

}  // namespace cli
