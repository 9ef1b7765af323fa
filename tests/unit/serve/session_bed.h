// A server and its clients without sockets, for the tests of the session commands.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "replication/serve/session.h"

namespace serve_test {

struct Bed {
  serve::Server server;
  base::Now now{base::MonoTime(base::Millis(100'000)), base::FromUnixMillis(1'700'000'000'123)};

  Bed() {
    server.role = "master";
    const auto rows = serve::SessionCommands();
    for (std::size_t i = 0; i < rows.size(); ++i) server.commands.Add(rows[i].row, 0, i);
    server.commands.Add(kGet, 1, 0);
  }

  serve::Client& Connect() {
    auto client = std::make_unique<serve::Client>();
    client->peer = "127.0.0.1:" + std::to_string(40'000 + server.clients.size());
    client->local = "127.0.0.1:6379";
    client->connected_at = client->active_at = now.mono;
    serve::Welcome(server, *client);
    return server.clients.Add(std::move(client));
  }

  // What the client reads after this request, as a program would run it.
  std::string Ask(serve::Client& client, const serve::Words& words) {
    const std::size_t before = client.out.size();
    Run(client, words);
    serve::TakeBackReply(client, before);
    return std::exchange(client.out, {});
  }

 private:
  static constexpr serve::CommandRow kGet{"get", 2, serve::kReadonly | serve::kFast, {1, 1, 1}, 0, "string", "Get"};

  void Run(serve::Client& client, const serve::Words& words) {
    resp::ReplyWriter reply(client.out, client.protocol);
    std::string error;
    const auto* entry = server.commands.Resolve(words, error);
    if (entry == nullptr) return reply.Error(error);
    if (error = serve::MayRun(server, client, *entry, words, now); !error.empty()) return reply.Error(error);
    if (entry->group == 1) return reply.Null();
    serve::SessionCommands()[entry->index].handler(server, client, words, now, reply);
  }
};

}  // namespace serve_test
