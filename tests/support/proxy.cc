#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <list>
#include <mutex>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/support/process.h"

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

// A direction that does not drain keeps at most this much in us; the rest waits in the sender's buffers.
constexpr std::size_t kKept = 256 * 1024;
constexpr int kPollMs = 20;

int Socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw std::runtime_error("socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Listen(int port) {
  const int fd = Socket();
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = Loopback(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 512) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// Ends a connection with a reset: what the other side has not read yet is lost, as with a crashed host.
void CloseWithReset(int& fd) {
  if (fd < 0) return;
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
  fd = -1;
}

struct Piece {
  Clock::time_point due;
  std::string bytes;
};

struct Way {
  std::deque<Piece> pieces;
  std::size_t kept = 0;
  bool ended = false;     // the sender has closed; the rest is still delivered
  bool told_end = false;  // and the receiver knows
  bool lost = false;      // bytes were dropped
};

struct Pair {
  int client = -1;
  int server = -1;  // -1: half-open
  bool connecting = false;
  std::array<Way, 2> ways;  // by Direction
};

struct Rule {
  Flow flow = Flow::kPass;
  int delay_ms = 0;
  int jitter_ms = 0;
};

}  // namespace

struct Proxy::Core {
  int port = 0;
  int target = 0;
  int wake = -1;

  std::mutex mutex;  // guards what follows, up to the thread's own
  std::array<Rule, 2> rules;
  Door door = Door::kOpen;
  bool reset = false;
  bool stop = false;

  std::atomic<std::uint64_t> accepted{0};
  std::array<std::atomic<std::uint64_t>, 2> carried{};
  std::atomic<int> open{0};

  // The thread's own.
  int listener = -1;
  std::list<Pair> pairs;
  std::minstd_rand random{1};

  ~Core() {
    if (listener >= 0) close(listener);
    if (wake >= 0) close(wake);
    for (Pair& pair : pairs) Drop(pair);
  }

  void Wake() const {
    const std::uint64_t one = 1;
    if (write(wake, &one, sizeof one) < 0) return;  // a full counter wakes as well
  }
  void Drop(Pair& pair) {
    CloseWithReset(pair.client);
    CloseWithReset(pair.server);
  }

  void Run();
  void Accept(Door now);
  bool Connect(Pair& pair) const;
  // False when the connection is over.
  bool Read(Pair& pair, int direction, const Rule& rule);
  bool Write(Pair& pair, int direction, const Rule& rule, Clock::time_point now);
};

void Proxy::Core::Accept(Door now) {
  for (;;) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++accepted;
    Pair pair;
    pair.client = client;
    if (now == Door::kOpen && !Connect(pair)) {
      Drop(pair);
      continue;
    }
    pairs.push_back(std::move(pair));
  }
}

bool Proxy::Core::Connect(Pair& pair) const {
  pair.server = Socket();
  const sockaddr_in address = Loopback(target);
  if (connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  pair.connecting = errno == EINPROGRESS;
  return pair.connecting;
}

bool Proxy::Core::Read(Pair& pair, int direction, const Rule& rule) {
  const int from = direction == kToServer ? pair.client : pair.server;
  Way& way = pair.ways[static_cast<std::size_t>(direction)];
  std::array<char, 65536> buffer;
  const ssize_t n = read(from, buffer.data(), buffer.size());
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) {
    way.ended = true;
    return true;
  }
  if (rule.flow == Flow::kDrop) {
    way.lost = true;
    return true;
  }
  int late = rule.delay_ms;
  if (rule.jitter_ms > 0) late += static_cast<int>(random() % static_cast<unsigned>(rule.jitter_ms + 1));
  auto due = Clock::now() + std::chrono::milliseconds(late);
  if (!way.pieces.empty()) due = std::max(due, way.pieces.back().due);
  way.pieces.push_back({due, std::string(buffer.data(), static_cast<std::size_t>(n))});
  way.kept += static_cast<std::size_t>(n);
  return true;
}

bool Proxy::Core::Write(Pair& pair, int direction, const Rule& rule, Clock::time_point now) {
  const int to = direction == kToServer ? pair.server : pair.client;
  Way& way = pair.ways[static_cast<std::size_t>(direction)];
  if (rule.flow == Flow::kDrop) {
    way.lost = way.lost || !way.pieces.empty();
    way.pieces.clear();
    way.kept = 0;
    return true;
  }
  if (way.lost) return false;
  if (rule.flow == Flow::kStall || to < 0 || pair.connecting) return true;
  while (!way.pieces.empty() && way.pieces.front().due <= now) {
    std::string& bytes = way.pieces.front().bytes;
    const ssize_t n = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    carried[static_cast<std::size_t>(direction)] += static_cast<std::uint64_t>(n);
    way.kept -= static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < bytes.size()) {
      bytes.erase(0, static_cast<std::size_t>(n));
      return true;
    }
    way.pieces.pop_front();
  }
  if (way.ended && way.pieces.empty() && !way.told_end) {
    shutdown(to, SHUT_WR);
    way.told_end = true;
  }
  return true;
}

