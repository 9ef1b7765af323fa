#include "replication/net/stream.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/unit/net/bed.h"

using base::Endpoint;
using net::Listener;
using net::Stream;
using net_test::Bed;
using net_test::Pair;

namespace {

// More than the socket buffers of both ends hold.
constexpr std::size_t kLarge = 24 << 20;

std::string Pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13);
  return bytes;
}

// Collects what a stream brings.
struct Ear {
  std::string heard;
  int closed = 0;
  int drained = 0;
  std::string reason;

  Stream::Callbacks Callbacks() {
    return {[this](std::string_view bytes) { heard += bytes; },
            [this](std::string_view why) {
              ++closed;
              reason = why;
            },
            [this] { ++drained; }};
  }
};

// A peer that is no Stream: closes when and how the test says.
struct RawPeer {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  explicit RawPeer(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~RawPeer() {
    if (fd >= 0) close(fd);
  }
  void Reset() {
    const linger at_once{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(std::exchange(fd, -1));
  }
};

}  // namespace

TEST_CASE("stream: both ends know each other, and bytes go both ways") {
  Bed bed;
  Pair pair(bed);
  CHECK(pair.client->peer() == Endpoint{"127.0.0.1", pair.listener->port()});
  CHECK(pair.client->local() == pair.server->peer());
  CHECK(pair.server->local() == pair.client->peer());
  Ear client;
  Ear server;
  pair.client->Start(client.Callbacks());
  pair.server->Start(server.Callbacks());
  pair.client->Write("ping");
  pair.server->Write("po");
  pair.server->Write("");
  pair.server->Write("ng");
  CHECK(pair.server->queued() == 0);
  CHECK(bed.RunUntil([&] { return server.heard == "ping" && client.heard == "pong"; }));
  CHECK(client.drained == 0);
}

TEST_CASE("stream: what the socket does not take is queued, arrives in order, and its end is told") {
  Bed bed;
  Pair pair(bed);
  const std::string bytes = Pattern(kLarge);
  Ear client;
  pair.client->Start(client.Callbacks());
  pair.client->Write(bytes);
  const std::size_t queued = pair.client->queued();
  CHECK(queued > 0);
  CHECK(queued < kLarge);
  pair.client->Write("the end");
  CHECK(pair.client->queued() == queued + 7);
  CHECK(pair.client->WriteNow(std::array<std::string_view, 1>{"not past the queue"}) == 0);
  Ear server;
  pair.server->Start(server.Callbacks());
  CHECK(bed.RunUntil([&] { return server.heard.size() == kLarge + 7 && client.drained > 0; }));
  CHECK(pair.client->queued() == 0);
  CHECK(client.drained == 1);
  CHECK(server.heard == bytes + "the end");
}

TEST_CASE("stream: WriteNow and WhenWritable move much without a queue") {
  Bed bed;
  Pair pair(bed);
  const std::string bytes = Pattern(kLarge);
  std::size_t sent = 0;
  int waits = 0;
  std::function<void()> send = [&] {
    while (sent < kLarge) {
      const std::string_view rest = std::string_view(bytes).substr(sent);
      const std::size_t half = rest.size() / 2;
      const std::size_t taken = pair.client->WriteNow(std::array{rest.substr(0, half), rest.substr(half)});
      CHECK(pair.client->queued() == 0);
      sent += taken;
      if (taken == 0) break;
    }
    if (sent < kLarge) {
      ++waits;
      pair.client->WhenWritable(send);
    }
  };
  send();
  CHECK(sent < kLarge);
  Ear server;
  pair.server->Start(server.Callbacks());
  CHECK(bed.RunUntil([&] { return server.heard.size() == kLarge; }));
  CHECK(waits > 0);
  CHECK(server.heard == bytes);
}

TEST_CASE("stream: WhenWritable behind queued bytes calls when they are gone") {
  Bed bed;
  Pair pair(bed);
  pair.client->Write(Pattern(kLarge));
  REQUIRE(pair.client->queued() > 0);
  bool called = false;
  std::size_t queued_then = 1;
  pair.client->WhenWritable([&] {
    called = true;
    queued_then = pair.client->queued();
  });
  Ear server;
  pair.server->Start(server.Callbacks());
  CHECK(bed.RunUntil([&] { return called; }));
  CHECK(queued_then == 0);
}

TEST_CASE("stream: the peer's end is told once, and nothing may be written then") {
  Bed bed;
  Pair pair(bed);
  Ear server;
  pair.server->Start(server.Callbacks());
  pair.client->Write("last words");
  pair.client.reset();
  CHECK(bed.RunUntil([&] { return server.closed > 0; }));
  CHECK(server.heard == "last words");
  CHECK(server.reason == "closed by the peer");
  pair.server->Write("nobody listens");
  CHECK(pair.server->queued() == 0);
  bool turned = false;
  bed.loop.Post([&] { turned = true; });
  CHECK(bed.RunUntil([&] { return turned; }));
  CHECK(server.closed == 1);
}

TEST_CASE("stream: a stream may be destroyed by its own callbacks, and hears nothing then") {
  Bed bed;
  SUBCASE("on_data") {
    Pair pair(bed);
    int calls = 0;
    pair.server->Start({[&](std::string_view) {
                          ++calls;
                          pair.server.reset();
                        },
                        [&](std::string_view) { ++calls; }, nullptr});
    Ear client;
    pair.client->Start(client.Callbacks());
    pair.client->Write(Pattern(1 << 20));
    CHECK(bed.RunUntil([&] { return client.closed == 1; }));
    CHECK(calls == 1);
  }
  SUBCASE("on_closed") {
    Pair pair(bed);
    bool closed = false;
    pair.server->Start({nullptr,
                        [&](std::string_view) {
                          pair.server.reset();
                          closed = true;
                        },
                        nullptr});
    pair.client.reset();
    CHECK(bed.RunUntil([&] { return closed; }));
  }
  SUBCASE("on_drained") {
    Pair pair(bed);
    pair.server->Write(Pattern(kLarge));
    pair.server->Start({nullptr, nullptr, [&] { pair.server.reset(); }});
    Ear client;
    pair.client->Start(client.Callbacks());
    CHECK(bed.RunUntil([&] { return client.closed == 1; }));
    CHECK(client.heard.size() == kLarge);
  }
}

TEST_CASE("stream: Start again hands over to other callbacks, also from inside one") {
  Bed bed;
  Pair pair(bed);
  Ear second;
  std::string first;
  pair.server->Start({[&](std::string_view bytes) {
                        pair.server->Start(second.Callbacks());
                        first += bytes;
                      },
                      nullptr, nullptr});
  pair.client->Write("one");
  CHECK(bed.RunUntil([&] { return first == "one"; }));
  pair.client->Write("two");
  CHECK(bed.RunUntil([&] { return second.heard == "two"; }));
}

TEST_CASE("stream: a paused stream leaves bytes where they are") {
  Bed bed;
  Pair pair(bed);
  Ear server;
  pair.server->Start(server.Callbacks());
  pair.server->PauseReading();
  pair.client->Write("later");
  Ear client;
  pair.client->Start(client.Callbacks());
  pair.server->Write("answer");
  CHECK(bed.RunUntil([&] { return client.heard == "answer"; }));
  CHECK(server.heard.empty());
  pair.server->ResumeReading();
  CHECK(bed.RunUntil([&] { return server.heard == "later"; }));
}

TEST_CASE("stream: what has arrived can be taken at once, and is not delivered again") {
  Bed bed;
  Pair pair(bed);
  Ear server;
  pair.server->Start(server.Callbacks());
  pair.client->Write("taken");
  CHECK(pair.server->TakeArrived() == "taken");  // loopback delivers before write() returns
  CHECK(pair.server->TakeArrived().empty());
  pair.client->Write(" and delivered");
  CHECK(bed.RunUntil([&] { return !server.heard.empty(); }));
  CHECK(server.heard == " and delivered");
  CHECK(server.closed == 0);
}

TEST_CASE("stream: CloseAfterFlush delivers everything, also when the object is destroyed at once") {
  Bed bed;
  Pair pair(bed);
  const std::string bytes = Pattern(kLarge);
  Ear server;
  pair.server->Start(server.Callbacks());
  Ear client;
  pair.client->Write("unread by the one who closes");
  pair.server->PauseReading();
  pair.server->Write(bytes);
  CHECK(pair.server->queued() > 0);
  pair.server->CloseAfterFlush();
  pair.server.reset();
  pair.client->Start(client.Callbacks());
  CHECK(bed.RunUntil([&] { return client.closed == 1; }));
  CHECK(client.heard.size() == kLarge);
  CHECK(client.heard == bytes);
  CHECK(client.reason == "closed by the peer");
  CHECK(server.closed == 0);
}

TEST_CASE("stream: after a failed write, what the peer had said is still read, then the end is told once") {
  Bed bed;
  std::unique_ptr<Stream> server;
  auto listener = std::move(
      *Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [&](auto accepted) { server = std::move(accepted); }));
  RawPeer peer(listener->port());
  REQUIRE(bed.RunUntil([&] { return server != nullptr; }));
  REQUIRE(send(peer.fd, "last words", 10, 0) == 10);
  peer.Reset();
  Ear ear;
  server->Start(ear.Callbacks());
  server->Write("a");  // fails or is lost
  server->Write("b");
  CHECK(server->WriteNow(std::array<std::string_view, 1>{"c"}) == 0);
  CHECK(ear.closed == 0);  // never from inside a call
  CHECK(bed.RunUntil([&] { return ear.closed > 0; }));
  CHECK(ear.heard == "last words");
  CHECK(ear.closed == 1);
  CHECK(!ear.reason.empty());
}

