// Thousands of cheap fake data nodes in one process: they answer what a sentinel sends, and nothing more.
//
//   vigil-fake-nodes PORT MASTERS REPLICAS [INFO-PADDING]
//
// Master i listens on PORT + i * (REPLICAS + 1), its replicas on the ports behind it. INFO-PADDING lines are added to
// every INFO (a real node's has about 180). One word per line on standard input:
//
//   kill    every master of the beginning dies as if by SIGKILL: connections reset, port closed
//   stop    every master of the beginning falls silent, as if by SIGSTOP
//   report  "switched N first-ms median-ms last-ms": SLAVEOF NO ONE at a replica, counted from kill or stop
//
// Says "ready" when all ports are open, "dead" when the masters are. Ends with standard input.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Node {
  int port = 0;
  int listener = -1;
  int follows = 0;  // port; 0: a master
  bool silent = false;
  bool dead = false;
  std::set<int> connections;
  std::set<int> subscribers;
};

struct Connection {
  int node = 0;
  std::string input;
  bool queueing = false;  // after MULTI
  std::vector<std::vector<std::string>> queued;
};

void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

bool Is(std::string_view word, std::string_view lower) {
  return word.size() == lower.size() && strncasecmp(word.data(), lower.data(), lower.size()) == 0;
}

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

