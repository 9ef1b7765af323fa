// What stock servers said to each other, said to us: the same answers, the same data, the same offsets.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/data_digest.h"
#include "replication/resp/request_parser.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Piece {
  int connection = 0;
  char direction = 0;  // '>' by the replica, '<' by the master, '=' the end
  std::string bytes;
};

struct Recording {
  std::vector<Piece> pieces;
  std::map<std::string, std::string> facts;

  // All that was said on one connection in one direction.
  std::string Said(int connection, char direction) const {
    std::string all;
    for (const Piece& piece : pieces) {
      if (piece.connection == connection && piece.direction == direction) all += piece.bytes;
    }
    return all;
  }
};

std::string Unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
    } else {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    }
  }
  return bytes;
}

Recording Read(const std::string& name) {
  std::ifstream file(fmt::format("{}/tests/golden/{}.conversation", VIGIL_SOURCE_DIR, name), std::ios::binary);
  Recording recording;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("# ")) {
      const std::size_t space = line.find(' ', 2);
      recording.facts[line.substr(2, space - 2)] = line.substr(space + 1);
      continue;
    }
    recording.pieces.push_back({line[0] - '0', line[1], Unescape(std::string_view(line).substr(3))});
  }
  REQUIRE(!recording.pieces.empty());
  return recording;
}

std::vector<std::vector<std::string>> Requests(std::string_view bytes) {
  resp::RequestParser parser;
  parser.Feed(bytes);
  std::vector<std::vector<std::string>> requests;
  resp::Words words;
  while (parser.Next(words) == resp::RequestParser::Outcome::kRequest)
    requests.emplace_back(words.begin(), words.end());
  return requests;
}

// What a replica asks before the stream, without what is each server's own: its port, what it is capable of.
std::vector<std::string> Handshake(std::string_view bytes) {
  std::vector<std::string> all;
  for (const auto& request : Requests(bytes)) {
    if (request[0] == "REPLCONF" && request[1] == "ACK") continue;
    if (request[0] == "INFO") continue;  // ours wants to know what it may give up
    const bool own = request[0] == "REPLCONF";
    all.push_back(own ? request[0] + " " + request[1] : fmt::format("{}", fmt::join(request, " ")));
  }
  return all;
}

class Quiet : public base::Log {
 public:
  void Write(base::LogLevel, std::string_view line) override { said += std::string(line) + "\n"; }
  std::string said;
};

// A replica of ours whose master is a recording.
class Listener {
 public:
  explicit Listener(const std::string& announced = "") : node_(Make(announced), 1, log_, host_, now_) {
    node_.Start(now_);
    Turn();
  }

  // The master speaks as it was recorded, whatever we say; pieces of at most `most` bytes.
  void Hear(const Recording& recording, int connection, std::size_t most) {
    REQUIRE(link_.has_value());
    node_.OnMasterConnected(*link_, now_);
    Turn();
    for (const Piece& piece : recording.pieces) {
      if (piece.connection != connection || piece.direction == '>') continue;
      if (piece.direction == '=') {
        node_.OnMasterClosed(*link_, "closed", now_);
        Turn();
        return;
      }
      for (std::size_t at = 0; at < piece.bytes.size(); at += most) {
        std::string bytes = piece.bytes.substr(at, most);
        node_.OnMasterBytes(*link_, bytes, now_);
        Turn();
      }
    }
  }

  // What we said on the connection that was heard last, and forgets it.
  std::string TakeSaid() { return std::exchange(said_, {}); }
  Node& node() { return node_; }
  const NodeState& state() const { return node_.state(); }
  const std::string& log() const { return log_.said; }
  void Turn() {
    for (int i = 0; i < 20; ++i) {
      if (const auto due = node_.NextDeadline(); due && *due <= now_.mono) node_.OnDeadline(now_);
      std::vector<SnapshotBatch> batches;
      while (node_.has_work()) node_.DoWork(4096, batches, now_);
      node_.EndTurn(now_);
      for (const Wish& wish : node_.TakeWishes()) {
        if (const auto* connect = std::get_if<ConnectMaster>(&wish)) link_ = connect->link;
      }
      said_ += std::exchange(node_.MasterOutput(), {});
    }
  }
  base::Now now() const { return now_; }

 private:
  static Settings Make(const std::string& announced) {
    Settings settings;
    settings.replica_announce_ip = announced;
    settings.save.clear();
    settings.replicaof = {"127.0.0.1", 7000};
    return settings;
  }
  base::Now now_{MonoTime(base::Millis(1'000'000)), base::FromUnixMillis(1'700'000'000'000)};
  Quiet log_;
  Host host_;
  Node node_;
  std::optional<LinkId> link_;
  std::string said_;
};

void CheckHolds(const Listener& listener, const Recording& recording) {
  INFO(listener.log());
  CHECK(data::DataDigest(listener.state().keyspace) == recording.facts.at("digest"));
  CHECK(fmt::format("{}", listener.state().applied) == recording.facts.at("offset"));
  CHECK(listener.state().history.replid.hex == recording.facts.at("id"));
  CHECK(listener.state().stats.unexpected_error_replies == 0);
  CHECK(listener.state().stats.repl_unknown_commands == 0);
}

