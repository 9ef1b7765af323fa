#include "sentinel/edge/daemon.h"

#include <fmt/format.h>
#include <uv.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "replication/base/text.h"
#include "replication/host/durable_file.h"
#include "replication/host/resolver.h"

namespace sentinel::edge {

struct Daemon::PollOnce {
  explicit PollOnce(net::Loop& loop) : idle(new uv_idle_t) { uv_idle_init(loop.raw(), idle); }
  ~PollOnce() {
    uv_close(reinterpret_cast<uv_handle_t*>(idle),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_idle_t*>(handle); });
  }
  // libuv does not sleep in a turn in which an idle handle is active.
  void Start() {
    uv_idle_start(idle, [](uv_idle_t*) {});
  }
  void Stop() { uv_idle_stop(idle); }
  uv_idle_t* idle;  // freed by libuv's close callback
};

Daemon::Daemon(std::unique_ptr<State> state, ProcessSettings settings, std::string config_path, SavedTexts texts,
               base::Log& log)
    : state_(std::move(state)),
      settings_(std::move(settings)),
      log_(log),
      texts_(std::move(texts)),
      clients_(loop_,
               {.max_clients = settings_.maxclients,
                .tcp_keepalive = settings_.tcp_keepalive,
                .backlog = settings_.tcp_backlog,
                .authenticated =
                    [this](serve::ClientId id) {
                      const serve::Client* client = state_->server.clients.Find(id);
                      return !state_->server.access.required() || (client != nullptr && client->authenticated);
                    },
                .open_to_strangers = [this] { return !settings_.protected_mode || state_->server.access.required(); },
                .listening =
                    [this](serve::ClientId id) {
                      const serve::Client* client = state_->server.clients.Find(id);
                      return client != nullptr && client->subscriptions() > 0;
                    },
                .timeout = settings_.timeout,
                .normal_limit = settings_.normal_limit,
                .pubsub_limit = settings_.pubsub_limit,
                .traffic = &state_->traffic},
               [this](const Input& input, ClientPort::Moment moment) { Take(input, moment); }),
      state_file_(
          way_back_, std::move(config_path), texts_,
          [this] {
            texts_ = {RenderSettings(*state_, texts_.config), RenderVigil(*state_, texts_.vigil)};
            return texts_;
          },
          [this](ChangeNumber through, const base::Result<void>& result) {
            Take(StateSaved{through, result.has_value(), result ? "" : result.error().text});
          }),
      scripts_(loop_, [this](const Input& input) { Take(input); }),
      pages_(loop_, *state_),
      timer_(loop_,
             [this] {
               deadline_due_ = true;
               polled_since_due_ = false;
               poll_once_->Start();
             }),
      poll_once_(std::make_unique<PollOnce>(loop_)) {
  loop_.OnTurnEnd([this] { EndTurn(); });
}

Daemon::~Daemon() {
  way_back_->Close();
}

base::Result<void> Daemon::Listen() {
  std::vector<std::string> addresses = settings_.bind;
  if (addresses.empty()) addresses = {"*", "-::*"};
  for (std::string address : addresses) {
    // As in redis.conf: a leading '-' means that the address may be missing on this machine.
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    if (address == "*") address = "0.0.0.0";
    if (address == "::*") address = "::";
    auto listening = clients_.Listen({address, settings_.port});
    if (!listening && !optional) return listening;
    if (!listening) log_.Write(base::LogLevel::kVerbose, "not listening: " + listening.error().text);
  }
  return pages_.Listen();
}

