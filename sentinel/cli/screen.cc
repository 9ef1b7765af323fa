#include "sentinel/cli/screen.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "replication/base/text.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/table.h"
#include "sentinel/cli/terminal.h"

namespace cli {
namespace {

void Write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

FullScreen::FullScreen() {
  has_keys_ = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_keys_) {
    termios now = before_;
    // Keys come one by one and unseen; Ctrl-C stays a signal.
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  Write("\x1b[?1049h\x1b[?25l");  // the other screen, without a cursor
}

FullScreen::~FullScreen() {
  Write("\x1b[?25h\x1b[?1049l");
  if (has_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void FullScreen::Draw(const std::string& text) {
  const Screen size = ScreenSize();
  std::string out = "\x1b[H";
  std::size_t row = 0;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (row == size.rows) break;
    out += (row == 0 ? "" : "\r\n") + Clip(line, size.columns) + "\x1b[K";
    ++row;
  }
  Write(out + "\x1b[J");
}

char FullScreen::Key(std::chrono::milliseconds length) {
  if (!has_keys_) {
    Pause(length);
    return 0;
  }
  pollfd entry{STDIN_FILENO, POLLIN, 0};
  if (Interrupted() || poll(&entry, 1, static_cast<int>(length.count())) <= 0) return 0;
  char key = 0;
  if (read(STDIN_FILENO, &key, 1) == 1) return key;
  has_keys_ = false;  // whoever typed has gone
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  return 0;
}

}  // namespace cli
