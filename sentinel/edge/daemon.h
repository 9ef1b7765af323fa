// The sentinel as a process: what happens becomes inputs, Step() decides, the actions are carried out.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "replication/base/log.h"
#include "replication/base/result.h"
#include "replication/host/way_back.h"
#include "replication/net/loop.h"
#include "sentinel/core/settings.h"
#include "sentinel/core/step.h"
#include "sentinel/core/vigil_file.h"
#include "sentinel/edge/client_port.h"
#include "sentinel/edge/pages.h"
#include "sentinel/edge/redis_link.h"
#include "sentinel/edge/script_runner.h"
#include "sentinel/edge/state_file.h"

namespace sentinel::edge {

class Daemon final : private RedisLink::Owner {
 public:
  // `texts` are what stands in `config_path` and beside it now; `state` was loaded from them.
  Daemon(std::unique_ptr<State> state, ProcessSettings settings, std::string config_path, SavedTexts texts,
         base::Log& log);
  ~Daemon();

  // What SIGHUP does first: the log begins a new file. The configuration is read again in any case.
  void OnHangUp(std::function<void()> reopen_log) { reopen_log_ = std::move(reopen_log); }

  // Binds all addresses. Error kIo names the one that failed.
  base::Result<void> Listen();
  // Until SIGTERM, SIGINT or SHUTDOWN; returns the exit code.
  int Run();

 private:
  // A turn later than this behind its deadline means that our process stood still: shorter delays are ordinary
  // scheduling, and taking them off would only lengthen detection.
  static constexpr base::Millis kStallNoise{50};
  // Memory for this many actions is kept from step to step.
  static constexpr std::size_t kSpareActions = 256;
  // Each lookup has a thread, and a name server that does not answer keeps it for many seconds.
  static constexpr std::size_t kMaxLookups = 16;

  void Begin();
  void OnLinkUp(LinkId link, std::string local_host) override;
  void OnLinkDown(LinkId link, LinkDown::Reason reason, std::string text) override;
  void OnLinkReply(LinkId link, Command asked, ReplyValue reply) override;
  void OnLinkMessage(LinkId link, const std::string& channel, std::string payload) override;

  void Take(const Input& input, ClientPort::Moment moment = ClientPort::Moment::kNew);
  void TakeAt(const base::Now& now, const Input& input);
  // Before anything else is decided: how long the loop has not run beyond what it was to sleep. What a socket brings
  // after a stall is judged as what it is, the first news since.
  void TellStall(const base::Now& now);
  void CarryOut(Actions& actions);
  void EndTurn();
  void JudgeDeadline();
  void Reread();
  void LookUpNames();
  void Flush();

  void Do(const Connect& action);
  void Do(const Disconnect& action);
  void Do(Send& action);
  void Do(Reply& action);
  void Do(const CloseClient& action);
  void Do(const Announce& action);
  void Do(const LogLine& action);
  void Do(const SaveState& action);
  void Do(RunScript& action);
  void Do(const KillScript& action);
  void Do(const Resolve& action);
  void Do(const WakeAt& action);
  void Do(const Stop& action);

  std::unique_ptr<State> state_;
  const ProcessSettings settings_;
  base::Log& log_;
  net::Loop loop_;
  // For threads; closed first, so that nothing of theirs arrives when this object is half gone.
  const std::shared_ptr<host::WayBack> way_back_ = std::make_shared<host::WayBack>(loop_);
  SavedTexts texts_;
  Actions spare_actions_;  // its memory serves the next step

  std::unordered_map<LinkId, std::unique_ptr<RedisLink>> links_;
  // Links with something to send, and those of which something has to wait for a save.
  std::vector<LinkId> dirty_links_;
  std::set<LinkId> waiting_links_;
  ChangeNumber links_flushed_through_ = 0;
  // Links that ended inside their own callback; freed at the end of the turn.
  std::vector<std::unique_ptr<RedisLink>> ended_links_;
  ClientPort clients_;
  StateFile state_file_;
  ScriptRunner scripts_;
  Pages pages_;
  net::Timer timer_;
  // Names that are being looked up, and those of them that wait for their turn.
  std::set<std::string> names_asked_;
  std::deque<std::string> names_waiting_;
  std::size_t lookups_ = 0;

  base::Now now_{};  // of the last input
  std::optional<base::MonoTime> wake_at_;
  base::MonoTime stall_told_until_{};
  bool deadline_due_ = false;
  bool polled_since_due_ = false;
  std::optional<ChangeNumber> save_wanted_;
  std::vector<RunScript> waiting_scripts_;  // until what they tell is durable
  std::function<void()> reopen_log_;
  bool stopping_ = false;
  int exit_code_ = 0;
  // Makes the loop poll its sockets without sleeping once more before a deadline is judged.
  struct PollOnce;
  std::unique_ptr<PollOnce> poll_once_;
};

}  // namespace sentinel::edge
