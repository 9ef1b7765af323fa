// The event loop of a program: one thread, one libuv loop, the clocks.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>

#include "replication/base/time.h"

namespace net {

class Loop {
 public:
  Loop();
  // Handles that are still open are closed first.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until Stop(). Runs callbacks on the calling thread.
  void Run();
  // From a callback: Run() returns after this turn.
  void Stop();

  // Reads both clocks (about 50 ns). Monotonic time counts from the machine's start.
  static base::Now ReadClocks();

  // Called once at the end of every loop turn, after all sockets that were ready have been read and before the
  // loop sleeps: the place to flush output that several callbacks of one turn have produced.
  void OnTurnEnd(std::function<void()> callback);

  // Runs `callback` on the loop thread soon; the one member that other threads may call.
  void Post(std::function<void()> callback);

  // SIGTERM, SIGINT, SIGHUP ... on the loop thread.
  void OnSignal(int signal, std::function<void()> callback);

  uv_loop_t* raw();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One deadline; starting again moves it. Destroying it cancels.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once, at `at` or as soon as possible when that has passed. Never early: libuv counts whole milliseconds
  // from the start of the turn, and the difference is added.
  void StartAt(base::MonoTime at);
  void Stop();

 private:
  struct Impl;
  Impl* impl_;  // lives until libuv has closed the handle
};

}  // namespace net