// The same line but for ids, marks and numbers: "+FULLRESYNC <id> <n>", "$EOF:<mark>", "$<n>".
std::string Shape(std::string line) {
  std::string shape;
  for (std::size_t i = 0; i < line.size();) {
    std::size_t hex = i;
    while (hex < line.size() && ((line[hex] >= '0' && line[hex] <= '9') || (line[hex] >= 'a' && line[hex] <= 'f')))
      ++hex;
    std::size_t digits = i;
    while (digits < line.size() && line[digits] >= '0' && line[digits] <= '9') ++digits;
    if (hex - i == 40) {
      shape += "<id>";
      i = hex;
    } else if (digits > i) {
      shape += "<n>";
      i = digits;
    } else {
      shape += line[i++];
    }
  }
  return shape;
}

// The lines that a master says before the stream or the payload.
std::vector<std::string> Answers(const std::string& bytes) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos || bytes[at] == '*') break;
    std::string line = bytes.substr(at, end - at);
    while (line.starts_with("\n")) line.erase(0, 1);  // a sign of life
    lines.push_back(Shape(line));
    at = end + 2;
    if (line[0] == '$' || line.starts_with("+CONTINUE")) break;
  }
  return lines;
}

}  // namespace

TEST_CASE("golden conversations: as a replica we ask as stock asks, and end with what its master had") {
  for (const char* name : {"full_diskless", "full_disk", "failover_before"}) {
    for (const std::size_t most : {std::size_t{1}, std::size_t{1} << 20}) {
      CAPTURE(name);
      const Recording recording = Read(name);
      Listener listener(name == std::string("failover_before") ? "127.0.0.1" : "");
      listener.Hear(recording, 1, most);
      CheckHolds(listener, recording);
      const std::string said = listener.TakeSaid();
      auto theirs = Handshake(recording.Said(1, '>'));
      // A new stock server makes up a history to ask for; ours asks for everything.
      for (std::string& line : theirs) {
        if (line.starts_with("PSYNC ")) line = "PSYNC ? -1";
      }
      CHECK(Handshake(said) == theirs);
      CHECK(Requests(said).back()[1] == "ACK");
    }
  }
}

TEST_CASE("golden conversations: a lost link is continued with the words that stock uses") {
  for (const std::size_t most : {std::size_t{7}, std::size_t{1} << 20}) {
    const Recording recording = Read("partial");
    Listener listener;
    listener.Hear(recording, 1, most);
    listener.TakeSaid();
    listener.Hear(recording, 2, most);
    CheckHolds(listener, recording);
    CHECK(Handshake(listener.TakeSaid()) == Handshake(recording.Said(2, '>')));
  }
}

TEST_CASE("golden conversations: stock's FAILOVER makes us the master, and its words get stock's answers") {
  const Recording before = Read("failover_before");
  const Recording recording = Read("failover");
  Listener listener("127.0.0.1");
  listener.Hear(before, 1, 1 << 20);
  CheckHolds(listener, before);
  Node& node = listener.node();
  const ClientId client = node.OnClient("127.0.0.1:5000", "127.0.0.1:7001", listener.now());
  node.OnClientBytes(client, recording.Said(1, '>'), listener.now());
  listener.Turn();
  std::string answered;
  for (const std::string_view view : node.NextForReplica(client, 1 << 20)) answered += view;
  CHECK(Answers(answered) == Answers(recording.Said(1, '<')));
  CHECK(listener.state().is_master());
  CHECK(listener.state().stats.sync_partial_ok == 1);
  CHECK(fmt::format("{}", listener.state().history.second_offset - 1) == before.facts.at("offset"));
}

TEST_CASE("golden conversations: as a master we answer a stock replica as stock does") {
  for (const char* name : {"full_diskless", "full_disk"}) {
    CAPTURE(name);
    const Recording recording = Read(name);
    const bool diskless = recording.Said(1, '<').find("$EOF:") != std::string::npos;
    World world;
    Box& master = world.Add("master", [&](Settings& settings) { settings.repl_diskless_sync = diskless; });
    world.Do(master, {"SET", "k", "v"});
    const ClientId replica = world.Open(master);
    for (const Piece& piece : recording.pieces) {
      if (piece.direction == '>') world.SendRaw(master, replica, piece.bytes);
    }
    const std::string said = world.Received(master, replica);
    CHECK(Answers(said) == Answers(recording.Said(1, '<')));
    CHECK(master.state().replicas.size() == 1);
    world.Do(master, {"SET", "after", "1"});
    CHECK(world.Received(master, replica).ends_with("*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n"));
  }
}