TEST_CASE("stream: a failed write is told although reading is paused") {
  Bed bed;
  std::unique_ptr<Stream> server;
  auto listener = std::move(
      *Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [&](auto accepted) { server = std::move(accepted); }));
  RawPeer peer(listener->port());
  REQUIRE(bed.RunUntil([&] { return server != nullptr; }));
  peer.Reset();
  Ear ear;
  server->Start(ear.Callbacks());
  server->PauseReading();
  server->Write("a");
  server->Write("b");
  CHECK(bed.RunUntil([&] { return ear.closed > 0; }));
  CHECK(ear.closed == 1);
}

TEST_CASE("connect: a refusal is told in the system's words, never from inside Connect") {
  Bed bed;
  std::uint16_t port = 0;
  {
    const auto listener = std::move(*Listener::Listen(bed.loop, {"127.0.0.1", 0}, 1, [](auto) {}));
    port = listener->port();
  }
  std::optional<base::Error> error;
  const auto note = [&](base::Result<std::unique_ptr<Stream>> result) {
    REQUIRE(!result);
    error = result.error();
  };
  auto attempt = Stream::Connect(bed.loop, {"127.0.0.1", port}, "", note);
  CHECK(!error);
  CHECK(bed.RunUntil([&] { return error.has_value(); }));
  CHECK(error->code == base::ErrorCode::kIo);
  CHECK(error->text == fmt::format("connect 127.0.0.1:{}: connection refused", port));

  error.reset();
  attempt = Stream::Connect(bed.loop, {"localhost", port}, "", note);
  CHECK(!error);
  CHECK(bed.RunUntil([&] { return error.has_value(); }));
  CHECK(error->text == fmt::format("connect localhost:{}: 'localhost' is not a numeric address", port));

  error.reset();
  attempt = Stream::Connect(bed.loop, {"127.0.0.1", port}, "192.0.2.1", note);
  CHECK(!error);
  CHECK(bed.RunUntil([&] { return error.has_value(); }));
  CHECK(error->text.find("192.0.2.1") != std::string::npos);
}