int Daemon::Run() {
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_.OnSignal(signal, [this, signal] {
      log_.Write(base::LogLevel::kWarning,
                 fmt::format("Received {}, leaving.", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
      Take(Terminate{});
    });
  }
  loop_.OnSignal(SIGHUP, [this] { Reread(); });
  Begin();
  if (!stopping_) loop_.Run();
  return exit_code_;
}

void Daemon::Begin() {
  Actions actions;  // hundreds for each hundred masters, once
  Start(*state_, net::Loop::ReadClocks(), actions);
  CarryOut(actions);
  Flush();
}

void Daemon::Take(const Input& input, ClientPort::Moment moment) {
  if (moment == ClientPort::Moment::kNew) now_ = net::Loop::ReadClocks();
  const base::Now now = now_;
  TellStall(now);
  TakeAt(now, input);
}

void Daemon::TellStall(const base::Now& now) {
  if (!wake_at_) return;
  const base::Millis late = now.mono - std::max(*wake_at_, stall_told_until_);
  if (late <= kStallNoise) return;
  stall_told_until_ = now.mono;
  TakeAt(now, Stalled{late});
}

void Daemon::TakeAt(const base::Now& now, const Input& input) {
  Actions actions = std::move(spare_actions_);
  actions.clear();
  Step(*state_, now, input, actions);
  CarryOut(actions);
  if (actions.capacity() <= kSpareActions) spare_actions_ = std::move(actions);
}

void Daemon::CarryOut(Actions& actions) {
  for (Action& action : actions) {
    std::visit([this](auto& wish) { Do(wish); }, action);
  }
}

void Daemon::EndTurn() {
  // A turn ends before its sockets are polled. The timer fired in this turn or the last: only when a poll lies in
  // between has every socket that was ready been read.
  if (deadline_due_ && std::exchange(polled_since_due_, true)) JudgeDeadline();
  Flush();
}

void Daemon::JudgeDeadline() {
  // Also what arrived while we stood still has been read: an answer that was there in time is never overlooked.
  deadline_due_ = false;
  poll_once_->Stop();
  const base::Now now = net::Loop::ReadClocks();
  if (!wake_at_) return;
  if (now.mono < *wake_at_) {
    timer_.StartAt(*wake_at_);
    return;
  }
  TellStall(now);
  wake_at_.reset();
  TakeAt(now, Deadline{});
}

void Daemon::Reread() {
  log_.Write(base::LogLevel::kWarning, "Received SIGHUP: the log is reopened and passwords are read again");
  if (reopen_log_) reopen_log_();
  auto text = host::ReadWholeFile(state_->config_path);
  if (!text) return log_.Write(base::LogLevel::kWarning, "SIGHUP: " + text.error().text);
  // The operator has changed lines that are ours to keep: the next save builds on his text.
  texts_.config = *text;
  Take(ConfigReread{std::move(*text)});
}

void Daemon::Flush() {
  if (save_wanted_) state_file_.Want(*std::exchange(save_wanted_, std::nullopt));
  const ChangeNumber durable = state_->durable_change;
  // Starting one is an input, and inputs may bring more of them.
  for (RunScript& script : std::exchange(waiting_scripts_, {})) {
    if (script.change > durable) {
      waiting_scripts_.push_back(std::move(script));
    } else {
      scripts_.Run(script.job, script.argv);
    }
  }
  // Commands first: what they start takes longer than an answer to a client.
  if (durable > links_flushed_through_) {
    links_flushed_through_ = durable;
    for (const LinkId id : std::exchange(waiting_links_, {})) dirty_links_.push_back(id);
  }
  for (std::size_t i = 0; i < dirty_links_.size(); ++i) {
    const auto found = links_.find(dirty_links_[i]);
    if (found != links_.end() && !found->second->Flush(durable)) waiting_links_.insert(dirty_links_[i]);
  }
  dirty_links_.clear();
  clients_.Flush(durable);
  pages_.Flush();
  ended_links_.clear();
  if (stopping_) loop_.Stop();
}

void Daemon::Do(const Connect& action) {
  RedisLink::Owner& owner = *this;
  links_[action.link] = std::make_unique<RedisLink>(loop_, action.to, settings_.bind_source_addr, action.link, owner);
}

void Daemon::OnLinkUp(LinkId link, std::string local_host) {
  dirty_links_.push_back(link);
  Take(LinkUp{link, std::move(local_host)});
}

void Daemon::OnLinkDown(LinkId link, LinkDown::Reason reason, std::string text) {
  // It may be running inside its own callback.
  if (const auto found = links_.find(link); found != links_.end()) {
    ended_links_.push_back(std::move(found->second));
    links_.erase(found);
  }
  Take(LinkDown{link, reason, std::move(text)});
}

void Daemon::OnLinkReply(LinkId link, Command asked, ReplyValue reply) {
  Take(ReplyArrived{link, std::move(asked), std::move(reply)});
}

void Daemon::OnLinkMessage(LinkId link, const std::string& channel, std::string payload) {
  if (channel == "__sentinel__:hello") Take(HelloReceived{link, std::move(payload)});
}

void Daemon::Do(const Disconnect& action) {
  const auto found = links_.find(action.link);
  if (found == links_.end()) return;
  ended_links_.push_back(std::move(found->second));
  links_.erase(found);
}

void Daemon::Do(Send& action) {
  const auto found = links_.find(action.link);
  if (found == links_.end()) return;
  found->second->Send(std::move(action.batch), action.change);
  dirty_links_.push_back(action.link);
}

void Daemon::Do(Reply& action) {
  clients_.Push(action.client, std::move(action.bytes), action.change);
}

void Daemon::Do(const CloseClient& action) {
  clients_.Close(action.client, action.after_replies);
}

void Daemon::Do(const Announce& action) {
  log_.Write(action.level, action.event + " " + action.text);
  if (action.level != base::LogLevel::kDebug) pages_.OnEvent(action.event, action.text, action.change, now_);
}

void Daemon::Do(const LogLine& action) {
  log_.Write(action.level, action.text);
}

void Daemon::Do(const SaveState& action) {
  save_wanted_ = action.newest;
}

void Daemon::Do(RunScript& action) {
  waiting_scripts_.push_back(std::move(action));
}

void Daemon::Do(const KillScript& action) {
  scripts_.Kill(action.job);
}

void Daemon::Do(const Resolve& action) {
  if (!names_asked_.insert(action.name).second) return;  // its answer is on the way
  names_waiting_.push_back(action.name);
  LookUpNames();
}

void Daemon::LookUpNames() {
  while (lookups_ < kMaxLookups && !names_waiting_.empty()) {
    ++lookups_;
    const std::string name = std::move(names_waiting_.front());
    names_waiting_.pop_front();
    host::ResolveName(name, way_back_, [this, name](base::Result<std::string> address) {
      --lookups_;
      names_asked_.erase(name);
      LookUpNames();
      Take(NameResolved{name, std::move(address)});
    });
  }
}

void Daemon::Do(const WakeAt& action) {
  wake_at_ = action.at;
  timer_.StartAt(action.at);
}

void Daemon::Do(const Stop& action) {
  if (action.at_once) std::_Exit(action.exit_code);
  stopping_ = true;
  exit_code_ = action.exit_code;
}

}  // namespace sentinel::edge
