// A loop that runs until something is true, for the tests of net.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "replication/net/loop.h"
#include "replication/net/stream.h"

namespace net_test {

struct Bed {
  net::Loop loop;
  std::function<bool()> wanted;

  Bed() {
    loop.OnTurnEnd([this] {
      if (wanted && wanted()) loop.Stop();
    });
  }

  // Whether `condition` became true; it is looked at after every turn. A minute is far beyond what any test needs.
  bool RunUntil(std::function<bool()> condition) {
    wanted = std::move(condition);
    net::Timer limit(loop, [this] { loop.Stop(); });
    limit.StartAt(net::Loop::ReadClocks().mono + base::Seconds(60));
    loop.Run();
    return std::exchange(wanted, nullptr)();
  }
};

// Two ends of one connection over loopback.
struct Pair {
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<net::Stream> client;
  std::unique_ptr<net::Stream> server;

  explicit Pair(Bed& bed) {
    listener = std::move(*net::Listener::Listen(bed.loop, {"127.0.0.1", 0}, 16,
                                                [this](auto accepted) { server = std::move(accepted); }));
    const auto attempt = net::Stream::Connect(bed.loop, {"127.0.0.1", listener->port()}, "",
                                              [this](auto connected) { client = std::move(*connected); });
    bed.RunUntil([this] { return client && server; });
  }
};

}  // namespace net_test
