// What a master says to a replica: the answers of the handshake, a payload, a stream. Whatever it is, the replica's
// state holds together, its offset counts exactly the bytes that it has applied, and a data set that was not replaced
// completely is the old one.
//
// The first byte chooses how far an honest master goes before the input takes over, the second how the input is cut.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "replication/data/data_digest.h"
#include "tests/fuzz/fuzz_node.h"

namespace {

using replication::MasterLink;

const std::string kId(40, 'a');
const std::string kMark(40, 'm');

std::string EmptyFile() {
  std::string bytes;
  data::RdbEncoder encoder;
  encoder.Begin({}, {}, {}, bytes);
  encoder.End(bytes);
  return bytes;
}

void Feed(fuzz::Driver& driver, std::string_view bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size() && driver.link; at += piece) {
    driver.node.OnMasterBytes(*driver.link, bytes.substr(at, piece), driver.now);
    if (!driver.Settle()) return driver.link.reset();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input = fuzz::Text(data + 2, size - 2);
  const int honest = data[0] % 5;
  if (honest >= 3 && fuzz::HasHugeNumber(input)) return 0;
  const std::size_t piece = data[1] % 8 == 0 ? 1 + data[1] % 64 : 1 << 20;

  replication::Settings settings;
  settings.save.clear();
  settings.replicaof = {"127.0.0.1", 7000};
  settings.repl_diskless_load = data[0] / 5 % 2 == 0 ? "disabled" : "flush-before-load";
  settings.replica_strict_stream = data[0] / 10 % 2 == 1;
  settings.replica_accept_empty_master = true;
  settings.databases = 4;
  fuzz::Driver driver(settings);
  driver.Settle();
  fuzz::Require(driver.link.has_value(), "a replica wants its master");
  driver.node.OnMasterConnected(*driver.link, driver.now);
  driver.Settle();
  driver.node.MasterOutput().clear();

  if (honest >= 1) Feed(driver, "+PONG\r\n+OK\r\n+OK\r\n", 1 << 20);
  if (honest >= 2) Feed(driver, fmt::format("+FULLRESYNC {} 100\r\n", kId), 1 << 20);
  if (honest == 2) Feed(driver, fmt::format("$EOF:{}\r\nREDIS00", kMark), 1 << 20);
  if (honest >= 3) Feed(driver, fmt::format("$EOF:{}\r\n{}{}", kMark, EmptyFile(), kMark), 1 << 20);
  const auto& state = driver.node.state();
  if (honest >= 3) fuzz::Require(state.link_up() && state.applied == 100, "an honest full sync is taken");

  const std::string before = data::DataDigest(state.keyspace);
  const auto applied = state.applied;
  if (honest == 4) {
    // Requests as a master writes them: one per line of the input.
    std::string stream;
    std::size_t at = 0;
    while (at < input.size()) {
      const std::size_t end = std::min(input.find('\n', at), input.size());
      std::vector<std::string_view> words;
      for (std::size_t from = at; from < end;) {
        const std::size_t until = std::min(input.find(' ', from), end);
        words.push_back(input.substr(from, until - from));
        from = until + 1;
      }
      if (!words.empty()) {
        stream += fmt::format("*{}\r\n", words.size());
        for (const auto word : words) stream += fmt::format("${}\r\n{}\r\n", word.size(), word);
      }
      at = end + 1;
    }
    Feed(driver, stream, piece);
    if (state.link_up() && driver.link && !driver.node.state().scripts.turns.suspended &&
        !state.master.client->transaction.open) {
      fuzz::Require(state.applied == applied + static_cast<base::Offset>(stream.size()), "each byte is credited once");
    }
  } else {
    Feed(driver, input, piece);
  }
  fuzz::Require(state.applied >= applied || state.applied == 0 || honest < 3, "an offset never falls");
  if (honest <= 2 && !state.master.ever_connected && settings.repl_diskless_load == "disabled") {
    fuzz::Require(data::DataDigest(state.keyspace) == before, "what is not complete replaces nothing");
  }
  if (driver.node.state().scripts.turns.suspended) return 0;
  driver.Pass(base::Seconds(2));
  driver.Settle();
  if (driver.link) driver.node.OnMasterClosed(*driver.link, "reset", driver.now);
  driver.Pass(base::Seconds(2));
  driver.Settle();
  // It may be promoted after anything, and write.
  const auto client = driver.node.OnClient("127.0.0.1:1", "127.0.0.1:2", driver.now);
  driver.node.OnClientBytes(client, "REPLICAOF NO ONE\r\nSET k v\r\nINFO\r\n", driver.now);
  driver.Settle();
  fuzz::Require(driver.sent[client].starts_with("+OK\r\n"), "it can be promoted");
  return 0;
}
