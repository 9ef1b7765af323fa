#include "sentinel/core/outbox.h"

#include <algorithm>
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
  const auto waits = std::ranges::find_if(queue_, [&](const Waiting& entry) { return entry.change > durable; });
  std::string out;
  for (auto entry = queue_.begin(); entry != waits; ++entry) {
    if (out.empty()) {
      out = std::move(entry->bytes);
    } else {
      out += entry->bytes;
    }
  }
  queue_.erase(queue_.begin(), waits);
  bytes_ -= out.size();
  return out;
}

void CommandQueue::Push(std::vector<Command> batch, ChangeNumber change) {
  queue_.push_back(Waiting{std::move(batch), change});
}

std::vector<Command> CommandQueue::Take(ChangeNumber durable) {
  if (queue_.size() == 1 && queue_.front().change <= durable) {
    std::vector<Command> only = std::move(queue_.front().batch);
    queue_.clear();
    return only;
  }
  std::vector<Command> out;
  std::vector<Waiting> kept;
  for (Waiting& waiting : queue_) {
    if (waiting.change > durable) {
      kept.push_back(std::move(waiting));
    } else {
      out.insert(out.end(), std::make_move_iterator(waiting.batch.begin()),
                 std::make_move_iterator(waiting.batch.end()));
    }
  }
  queue_ = std::move(kept);
  return out;
}

}  // namespace sentinel