void Proxy::Core::Run() {
  std::vector<pollfd> polled;
  for (;;) {
    std::array<Rule, 2> now_rules;
    Door now_door;
    {
      const std::lock_guard lock(mutex);
      if (stop) return;
      now_rules = rules;
      now_door = door;
      if (reset) {
        for (Pair& pair : pairs) Drop(pair);
        pairs.clear();
        reset = false;
      }
      if (door == Door::kRefuse && listener >= 0) {
        close(listener);
        listener = -1;
      } else if (door != Door::kRefuse && listener < 0) {
        listener = Listen(port);  // again in the next turn when it fails
      }
    }

    // A handshake that was lost is repeated by the kernel of whoever dialled, and succeeds once the link is back.
    for (auto pair = pairs.begin(); pair != pairs.end();) {
      if (now_door == Door::kOpen && pair->server < 0 && !Connect(*pair)) {
        Drop(*pair);
        pair = pairs.erase(pair);
      } else {
        ++pair;
      }
    }

    polled.assign(1, {wake, POLLIN, 0});
    polled.push_back({listener, POLLIN, 0});  // poll() passes over -1
    const auto now = Clock::now();
    auto next = now + std::chrono::milliseconds(kPollMs);
    for (const Pair& pair : pairs) {
      std::array<short, 2> events{};  // of client, server
      for (int direction : {kToServer, kToClient}) {
        const auto way_index = static_cast<std::size_t>(direction);
        const Way& way = pair.ways[way_index];
        const Rule& rule = now_rules[way_index];
        if (!way.ended && way.kept < kKept && rule.flow != Flow::kStall) events[way_index] |= POLLIN;
        const bool due = !way.pieces.empty() && way.pieces.front().due <= now && rule.flow == Flow::kPass;
        if (due) events[1 - way_index] |= POLLOUT;
        if (!due && !way.pieces.empty()) next = std::min(next, way.pieces.front().due);
      }
      if (pair.connecting) events[1] |= POLLOUT;
      polled.push_back({events[0] != 0 ? pair.client : -1, events[0], 0});
      polled.push_back({events[1] != 0 ? pair.server : -1, events[1], 0});
    }
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(next - now).count();
    poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(wait, 1)));

    std::uint64_t woken = 0;
    if ((polled[0].revents & POLLIN) != 0 && read(wake, &woken, sizeof woken) < 0) woken = 0;
    const bool arrived = polled[1].revents != 0;
    std::size_t i = 2;
    for (auto pair = pairs.begin(); pair != pairs.end(); i += 2) {
      bool alive = true;
      const auto later = Clock::now();
      if (pair->connecting && polled[i + 1].revents != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(pair->server, SOL_SOCKET, SO_ERROR, &error, &size);
        pair->connecting = false;
        alive = error == 0;
      }
      for (int direction : {kToServer, kToClient}) {
        const auto way_index = static_cast<std::size_t>(direction);
        const Rule& rule = now_rules[way_index];
        const short happened = polled[i + way_index].revents;
        const bool reading =
            (polled[i + way_index].events & POLLIN) != 0 && !(direction == kToClient && pair->connecting);
        if (alive && reading && (happened & (POLLIN | POLLHUP | POLLERR)) != 0) alive = Read(*pair, direction, rule);
        if (alive) alive = Write(*pair, direction, rule, later);
      }
      if (pair->ways[0].told_end && pair->ways[1].told_end) alive = false;
      if (pair->server < 0 && pair->ways[0].ended) alive = false;
      if (!alive) {
        Drop(*pair);
        pair = pairs.erase(pair);
      } else {
        ++pair;
      }
    }
    if (arrived && listener >= 0) Accept(now_door);
    open = static_cast<int>(pairs.size());
  }
}

Proxy::Proxy(int target, int port) : core_(std::make_shared<Core>()) {
  core_->target = target;
  core_->port = port != 0 ? port : FreePort();
  core_->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  core_->listener = Listen(core_->port);
  if (core_->listener < 0) throw std::runtime_error("proxy: cannot listen on " + std::to_string(core_->port));
  thread_ = std::thread([core = core_] { core->Run(); });
}

Proxy::~Proxy() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->stop = true;
  }
  core_->Wake();
  thread_.join();
}

int Proxy::port() const {
  return core_->port;
}

void Proxy::Set(Direction direction, Flow flow) {
  {
    const std::lock_guard lock(core_->mutex);
    core_->rules[direction].flow = flow;
  }
  core_->Wake();
}

void Proxy::Delay(Direction direction, int ms, int jitter_ms) {
  {
    const std::lock_guard lock(core_->mutex);
    core_->rules[direction].delay_ms = ms;
    core_->rules[direction].jitter_ms = jitter_ms;
  }
  core_->Wake();
}

void Proxy::Set(Door door) {
  {
    const std::lock_guard lock(core_->mutex);
    core_->door = door;
  }
  core_->Wake();
}

void Proxy::Reset() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->reset = true;
  }
  core_->Wake();
}

void Proxy::Cut() {
  {
    const std::lock_guard lock(core_->mutex);
    for (Rule& rule : core_->rules) rule.flow = Flow::kStall;
    core_->door = Door::kHalfOpen;
  }
  core_->Wake();
}

void Proxy::Heal() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->rules = {};
    core_->door = Door::kOpen;
  }
  core_->Wake();
}

std::uint64_t Proxy::accepted() const {
  return core_->accepted;
}

std::uint64_t Proxy::bytes(Direction direction) const {
  return core_->carried[direction];
}

int Proxy::open_connections() const {
  return core_->open;
}

}  // namespace support
