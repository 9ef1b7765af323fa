// vigil failover: asks a sentinel for a planned failover and watches until the last replica follows.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/events.h"
#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/find_sentinels.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/table.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/timeline.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using base::Endpoint;
using std::chrono::steady_clock;

int ReportRefusal(const std::string& text, const std::string& master) {
  const std::string reason = text.substr(std::min(text.find("NOGOODSLAVE Replica"), text.size()));
  if (!reason.empty()) {
    Complain(reason.substr(reason.find(' ') + 1), fmt::format("`vigil explain {}` ranks the replicas", master));
    return kRefused;
  }
  if (text.find("INPROG") != std::string::npos) {
    Complain(fmt::format("a failover of {} is already in progress", master), "watch it with `vigil status`");
  } else if (text.find("NOGOODSLAVE") != std::string::npos) {
    Complain(fmt::format("no replica of {} is fit to be promoted", master),
             "`vigil status` says what is wrong with them");
  } else {
    Complain(text, "`vigil status` shows the sentinels");
  }
  return kRefused;
}

// The way of the replicas to the new master.
class Followers {
 public:
  Followers(std::vector<Endpoint> nodes, Credentials credentials)
      : waiting_(nodes.begin(), nodes.end()), credentials_(std::move(credentials)) {}

  // Those that follow `master` since the last call.
  std::vector<Endpoint> Arrived(const Endpoint& master) {
    std::vector<Endpoint> arrived;
    for (const Endpoint& address : std::set<Endpoint>(waiting_)) {
      const NodeView node = AskNode(address, credentials_);
      const bool is_master = address == master && node.role == Role::kMaster;
      const bool follows = node.role == Role::kReplica && node.follows == master && node.link_up && !node.syncing;
      if (!is_master && !follows) continue;
      waiting_.erase(address);
      if (follows) arrived.push_back(address);
    }
    return arrived;
  }
  const std::set<Endpoint>& waiting() const { return waiting_; }

 private:
  std::set<Endpoint> waiting_;
  Credentials credentials_;
};

// What the master hands over, and at which price, is told when it has been looked at again.
constexpr std::chrono::seconds kAccount{3};

// "forced the master does not answer"
std::string ModeInWords(const std::string& mode) {
  constexpr std::string_view kForced = "forced ";
  return mode.starts_with(kForced) ? fmt::format("forced: {}", mode.substr(kForced.size())) : mode;
}

// The words of the request that the operator's wishes add up to.
base::Result<std::vector<std::string>> Request(const FailoverOptions& options) {
  std::vector<std::string> words{"SENTINEL", "FAILOVER", options.master};
  if (options.coordinated) words.emplace_back("COORDINATED");
  if (options.force) words.emplace_back("FORCE");
  if (!options.to.empty()) {
    const auto to = ParseEndpoint(options.to, 6379);
    if (!to) return tl::unexpected(to.error());
    words.insert(words.end(), {"TO", to->host, fmt::format("{}", to->port)});
  }
  if (options.handover_ms) words.insert(words.end(), {"TIMEOUT", fmt::format("{}", *options.handover_ms)});
  return words;
}

// Lines for people while it happens, or one object for programs at its end.
class Teller {
 public:
  Teller(const FailoverOptions& options, const Endpoint& from, Instant origin)
      : options_(options), from_(from), origin_(origin) {}

  void Line(const std::string& line) {
    HideProgress();
    if (!options_.json) Say(line);
  }
  // As it stands behind Line() on a terminal, until the next: what is awaited now.
  void Progress(const std::string& text) {
    if (options_.json || !OnTerminal()) return;
    std::fputs(("\r" + Clip("     ... " + text, ScreenSize().columns - 1) + "\x1b[K").c_str(), stdout);
    std::fflush(stdout);
    shown_ = true;
  }
  void Step(const std::string& event, const std::string& text, double ms) {
    steps_.push_back({{"ms", static_cast<std::int64_t>(ms)}, {"event", event}, {"text", text}});
  }
  // Said before the verb returns `code`.
  int End(int code, const Endpoint& to, const std::string& mode, const std::string& loss) {
    HideProgress();
    if (!options_.json) return code;
    const auto text = [](const std::string& value) { return value.empty() ? nlohmann::json() : nlohmann::json(value); };
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - origin_);
    Say(nlohmann::ordered_json{{"master", options_.master},
                               {"done", code == kDone},
                               {"exit_code", code},
                               {"from", from_.ToString()},
                               {"to", to.empty() ? nlohmann::json() : nlohmann::json(to.ToString())},
                               {"mode", text(mode)},
                               {"loss", text(loss.empty() ? "" : LossInWords(loss))},
                               {"ms", took.count()},
                               {"steps", steps_}}
            .dump(2));
    return code;
  }

 private:
  void HideProgress() {
    if (shown_) std::fputs("\r\x1b[K", stdout);
    shown_ = false;
  }

  const FailoverOptions& options_;
  Endpoint from_;
  Instant origin_;
  nlohmann::ordered_json steps_ = nlohmann::ordered_json::array();
  bool shown_ = false;
};

