#include "sentinel/cli/events.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace cli {
namespace {

std::optional<base::Endpoint> Address(std::string_view host, std::string_view port) {
  const auto number = base::ParsePort(port);
  if (!number || host.empty()) return std::nullopt;
  return base::Endpoint{std::string(host), *number};
}

}  // namespace

Event ParseEvent(std::string_view name, std::string_view text) {
  Event event;
  event.name = name;
  event.text = text;
  const auto words = base::Split(text, ' ');
  if (name == "+switch-master") {
    if (words.size() < 5) return event;
    const auto from = Address(words[1], words[2]);
    const auto to = Address(words[3], words[4]);
    if (!from || !to) return event;
    event.kind = "master";
    event.master = words[0];
    event.from = *from;
    event.subject = *to;
    return event;
  }
  if (words.size() < 4 || (words[0] != "master" && words[0] != "slave" && words[0] != "sentinel")) return event;
  const auto subject = Address(words[2], words[3]);
  if (!subject) return event;
  event.kind = words[0];
  event.subject = *subject;
  std::size_t next = 4;
  if (words[0] == "master") {
    event.master = words[1];
  } else if (words.size() >= 8 && words[4] == "@") {
    event.master = words[5];
    next = 8;
  }
  for (; next < words.size(); ++next) {
    if (!event.rest.empty()) event.rest += ' ';
    event.rest += words[next];
  }
  return event;
}

base::Result<std::unique_ptr<EventFollower>> EventFollower::Start(const std::vector<base::Endpoint>& sentinels,
                                                                  const Credentials& credentials) {
  std::vector<RedisClient> clients;
  base::Error last{base::ErrorCode::kIo, "no sentinel is known"};
  for (const base::Endpoint& sentinel : sentinels) {
    auto client = RedisClient::Connect(sentinel, credentials);
    if (!client) {
      last = client.error();
      continue;
    }
    const auto confirmed = client->Ask({"PSUBSCRIBE", "*"});
    if (!confirmed) {
      last = confirmed.error();
      continue;
    }
    clients.push_back(std::move(*client));
  }
  if (clients.empty()) return tl::unexpected(last);
  return std::unique_ptr<EventFollower>(new EventFollower(std::move(clients)));
}

EventFollower::EventFollower(std::vector<RedisClient> clients) {
  for (const RedisClient& client : clients) followed_.insert(client.address());
  VIGIL_CHECK(pipe2(stop_pipe_, O_CLOEXEC) == 0);
  thread_ = std::thread(&EventFollower::Follow, this, std::move(clients));
}

EventFollower::~EventFollower() {
  close(stop_pipe_[1]);  // the other end becomes readable
  thread_.join();
  close(stop_pipe_[0]);
}

void EventFollower::Follow(std::vector<RedisClient> clients) {
  for (;;) {
    std::vector<pollfd> waits{{stop_pipe_[0], POLLIN, 0}};
    for (const RedisClient& client : clients) waits.push_back({client.fd(), POLLIN, 0});
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    for (std::size_t i = 0; i < clients.size();) {
      auto message = clients[i].NextMessage();
      if (!message) {  // that sentinel is gone; the others tell the rest
        const std::lock_guard lock(mutex_);
        followed_.erase(clients[i].address());
        clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      if (!*message) {
        ++i;
        continue;
      }
      const Reply& reply = **message;
      if (reply.items.size() == 4 && reply.items[0].text == "pmessage") {
        Event event = ParseEvent(reply.items[2].text, reply.items[3].text);
        event.at = std::chrono::steady_clock::now();
        event.sentinel = clients[i].address();
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
      }
    }
  }
}

bool EventFollower::Follows(const base::Endpoint& sentinel) {
  const std::lock_guard lock(mutex_);
  return followed_.contains(sentinel);
}

std::vector<Event> EventFollower::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

}  // namespace cli
