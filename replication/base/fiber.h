// A call that can be left in its middle and gone on with later: it has a stack of its own.
//
// No thread: whoever started it waits until it returns or suspends itself, so nothing here runs at the same time as
// anything else.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace base {

class Fiber {
 public:
  // `stack_bytes` are reserved, not used up: memory is taken as the stack grows. A page that nobody may touch ends it.
  explicit Fiber(std::size_t stack_bytes);
  // Not between Start() and the job's end.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `job` until it returns or suspends itself; no exception may leave it. True: it has returned. One at a time;
  // the stack is used again. Two changes of stack: below a microsecond.
  bool Start(std::function<void()> job);
  // Goes on with a suspended job; as Start().
  bool Resume();
  // From within the job: back to whoever called Start() or Resume().
  void Suspend();

  // Has a job begun and not ended?
  bool busy() const { return busy_; }
  // Are we on its stack?
  bool inside() const { return inside_; }

  struct Stacks;  // not for others

 private:
  static void Enter(unsigned high, unsigned low);
  void Loop();
  void SwitchIn();

  std::unique_ptr<Stacks> stacks_;
  std::function<void()> job_;
  bool serves_ = true;  // always
  bool busy_ = false;
  bool inside_ = false;
};

}  // namespace base
