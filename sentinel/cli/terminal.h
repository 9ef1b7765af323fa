// Words for people: colours only where they can be seen, errors in one line with what to do next.
#pragma once

#include <string>
#include <string_view>

namespace cli {

enum class Tone { kPlain, kBold, kDim, kGood, kWarn, kBad };

// Marks up text, or leaves it alone. Source for NO_COLOR: no-color.org.
class Paint {
 public:
  explicit Paint(bool coloured) : coloured_(coloured) {}
  // Coloured when stdout is a terminal that knows colours and NO_COLOR is not set.
  static Paint ForStdout();

  std::string operator()(Tone tone, std::string_view text) const;

 private:
  bool coloured_;
};

// Is stdout a terminal?
bool OnTerminal();

struct Screen {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
// Of the terminal that stdout is; else of COLUMNS and LINES in the environment; else 80 x 24. At least 20 x 5.
Screen ScreenSize();

// Prints and flushes at once: whoever watches a log file sees each step when it happens.
void Say(std::string_view line);

// "vigil: <what>" on stderr; `next` says what to do, behind a semicolon.
void Complain(std::string_view what, std::string_view next = "");

// 1234567 -> "1,234,567".
std::string Grouped(long long number);

// `path` as a shell reads it back, for commands we propose.
std::string ShellWord(std::string_view path);

}  // namespace cli
