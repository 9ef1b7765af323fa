#include "sentinel/cli/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sentinel/cli/evidence_view.h"
#include "sentinel/cli/story.h"

namespace cli {
namespace {

using nlohmann::json;

bool IsLoopback(const base::Endpoint& address) {
  return address.host.starts_with("127.") || address.host == "::1" || address.host == "localhost";
}

// Collects findings about one master.
class Examination {
 public:
  Examination(const Topology& topology, const json& outlook, const LocalFacts& local)
      : topology_(topology), outlook_(outlook), local_(local) {}

  std::vector<Finding> Run() {
    State();
    Quorum();
    Split();
    Scripts();
    Passwords();
    Replicas();
    Persistence();
    Clocks();
    Versions();
    Features();
    std::ranges::stable_sort(findings_, {}, &Finding::severity);
    return std::move(findings_);
  }

 private:
  void Add(Severity severity, std::string area, std::string subject, std::string text, std::string remedy) {
    findings_.push_back({severity, std::move(area), std::move(subject), std::move(text), std::move(remedy)});
  }

  // What is broken at this moment, as `status` sees it.
  void State() {
    for (const std::string& problem : topology_.problems) {
      Add(Severity::kError, "state", topology_.master, problem,
          fmt::format("`vigil show {0}` has the details, `vigil matrix {0}` who reaches whom", topology_.master));
    }
    for (const SentinelView& sentinel : topology_.sentinels) {
      const std::string name = sentinel.address.ToString();
      if (sentinel.info.Number("sentinel_tilt") != 0) {
        Add(Severity::kError, "state", name,
            "it is in TILT: its clock or its process stood still, and it decides nothing",
            "wait 30 s; when it returns, look for an overloaded or suspended machine");
      }
      if (sentinel.fields.Has("paused-for")) {
        const std::string reason = sentinel.fields.Text("pause-reason");
        Add(Severity::kWarning, "state", topology_.master,
            fmt::format("automatic failover is paused for another {}{}",
                        LengthInWords(sentinel.fields.Number("paused-for")), reason.empty() ? "" : ": " + reason),
            fmt::format("`vigil resume {}` when the work is done", topology_.master));
        break;
      }
    }
  }

  void Quorum() {
    const auto voters = static_cast<int>(topology_.sentinels.size());
    const auto answering = static_cast<int>(std::ranges::count_if(topology_.sentinels, &SentinelView::answers));
    const int majority = voters / 2 + 1;
    const std::string& master = topology_.master;
    const auto set_quorum = [&](int quorum) {
      return fmt::format("`SENTINEL SET {} quorum {}` on every sentinel", master, quorum);
    };
    if (voters < 3) {
      Add(Severity::kWarning, "quorum", master,
          fmt::format("{} {}: the loss of one ends automatic failover", voters, voters == 1 ? "sentinel" : "sentinels"),
          "run three, on three machines");
    } else if (voters % 2 == 0) {
      Add(Severity::kNote, "quorum", master,
          fmt::format("{} sentinels bear the loss of {}, as {} would", voters, voters - majority, voters - 1),
          "add one, or leave one out");
    }
    if (topology_.quorum > voters) {
      Add(Severity::kError, "quorum", master,
          fmt::format("the quorum is {}, but there are {} sentinels: no failover can ever begin", topology_.quorum,
                      voters),
          set_quorum(majority));
    } else if (topology_.quorum == 1 && voters > 1) {
      Add(Severity::kWarning, "quorum", master,
          "a quorum of 1: one sentinel that is cut off can call a failover for all", set_quorum(majority));
    } else if (topology_.quorum > majority) {
      Add(Severity::kNote, "quorum", master,
          fmt::format("the quorum of {} is above the majority of {}", topology_.quorum, majority),
          set_quorum(majority));
    }
    if (voters >= 3 && answering == majority) {
      Add(Severity::kWarning, "quorum", master,
          fmt::format("{} of {} sentinels answer: one more lost, and nobody can fail over", answering, voters),
          "start the others, or `vigil forget` those that are gone for good");
    }
    std::map<std::string, int> hosts;
    for (const SentinelView& sentinel : topology_.sentinels) ++hosts[sentinel.address.host];
    for (const auto& [host, count] : hosts) {
      if (voters < 2 || count < majority) continue;
      const bool local = IsLoopback({host, 1});
      Add(local ? Severity::kNote : Severity::kWarning, "quorum", host,
          fmt::format("{} of {} sentinels share this machine: with it the majority is gone", count, voters),
          local ? "fine for a try; for more, use three machines" : "spread them over three machines");
    }
  }