TEST_CASE("golden conversations: as a master we continue with a stock replica as stock does") {
  const Recording recording = Read("partial");
  World world;
  Box& master = world.Add("master");
  const ClientId first = world.Open(master);
  for (const Piece& piece : recording.pieces) {
    if (piece.connection == 1 && piece.direction == '>') world.SendRaw(master, first, piece.bytes);
  }
  world.Received(master, first);
  world.Do(master, {"SET", "k", "v"});
  const std::string stream = world.Received(master, first);
  REQUIRE(stream.ends_with("v\r\n"));
  world.Hang(master, first);
  world.Do(master, {"SET", "k", "meanwhile"});
  // The same words with our id, and the byte behind what it got.
  const ClientId second = world.Open(master);
  for (const auto& request : Requests(recording.Said(2, '>'))) {
    if (request[0] == "PSYNC") {
      world.Send(master, second, {"PSYNC", master.state().history.replid.hex, fmt::format("{}", stream.size() + 1)});
    } else if (request.size() < 2 || request[1] != "ACK") {
      std::string bytes = fmt::format("*{}\r\n", request.size());
      for (const std::string& word : request) bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
      world.SendRaw(master, second, bytes);
    }
  }
  const std::string said = world.Received(master, second);
  CHECK(Answers(said) == Answers(recording.Said(2, '<')));
  CHECK(said.ends_with("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\nmeanwhile\r\n"));
  CHECK(said.find("+FULLRESYNC") == std::string::npos);
}

// What masters of later versions say: made by hand from public descriptions, see make_later_conversations.py.
TEST_CASE("golden conversations: what Redis 7.2 and Valkey 8 say by their descriptions is understood") {
  World world;
  Box& same = world.Add("same");
  world.Do(same, {"SET", "text", "value"});
  world.Do(same, {"SET", "later", "1", "PXAT", "1900000000000"});
  world.Do(same, {"SADD", "set", "2"});
  world.Do(same, {"RPUSH", "list", "a", "b", "3"});
  world.Do(same, {"HSET", "hash", "f", "v", "g", "1"});
  world.Do(same, {"ZADD", "zset", "1", "m", "2", "n"});
  world.Do(same, {"XADD", "stream", "5-1", "f", "v"});
  world.Do(same, {"XADD", "stream", "6-1", "f", "w"});
  REQUIRE(world.Do(same, {"DBSIZE"}) == ":7\r\n");
  for (const char* name : {"later_redis_7_2", "later_valkey_8"}) {
    for (const std::size_t most : {std::size_t{1}, std::size_t{1} << 20}) {
      CAPTURE(name);
      Recording recording = Read(name);
      recording.facts["digest"] = data::DataDigest(same.state().keyspace);
      Listener listener;
      listener.Hear(recording, 1, most);
      CheckHolds(listener, recording);
      // GETACK is answered with the offset in front of it, and with nothing else.
      const auto offset = base::ParseInt<std::int64_t>(recording.facts.at("offset"));
      CHECK(Requests(listener.TakeSaid()).back() ==
            std::vector<std::string>{"REPLCONF", "ACK", fmt::format("{}", *offset - 37)});
      Node& node = listener.node();
      const ClientId client = node.OnClient("127.0.0.1:5000", "127.0.0.1:7001", listener.now());
      node.OnClientBytes(client, "XPENDING stream g\r\nXINFO GROUPS stream\r\nFUNCTION LIST\r\n", listener.now());
      listener.Turn();
      const std::string out = node.clients().Find(client)->out;
      CHECK(out.starts_with("*4\r\n:1\r\n$3\r\n5-1\r\n$3\r\n5-1\r\n*1\r\n*2\r\n$1\r\nc\r\n$1\r\n1\r\n"));
      CHECK(out.find("entries-read\r\n:1\r\n") != std::string::npos);
      CHECK(out.find("mylib") != std::string::npos);
    }
  }
}

TEST_CASE("golden conversations: what later replicas offer beyond our words is passed over, and they are served") {
  World world;
  Box& master = world.Add("master");
  world.Do(master, {"SET", "k", "v"});
  const ClientId replica = world.Open(master);
  // Valkey 8 with its dual channel enabled: it goes on when a master does not know its version.
  world.Send(master, replica, {"PING"});
  world.Send(master, replica, {"REPLCONF", "listening-port", "7002"});
  world.Send(master, replica, {"REPLCONF", "capa", "eof", "capa", "psync2", "capa", "dual-channel"});
  world.Send(master, replica, {"REPLCONF", "version", "8.0.1"});
  CHECK(world.Received(master, replica) == "+PONG\r\n+OK\r\n+OK\r\n-ERR Unrecognized REPLCONF option: version\r\n");
  world.Send(master, replica, {"PSYNC", "?", "-1"});
  world.Pass(base::Seconds(6));
  const std::string payload = world.Received(master, replica);
  CHECK(payload.find("+FULLRESYNC") != std::string::npos);
  CHECK(payload.find("\r\n$EOF:") != std::string::npos);
  CHECK(payload.find("REDIS0010") != std::string::npos);  // which every later version reads
  // Redis 7.2 with a journal says what is on its disk, too.
  world.Send(master, replica, {"REPLCONF", "ACK", "0", "FACK", "0"});
  world.Do(master, {"SET", "after", "1"});
  CHECK(world.Received(master, replica).ends_with("*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n"));
}