TEST_CASE("connect: the local address is the one asked for") {
  Bed bed;
  std::unique_ptr<Stream> server;
  std::unique_ptr<Stream> client;
  const auto listener = std::move(
      *Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [&](auto accepted) { server = std::move(accepted); }));
  const auto attempt = Stream::Connect(bed.loop, {"127.0.0.1", listener->port()}, "127.0.0.2",
                                       [&](auto connected) { client = std::move(*connected); });
  CHECK(bed.RunUntil([&] { return client && server; }));
  CHECK(client->local().host == "127.0.0.2");
  CHECK(server->peer().host == "127.0.0.2");
}

TEST_CASE("connect: an attempt that is given up says nothing; one may be given up from its own callback") {
  Bed bed;
  int accepted = 0;
  const auto listener = std::move(*Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [&](auto) { ++accepted; }));
  int called = 0;
  auto given_up = Stream::Connect(bed.loop, {"127.0.0.1", listener->port()}, "", [&](auto) { ++called; });
  given_up.reset();
  auto unnamed = Stream::Connect(bed.loop, {"not-an-address", 1}, "", [&](auto) { ++called; });
  unnamed.reset();
  bool done = false;
  std::unique_ptr<Stream::Attempt> attempt;
  attempt = Stream::Connect(bed.loop, {"127.0.0.1", listener->port()}, "", [&](auto connected) {
    CHECK(connected.has_value());
    attempt.reset();
    done = true;
  });
  CHECK(bed.RunUntil([&] { return done && accepted > 0; }));
  CHECK(called == 0);
}