class Fleet {
 public:
  Fleet(int port, int masters, int replicas, int padding) : port_(port), group_(replicas + 1) {
    for (int i = 0; i < padding; ++i) padding_ += "fake_metric_of_a_node_" + std::to_string(i) + ":1234\r\n";
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    connections_.resize(RaiseFileLimit());
    listener_of_.assign(connections_.size(), -1);
    nodes_.resize(static_cast<std::size_t>(masters) * group_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].port = port + static_cast<int>(i);
      if (i % group_ != 0) nodes_[i].follows = port + static_cast<int>(i / group_ * group_);
      Listen(static_cast<int>(i));
    }
    Watch(STDIN_FILENO);
  }

  void Run() {
    std::vector<epoll_event> events(1024);
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) Die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == STDIN_FILENO) {
          if (!TakeOrder()) return;
        } else if (listener_of_[fd] >= 0) {
          Accept(fd);
        } else if (connections_[fd]) {
          Read(fd);
        }
      }
    }
  }

 private:
  static std::size_t RaiseFileLimit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit wanted{1 << 16, 1 << 16};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return wanted.rlim_cur;
    limit.rlim_cur = limit.rlim_max;  // without the right to more
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
  }

  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  }

  void Listen(int index) {
    Node& node = nodes_[index];
    node.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(node.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(node.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(node.listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("bind");
    if (listen(node.listener, 64) != 0) Die("listen");
    listener_of_[node.listener] = index;
    Watch(node.listener);
  }

  void Accept(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_[fd] = std::make_unique<Connection>();
    connections_[fd]->node = listener_of_[listener];
    nodes_[listener_of_[listener]].connections.insert(fd);
    Watch(fd);
  }

  void Close(int fd) {
    Node& node = nodes_[connections_[fd]->node];
    node.connections.erase(fd);
    node.subscribers.erase(fd);
    connections_[fd].reset();
    close(fd);
  }

  void Read(int fd) {
    char buffer[16384];
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return Close(fd);
    Connection& connection = *connections_[fd];
    if (nodes_[connection.node].silent) return;
    connection.input.append(buffer, static_cast<std::size_t>(count));
    std::string out;
    std::size_t used = 0;
    std::vector<std::string> words;
    while (Next(connection.input, used, words)) Execute(fd, words, out);
    connection.input.erase(0, used);
    // A sentinel reads what it asked for: the socket always has room for it.
    if (!out.empty() && send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) Close(fd);
  }

  // The next whole request at `used`, which moves behind it.
  static bool Next(const std::string& input, std::size_t& used, std::vector<std::string>& words) {
    if (used >= input.size()) return false;
    std::size_t at = used;
    const auto number = [&](long& value) {
      const std::size_t end = input.find("\r\n", at);
      if (end == std::string::npos) return false;
      value = std::strtol(input.c_str() + at + 1, nullptr, 10);
      at = end + 2;
      return true;
    };
    long count = 0;
    if (!number(count)) return false;
    words.clear();
    for (long i = 0; i < count; ++i) {
      long length = 0;
      if (at >= input.size() || !number(length) || at + static_cast<std::size_t>(length) + 2 > input.size())
        return false;
      words.push_back(input.substr(at, static_cast<std::size_t>(length)));
      at += static_cast<std::size_t>(length) + 2;
    }
    used = at;
    return true;
  }

  void Execute(int fd, const std::vector<std::string>& words, std::string& out) {
    Connection& connection = *connections_[fd];
    const std::string& verb = words[0];
    if (Is(verb, "multi")) {
      connection.queueing = true;
      out += "+OK\r\n";
    } else if (Is(verb, "exec")) {
      connection.queueing = false;
      out += "*" + std::to_string(connection.queued.size()) + "\r\n";
      for (const auto& queued : std::exchange(connection.queued, {})) Execute(fd, queued, out);
    } else if (connection.queueing) {
      connection.queued.push_back(words);
      out += "+QUEUED\r\n";
    } else if (Is(verb, "ping")) {
      out += "+PONG\r\n";
    } else if (Is(verb, "publish") && words.size() == 3) {
      Publish(connection.node, words, out);
    } else if (Is(verb, "info")) {
      out += Bulk(Info(connection.node));
    } else if (Is(verb, "subscribe") && words.size() == 2) {
      nodes_[connection.node].subscribers.insert(fd);
      out += "*3\r\n$9\r\nsubscribe\r\n" + Bulk(words[1]) + ":1\r\n";
    } else if ((Is(verb, "slaveof") || Is(verb, "replicaof")) && words.size() == 3) {
      Follow(connection.node, words);
      out += "+OK\r\n";
    } else if (Is(verb, "role")) {
      out += "*3\r\n$6\r\nmaster\r\n:1000\r\n*0\r\n";
    } else if (Is(verb, "client") && words.size() > 1 && Is(words[1], "kill")) {
      out += ":0\r\n";
    } else {
      out += "+OK\r\n";
    }
  }

  void Publish(int index, const std::vector<std::string>& words, std::string& out) {
    const std::string message = "*3\r\n$7\r\nmessage\r\n" + Bulk(words[1]) + Bulk(words[2]);
    for (const int to : nodes_[index].subscribers) send(to, message.data(), message.size(), MSG_NOSIGNAL);
    out += ":" + std::to_string(nodes_[index].subscribers.size()) + "\r\n";
  }

  void Follow(int index, const std::vector<std::string>& words) {
    Node& node = nodes_[index];
    const bool was_master = node.follows == 0;
    node.follows = Is(words[1], "no") ? 0 : std::atoi(words[2].c_str());
    if (node.follows == 0 && !was_master) switched_.push_back(Clock::now());
  }

  std::string Info(int index) {
    const Node& node = nodes_[index];
    char text[2048];
    int size = std::snprintf(text, sizeof text,
                             "# Server\r\nredis_version:7.0.15\r\nrun_id:%040x\r\ntcp_port:%d\r\n"
                             "uptime_in_seconds:%lld\r\n# Persistence\r\nloading:0\r\n",
                             node.port * 7919, node.port,
                             static_cast<long long>(Clock::now().time_since_epoch() / std::chrono::seconds(1)));
    std::string info(text, static_cast<std::size_t>(size));
    info += padding_;
    info += "# Replication\r\n";
    if (node.follows != 0) {
      size = std::snprintf(text, sizeof text,
                           "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n"
                           "master_last_io_seconds_ago:1\r\nmaster_sync_in_progress:0\r\n"
                           "slave_read_repl_offset:1000\r\nslave_repl_offset:1000\r\n%s"
                           "slave_priority:100\r\nslave_read_only:1\r\nreplica_announced:1\r\nconnected_slaves:0\r\n",
                           node.follows, Answers(node.follows) ? "up" : "down",
                           Answers(node.follows) ? "" : "master_link_down_since_seconds:1\r\n");
      info.append(text, static_cast<std::size_t>(size));
    } else {
      std::string lines;
      int count = 0;
      const std::size_t first = static_cast<std::size_t>(index) / group_ * group_;
      for (std::size_t i = first; i < first + group_; ++i) {
        const Node& other = nodes_[i];
        if (other.follows != node.port || other.dead) continue;
        size = std::snprintf(text, sizeof text, "slave%d:ip=127.0.0.1,port=%d,state=online,offset=1000,lag=0\r\n",
                             count++, other.port);
        lines.append(text, static_cast<std::size_t>(size));
      }
      info += "role:master\r\nconnected_slaves:" + std::to_string(count) + "\r\n" + lines;
    }
    size = std::snprintf(text, sizeof text,
                         "master_failover_state:no-failover\r\nmaster_replid:%040x\r\nmaster_replid2:%040x\r\n"
                         "master_repl_offset:1000\r\nsecond_repl_offset:-1\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n",
                         static_cast<int>(index / group_ + 1) * 104729, 0);
    return info.append(text, static_cast<std::size_t>(size));
  }

  bool Answers(int port) const {
    const Node& node = nodes_[static_cast<std::size_t>(port - port_)];
    return !node.dead && !node.silent;
  }

  bool TakeOrder() {
    char buffer[256];
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count <= 0) return false;
    orders_.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = orders_.find('\n')) != std::string::npos; orders_.erase(0, end + 1)) {
      const std::string_view order = std::string_view(orders_).substr(0, end);
      if (order == "kill" || order == "stop") {
        Fell(order == "kill");
        std::puts("dead");
      } else if (order == "report") {
        Report();
      }
    }
    std::fflush(stdout);
    return true;
  }

  void Fell(bool killed) {
    fell_at_ = Clock::now();
    switched_.clear();
    for (std::size_t i = 0; i < nodes_.size(); i += group_) {
      Node& node = nodes_[i];
      node.silent = true;
      if (!killed) continue;
      node.dead = true;
      listener_of_[node.listener] = -1;
      close(node.listener);
      for (const int fd : std::set<int>(node.connections)) Close(fd);
    }
  }

  void Report() {
    std::vector<double> after;
    for (const auto at : switched_) after.push_back(std::chrono::duration<double, std::milli>(at - fell_at_).count());
    std::sort(after.begin(), after.end());
    if (after.empty()) after.push_back(-1);
    std::printf("switched %zu %.1f %.1f %.1f\n", switched_.size(), after.front(), after[after.size() / 2],
                after.back());
  }

  const int port_;
  const std::size_t group_;
  std::string padding_;
  std::string orders_;
  int epoll_ = -1;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::vector<int> listener_of_;                          // descriptor -> node
  Clock::time_point fell_at_{};
  std::vector<Clock::time_point> switched_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s PORT MASTERS REPLICAS [INFO-PADDING]\n", argv[0]);
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Fleet fleet(std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]), argc > 4 ? std::atoi(argv[4]) : 0);
  std::puts("ready");
  std::fflush(stdout);
  fleet.Run();
  return 0;
}