// How far the replicas still are behind the master; empty when it cannot be told.
std::string CatchingUp(const Endpoint& master, const std::set<Endpoint>& nodes, const Credentials& credentials) {
  const NodeView source = AskNode(master, credentials);
  std::string text;
  for (const Endpoint& address : nodes) {
    if (address == master) continue;
    const NodeView node = AskNode(address, credentials);
    if (source.offset < 0 || node.offset < 0) continue;
    text += fmt::format(
        "{}{}{}", text.empty() ? "" : "; ", address.ToString(),
        node.syncing ? " is being sent a full copy"
                     : fmt::format(" {} B behind", Grouped(std::max<base::Offset>(0, source.offset - node.offset))));
  }
  return text;
}

// What others may still take to tell of a promotion whose leader died: a hello comes every two seconds.
constexpr std::chrono::seconds kRumour{5};

int WatchFailover(const FailoverOptions& options, const Where& where, const Topology& before, const Endpoint& leader,
                  EventFollower& follower, Instant origin) {
  const Paint paint = Paint::ForStdout();
  Timeline timeline(origin, options.master);
  Teller teller(options, before.address, origin);
  std::vector<Endpoint> nodes;
  bool all_answer = true;
  for (const NodeView& node : before.nodes) {
    all_answer = all_answer && node.answers;
    if (node.answers) {
      nodes.push_back(node.address);
    } else {
      teller.Line(fmt::format("  not waiting for {}: it does not answer ({})", node.address.ToString(), node.error));
    }
  }
  Followers followers(std::move(nodes), where.credentials);
  Endpoint master;
  const auto deadline = origin + std::chrono::seconds(options.timeout_seconds);
  std::string given_up;
  std::string mode;  // "coordinated by FAILOVER of the node"; empty: nobody says, as with stock sentinels
  std::string loss;
  std::optional<Instant> followed_at;
  Instant next_progress = steady_clock::now() + std::chrono::milliseconds(250);
  std::optional<Instant> leader_lost_at;
  const auto show_events = [&] {
    for (const Event& event : follower.Take()) {
      if (const std::string line = timeline.Take(event, paint); !line.empty()) {
        teller.Line(line);
        teller.Step(event.name, Explain(event), timeline.MillisAt(event.at));
      }
      if (event.master == options.master && event.name.starts_with("-failover-abort")) given_up = event.name;
      if (event.master != options.master) continue;
      if (event.name == "+failover-mode") mode = event.rest;
      if (event.name == "+failover-loss") loss = event.rest;
    }
  };
  // What the sentinels said before we saw it comes first.
  const auto note = [&](const std::string& what) {
    const Instant now = steady_clock::now();
    show_events();
    teller.Line(timeline.Note(now, what, paint));
    teller.Step("", what, timeline.MillisAt(now));
  };
  while (steady_clock::now() < deadline) {
    show_events();
    if (!given_up.empty()) {
      Complain(fmt::format("the sentinels gave the failover up ({})", given_up), "`vigil status` shows why it may be");
      return teller.End(kFailed, master, mode, loss);
    }
    if (!leader_lost_at && !follower.Follows(leader)) {
      leader_lost_at = steady_clock::now();
      note("the connection to the sentinel that leads this failover is lost");
    }
    if (master.empty() && leader_lost_at && steady_clock::now() > *leader_lost_at + kRumour) {
      Complain(fmt::format("the sentinel at {} died in the middle of the failover, and no other speaks of a new master",
                           leader.ToString()),
               "`vigil status` shows the state; when it is healthy, try again");
      return teller.End(kFailed, master, mode, loss);
    }
    if (master.empty()) {
      const auto address = AskAddress(where, options.master);
      if (address && *address != before.address) {
        master = *address;
        note("a sentinel sends clients to " + master.ToString());
      }
    } else {
      for (const Endpoint& address : followers.Arrived(master)) {
        note(address.ToString() + " follows " + master.ToString());
      }
      const bool followed = followers.waiting().empty() && timeline.Has("+switch-master");
      if (followed && !followed_at) followed_at = steady_clock::now();
      const bool account_due = mode.starts_with("coordinated") && loss.empty();
      if (followed && (!account_due || steady_clock::now() > *followed_at + kAccount)) {
        if (!mode.empty()) {
          teller.Line(fmt::format("The failover was {}; {}.", ModeInWords(mode),
                                  loss.empty()
                                      ? fmt::format("what it cost will be in `vigil history {}`", options.master)
                                      : LossInWords(loss)));
        }
        teller.Line(fmt::format("Done: {} is writable at {}, and {} follows it.", options.master, master.ToString(),
                                all_answer ? "every replica" : "every replica that answered"));
        return teller.End(kDone, master, mode, loss);
      }
    }
    if (OnTerminal() && steady_clock::now() > next_progress) {
      teller.Progress(CatchingUp(master.empty() ? before.address : master, followers.waiting(), where.credentials));
      next_progress = steady_clock::now() + std::chrono::milliseconds(250);
    }
    if (!Pause(std::chrono::milliseconds(10))) {
      Complain("interrupted", "the sentinels go on with the failover; watch it with `vigil status`");
      return kInterruptedExit;
    }
  }
  if (master.empty()) {
    Complain(fmt::format("no new master within {} s", options.timeout_seconds), "`vigil status` shows the state");
  } else {
    std::string late;
    for (const Endpoint& address : followers.waiting()) late += " " + address.ToString();
    Complain(fmt::format("after {} s these do not follow {}:{}", options.timeout_seconds, master.ToString(), late),
             "`vigil status` shows the state");
  }
  return teller.End(kTimedOut, master, mode, loss);
}

}  // namespace

