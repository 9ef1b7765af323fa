#include "sentinel/core/outbox.h"

#include <doctest/doctest.h>

using namespace sentinel;

namespace {
std::vector<Command> Batch(std::initializer_list<const char*> verbs) {
  std::vector<Command> batch;
  for (const char* verb : verbs) batch.push_back(Command{Request::kIgnored, "", 0, {verb}});
  return batch;
}
std::vector<std::string> Verbs(const std::vector<Command>& commands) {
  std::vector<std::string> verbs;
  for (const Command& command : commands) verbs.push_back(command.words[0]);
  return verbs;
}
}  // namespace

TEST_CASE("outbox: a reply behind a waiting promise waits too") {
  ReplyQueue queue;
  queue.Push("a", 0);
  queue.Push("b", 5);
  queue.Push("c", 0);
  CHECK(queue.Take(4) == "a");
  CHECK(queue.Take(4).empty());
  CHECK(queue.Take(5) == "bc");
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
}

TEST_CASE("outbox: on our own links a waiting batch stands aside, whole") {
  CommandQueue queue;
  queue.Push(Batch({"MULTI", "SLAVEOF", "EXEC"}), 7);
  queue.Push(Batch({"PING"}), 0);
  CHECK(Verbs(queue.Take(6)) == std::vector<std::string>{"PING"});
  CHECK(Verbs(queue.Take(7)) == std::vector<std::string>{"MULTI", "SLAVEOF", "EXEC"});
  CHECK(queue.empty());
}
