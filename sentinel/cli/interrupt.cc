#include "sentinel/cli/interrupt.h"

#include <poll.h>

#include <csignal>

namespace cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void Note(int) {
  interrupted = 1;
}

}  // namespace

void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = &Note;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // What the caller chose to ignore (nohup) stays ignored.
    struct sigaction old = {};
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

bool Interrupted() {
  return interrupted != 0;
}

bool Pause(std::chrono::milliseconds length) {
  if (!Interrupted()) poll(nullptr, 0, static_cast<int>(length.count()));
  return !Interrupted();
}

}  // namespace cli
