// What replicas say to a master: PSYNC, SYNC, REPLCONF and anything else, on several connections. Its state holds
// together, a partial resync is granted only from a byte that is held of a history that it knows, and what follows the
// grant is exactly the stream from there.
//
// The input is a list of lines: the first character names the connection (0 to 3), 't' lets time pass, 'w' writes,
// 'r' changes the role, 'x' closes a connection; the rest is sent.
#include <fmt/format.h>

#include <array>
#include <string>

#include "replication/base/text.h"
#include "tests/fuzz/fuzz_node.h"

namespace {

// `@` in a line stands for the id of the node's history, `#` for its offset.
std::string Filled(std::string_view line, const replication::NodeState& state) {
  std::string text;
  for (const char c : line) {
    if (c == '@') {
      text += state.history.replid.hex;
    } else if (c == '#') {
      text += fmt::format("{}", state.applied);
    } else if (c == '~') {
      text += "\r\n";
    } else {
      text += c;
    }
  }
  return text;
}

void CheckReplicas(const replication::NodeState& state) {
  for (const auto& [id, replica] : state.replicas.all()) {
    const auto* client = state.Find(id);
    if (client->closing == serve::Client::Closing::kNow || replica.stage != replication::Replica::Stage::kOnline)
      continue;
    fuzz::Require(state.backlog, "nobody follows a stream that is not kept");
    fuzz::Require(replica.cursor >= state.stream.begin() && replica.cursor <= state.applied + 1,
                  "a cursor stands on bytes");
    fuzz::Require(replica.ack <= state.applied, "nobody has what is not there");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input = fuzz::Text(data + 1, size - 1);
  if (fuzz::HasHugeNumber(input)) return 0;
  replication::Settings settings;
  settings.save.clear();
  settings.repl_backlog_size = 16384;
  settings.repl_diskless_sync = data[0] % 2 == 0;
  settings.repl_diskless_sync_delay = base::Seconds(data[0] / 2 % 2);
  settings.replica_limit = {.hard = 20000, .soft = 10000, .soft_for = base::Seconds(1)};
  settings.repl_backlog_ttl = base::Seconds(5);
  settings.databases = 4;
  fuzz::Driver driver(settings);
  if (!driver.Settle()) return 0;
  auto& node = driver.node;
  std::array<serve::ClientId, 4> ids{};
  const auto client_of = [&](std::size_t i) {
    if (ids[i] == 0 || node.clients().Find(ids[i]) == nullptr) {
      ids[i] = node.OnClient(fmt::format("127.0.0.1:{}", 100 + i), "127.0.0.1:1", driver.now);
    }
    return ids[i];
  };
  const auto admin = node.OnClient("127.0.0.1:9", "127.0.0.1:1", driver.now);
  base::Offset offset = node.state().applied;
  std::string name = node.state().history.replid.hex;
  for (const std::string_view line : base::Split(input, '\n')) {
    if (line.empty()) continue;
    const char what = line[0];
    const std::string text = Filled(line.substr(1), node.state());
    if (what == 't') {
      driver.Pass(base::Millis(static_cast<std::int64_t>(line.size() * line.size() * 100)));
    } else if (what == 'w') {
      node.OnClientBytes(admin, fmt::format("SET k {}\r\n", std::string(line.size() * 50, 'v')), driver.now);
    } else if (what == 'r') {
      node.OnClientBytes(admin, line.size() % 2 == 0 ? "REPLICAOF 127.0.0.1 7000\r\n" : "REPLICAOF NO ONE\r\n",
                         driver.now);
    } else if (what == 'x') {
      const auto id = client_of(line.size() % 4);
      node.OnClientGone(id, driver.now);
    } else if (what >= '0' && what <= '3') {
      const auto id = client_of(static_cast<std::size_t>(what - '0'));
      const bool was_replica = node.IsReplica(id);
      const std::uint64_t partial = node.state().stats.sync_partial_ok;
      driver.sent[id].clear();
      node.OnClientBytes(id, text + "\r\n", driver.now);
      if (!was_replica && node.state().stats.sync_partial_ok == partial + 1 && node.IsReplica(id)) {
        // Granted: what was asked for is ours.
        const auto& state = node.state();
        const bool ours = base::ToLower(text).find(base::ToLower(state.history.replid.hex)) != std::string::npos;
        const bool former = state.history.second_offset > 0 &&
                            base::ToLower(text).find(base::ToLower(state.history.replid2.hex)) != std::string::npos;
        fuzz::Require(ours || former, "a partial resync is never granted across histories");
      }
    }
    CheckReplicas(node.state());
    if (!driver.Settle()) return 0;
    const auto& state = node.state();
    fuzz::Require(state.history.replid.hex != name || state.applied >= offset,
                  "an offset never falls within a history");
    name = state.history.replid.hex;
    offset = state.applied;
    CheckReplicas(state);
  }
  return 0;
}
