// What a sentinel answers by HTTP: figures, health of nodes as it sees them, its state as JSON, its events as they
// come.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/net/http_server.h"
#include "replication/net/loop.h"
#include "sentinel/core/state.h"
#include "sentinel/edge/metrics.h"

namespace sentinel::edge {

// GET and HEAD only: nothing can be changed here. Answers from memory:
//   /metrics                      for Prometheus
//   /primary?node=HOST:PORT       200 if that node is the master of whom this sentinel tells, and works; 503 otherwise
//   /replica?node=HOST:PORT&lag=N a replica that answers and whose link is up; N: bytes (1mb) behind its master at most
//   /read-only?node=...           either of them
//       &master=NAME              where several masters are watched
//   /liveness                     the process answers
//   /readiness, /health           and can keep what it decides: the state file can be written
//   /api/masters, /api/masters/NAME, /api/history[?master=NAME][&count=N]
//   /api/events                   server-sent events, each once it is durable, as subscribers of Redis' channels hear
//   it
class Pages {
 public:
  Pages(net::Loop& loop, const State& state);
  ~Pages();

  // Binds when `http-port` is set. Error kIo names the address.
  base::Result<void> Listen();
  bool listening() const { return server_ != nullptr; }

  // An event has been announced; it is told when `change` is durable.
  void OnEvent(std::string_view event, std::string_view text, ChangeNumber change, const base::Now& now);
  // At the end of a turn.
  void Flush();

 private:
  net::HttpResponse Answer(const net::HttpRequest& request);
  net::HttpResponse OpenFeed();
  // So that a reader which has gone is noticed, and one that is there knows that we are.
  void Ping();

  const State& state_;
  net::Loop& loop_;
  Metrics metrics_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint64_t last_event_ = 0;
  std::deque<std::pair<ChangeNumber, std::string>> waiting_;  // events that are not durable yet
  std::set<std::shared_ptr<net::HttpFeed>> feeds_;
  net::Timer ping_;
};

// The parts that need no server, for tests and for each other.
net::HttpResponse AnswerFromState(const State& state, const net::HttpRequest& request, const base::Now& now);

}  // namespace sentinel::edge
