#include "sentinel/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "replication/base/text.h"

namespace cli {

bool OnTerminal() {
  return isatty(STDOUT_FILENO) == 1;
}

Screen ScreenSize() {
  Screen screen;
  winsize size{};
  const auto from_environment = [](const char* name, std::size_t& value) {
    const char* const text = std::getenv(name);
    const auto number = base::ParseInt<std::uint16_t>(text == nullptr ? "" : text);
    if (number) value = *number;
  };
  if (OnTerminal() && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    screen = {size.ws_col, size.ws_row};
  } else {
    from_environment("COLUMNS", screen.columns);
    from_environment("LINES", screen.rows);
  }
  return {std::max<std::size_t>(screen.columns, 20), std::max<std::size_t>(screen.rows, 5)};
}

Paint Paint::ForStdout() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  const bool refused = no_color != nullptr && no_color[0] != 0;
  const bool able = term != nullptr && std::string_view(term) != "dumb" && term[0] != 0;
  return Paint(OnTerminal() && able && !refused);
}

std::string Paint::operator()(Tone tone, std::string_view text) const {
  if (!coloured_ || tone == Tone::kPlain || text.empty()) return std::string(text);
  std::string_view code;
  switch (tone) {
    case Tone::kPlain:
      break;
    case Tone::kBold:
      code = "1";
      break;
    case Tone::kDim:
      code = "2";
      break;
    case Tone::kGood:
      code = "1;32";
      break;
    case Tone::kWarn:
      code = "1;33";
      break;
    case Tone::kBad:
      code = "1;31";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void Say(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Complain(std::string_view what, std::string_view next) {
  std::fflush(stdout);
  std::string text = fmt::format("vigil: {}", what);
  // Behind the lines of a log, advice needs a line of its own.
  const bool has_more_lines = what.find('\n') != std::string_view::npos;
  if (!next.empty()) text += (has_more_lines ? "\nvigil: " : "; ") + std::string(next);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string Grouped(long long number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string ShellWord(std::string_view path) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+,:=@%").find(c) != std::string_view::npos;
  };
  if (!path.empty() && std::ranges::all_of(path, plain)) return std::string(path);
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace cli