TEST_CASE("listener: an address that cannot be bound is one clear line") {
  Bed bed;
  const auto first = std::move(*Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [](auto) {}));
  const auto second = Listener::Listen(bed.loop, {"127.0.0.1", first->port()}, 16, [](auto) {});
  REQUIRE(!second);
  CHECK(second.error().code == base::ErrorCode::kIo);
  CHECK(second.error().text == fmt::format("bind 127.0.0.1:{}: address already in use", first->port()));
  const auto named = Listener::Listen(bed.loop, {"nowhere", 1}, 16, [](auto) {});
  REQUIRE(!named);
  CHECK(named.error().text == "bind nowhere:1: 'nowhere' is not a numeric address");
  const auto foreign = Listener::Listen(bed.loop, {"192.0.2.1", 0}, 16, [](auto) {});
  REQUIRE(!foreign);
  CHECK(foreign.error().text == "bind 192.0.2.1:0: address not available");
}

TEST_CASE("listener: a file that is no socket keeps its name") {
  Bed bed;
  char path[] = "/tmp/vigil-listener-XXXXXX";
  close(mkstemp(path));
  const auto refused = Listener::ListenUnix(bed.loop, path, 0, 16, [](auto) {});
  struct stat facts {};
  CHECK(lstat(path, &facts) == 0);
  CHECK(S_ISREG(facts.st_mode));
  unlink(path);
  REQUIRE(!refused);
  CHECK(refused.error().code == base::ErrorCode::kIo);
  CHECK(refused.error().text == fmt::format("unix socket '{}': address already in use", path));
  // Now it is free.
  CHECK(Listener::ListenUnix(bed.loop, path, 0600, 16, [](auto) {}));
}

TEST_CASE("listener: may be destroyed by its own callback") {
  Bed bed;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> server;
  listener = std::move(*Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16, [&](auto accepted) {
    server = std::move(accepted);
    listener.reset();
  }));
  RawPeer peer(listener->port());
  CHECK(bed.RunUntil([&] { return server != nullptr; }));
  CHECK(listener == nullptr);
}

TEST_CASE("loop: it may end before the objects that lived on it, with work under way") {
  std::unique_ptr<Stream::Attempt> attempt;
  std::optional<net::Timer> timer;
  std::optional<Pair> pair;
  int called = 0;
  {
    Bed bed;
    pair.emplace(bed);
    pair->server->Start({[&](std::string_view) { ++called; }, [&](std::string_view) { ++called; }, nullptr});
    pair->client->Write(Pattern(kLarge));
    pair->client->CloseAfterFlush();
    pair->server->WhenWritable([&] { ++called; });
    timer.emplace(bed.loop, [&] { ++called; });
    timer->StartAt(net::Loop::ReadClocks().mono);
    attempt = Stream::Connect(bed.loop, {"127.0.0.1", pair->listener->port()}, "", [&](auto) { ++called; });
  }
  pair->server->Write("x");
  timer->StartAt(base::MonoTime{});
  CHECK(called == 0);
}
