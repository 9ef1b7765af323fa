// HTTP for machines that ask for figures and health, and for browsers: libmicrohttpd, whose descriptors our loop
// watches; no threads. Small requests, answers from memory.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "replication/net/loop.h"

namespace net {

struct HttpRequest {
  std::string method;  // GET, HEAD, POST ...
  std::string path;    // "/metrics": decoded, without the query
  std::map<std::string, std::string, std::less<>> query;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;
  std::string peer;  // "127.0.0.1:40000"

  // "" when it is not there.
  std::string_view Query(std::string_view name) const;
  std::string_view Header(std::string_view name) const;
};

// An answer that goes on for as long as both sides want it to: server-sent events. Shared by the server and whoever
// feeds it.
class HttpFeed {
 public:
  explicit HttpFeed(std::size_t limit = 1 << 20);
  ~HttpFeed();
  HttpFeed(const HttpFeed&) = delete;
  HttpFeed& operator=(const HttpFeed&) = delete;

  // Sent as soon as the reader takes it. A reader that leaves more than the limit unread is dropped.
  void Append(std::string_view bytes);
  // Ends the answer once everything is sent.
  void Close();
  // False: the reader is gone, or was dropped: nothing more needs to be appended.
  bool open() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct HttpResponse {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<HttpFeed> feed;  // not null: instead of `body`
};

struct HttpLimits {
  unsigned connections = 128;
  unsigned connections_of_peer = 64;   // from one address
  std::size_t body = 64 << 10;         // bytes of a request's body; more is answered by 413
  unsigned requests_per_second = 500;  // of all together, in bursts of twice as many; more is answered by 429
  std::chrono::seconds idle{30};       // a connection that says nothing for so long is closed
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // Calls `handler` on the loop thread for each request; HEAD is answered like GET, without the body. Port 0: any that
  // is free. Errors: kInvalid when the address is a name, kIo when it cannot be bound.
  static base::Result<std::unique_ptr<HttpServer>> Listen(Loop& loop, const base::Endpoint& where, HttpLimits limits,
                                                          Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;

  struct Impl;

 private:
  explicit HttpServer(Impl* impl);
  Impl* impl_;  // lives until libuv has closed its handles
};

}  // namespace net
