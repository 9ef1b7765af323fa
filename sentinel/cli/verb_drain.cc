// vigil drain: hands over what a node is master of, then stops it. For ExecStop, preStop and people.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sentinel/cli/ask_sentinel.h"
#include "sentinel/cli/interrupt.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

using base::Endpoint;
using std::chrono::steady_clock;

// The names of the masters that this node is, as the sentinels see it: by its run id, since they may know it under
// another address than the caller does.
base::Result<std::vector<std::string>> MastersAt(const Found& found, const NodeView& node) {
  const auto answer = AskAnySentinel(found, "", {"SENTINEL", "MASTERS"});
  if (!answer) return tl::unexpected(answer.error());
  std::vector<std::string> names;
  for (const Reply& item : answer->reply.items) {
    const auto fields = Fields::FromReply(item);
    if (!fields) continue;
    const std::string id = node.info.Text("run_id");
    const bool same_process = !id.empty() && fields->Text("runid") == id;
    if (same_process || fields->Address("ip", "port") == node.address) names.push_back(fields->Text("name"));
  }
  return names;
}

class Drainer {
 public:
  Drainer(const DrainOptions& options, Endpoint node)
      : options_(options),
        node_(std::move(node)),
        deadline_(steady_clock::now() + std::chrono::seconds(options.timeout_seconds)) {}

  int Run() {
    const NodeView view = AskNode(node_, options_.ask.credentials);
    if (!view.answers) {
      Complain(fmt::format("{} does not answer ({})", node_.ToString(), view.error),
               "is it running there? Nothing was done");
      return kUnreachable;
    }
    if (view.role == Role::kMaster) {
      const int code = HandOver(view);
      if (code != kDone && (!options_.anyway || code == kInterruptedExit)) return code;
    } else {
      Tell(fmt::format("{} is a replica: there is nothing to hand over.", node_.ToString()));
    }
    return options_.keep_running ? Finish(false) : Stop();
  }

 private:
  void Tell(const std::string& line) {
    if (!options_.json) Say(line);
    told_.push_back(line);
  }

  int HandOver(const NodeView& view) {
    const auto found = FindSentinels(options_.ask);
    if (!found) return ReportNoSentinels(found.error());
    const auto names = MastersAt(*found, view);
    if (!names) return ReportRefusedAnswer(names.error(), *found);
    if (names->empty()) {
      Complain(fmt::format("{} is a master, but of none that the sentinels watch", node_.ToString()),
               "name their address with --sentinel, or stop it all the same with --anyway");
      return kRefused;
    }
    for (const std::string& name : *names) {
      const int code = HandOverOne(*found, view, name);
      if (code != kDone) return code;
    }
    return kDone;
  }

  int HandOverOne(const Found& found, const NodeView& view, const std::string& name) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - steady_clock::now());
    std::vector<std::string> request{"SENTINEL", "FAILOVER",
                                     name,       "COORDINATED",
                                     "TIMEOUT",  fmt::format("{}", std::max<std::int64_t>(left.count(), 1))};
    auto begun = AskAnySentinel(found, name, request);
    if (!begun && begun.error().code == base::ErrorCode::kNotFound) {
      request.resize(3);  // stock sentinels know a failover without wishes alone
      begun = AskAnySentinel(found, name, request);
    }
    // Another drain, or an operator, may have begun it: then we wait for the same end.
    if (!begun && begun.error().text.find("INPROG") == std::string::npos) {
      Complain(fmt::format("{} is the master of {}, and nobody can take over: {}", node_.ToString(), name,
                           begun.error().text),
               "`vigil plan switchover " + name + "` says why; it runs on");
      return kRefused;
    }
    Tell(fmt::format("{} is the master of {}: its sentinels were asked for another.", node_.ToString(), name));
    for (;;) {
      const auto address = AskAddress(found.where, name);
      const NodeView now = AskNode(node_, options_.ask.credentials);
      const bool moved = address && now.answers && now.role == Role::kReplica && *address != view.address;
      if (moved) {
        Tell(fmt::format("{} took over {}.", address->ToString(), name));
        return kDone;
      }
      if (steady_clock::now() > deadline_) {
        Complain(fmt::format("nobody took over {} within {} s", name, options_.timeout_seconds),
                 "`vigil why " + name + "` says what came of it; the node runs on");
        return kTimedOut;
      }
      if (!Pause(std::chrono::milliseconds(50))) {
        Complain("interrupted", "the sentinels go on with the switchover; the node was not stopped");
        return kInterruptedExit;
      }
    }
  }

  int Stop() {
    if (auto client = RedisClient::Connect(node_, options_.ask.credentials)) {
      // A connection that ends without an answer is what success looks like.
      const auto reply = client->Command({"SHUTDOWN"});
      if (reply && reply->is_error()) {
        Complain(fmt::format("{} does not end: {}", node_.ToString(), reply->text), "its log says more");
        return kFailed;
      }
    }
    for (;;) {
      const auto client = RedisClient::Connect(node_, options_.ask.credentials, std::chrono::milliseconds(500));
      if (!client && client.error().code == base::ErrorCode::kIo) break;
      if (steady_clock::now() > deadline_) {
        Complain(fmt::format("{} has not ended within {} s", node_.ToString(), options_.timeout_seconds),
                 "its log says what it waits for");
        return kTimedOut;
      }
      if (!Pause(std::chrono::milliseconds(50))) return kInterruptedExit;
    }
    return Finish(true);
  }

  int Finish(bool stopped) {
    Tell(stopped ? fmt::format("{} has ended.", node_.ToString()) : fmt::format("{} runs on.", node_.ToString()));
    if (options_.json) {
      Say(nlohmann::json{{"node", node_.ToString()}, {"stopped", stopped}, {"steps", told_}}.dump());
    }
    return kDone;
  }

  const DrainOptions& options_;
  Endpoint node_;
  steady_clock::time_point deadline_;
  std::vector<std::string> told_;
};

}  // namespace

int Drain(const DrainOptions& options) {
  const auto node = ParseEndpoint(options.node, 6379);
  if (!node) {
    Complain(node.error().text, "see `vigil drain --help`");
    return kBadUsage;
  }
  return Drainer(options, *node).Run();
}

}  // namespace cli
