#include "replication/net/http_server.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/unit/net/bed.h"

using namespace net;
using net_test::Bed;

namespace {

// A client of the wire: what it sends is written as it stands here.
struct Browser {
  Bed& bed;
  std::unique_ptr<Stream::Attempt> attempt;
  std::unique_ptr<Stream> stream;
  std::string received;
  bool closed = false;

  Browser(Bed& b, std::uint16_t port) : bed(b) {
    attempt = Stream::Connect(bed.loop, {"127.0.0.1", port}, "", [this](auto connected) {
      REQUIRE(connected);
      stream = std::move(*connected);
      stream->Start({.on_data = [this](std::string_view bytes) { received += bytes; },
                     .on_closed = [this](std::string_view) { closed = true; },
                     .on_drained = nullptr});
    });
    REQUIRE(bed.RunUntil([this] { return stream != nullptr; }));
  }
  // Everything up to the end of the answer, or of the connection.
  std::string Ask(std::string_view request, std::string_view until) {
    received.clear();
    stream->Write(request);
    REQUIRE(bed.RunUntil([&] { return closed || received.find(until) != std::string::npos; }));
    return received;
  }
};

std::unique_ptr<HttpServer> Serve(Bed& bed, HttpServer::Handler handler, HttpLimits limits = {}) {
  auto server = HttpServer::Listen(bed.loop, {"127.0.0.1", 0}, limits, std::move(handler));
  REQUIRE(server);
  return std::move(*server);
}

HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.headers.emplace_back("X-Kind", "echo");
  response.body = fmt::format("{} {} q={} h={} body={}.", request.method, request.path, request.Query("q"),
                              request.Header("x-test"), request.body);
  return response;
}

}  // namespace

TEST_CASE("http: a request arrives with its parts, and is answered") {
  Bed bed;
  const auto server = Serve(bed, &Echo);
  Browser browser(bed, server->port());
  std::string said = browser.Ask("GET /a%20b?q=1%262&r HTTP/1.1\r\nHost: x\r\nX-Test: yes\r\n\r\n", "body=.");
  CHECK(said.starts_with("HTTP/1.1 200 "));
  CHECK(said.find("\r\nX-Kind: echo\r\n") != std::string::npos);
  CHECK(said.find("\r\nContent-Type: text/plain; charset=utf-8\r\n") != std::string::npos);
  CHECK(said.ends_with("GET /a b q=1&2 h=yes body=."));
  // The connection stays.
  said = browser.Ask("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello.");
  CHECK(said.ends_with("POST /p q= h= body=hello."));
  said = browser.Ask("HEAD /p HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n");
  CHECK(said.starts_with("HTTP/1.1 200 "));
  CHECK(said.ends_with("\r\n\r\n"));
}

TEST_CASE("http: what is too large, too much or no HTTP is refused") {
  Bed bed;
  int calls = 0;
  HttpLimits limits;
  limits.body = 10;
  limits.requests_per_second = 1;
  const auto server = Serve(
      bed,
      [&](const HttpRequest&) {
        ++calls;
        return HttpResponse{};
      },
      limits);
  CHECK(Browser(bed, server->port())
            .Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901", "too large")
            .starts_with("HTTP/1.1 413 "));
  CHECK(Browser(bed, server->port()).Ask("no such thing\r\n\r\n", "HTTP/1.1 400").starts_with("HTTP/1.1 400"));
  CHECK(Browser(bed, server->port())
            .Ask("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 4")
            .starts_with("HTTP/1.1 4"));
  CHECK(calls == 0);
  Browser eager(bed, server->port());
  std::string said;
  for (int i = 0; i < 20 && said.find(" 429 ") == std::string::npos; ++i) {
    said = eager.Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n");
  }
  CHECK(said.starts_with("HTTP/1.1 429 "));
  CHECK(calls < 20);
}

TEST_CASE("http: a feed is sent as it grows, until either side ends it") {
  Bed bed;
  std::shared_ptr<HttpFeed> feed;
  auto server = Serve(bed, [&](const HttpRequest&) {
    feed = std::make_shared<HttpFeed>(100);
    feed->Append("data: one\n\n");
    HttpResponse response;
    response.type = "text/event-stream";
    response.feed = feed;
    return response;
  });
  Browser reader(bed, server->port());
  CHECK(reader.Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "one\n\n").find("text/event-stream") != std::string::npos);
  feed->Append("data: two\n\n");
  REQUIRE(bed.RunUntil([&] { return reader.received.find("two\n\n") != std::string::npos; }));
  SUBCASE("by the server") {
    feed->Append("data: three\n\n");
    feed->Close();
    REQUIRE(bed.RunUntil([&] { return reader.received.ends_with("0\r\n\r\n"); }));
    CHECK(reader.received.find("three\n\n") != std::string::npos);
    CHECK_FALSE(feed->open());
  }
  SUBCASE("by the reader, which is noticed when there is something to say") {
    reader.stream.reset();
    CHECK(feed->open());
    REQUIRE(bed.RunUntil([&] {
      feed->Append(":\n\n");
      return !feed->open();
    }));
  }
  SUBCASE("by a reader that does not read") {
    feed->Append(std::string(101, 'x'));
    CHECK_FALSE(feed->open());
    REQUIRE(bed.RunUntil([&] { return reader.closed; }));
  }
  SUBCASE("by the server's end") {
    server.reset();
    CHECK_FALSE(feed->open());
    feed->Append("nobody");
    REQUIRE(bed.RunUntil([&] { return reader.closed; }));
  }
}

TEST_CASE("http: an address that cannot be bound is one clear line") {
  Bed bed;
  const auto first = Serve(bed, &Echo);
  // Two servers of one port would share its requests.
  const auto second = HttpServer::Listen(bed.loop, {"127.0.0.1", first->port()}, {}, &Echo);
  REQUIRE(!second);
  CHECK(second.error().text == fmt::format("bind 127.0.0.1:{}: address already in use", first->port()));
  const auto named = HttpServer::Listen(bed.loop, {"nowhere", 1}, {}, &Echo);
  REQUIRE(!named);
  CHECK(named.error().text.find("'nowhere' is not a numeric address") != std::string::npos);
}