  // Settings that every sentinel should share.
  void Split() {
    for (const char* name : {"quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs"}) {
      std::map<std::string, std::vector<std::string>> values;
      for (const SentinelView& sentinel : topology_.sentinels) {
        if (sentinel.fields.Has(name)) values[sentinel.fields.Text(name)].push_back(sentinel.address.ToString());
      }
      if (values.size() < 2) continue;
      std::string text;
      for (const auto& [value, who] : values) {
        text += fmt::format("{}{} at {}", text.empty() ? "" : ", ", value, fmt::join(who, " and "));
      }
      Add(Severity::kWarning, "config", topology_.master, fmt::format("{} is {}", name, text),
          fmt::format("`SENTINEL SET {} {} <value>` where it is wrong; `vigil config diff {}`", topology_.master, name,
                      topology_.master));
    }
    if (topology_.sentinels.empty()) return;
    for (const SentinelView& sentinel : topology_.sentinels) {
      const std::int64_t down_after = sentinel.fields.Number("down-after-milliseconds", -1);
      if (down_after < 0 || down_after >= 500 || IsLoopback(topology_.address)) continue;
      Add(Severity::kWarning, "config", topology_.master,
          fmt::format("a master counts as down after {} ms: a slow moment is enough", down_after),
          fmt::format("`SENTINEL SET {} down-after-milliseconds 5000`", topology_.master));
      break;
    }
  }

  void Scripts() {
    std::set<std::string> seen;
    for (const SentinelView& sentinel : topology_.sentinels) {
      if (!sentinel.answers) continue;
      for (const char* name : {"notification-script", "client-reconfig-script"}) {
        const std::string path = sentinel.fields.Text(name);
        seen.insert(fmt::format("{} {}", name, path));
        // A path means something on the sentinel's own machine only.
        if (path.empty() || !IsLoopback(sentinel.address) || local_.may_run == nullptr) continue;
        if (local_.may_run(path)) continue;
        Add(Severity::kError, "scripts", sentinel.address.ToString(),
            fmt::format("its {} {} cannot be run", name, path), fmt::format("`chmod +x {}`, or put it there", path));
      }
    }
    if (seen.size() > 2) {
      Add(Severity::kWarning, "scripts", topology_.master,
          "the sentinels have different scripts: what is called depends on who leads",
          fmt::format("`vigil config diff {}` shows them", topology_.master));
    }
  }

  void Passwords() {
    for (const SentinelView& sentinel : topology_.sentinels) {
      const auto refused = [&](const Fields& fields, const std::string& whom) {
        if (!fields.Has("auth-failed")) return;
        Add(Severity::kError, "passwords", sentinel.address.ToString(),
            fmt::format("{} refuses its password: {}", whom, fields.Text("auth-failed")),
            fmt::format("`SENTINEL SET {} auth-pass <secret>` there (for a sentinel: sentinel-pass)",
                        topology_.master));
      };
      refused(sentinel.fields, topology_.address.ToString());
      for (const Fields& each : sentinel.replica_fields) refused(each, each.Text("name"));
      for (const Fields& each : sentinel.peer_fields) refused(each, each.Address("ip", "port").ToString());
    }
    std::set<std::string> passwords;
    for (const NodeView& node : topology_.nodes) {
      if (!node.config.Has("requirepass")) continue;
      const std::string name = node.address.ToString();
      const std::string password = node.config.Text("requirepass");
      passwords.insert(password);
      if (password.empty() && !IsLoopback(node.address)) {
        Add(Severity::kWarning, "passwords", name, "everybody who reaches it may write to it: it has no password",
            "set requirepass and masterauth on every node, auth-pass on every sentinel, in the order of the manual");
      }
      // Any node may be a replica of any other after a failover.
      for (const NodeView& other : topology_.nodes) {
        if (&other == &node || !other.config.Has("masterauth") || password.empty()) continue;
        if (!node.config.Text("masteruser").empty() || !other.config.Text("masteruser").empty()) continue;
        if (other.config.Text("masterauth") == password) continue;
        Add(Severity::kError, "passwords", other.address.ToString(),
            fmt::format("its masterauth is not the requirepass of {}: it could not follow it", name),
            fmt::format("`CONFIG SET masterauth <secret>` and CONFIG REWRITE at {}", other.address.ToString()));
      }
    }
    if (passwords.size() > 1) {
      Add(Severity::kError, "passwords", topology_.master,
          "the nodes have different passwords: after a failover clients and sentinels would be refused",
          "give every node the same requirepass");
    }
  }

