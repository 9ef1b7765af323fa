#include "sentinel/cli/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <set>

#include "replication/base/text.h"
#include "sentinel/cli/ask_all.h"

namespace cli {
namespace {

using base::Endpoint;
using base::ErrorCode;
using base::Fail;
using base::Result;

bool IsUnknownMaster(const base::Error& error) {
  return error.text.find("No such master") != std::string::npos;
}

// Calls `ask` on a connection to each sentinel that answers, in turn, until one gives a value.
template <class Ask>
auto FirstAnswer(const Where& where, const Ask& ask) -> decltype(ask(std::declval<RedisClient&>())) {
  Responsive found = FindResponsive(where.sentinels, where.credentials);
  std::vector<base::Error>& errors = found.silent;
  for (const Endpoint& sentinel : found.sentinels) {
    auto client = RedisClient::Connect(sentinel, where.credentials, kPatience);
    if (!client) {
      errors.push_back(client.error());
      continue;
    }
    auto answer = ask(*client);
    if (answer) return answer;
    errors.push_back(answer.error());
  }
  return tl::unexpected(NobodyAnswers(errors));
}

// "127.0.0.1:7001: connection refused" without the address, for a place that names it anyway.
std::string WithoutAddress(const std::string& text, const Endpoint& address) {
  const std::string prefix = address.ToString() + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

Result<std::vector<Fields>> AskMaps(RedisClient& client, const std::vector<std::string>& words) {
  const auto reply = client.Ask(words);
  if (!reply) return tl::unexpected(reply.error());
  std::vector<Fields> maps;
  for (const Reply& item : reply->items) {
    auto fields = Fields::FromReply(item);
    if (!fields) return tl::unexpected(fields.error());
    maps.push_back(std::move(*fields));
  }
  return maps;
}

Result<Fields> AskMap(RedisClient& client, const std::vector<std::string>& words) {
  const auto reply = client.Ask(words);
  if (!reply) return tl::unexpected(reply.error());
  return Fields::FromReply(*reply);
}

std::int64_t MicrosNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t MicrosSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();
}

// What only `doctor` and its like want to know; it is missing when the server refuses it.
void FillThorough(RedisClient& client, SentinelView& view) {
  const std::int64_t before = MicrosNow();
  if (const auto info = client.Ask({"INFO"})) view.info = Fields::FromInfo(info->text);
  view.asked_at_us = (before + MicrosNow()) / 2;
  if (auto config = AskMap(client, {"SENTINEL", "CONFIG", "GET", "*"})) view.config = std::move(*config);
}

Result<void> FillSentinel(RedisClient& client, const std::string& master, SentinelView& view, Depth depth) {
  const auto begin = std::chrono::steady_clock::now();
  const auto id = client.Ask({"SENTINEL", "MYID"});
  if (!id) return tl::unexpected(id.error());
  view.rtt_us = MicrosSince(begin);
  view.id = id->text;
  const auto address = client.Ask({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master});
  if (!address) return tl::unexpected(address.error());
  if (address->items.size() == 2) {
    if (const auto port = base::ParsePort(address->items[1].text)) view.master = {address->items[0].text, *port};
  }
  const auto fields = AskMap(client, {"SENTINEL", "MASTER", master});
  if (!fields) return tl::unexpected(fields.error());
  view.fields = *fields;
  view.config_epoch = {static_cast<std::uint64_t>(fields->Number("config-epoch"))};
  view.quorum = static_cast<int>(fields->Number("quorum"));
  view.master_down = fields->Flag("flags", "s_down") || fields->Flag("flags", "o_down");
  view.failing_over = fields->Flag("flags", "failover_in_progress");

  const auto replicas = AskMaps(client, {"SENTINEL", "REPLICAS", master});
  if (!replicas) return tl::unexpected(replicas.error());
  view.replica_fields = *replicas;
  for (const Fields& replica : *replicas) {
    const Endpoint where = replica.Address("ip", "port");
    view.replicas.push_back(where);
    if (replica.Flag("flags", "s_down") || replica.Flag("flags", "disconnected")) view.bad_replicas.push_back(where);
    if (replica.Text("master-link-status") != "ok") view.unlinked_replicas.push_back(where);
  }
  const auto peers = AskMaps(client, {"SENTINEL", "SENTINELS", master});
  if (!peers) return tl::unexpected(peers.error());
  view.peer_fields = *peers;
  for (const Fields& peer : *peers) {
    const Endpoint where = peer.Address("ip", "port");
    view.peers.push_back(where);
    if (peer.Flag("flags", "s_down") || peer.Flag("flags", "disconnected")) view.bad_peers.push_back(where);
  }
  const auto quorum = client.Command({"SENTINEL", "CKQUORUM", master});
  if (!quorum) return tl::unexpected(quorum.error());
  view.quorum_ok = !quorum->is_error();
  view.quorum_text = quorum->text;
  if (depth == Depth::kThorough) FillThorough(client, view);
  view.answers = true;
  return {};
}

SentinelView AskSentinel(const Endpoint& address, const Credentials& credentials, const std::string& master,
                         Depth depth) {
  SentinelView view;
  view.address = address;
  auto client = RedisClient::Connect(address, credentials, kPatience);
  if (!client) {
    view.error = WithoutAddress(client.error().text, address);
    return view;
  }
  if (const auto filled = FillSentinel(*client, master, view, depth); !filled) {
    view.error = WithoutAddress(filled.error().text, address);
  }
  return view;
}

Result<void> FillNode(RedisClient& client, NodeView& view, Depth depth) {
  const auto begin = std::chrono::steady_clock::now();
  // Replies that explain themselves (LOADING, MISCONF) come here; without a password, NOAUTH.
  const auto ping = client.Command({"PING"});
  if (!ping) return tl::unexpected(ping.error());
  view.rtt_us = MicrosSince(begin);
  const std::int64_t before = MicrosNow();
  const auto info = client.Ask({"INFO"});
  if (!info) return tl::unexpected(info.error());
  view.asked_at_us = (before + MicrosNow()) / 2;
  view.info = Fields::FromInfo(info->text);
  const Fields& fields = view.info;
  if (depth == Depth::kThorough) {
    if (auto config = AskMap(client, {"CONFIG", "GET", "*"})) view.config = std::move(*config);
  }
  view.answers = true;
  const std::string role = fields.Text("role");
  view.role = role == "master" ? Role::kMaster : role == "slave" ? Role::kReplica : Role::kUnknown;
  view.syncing = fields.Number("master_sync_in_progress") != 0;
  if (view.role == Role::kMaster) {
    view.offset = fields.Number("master_repl_offset", -1);
    for (int i = 0; fields.Has(fmt::format("slave{}", i)); ++i) {
      const auto replica = ParseAttachedReplica(fields.Text(fmt::format("slave{}", i)));
      if (replica) view.attached.push_back(*replica);
    }
    if (ping->is_error()) {
      view.why_not_writable = ping->text;
    } else if (fields.Has("min_slaves_good_slaves")) {
      const auto limit = client.Command({"CONFIG", "GET", "min-replicas-to-write"});
      const auto needed = limit && limit->items.size() == 2
                              ? base::ParseInt<std::int64_t>(limit->items[1].text).value_or(0)
                              : std::int64_t{0};
      if (const auto good = fields.Number("min_slaves_good_slaves"); good < needed) {
        view.why_not_writable = fmt::format("it wants {} good replicas to accept writes and has {}", needed, good);
      }
    }
    view.writable = view.why_not_writable.empty();
  } else {
    view.offset = fields.Number("slave_repl_offset", -1);
    view.follows = fields.Address("master_host", "master_port");
    view.link_up = fields.Text("master_link_status") == "up";
    view.link_down_for = fields.Number("master_link_down_since_seconds", -1);
    view.why_not_writable = "it is a replica";
  }
  return {};
}

// One answer for each address, asked for at the same time.
template <class View>
class Answers {
 public:
  template <class Ask>
  void Add(const Endpoint& address, const Ask& ask) {
    if (!address.empty() && asked_.insert(address).second) {
      pending_.push_back(std::async(std::launch::async, ask, address));
    }
  }
  // Waits for those that are still due. Others may be added afterwards.
  std::vector<View> Collect() {
    std::vector<View> views;
    for (auto& view : pending_) views.push_back(view.get());
    pending_.clear();
    return views;
  }

