// One real sentinel core in the simulated world: its sockets, its disk, its clock. Everything that the edge of the
// production program does, without libuv.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/resp/request_parser.h"
#include "sentinel/core/outbox.h"
#include "sentinel/core/settings.h"
#include "sentinel/core/step.h"
#include "sentinel/core/vigil_file.h"
#include "tests/sim/mutation.h"
#include "tests/sim/network.h"

struct redisReader;

namespace sim {

inline constexpr std::uint16_t kSentinelPort = 26379;

// What the world and its checkers want to see of every step.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void OnAction(int sentinel, const sentinel::State& state, const sentinel::Action& action) = 0;
  // Bytes that really left: promises among them are given now.
  virtual void OnSent(int sentinel, const sentinel::Command& command) = 0;
  // A vote was told to somebody else: it is among the replies that left.
  virtual void OnVote(int sentinel, std::uint64_t epoch, const std::string& candidate) = 0;
  virtual void OnStep(int sentinel, const sentinel::State& state) = 0;
  virtual void OnDurable(int sentinel, const sentinel::SavedTexts& texts) = 0;
};

class SentinelProcess : public Host {
 public:
  struct Disk {
    base::Millis fastest{1};
    base::Millis slowest{4};
    bool failing = false;
  };

  SentinelProcess(EventQueue& queue, Network& network, base::Random& random, Watcher& watcher, int index);
  ~SentinelProcess() override;

  // The first start: `config` is what the operator wrote.
  // and `vigil` what stands beside it.
  void Start(HostId self, const std::string& config, const std::string& vigil);
  // Process or machine gone: what was not durable is lost. A save in flight may have reached the disk, or only its
  // first file, or not at all.
  void Crash(bool silent);
  // From the texts that were last durable, through the real parser.
  void Restart();
  void Freeze();
  void Thaw();
  // Somebody sets the wall clock of its machine.
  void JumpWallClock(base::Millis by) { wall_clock_off_ += by; }
  // What the clocks of its machine show.
  base::Now Clock() const;

  // An operator types a command; the reply is nobody's.
  void Operate(const std::vector<std::string>& words);
  // It speaks only what stock speaks. To be set before Start().
  bool stock = false;
  // A bug of its own. To be set before Start().
  Mutation mutation = Mutation::kNone;

  // For faults of operators: what its files hold.
  sentinel::SavedTexts& durable() { return durable_; }

  bool running() const { return state_ != nullptr; }
  const sentinel::State* state() const { return state_.get(); }
  HostId self() const { return self_; }
  Disk disk;

  void OnAccepted(WireId wire, HostId from) override;
  void OnConnected(WireId wire, bool ok) override;
  void OnBytes(WireId wire, std::string_view bytes) override;
  void OnClosed(WireId wire) override;

 private:
  struct Outgoing {
    sentinel::LinkId link{};
    bool up = false;
    sentinel::CommandQueue queue;
    std::vector<sentinel::Command> in_flight;
    std::string first_info;  // for a mutation
    std::unique_ptr<redisReader, void (*)(redisReader*)> reader;
    Outgoing();
  };
  struct Incoming {
    serve::ClientId client = 0;
    resp::RequestParser parser;
    sentinel::ReplyQueue replies;
    bool closing = false;
  };

  void Boot();
  void Take(const sentinel::Input& input);
  void CarryOut(sentinel::Actions actions);
  void Flush();
  void BeginSave();
  void ArmDeadline();
  void Deliver(WireId wire, sentinel::ReplyValue reply);
  // Looks for votes among replies that leave.
  void Overhear(std::string_view replies);

  EventQueue& queue_;
  Network& network_;
  base::Random& random_;
  Watcher& watcher_;
  const int index_;
  HostId self_ = -1;

  std::unique_ptr<sentinel::State> state_;
  sentinel::SavedTexts durable_;
  bool save_in_flight_ = false;
  std::optional<sentinel::SavedTexts> texts_in_flight_;
  std::optional<sentinel::ChangeNumber> wanted_;
  std::map<WireId, Outgoing> outgoing_;
  std::map<sentinel::LinkId, WireId> wire_of_link_;
  std::map<WireId, Incoming> incoming_;
  std::map<serve::ClientId, WireId> wire_of_client_;
  serve::ClientId last_client_ = 0;
  std::optional<base::MonoTime> wake_at_;
  std::uint64_t wake_generation_ = 0;
  std::optional<base::MonoTime> frozen_at_;
  bool taking_ = false;
  base::Millis wall_clock_off_{0};
  base::Millis clock_offset_{0};  // this machine's monotonic clock began elsewhere
};

}  // namespace sim