  void Replicas() {
    const std::string& master = topology_.master;
    std::int64_t replicas = 0;
    std::int64_t fit = 0;
    for (const NodeView& node : topology_.nodes) {
      if (node.role != Role::kReplica) continue;
      ++replicas;
      if (node.info.Number("slave_priority", 100) != 0) ++fit;
      if (node.config.Text("replica-read-only") == "no") {
        Add(Severity::kWarning, "replicas", node.address.ToString(),
            "it accepts writes of its own, which are lost with the next sync",
            fmt::format("`CONFIG SET replica-read-only yes` at {}", node.address.ToString()));
      }
    }
    if (replicas == 0) {
      Add(Severity::kError, "replicas", master, "it has no replica: there is nobody to fail over to",
          fmt::format("start one with `replicaof {} {}`", topology_.address.host, topology_.address.port));
    } else if (fit == 0) {
      Add(Severity::kError, "replicas", master, "every replica has priority 0: none may be promoted",
          "`CONFIG SET replica-priority 100` on one of them");
    }
    const NodeView* const node = topology_.Master();
    if (node == nullptr || !node->config.Has("min-replicas-to-write")) return;
    const std::int64_t needed = node->config.Number("min-replicas-to-write");
    const std::string at = node->address.ToString();
    if (needed == 0 && replicas > 0) {
      Add(Severity::kWarning, "replicas", at,
          "min-replicas-to-write is 0: a master that is cut off accepts writes that the failover then throws away",
          fmt::format("`CONFIG SET min-replicas-to-write 1` on every node (min-replicas-max-lag is {} s)",
                      node->config.Text("min-replicas-max-lag")));
    } else if (needed > 0 && needed >= replicas) {
      Add(needed > replicas ? Severity::kError : Severity::kWarning, "replicas", at,
          fmt::format("min-replicas-to-write is {} and there are {} replicas: {}", needed, replicas,
                      needed > replicas ? "it takes no writes" : "the loss of one stops the writes"),
          "add a replica, or lower it");
    }
    if (node->config.Number("repl-backlog-size") < 16 << 20 && node->config.Has("repl-backlog-size")) {
      Add(Severity::kNote, "replicas", at,
          fmt::format("its backlog holds {} bytes: a replica that was away for longer needs a full copy",
                      node->config.Text("repl-backlog-size")),
          "`CONFIG SET repl-backlog-size 64mb`, or what you write in the longest restart");
    }
    static constexpr std::array kSame = {"maxmemory",
                                         "maxmemory-policy",
                                         "appendonly",
                                         "appendfsync",
                                         "save",
                                         "min-replicas-to-write",
                                         "repl-backlog-size",
                                         "maxclients",
                                         "notify-keyspace-events"};
    for (const NodeView& other : topology_.nodes) {
      if (&other == node) continue;
      for (const char* name : kSame) {
        if (!other.config.Has(name) || other.config.Text(name) == node->config.Text(name)) continue;
        Add(Severity::kWarning, "config", other.address.ToString(),
            fmt::format("{} is '{}' here and '{}' at the master: a failover would change it", name,
                        other.config.Text(name), node->config.Text(name)),
            fmt::format("`CONFIG SET {} '{}'` at {}", name, node->config.Text(name), other.address.ToString()));
      }
    }
  }

  void Persistence() {
    for (const NodeView& node : topology_.nodes) {
      if (!node.answers) continue;
      const std::string name = node.address.ToString();
      if (node.info.Text("rdb_last_bgsave_status") == "err") {
        Add(Severity::kError, "persistence", name, "its latest snapshot failed",
            "look at its log, and at its disk's space");
      }
      if (node.info.Text("aof_last_write_status") == "err") {
        Add(Severity::kError, "persistence", name, "it could not write its append-only file",
            "look at its log, and at its disk's space");
      }
      if (!node.config.Has("save")) continue;
      const bool persists = node.config.Text("appendonly") == "yes" || !node.config.Text("save").empty();
      if (persists) continue;
      const bool refuses = Text(Part(outlook_, "features"), "empty-master-refusal") == "possible";
      const bool is_master = node.address == topology_.address;
      if (is_master && !refuses) {
        Add(Severity::kWarning, "persistence", name,
            "it keeps nothing on disk: restarted by a supervisor it comes back empty, and its replicas empty "
            "themselves",
            "`CONFIG SET appendonly yes`, or nodes that refuse an empty master (vigil-node)");
      } else if (is_master) {
        Add(Severity::kNote, "persistence", name,
            "it keeps nothing on disk; its replicas refuse an empty master, so a restart costs a failover, not the "
            "data",
            "`CONFIG SET appendonly yes` to survive the loss of all nodes at once");
      }
    }
  }

