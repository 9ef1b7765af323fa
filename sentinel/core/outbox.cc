#include "sentinel/core/outbox.h"

#include <iterator>

namespace sentinel {

void ReplyQueue::Push(std::string bytes, ChangeNumber change) {
  bytes_ += bytes.size();
  if (!queue_.empty() && queue_.back().change >= change) {
    queue_.back().bytes += bytes;  // it could not leave earlier than what is already waiting
  } else {
    queue_.push_back(Waiting{std::move(bytes), change});
  }
}

std::string ReplyQueue::Take(ChangeNumber durable) {
  std::string out;
  while (!queue_.empty() && queue_.front().change <= durable) {
    if (out.empty()) {
      out = std::move(queue_.front().bytes);
    } else {
      out += queue_.front().bytes;
    }
    queue_.pop_front();
  }
  bytes_ -= out.size();
  return out;
}

void CommandQueue::Push(std::vector<Command> batch, ChangeNumber change) {
  queue_.push_back(Waiting{std::move(batch), change});
}

std::vector<Command> CommandQueue::Take(ChangeNumber durable) {
  std::vector<Command> out;
  for (auto waiting = queue_.begin(); waiting != queue_.end();) {
    if (waiting->change > durable) {
      ++waiting;
      continue;
    }
    out.insert(out.end(), std::make_move_iterator(waiting->batch.begin()),
               std::make_move_iterator(waiting->batch.end()));
    waiting = queue_.erase(waiting);
  }
  return out;
}

}  // namespace sentinel
