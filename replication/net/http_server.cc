#include "replication/net/http_server.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "replication/base/text.h"
#include "replication/net/handles.h"

namespace net {

std::string_view HttpRequest::Query(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view HttpRequest::Header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

// ---- Feeds ----

struct HttpFeed::Impl {
  std::size_t limit = 0;
  std::string unread;
  bool closed = false;     // nothing more comes
  bool abandoned = false;  // nobody reads
  HttpServer::Impl* server = nullptr;
  MHD_Connection* connection = nullptr;  // suspended until there is something to read
  bool suspended = false;

  void Wake();
};

HttpFeed::HttpFeed(std::size_t limit) : impl_(std::make_unique<Impl>()) {
  impl_->limit = limit;
}

HttpFeed::~HttpFeed() = default;

void HttpFeed::Append(std::string_view bytes) {
  if (!open()) return;
  if (impl_->unread.size() + bytes.size() > impl_->limit) {
    impl_->abandoned = true;
    impl_->unread.clear();
  } else {
    impl_->unread += bytes;
  }
  impl_->Wake();
}

void HttpFeed::Close() {
  impl_->closed = true;
  impl_->Wake();
}

bool HttpFeed::open() const {
  return !impl_->closed && !impl_->abandoned;
}

// ---- The server ----

namespace {

// A request while it arrives.
struct Arriving {
  HttpRequest request;
  bool begun = false;
  bool too_large = false;
};

std::string PeerOf(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return {};
  sockaddr_storage address{};
  const std::size_t size = info->client_addr->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  std::memcpy(&address, info->client_addr, size);
  return FromSocketAddress(address).ToString();
}

MHD_Result TakeQuery(void* to, MHD_ValueKind, const char* name, const char* value) {
  static_cast<HttpRequest*>(to)->query.insert_or_assign(name, value == nullptr ? "" : value);
  return MHD_YES;
}

MHD_Result TakeHeader(void* to, MHD_ValueKind, const char* name, const char* value) {
  static_cast<HttpRequest*>(to)->headers.insert_or_assign(base::ToLower(name), value == nullptr ? "" : value);
  return MHD_YES;
}

MHD_Result Send(MHD_Connection* connection, int status, MHD_Response* response) {
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(status), response);
  MHD_destroy_response(response);  // the connection holds it
  return queued;
}

MHD_Result SendText(MHD_Connection* connection, int status, std::string_view text) {
  MHD_Response* response =
      MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
  return Send(connection, status, response);
}

}  // namespace

struct HttpServer::Impl : Handles {
  MHD_Daemon* daemon = nullptr;
  uv_poll_t poll{};
  uv_timer_t timer{};
  HttpLimits limits;
  Handler handler;
  std::uint16_t port = 0;
  // Those whose answer goes on.
  std::set<std::shared_ptr<HttpFeed>> feeds;
  double allowance = 0;  // requests that may come now
  base::MonoTime allowed_at{};
  bool running = false;  // inside MHD_run()

  Impl(uv_loop_t* on_loop, HttpLimits given, Handler answer)
      : Handles(on_loop), limits(given), handler(std::move(answer)), allowance(2.0 * given.requests_per_second) {}

  ~Impl() override = default;

  void CloseAll() override {
    if (daemon == nullptr) return;  // was never open
    {
      // A suspended connection would keep the daemon from stopping.
      for (const auto& feed : feeds) {
        feed->impl().abandoned = true;
        feed->impl().Wake();
        feed->impl().server = nullptr;
      }
      MHD_run(daemon);
      MHD_stop_daemon(std::exchange(daemon, nullptr));
      feeds.clear();
    }
    CloseOne(&poll);
    CloseOne(&timer);
  }