  void Clocks() {
    const auto check = [&](const base::Endpoint& address, const Fields& info, std::int64_t asked_at_us) {
      const std::int64_t there = info.Number("server_time_usec", 0);
      if (there == 0 || asked_at_us == 0) return;
      const std::int64_t off_ms = (there - asked_at_us) / 1000;
      if (off_ms > -2000 && off_ms < 2000) return;
      Add(Severity::kWarning, "clock", address.ToString(),
          fmt::format("its clock is {} {} this machine's: expiry and the times in the logs disagree",
                      LengthInWords(std::abs(off_ms)), off_ms > 0 ? "ahead of" : "behind"),
          "run chrony or systemd-timesyncd on both");
    };
    for (const NodeView& node : topology_.nodes) check(node.address, node.info, node.asked_at_us);
    for (const SentinelView& sentinel : topology_.sentinels) {
      check(sentinel.address, sentinel.info, sentinel.asked_at_us);
    }
  }

  void Versions() {
    const auto version = [](const Fields& info) {
      return info.Has("vigil_version") ? "vigil " + info.Text("vigil_version") : "stock " + info.Text("redis_version");
    };
    std::map<std::string, std::vector<std::string>> nodes;
    for (const NodeView& node : topology_.nodes) {
      if (node.answers) nodes[version(node.info)].push_back(node.address.ToString());
    }
    std::map<std::string, std::vector<std::string>> sentinels;
    for (const SentinelView& each : topology_.sentinels) {
      if (each.info.Has("redis_version")) sentinels[version(each.info)].push_back(each.address.ToString());
    }
    const auto tell = [&](const auto& versions, const char* what) {
      if (versions.size() < 2) return;
      std::string text;
      for (const auto& [name, who] : versions) {
        text += fmt::format("{}{} at {}", text.empty() ? "" : ", ", name, fmt::join(who, " and "));
      }
      Add(Severity::kWarning, "versions", topology_.master, fmt::format("the {} differ: {}", what, text),
          "finish the upgrade: replicas first, then `vigil switchover`, then the old master");
    };
    tell(nodes, "nodes");
    tell(sentinels, "sentinels");
  }

  // What is off beside stock, and because of whom.
  void Features() {
    for (const auto& [name, state] : Part(outlook_, "features").items()) {
      const std::string text = state.is_string() ? state.get<std::string>() : state.dump();
      if (!text.starts_with("off") && text.find("stock") == std::string::npos) continue;
      Add(Severity::kNote, "features", topology_.master, fmt::format("{}: {}", name, text),
          "replace stock sentinels and nodes by vigil's, or set it where it is a setting");
    }
    for (const json& each : Part(outlook_, "obstacles")) {
      Add(Severity::kError, "failover", topology_.master,
          fmt::format("a failover would not succeed: {}", each.get<std::string>()),
          fmt::format("`vigil explain {}` ranks the replicas and counts the votes", topology_.master));
    }
  }

  const Topology& topology_;
  const json& outlook_;
  const LocalFacts& local_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> Diagnose(const Topology& topology, const json& outlook, const LocalFacts& local) {
  return Examination(topology, outlook, local).Run();
}

std::string SeverityWord(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      break;
  }
  return "note";
}

std::string RenderFindings(const std::vector<Finding>& findings, std::size_t width, const Paint& paint) {
  std::string out;
  int counts[3] = {0, 0, 0};
  for (const Finding& finding : findings) {
    ++counts[static_cast<int>(finding.severity)];
    const Tone tone = finding.severity == Severity::kError     ? Tone::kBad
                      : finding.severity == Severity::kWarning ? Tone::kWarn
                                                               : Tone::kDim;
    const std::string word = fmt::format("{:<8}", SeverityWord(finding.severity));
    // Painted after it is wrapped: marks have no width.
    const std::string text =
        Wrap(fmt::format("{}{}  {}: {}", word, finding.area, finding.subject, finding.text), width, 8);
    out += paint(tone, text.substr(0, word.size())) + text.substr(word.size()) + "\n";
    out += "        " + Wrap("-> " + finding.remedy, width - 8, 11) + "\n";
  }
  if (findings.empty()) return paint(Tone::kGood, "Nothing to complain about.") + "\n";
  return out + fmt::format("{} errors, {} warnings, {} notes\n", counts[0], counts[1], counts[2]);
}

}  // namespace cli
