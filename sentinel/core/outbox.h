// Promises wait for the disk: what may leave now, and what stands behind a save that is not durable yet.
//
// Pure, and the same in production and in the simulator. Source: spec/decisions.md A10.
#pragma once

#include <string>
#include <vector>

#include "sentinel/core/link.h"

namespace sentinel {

// Bytes to somebody who connected to us. First in, first out: what stands behind a waiting promise waits too,
// since replies are matched by their order.
class ReplyQueue {
 public:
  void Push(std::string bytes, ChangeNumber change);
  // Everything that may leave once changes up to `durable` are safe.
  std::string Take(ChangeNumber durable);
  bool empty() const { return queue_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Waiting {
    std::string bytes;
    ChangeNumber change;
  };
  std::vector<Waiting> queue_;
  std::size_t bytes_ = 0;
};

// Commands on a link that we opened. A batch that waits stands aside: PING and INFO pass it, since what they tell
// promises nothing; batches never mix their commands.
class CommandQueue {
 public:
  void Push(std::vector<Command> batch, ChangeNumber change);
  // The commands that may leave now, in the order in which they were pushed.
  std::vector<Command> Take(ChangeNumber durable);
  bool empty() const { return queue_.empty(); }

 private:
  struct Waiting {
    std::vector<Command> batch;
    ChangeNumber change;
  };
  std::vector<Waiting> queue_;
};

}  // namespace sentinel
