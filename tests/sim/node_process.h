// A vigil-node of the simulated world: the real core, driven as the edge drives it, with a network, a disk, a worker
// and a journal's thread that take virtual time.
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
#include "replication/core/node.h"
#include "replication/core/state.h"
#include "replication/data/rdb_writer.h"
#include "tests/sim/network.h"
#include "tests/sim/node_disk.h"
#include "tests/sim/node_mutation.h"
#include "tests/sim/server.h"

namespace sim {

class NodeProcess;

inline constexpr std::uint16_t kVigilNodePort = 6379;
// A key that the first master writes before anything happens.
inline constexpr std::string_view kOrigin = "origin";

// Told of what happens in a node.
class NodeWatcher {
 public:
  virtual ~NodeWatcher() = default;
  // A turn has ended; all that it sends has left.
  virtual void OnTurn(NodeProcess& node) = 0;
  virtual void OnLog(NodeProcess& node, std::string_view line) = 0;
  // It cannot start on its own files.
  virtual void OnRefusal(NodeProcess& node, const std::string& why) = 0;
};

class NodeProcess : public Server, public replication::Host {
 public:
  NodeProcess(EventQueue& queue, Network& network, base::Random& random, NodeWatcher& watcher, std::string name);
  ~NodeProcess() override;

  // Once it has its place in the network. `settings`: port and folder are set here.
  void Start(HostId self, replication::Settings settings);
  // kill -9: what was written stays. Connections break.
  void Kill();
  // The machine goes without a word, and what was not synced with it.
  void LosePower();
  void Crash(bool silent) override { silent ? LosePower() : Kill(); }
  // Without data: as on a new disk.
  void Restart(bool with_data) override;

  bool running() const { return node_ != nullptr; }
  bool serves() const { return running() && loaded_; }
  HostId self() const override { return self_; }
  const std::string& name() const override { return name_; }
  HostId master() const override;
  bool link_up() const override { return running() && state().link_up(); }
  std::optional<base::MonoTime> hears_since() const override;
  bool holds_data() const override { return running() && state().keyspace.Find(0, kOrigin); }
  bool names_history() const override { return running() && state().history.second_offset >= 0; }
  const std::map<std::string, base::Offset>& acknowledged() const override { return acknowledged_; }
  std::string former_name() const override { return running() ? state().history.replid2.hex : std::string(); }
  base::Offset fork() const override { return running() ? state().history.second_offset : -1; }
  int promotions() const override { return promotions_; }
  int life() const { return life_; }
  const replication::NodeState& state() const { return node_->state(); }
  // What its configuration file says.
  const replication::Settings& saved_settings() const { return saved_; }
  // While it is down somebody makes it a master in its configuration file.
  void MakeMasterInFile() { saved_.replicaof = {}; }
  base::Now Clock() const;

  // What an operator types on the machine itself.
  void Tell(const std::vector<std::string>& words);
  // The reply to a command that changes nothing, at once, in a database.
  std::string Ask(int db, const std::vector<std::string>& words);

  NodeDisk disk;
  NodeMutation mutation = NodeMutation::kNone;
  base::Millis wall_clock_off{};      // from the world's
  base::Millis worker_takes{1};       // for each piece of a snapshot
  std::size_t socket_room = 1 << 20;  // bytes to each peer that may be on their way
  std::size_t read_piece = 1 << 20;   // what one read gives

  replication::HostFacts Facts() override;
  void OnAccepted(WireId wire, HostId from) override;
  void OnConnected(WireId wire, bool ok) override;
  void OnBytes(WireId wire, std::string_view bytes) override;
  void OnClosed(WireId wire) override;

 private:
  class Lines : public base::Log {
   public:
    explicit Lines(NodeProcess& of) : of_(of) {}
    void Write(base::LogLevel, std::string_view line) override { of_.watcher_.OnLog(of_, line); }

   private:
    NodeProcess& of_;
  };
  struct Connection {
    replication::ClientId client = 0;
    std::string unread;  // what it sent while the node did not want to hear it
  };
  // What the worker makes of a snapshot.
  struct Encoding {
    std::string file;
    data::RdbEncoder encoder;
    std::string bytes;
    bool spill = false;
    bool ended = false;
    std::size_t told = 0;
    std::size_t asked = 0;
  };
  // What the journal's thread works on.
  struct JournalFiles {
    std::string path;
    bool broken = false;
    replication::JobId done = 0;
  };

  void Boot();
  void Refuse(const std::string& why);
  void LoadJournal(const replication::Manifest& manifest, std::uint64_t next_seq);
  void LoadPart(const std::string& name, const replication::IncrVerdict* verdict);
  void FinishLoading();
  void Forget();
  // One turn as node.h describes it; events call it when they have told the node.
  void Turn();
  void Obey(const replication::Wish& wish);
  void Work();
  void Encode(replication::SnapshotBatch batch);
  void GiveSpilled();
  void SendToMaster();
  void SendToReplicas();
  void SendToClients();
  void ReadUnread();
  void Sleep();
  void Drop(WireId wire);
  // Lets a thread of the process do something when it is done with what it was given before.
  void On(base::MonoTime& thread_free_at, base::Millis takes, std::function<void()> what);

  template <class Job>
  void Journal(Job job);
  void Carry(const replication::JournalStart& job);
  void Carry(const replication::JournalAppend& job);
  void Carry(const replication::JournalSync& job);
  void Carry(const replication::JournalAdopt& job);
  void Carry(const replication::JournalStop& job);
  void ReportJournal(replication::JournalReport report);
  bool Sync(const std::string& path);
  std::string Folder() const;

  EventQueue& queue_;
  Network& network_;
  base::Random& random_;
  NodeWatcher& watcher_;
  const std::string name_;
  Lines log_{*this};
  HostId self_ = -1;
  int life_ = 0;

  replication::Settings saved_;
  std::unique_ptr<replication::Node> node_;
  bool loaded_ = false;
  std::function<base::Result<void>()> ends_loading_;
  bool in_turn_ = false;
  replication::History last_history_;  // before it ended, or before it was promoted: for mutations
  bool was_master_ = false;
  int promotions_ = 0;
  std::map<std::string, base::Offset> acknowledged_;
  base::MonoTime heard_at_{};  // from its master
  std::optional<base::MonoTime> hears_since_;

  std::map<WireId, Connection> connections_;
  std::map<replication::ClientId, WireId> wires_;
  WireId master_wire_ = 0;
  replication::LinkId master_link_ = 0;  // 0: no connection or attempt
  std::string master_unread_;
  std::map<replication::SnapshotId, Encoding> encodings_;
  std::vector<replication::SnapshotBatch> batches_;
  JournalFiles journal_;
  base::MonoTime worker_free_at_{};
  base::MonoTime journal_free_at_{};
  base::MonoTime syncer_free_at_{};
  std::optional<base::MonoTime> wake_at_;
};

}  // namespace sim
