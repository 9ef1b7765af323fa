// A modelled data node: what a sentinel sees of Redis 7. Roles, INFO, pub/sub, SLAVEOF in a transaction, histories with
// offsets, full and partial resyncs; no data but counted bytes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/base/ids.h"
#include "replication/resp/reply_writer.h"
#include "replication/resp/request_parser.h"
#include "tests/sim/server.h"

namespace sim {

inline constexpr std::uint16_t kNodePort = 6379;

class DataNode : public Server {
 public:
  DataNode(EventQueue& queue, Network& network, base::Random& random, std::string name);

  // Once it has its place in the network. `master` is a host, or -1.
  void Start(HostId self, HostId master);
  void Crash(bool silent) override { network_.Crash(self_, silent); }
  void Restart(bool with_data) override;

  HostId self() const override { return self_; }
  const std::string& name() const override { return name_; }
  HostId master() const override { return master_; }
  bool link_up() const override { return link_up_; }
  base::Offset offset() const { return offset_; }
  std::optional<base::MonoTime> hears_since() const override;
  bool holds_data() const override { return holds_data_; }
  bool names_history() const override { return second_offset_ >= 0; }
  // A vigil-node: takes nothing from its master's address that came back empty.
  void set_refuses_empty(bool refuses) { refuses_empty_ = refuses; }
  // Its master is empty: it keeps its data until an operator decides (replica-accept-empty-master).

  // With a replica that our sentinels do not know, and sentinels that speak of it by another name.
  bool RestartAsForeign() override;
  bool foreign() const override { return foreign_; }
  int orders_as_foreign() const override { return orders_as_foreign_; }

  // Commands that its sentinels have no right to: "failover", "client".
  void Deny(const std::string& verb) { denied_.insert(verb); }
  const std::map<std::string, base::Offset>& acknowledged() const override { return acknowledged_; }
  std::string former_name() const override { return replid2_; }
  base::Offset fork() const override { return second_offset_; }
  // Nobody can write now although it is a master.
  bool paused() const { return queue_.now() < paused_until_ || handing_over_; }

  int promotions() const override { return promotions_; }

  void OnAccepted(WireId wire, HostId from) override;
  void OnConnected(WireId wire, bool ok) override;
  void OnBytes(WireId wire, std::string_view bytes) override;
  void OnClosed(WireId wire) override;

  // All nodes of the world, so that replicas find their masters. Set before Start().
  std::map<HostId, DataNode*>* peers = nullptr;

 private:
  struct Connection {
    resp::RequestParser parser;
    bool subscribed = false;
    bool in_multi = false;
    std::vector<std::vector<std::string>> queued;
  };

  void Execute(WireId wire, Connection& connection, const std::vector<std::string>& words, std::string& reply);
  // FAILOVER on the way: to whom, and until when it waits for that one to catch up.
  struct HandOver {
    HostId target = -1;
    base::MonoTime until{};
    bool force = false;
    bool left = false;  // it follows already, and has asked the target to take over
  };

  void Follow(HostId master);
  void FailoverCommand(const std::vector<std::string>& words, resp::ReplyWriter& reply);
  void AdvanceHandOver();
  void Promote();
  void Replicate();
  std::string Info() const;
  bool HasReplica() const;
  void SpeakAsForeign();
  void SaveConfig() { saved_master_ = master_; }

  EventQueue& queue_;
  Network& network_;
  base::Random& random_;
  const std::string name_;
  HostId self_ = -1;

  std::string run_id_;
  HostId master_ = -1;  // -1: it is a master
  HostId saved_master_ = -1;
  bool link_up_ = false;
  std::optional<base::MonoTime> link_down_since_;
  std::optional<base::MonoTime> full_sync_until_;
  std::string replid_;
  std::string replid2_ = std::string(40, '0');
  base::Offset second_offset_ = -1;
  base::Offset offset_ = 0;
  int promotions_ = 0;
  std::optional<base::MonoTime> hears_since_;
  base::MonoTime received_at_{};
  bool holds_data_ = false;
  bool refuses_empty_ = false;
  bool refusing_ = false;  // it keeps its data from an empty master, and says so in INFO
  bool backlog_ = false;   // without, a master's offset stands still
  HostId fed_by_ = -1;     // whose data these are
  bool foreign_ = false;
  int orders_as_foreign_ = 0;
  base::MonoTime paused_until_{};
  std::optional<HandOver> handing_over_;
  std::set<std::string> denied_;
  std::map<std::string, base::Offset> acknowledged_;
  std::map<WireId, Connection> connections_;
};

}  // namespace sim
