// Nodes in memory, joined by pipes instead of sockets, under a clock that only the test moves.
//
// It does for each node what the edge does, in the order that node.h asks for; snapshots are encoded at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/log.h"
#include "replication/core/invariants.h"
#include "replication/core/node.h"
#include "replication/core/state.h"
#include "replication/data/rdb_writer.h"

namespace replication {

class World;

// A node and its surroundings.
class Box : public Host {
 public:
  HostFacts Facts() override;
  MonoTime ReadClock() override { return clock += clock_step; }
  std::string ReadMasterNow(LinkId link) override;

  Node& operator*() { return *node; }
  Node* operator->() { return node.get(); }
  const NodeState& state() const { return node->state(); }
  // Some line of the log holds `text`.
  bool Said(std::string_view text) const;

  std::string name;
  std::uint16_t port = 0;
  std::unique_ptr<Node> node;
  std::map<std::string, std::string> files;
  Settings settings;  // of the last start, or as they were when it was killed
  bool disk_fails = false;
  bool has_config_file = true;
  bool answers_config = true;  // false: WriteConfig wishes pile up in `config_tickets`
  std::vector<std::uint64_t> config_tickets;
  std::optional<int> stopped;  // the exit code
  base::Millis frozen{};
  // What scripts are told of the time: each look at the clock takes so long.
  MonoTime clock{};
  base::Millis clock_step{};

 private:
  friend class World;
  class Lines : public base::Log {
   public:
    void Write(base::LogLevel level, std::string_view line) override;
    std::vector<std::string> all;
  };
  struct Pipe;
  std::size_t down_limit_ = 0;
  std::function<void(std::string&)> change_down_;
  struct Encoding {
    std::string file;
    data::RdbEncoder encoder;
    std::string bytes;
    bool spill = false;
    std::size_t told = 0;  // bytes of the file that were given back
    bool ended = false;
    std::size_t asked = 0;
  };

  Lines log_;
  std::unique_ptr<Pipe> pipe_;  // to our master
  std::map<SnapshotId, Encoding> encodings_;
};

class World {
 public:
  World();
  ~World();

  // A node that listens on a port of its own. `change` sees the settings first; `file` is its dump.rdb.
  Box& Add(std::string name, const std::function<void(Settings&)>& change = {}, const std::string& file = "");
  // The process is gone without a word; its files stay. Connections to it break.
  void Kill(Box& box);
  // A new process with the same settings, port and files.
  void Restart(Box& box, const std::function<void(Settings&)>& change = {});

  // One command on a connection of its own; the bytes of its reply once everything has settled.
  std::string Do(Box& box, std::initializer_list<std::string_view> words);
  // A connection that stays, and what it is sent.
  ClientId Open(Box& box);
  void Send(Box& box, ClientId client, std::initializer_list<std::string_view> words);
  void SendRaw(Box& box, ClientId client, std::string_view bytes);
  std::string Received(Box& box, ClientId client);  // since the last call
  bool IsOpen(Box& box, ClientId client) const;
  void Hang(Box& box, ClientId client);

  // Runs turns until nothing moves, without time passing; checks the invariants after each. A script that goes on in
  // slices is no movement: each call gives it one or more.
  void Settle();
  // Lets time pass, stopping at each deadline.
  void Pass(base::Millis time);
  // Until `condition`, at most 100 seconds of the clock. False: it did not come true.
  bool PassUntil(const std::function<bool()>& condition);

  // The connection of `replica` to its master breaks, with what is on its way; it may come back at once.
  void Cut(Box& replica);
  // No connection to this node can be made, and those that exist break.
  void Isolate(Box& box, bool isolated);
  // What the master sends waits in the pipe (and can be read by ReadMasterNow).
  void HoldDownstream(Box& replica, bool hold);

  // Of what `replica` is sent by its master, in all, at most `bytes` arrive: a full sync stops in its middle, and the
  // master's socket takes no more. 0: no limit.
  void HoldPayload(Box& replica, std::size_t bytes);

  // What this replica's master sends passes through `change`. Null: as it is.
  void ChangeDownstream(Box& replica, std::function<void(std::string&)> change);

  // Bytes travel in pieces of at most this many.
  std::size_t piece = 1 << 20;
  base::Now now;

 private:
  void Turn(Box& box);
  bool Carry(Box& box);
  void GiveSpilled(Box& box);
  bool Busy(const Box& box) const;
  void Obey(Box& box, const Wish& wish);
  void Break(Box& replica, bool tell);
  void Boot(Box& box, Settings settings, const std::string& file);
  Box* Listening(std::uint16_t port);
  std::optional<MonoTime> NextDeadline() const;

  std::vector<std::unique_ptr<Box>> boxes_;
  std::map<std::pair<const Box*, ClientId>, std::string> received_;
  std::map<const Box*, bool> isolated_;
  std::uint64_t next_seed_ = 1;
  bool moved_ = false;
};

}  // namespace replication