 private:
  std::set<Endpoint> asked_;
  std::vector<std::future<View>> pending_;
};

}  // namespace

const NodeView* Topology::Master() const {
  const auto found = std::ranges::find(nodes, address, &NodeView::address);
  return address.empty() || found == nodes.end() ? nullptr : &*found;
}

NodeView AskNode(const Endpoint& address, const Credentials& credentials, Depth depth) {
  NodeView view;
  view.address = address;
  auto client = RedisClient::Connect(address, credentials, kPatience);
  if (!client) {
    view.error = WithoutAddress(client.error().text, address);
  } else if (const auto filled = FillNode(*client, view, depth); !filled) {
    view.error = WithoutAddress(filled.error().text, address);
  }
  if (!view.answers) view.why_not_writable = view.error;
  return view;
}

Result<std::vector<std::string>> AskMasterNames(const Where& where) {
  return FirstAnswer(where, [](RedisClient& client) -> Result<std::vector<std::string>> {
    const auto masters = AskMaps(client, {"SENTINEL", "MASTERS"});
    if (!masters) return tl::unexpected(masters.error());
    std::vector<std::string> names;
    for (const Fields& fields : *masters) names.push_back(fields.Text("name"));
    std::ranges::sort(names);
    return names;
  });
}

Result<Endpoint> AskAddress(const Where& where, const std::string& master) {
  return FirstAnswer(where, [&](RedisClient& client) -> Result<Endpoint> {
    const auto reply = client.Ask({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master});
    if (!reply) return tl::unexpected(reply.error());
    if (reply->kind == Reply::Kind::kNil) {
      return Fail(ErrorCode::kNotFound,
                  fmt::format("the sentinel at {} knows no master '{}'", client.address().ToString(), master));
    }
    const auto port = reply->items.size() == 2 ? base::ParsePort(reply->items[1].text) : Result<std::uint16_t>(0);
    if (!port || *port == 0) {
      return Fail(ErrorCode::kInvalid, client.address().ToString() + " gave no address; is it a sentinel?");
    }
    return Endpoint{reply->items[0].text, *port};
  });
}

Result<Topology> AskTopology(const Where& where, const std::string& master, Depth depth) {
  const auto first = FirstAnswer(where, [&](RedisClient& client) -> Result<SentinelView> {
    SentinelView view;
    view.address = client.address();
    const auto filled = FillSentinel(client, master, view, Depth::kUsual);
    if (filled) return view;
    if (!IsUnknownMaster(filled.error())) return tl::unexpected(filled.error());
    return Fail(ErrorCode::kNotFound,
                fmt::format("the sentinel at {} knows no master '{}'", client.address().ToString(), master));
  });
  if (!first) return tl::unexpected(first.error());

  const auto ask_sentinel = [&](const Endpoint& address) {
    return AskSentinel(address, where.credentials, master, depth);
  };
  const auto ask_node = [&](const Endpoint& address) { return AskNode(address, where.credentials, depth); };
  Answers<SentinelView> sentinels;
  Answers<NodeView> nodes;
  for (const Endpoint& address : where.sentinels) sentinels.Add(address, ask_sentinel);
  for (const Endpoint& address : first->peers) sentinels.Add(address, ask_sentinel);
  const auto add_nodes = [&](const SentinelView& sentinel) {
    nodes.Add(sentinel.master, ask_node);
    for (const Endpoint& replica : sentinel.replicas) nodes.Add(replica, ask_node);
  };
  add_nodes(*first);

  Topology topology;
  topology.master = master;
  topology.sentinels = sentinels.Collect();
  // One sentinel under two names ("localhost" and "127.0.0.1") is one sentinel.
  std::set<std::string> seen;
  std::erase_if(topology.sentinels,
                [&](const SentinelView& view) { return !view.id.empty() && !seen.insert(view.id).second; });
  // A silent address that no sentinel has heard of was a typing error, or was removed; it is no trouble of theirs.
  std::set<Endpoint> known;
  for (const SentinelView& view : topology.sentinels) known.insert(view.peers.begin(), view.peers.end());
  std::erase_if(topology.sentinels,
                [&](const SentinelView& view) { return !view.answers && !known.contains(view.address); });
  for (const SentinelView& sentinel : topology.sentinels) add_nodes(sentinel);
  topology.nodes = nodes.Collect();
  Judge(topology);
  return topology;
}

}  // namespace cli
