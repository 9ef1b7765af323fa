// The whole terminal as ours for a while: the other screen, no echo; given back whatever happens.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>

namespace cli {

class FullScreen {
 public:
  // Stdout must be a terminal. Keys are read from stdin when that is one too.
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Shows these lines from the top; what was below them is cleared. Lines that are too long or too many are cut.
  void Draw(const std::string& text);
  // Waits for a key: that key, or 0 when `length` is over or an interrupt came.
  char Key(std::chrono::milliseconds length);

 private:
  bool has_keys_ = false;
  termios before_{};
};

}  // namespace cli