int Failover(const FailoverOptions& options) {
  const auto request = Request(options);
  if (!request) {
    Complain(request.error().text, "see `vigil failover --help`");
    return kBadUsage;
  }
  const auto found = FindSentinels(options.ask);
  if (!found) return ReportNoSentinels(found.error());
  const auto before = AskTopology(found->where, options.master);
  if (!before) return ReportAskError(before.error(), *found, options.master);
  Where where{{}, found->where.credentials};
  for (const SentinelView& sentinel : before->sentinels) {
    if (sentinel.answers) where.sentinels.push_back(sentinel.address);
  }
  auto follower = EventFollower::Start(where.sentinels, where.credentials);
  if (!follower) return ReportAskError(follower.error(), *found, options.master);
  // The one that knows most about the others is asked first: it is the likeliest to succeed.
  std::vector<SentinelView> candidates = before->sentinels;
  std::ranges::stable_sort(candidates, std::greater(), [](const SentinelView& sentinel) {
    return sentinel.answers ? 1 + sentinel.replicas.size() - sentinel.bad_replicas.size() : 0;
  });
  base::Error error;
  bool stock = false;
  for (const SentinelView& candidate : candidates) {
    auto leader = RedisClient::Connect(candidate.address, where.credentials);
    if (!leader) {
      error = leader.error();
      continue;
    }
    const Instant origin = steady_clock::now();
    const auto reply = leader->Ask(*request);
    if (!reply && IsUnknownThere(reply.error().text)) {
      stock = true;
      continue;
    }
    if (!reply) return ReportRefusal(reply.error().text, options.master);
    if (!options.json)
      Say(fmt::format("{}: asked the sentinel at {} to replace the master {}", options.master,
                      candidate.address.ToString(), before->address.ToString()));
    return WatchFailover(options, where, *before, candidate.address, **follower, origin);
  }
  if (stock) {
    Complain("only stock sentinels answer, and they know a failover without further wishes alone",
             fmt::format("try `vigil failover {}`", options.master));
    return kRefused;
  }
  return ReportAskError(error, *found);
}

}  // namespace cli
