#include "tests/support/cluster.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <stdexcept>

namespace support {

void Member::Start() {
  const std::string name = is_sentinel ? "sentinel" : make == Make::kOurs ? "node" : "server";
  const std::string program = make == Make::kOurs ? OurProgram("vigil-" + name) : StockProgram("redis-" + name);
  if (program.empty()) throw std::runtime_error("stock Redis is missing: set VIGIL_STOCK_BIN");
  std::vector<std::string> argv = {program, config_path};
  if (is_sentinel) argv.push_back("--sentinel");
  process = Process(argv, directory + ".log", directory, space);
  if (!WaitFor([this] { return Answers() || !process.running(); }, 60000) || !process.running()) {
    throw std::runtime_error(fmt::format("{} did not come up:\n{}", program, process.log()));
  }
}

Value Member::Do(const std::vector<std::string>& words, int timeout_ms) const {
  const Inside inside(space);
  return Redis(host, port, timeout_ms).Do(words);
}

std::map<std::string, std::string> Member::AllInfo(const std::string& section) const {
  const Inside inside(space);
  return Redis(host, port, 2000).Info(section);
}

bool Member::Answers() const {
  const Value answer = Do({"PING"}, 1000);
  return answer.text == "PONG" || answer.text.starts_with("NOAUTH");
}

Member& Cluster::Add(std::vector<std::unique_ptr<Member>>& to, Make make, bool is_sentinel,
                     const std::vector<std::string>& lines) {
  auto member = std::make_unique<Member>();
  member->make = make;
  member->is_sentinel = is_sentinel;
  member->port = FreePort();
  member->announced = member->port;
  member->host = next_host_;
  member->space = next_space_;
  member->directory = fmt::format("{}/{}-{}", temp.path(), is_sentinel ? "sentinel" : "node", member->port);
  std::filesystem::create_directory(member->directory);
  member->config_path = member->directory + "/conf";
  std::string text =
      fmt::format("bind {}\nport {}\ndir \"{}\"\nprotected-mode no\n", member->host, member->port, member->directory);
  if (behind_proxies_) {
    member->proxy = std::make_unique<Proxy>(member->port);
    member->announced = member->proxy->port();
    const char* prefix = is_sentinel ? "sentinel announce" : "replica-announce";
    text += fmt::format("{0}-ip 127.0.0.1\n{0}-port {1}\n", prefix, member->announced);
  }
  for (const std::string& line : lines) text += line + "\n";
  WriteTextFile(member->config_path, text);
  to.push_back(std::move(member));
  to.back()->Start();
  return *to.back();
}

Member& Cluster::AddNode(Make make, const Member* replica_of, const std::vector<std::string>& lines) {
  std::vector<std::string> all = {"save \"\"", "repl-diskless-sync-delay 0", "repl-backlog-size 16mb"};
  if (replica_of != nullptr) all.push_back(fmt::format("replicaof {} {}", replica_of->host, replica_of->announced));
  all.insert(all.end(), lines.begin(), lines.end());
  return Add(nodes, make, false, all);
}

Member& Cluster::AddSentinel(Make make, int quorum, int down_after_ms, const std::vector<std::string>& lines) {
  std::vector<std::string> all = {
      fmt::format("sentinel monitor {} {} {} {}", kName, nodes.at(0)->host, nodes.at(0)->announced, quorum),
      fmt::format("sentinel down-after-milliseconds {} {}", kName, down_after_ms),
      fmt::format("sentinel failover-timeout {} 10000", kName),
  };
  all.insert(all.end(), lines.begin(), lines.end());
  return Add(sentinels, make, true, all);
}

void Cluster::PlaceOn(const Network& network, int host, Family family) {
  next_host_ = network.Address(host, family);
  next_space_ = network.Space(host);
}

void Cluster::PlaceAt(const std::string& address) {
  next_host_ = address;
  next_space_ = -1;
}

void Cluster::Build(Make make, const std::vector<Make>& sentinel_makes, int down_after_ms) {
  Member& master = AddNode(make);
  AddNode(make, &master);
  AddNode(make, &master);
  for (const Make sentinel : sentinel_makes) AddSentinel(sentinel, 2, down_after_ms);
  if (!WaitHealthy()) throw std::runtime_error("the cluster did not become healthy: " + Trouble() + "\n" + Logs(*this));
}

std::string Cluster::Trouble() {
  int running_nodes = 0;
  int running_sentinels = 0;
  for (const auto& node : nodes) running_nodes += node->process.running() ? 1 : 0;
  for (const auto& sentinel : sentinels) running_sentinels += sentinel->process.running() ? 1 : 0;
  const int master = AgreedMaster();
  if (master == 0) return "the sentinels do not agree on a master";
  if (NodeAt(master).Info("role") != "master") return fmt::format("{} is no master", master);
  if (!AllFollow(master)) return fmt::format("not every node follows {}", master);
  for (const auto& sentinel : sentinels) {
    if (!sentinel->process.running()) continue;
    auto seen = Pairs(sentinel->Do({"SENTINEL", "MASTER", kName}));
    const auto say = [&](const std::string& what) { return fmt::format("sentinel {}: {}", sentinel->port, what); };
    if (seen["flags"] != "master") return say("flags " + seen["flags"]);
    if (std::stoi("0" + seen["num-other-sentinels"]) + 1 < running_sentinels) return say("knows too few sentinels");
    int healthy = 0;
    for (const Value& row : sentinel->Do({"SENTINEL", "REPLICAS", kName}).elements) {
      auto replica = Pairs(row);
      if (replica["flags"] == "slave" && replica["master-link-status"] == "ok") ++healthy;
    }
    if (healthy < running_nodes - 1) return say(fmt::format("sees {} healthy replicas", healthy));
    healthy = 1;
    for (const Value& row : sentinel->Do({"SENTINEL", "SENTINELS", kName}).elements) {
      if (Pairs(row)["flags"] == "sentinel") ++healthy;
    }
    if (healthy < running_sentinels) return say(fmt::format("sees {} healthy sentinels", healthy));
  }
  return "";
}

bool Cluster::WaitHealthy(int limit_ms) {
  return WaitFor([this] { return Trouble().empty(); }, limit_ms);
}

int Cluster::AgreedMaster(int old_port) {
  std::set<std::string> named;
  for (const auto& sentinel : sentinels) {
    if (!sentinel->process.running()) continue;
    const Value address = sentinel->Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kName});
    if (address.elements.size() != 2) return 0;
    named.insert(address.elements[1].text);
  }
  if (named.size() != 1) return 0;
  const int port = std::stoi(*named.begin());
  return port == old_port ? 0 : port;
}

bool Cluster::WaitNewMaster(int old_port, int limit_ms) {
  return WaitFor([&] { return AgreedMaster(old_port) != 0; }, limit_ms);
}

bool Cluster::AllFollow(int port) {
  for (const auto& node : nodes) {
    if (node->announced == port || !node->process.running()) continue;
    auto info = node->AllInfo("replication");
    if (info["role"] != "slave" || info["master_port"] != std::to_string(port) || info["master_link_status"] != "up")
      return false;
  }
  return true;
}

Member& Cluster::NodeAt(int port) {
  for (const auto& node : nodes) {
    if (node->announced == port) return *node;
  }
  throw std::runtime_error(fmt::format("no node at port {}", port));
}

std::string Logs(const Cluster& cluster) {
  std::string out;
  const auto add = [&out](const Member& member) {
    const std::string log = member.process.log();
    out += fmt::format("--- {} {} ---\n{}\n", member.is_sentinel ? "sentinel" : "node", member.port,
                       log.size() > 3000 ? log.substr(log.size() - 3000) : log);
  };
  for (const auto& node : cluster.nodes) add(*node);
  for (const auto& sentinel : cluster.sentinels) add(*sentinel);
  return out;
}

}  // namespace support