  base::Result<void> Open(const base::Endpoint& where) {
    auto address = ToSocketAddress(where);
    if (!address) return base::Fail(address.error().code, address.error().text);
    const unsigned family = address->ss_family == AF_INET6 ? unsigned{MHD_USE_IPv6} : 0U;
    const MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &*address},
        {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(limits.connections), nullptr},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, static_cast<std::intptr_t>(limits.connections_of_peer), nullptr},
        {MHD_OPTION_CONNECTION_TIMEOUT, static_cast<std::intptr_t>(limits.idle.count()), nullptr},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, 16 << 10, nullptr},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
        {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<std::intptr_t>(&Completed), this},
        {MHD_OPTION_END, 0, nullptr},
    };
    errno = 0;
    daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | family, 0, nullptr, nullptr, &Answer, this,
                              MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (daemon == nullptr) return tl::unexpected(SystemError("bind", where, uv_translate_sys_error(errno)));
    port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    uv_poll_init(loop(), &poll, MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    Adopt(&poll);
    uv_timer_init(loop(), &timer);
    Adopt(&timer);
    return {};
  }

  void Watch() {
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* ready, int, int) { Of<Impl>(ready->data).Turn(); });
    Turn();
  }

  void Turn() {
    running = true;
    MHD_run(daemon);
    running = false;
    MHD_UNSIGNED_LONG_LONG within = 0;
    if (MHD_get_timeout(daemon, &within) == MHD_YES) {
      uv_timer_start(
          &timer, [](uv_timer_t* fired) { Of<Impl>(fired->data).Turn(); }, within, 0);
    } else {
      uv_timer_stop(&timer);
    }
  }

  // Something may go on; not inside a callback of the daemon.
  void Soon() {
    if (running || closing()) return;
    uv_timer_start(
        &timer, [](uv_timer_t* fired) { Of<Impl>(fired->data).Turn(); }, 0, 0);
  }

  // A bucket that fills at the allowed rate.
  bool Allowed() {
    const base::MonoTime now = Loop::ReadClocks().mono;
    const double rate = limits.requests_per_second;
    if (allowed_at != base::MonoTime{}) {
      allowance += rate * static_cast<double>((now - allowed_at).count()) / 1000.0;
    }
    allowed_at = now;
    allowance = std::min(allowance, 2 * rate);
    if (allowance < 1) return false;
    allowance -= 1;
    return true;
  }

  static MHD_Result Answer(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                           const char* upload, std::size_t* upload_size, void** state) {
    auto& server = *static_cast<Impl*>(self);
    if (*state == nullptr) *state = new Arriving;
    auto& arriving = *static_cast<Arriving*>(*state);
    HttpRequest& request = arriving.request;
    if (!arriving.begun) {
      arriving.begun = true;
      request.method = method;
      request.path = url;
      request.peer = PeerOf(connection);
      MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &TakeQuery, &request);
      MHD_get_connection_values(connection, MHD_HEADER_KIND, &TakeHeader, &request);
      return MHD_YES;  // the body comes next
    }
    if (*upload_size > 0) {
      arriving.too_large = arriving.too_large || request.body.size() + *upload_size > server.limits.body;
      if (!arriving.too_large) request.body.append(upload, *upload_size);
      *upload_size = 0;
      return MHD_YES;
    }
    if (arriving.too_large) return SendText(connection, 413, "the request is too large\n");
    if (!server.Allowed()) return SendText(connection, 429, "too many requests\n");
    return server.Reply(connection, server.handler(request));
  }

  MHD_Result Reply(MHD_Connection* connection, HttpResponse&& answer) {
    MHD_Response* response = nullptr;
    if (answer.feed != nullptr) {
      HttpFeed::Impl& feed = answer.feed->impl();
      feed.server = this;
      feed.connection = connection;
      feeds.insert(answer.feed);
      response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 << 10, &ReadFeed, answer.feed.get(), &EndFeed);
    } else {
      response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
    }
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type.c_str());
    for (const auto& [name, value] : answer.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
    return Send(connection, answer.status, response);
  }

  static ssize_t ReadFeed(void* of, std::uint64_t, char* to, std::size_t size) {
    HttpFeed::Impl& feed = static_cast<HttpFeed*>(of)->impl();
    if (feed.abandoned) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (feed.unread.empty()) {
      if (feed.closed) return MHD_CONTENT_READER_END_OF_STREAM;
      MHD_suspend_connection(feed.connection);
      feed.suspended = true;
      return 0;
    }
    const std::size_t taken = std::min(size, feed.unread.size());
    std::memcpy(to, feed.unread.data(), taken);
    feed.unread.erase(0, taken);
    return static_cast<ssize_t>(taken);
  }

  // The reader has gone, or has everything.
  static void EndFeed(void* of) {
    auto* ended = static_cast<HttpFeed*>(of);
    ended->impl().abandoned = true;
    Impl* server = ended->impl().server;
    if (server == nullptr) return;
    const auto found = std::ranges::find_if(server->feeds, [ended](const auto& each) { return each.get() == ended; });
    if (found != server->feeds.end()) server->feeds.erase(found);
  }

  static void Completed(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Arriving*>(std::exchange(*state, nullptr));
  }
};

void HttpFeed::Impl::Wake() {
  if (!suspended || server == nullptr) return;
  suspended = false;
  MHD_resume_connection(connection);
  server->Soon();
}

HttpServer::HttpServer(Impl* impl) : impl_(impl) {}

HttpServer::~HttpServer() {
  impl_->Release();
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::Listen(Loop& loop, const base::Endpoint& where, HttpLimits limits,
                                                             Handler handler) {
  auto* impl = new Impl(loop.raw(), limits, std::move(handler));
  std::unique_ptr<HttpServer> server(new HttpServer(impl));
  if (const auto opened = impl->Open(where); !opened) return tl::unexpected(opened.error());
  impl->Watch();
  return server;
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

}  // namespace net
