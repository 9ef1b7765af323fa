// Five nodes, ours and stock, in a random tree, under load of every type, while links break, processes stop, restart
// and change their roles: in the end all hold equal data, and not one full sync happened that need not have.
//
//   VIGIL_TORTURE_SEED=S        this seed alone
//   VIGIL_TORTURE_SEEDS=N       seeds 1 to N, VIGIL_TORTURE_FIRST=S: from S on
//   VIGIL_TORTURE_MINUTES=M     as many as there is time for
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/interop/torture_load.h"
#include "tests/support/cluster.h"

using namespace support;

namespace {

constexpr int kNodes = 5;
constexpr int kPatience = 60000;

// Who plays which part, by seed.
enum class Troupe { kOurs, kOurMaster, kStockMaster, kMixed };

// What a trial may do. Of what is tame the costs are known beforehand: no full sync at all, and no acknowledged write
// is lost. What is wild may cost some; the data must be equal all the same.
enum class Manner { kTame, kWild };

struct Player {
  Member* member = nullptr;
  int parent = -1;  // index; -1: a master
  // Counted by processes that have ended.
  long full_before = 0;
  long partial_before = 0;
};

long Number(const std::string& text) {
  return text.empty() ? 0 : std::stol(text);
}

class Trial {
 public:
  explicit Trial(std::uint64_t seed)
      : seed_(seed),
        random_(seed * 7919),
        troupe_(static_cast<Troupe>(seed % 4)),
        manner_(seed / 4 % 2 == 0 ? Manner::kTame : Manner::kWild) {
    const bool has_stock = !StockProgram("redis-server").empty();
    cluster_.BehindProxies();
    for (int i = 0; i < kNodes; ++i) {
      players_.emplace_back();
      players_[i].parent = i == 0 ? -1 : Chance(50) ? i - 1 : Below(i);
      const Make make = has_stock ? MakeOf(i) : Make::kOurs;
      players_[i].member = &cluster_.AddNode(
          make, i == 0 ? nullptr : players_[players_[i].parent].member,
          {"enable-debug-command yes", "repl-backlog-size 64mb", "repl-timeout 20", "save 3600 1",
           fmt::format("repl-ping-replica-period {}", make == Make::kOurs ? 1 : 3600), "shutdown-timeout 20"});
      // One after the other: who is followed while it is synced itself drops those behind it, and the costs vary.
      if (i > 0) WaitUp(i);
    }
  }

  void Run() {
    Note(fmt::format("seed {}: {}, {}", seed_, TroupeName(), manner_ == Manner::kTame ? "tame" : "wild"));
    interop::TortureLoad load(seed_, players_[0].member->port);
    load_ = &load;
    Sleep(200);
    CheckCosts("at the start", kNodes - 1);
    const int events = 6 + Below(5);
    for (int i = 0; i < events; ++i) {
      Event();
      Sleep(100 + Below(300));
    }
    for (Player& player : players_) player.member->proxy->Heal();
    load.Pause();
    CheckEnd();
    if (manner_ == Manner::kTame) {
      CheckCosts("at the end", kNodes - 1);
      Redis redis(players_[Master()].member->port, kPatience);
      redis.Do({"SELECT", "9"});
      const long counted = Number(redis.Do({"GET", "acknowledged"}).text);
      INFO(told_);
      CHECK(counted >= static_cast<long>(load.acknowledged()));
    }
    CHECK(load.acknowledged() > 0);
    load_ = nullptr;
  }

  const std::string& Told() const { return told_; }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool Chance(int percent) { return Below(100) < percent; }
  static void Sleep(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

  Make MakeOf(int i) {
    switch (troupe_) {
      case Troupe::kOurs:
        return Make::kOurs;
      case Troupe::kOurMaster:
        return i == 0 ? Make::kOurs : Make::kStock;
      case Troupe::kStockMaster:
        return i == 0 ? Make::kStock : Make::kOurs;
      case Troupe::kMixed:
        return Chance(50) ? Make::kOurs : Make::kStock;
    }
    return Make::kOurs;
  }

  std::string TroupeName() const {
    std::string name;
    for (int i = 0; i < kNodes; ++i) {
      const Player& player = players_[i];
      name += fmt::format("{}{}:{}<-{}", i == 0 ? "" : " ", i, player.member->make == Make::kOurs ? "ours" : "stock",
                          player.parent);
    }
    return name;
  }

  void Note(const std::string& what) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
    told_ += fmt::format("  [{:>6}] {}\n", since.count(), what);
  }

  int Master() const { return static_cast<int>(std::ranges::find(players_, -1, &Player::parent) - players_.begin()); }

  bool IsBelow(int node, int top) const {
    for (int at = node; at != -1; at = players_[at].parent) {
      if (at == top) return true;
    }
    return false;
  }

  bool AllOurs() const {
    return std::ranges::all_of(players_, [](const Player& each) { return each.member->make == Make::kOurs; });
  }

  void Must(bool holds, const std::string& what) {
    if (holds) return;
    Note("FAILED: " + what);
    INFO(told_);
    INFO(Logs(cluster_));
    REQUIRE_MESSAGE(false, what);
  }

  // INFO of one that may be slow to answer: no answer is not a zero.
  std::map<std::string, std::string> Facts(int node) {
    std::map<std::string, std::string> info;
    Must(WaitFor([&] { return !(info = players_[node].member->AllInfo()).empty(); }, kPatience),
         fmt::format("{} answers INFO", node));
    return info;
  }

  // What must be done before the trial goes on, however long it takes.
  void Do(int node, const std::vector<std::string>& words) {
    const Value answer = players_[node].member->Do(words, kPatience);
    Must(answer.ok(), fmt::format("{} at {}: {}", words[0], node, answer.ToString()));
  }

  void WaitUp(int node) {
    Must(WaitFor([&] { return players_[node].member->Info("master_link_status") == "up"; }, kPatience),
         fmt::format("the link of {} comes up", node));
  }

  void WaitAllUp() {
    for (int i = 0; i < kNodes; ++i) {
      if (players_[i].parent >= 0) WaitUp(i);
    }
  }

  // All that the master has written arrives everywhere. The load is paused.
  void WaitEven() {
    WaitAllUp();
    const auto even = [&] {
      const std::string offset = players_[Master()].member->Info("master_repl_offset");
      return std::ranges::all_of(players_, [&](const Player& each) {
        return each.member->Info("master_repl_offset") == offset || each.parent == -1;
      });
    };
    Must(WaitFor(even, kPatience), "all reach the master's offset");
  }

  void Point(int node, int parent) {
    Member& member = *players_[node].member;
    const Value answer =
        parent < 0
            ? member.Do({"REPLICAOF", "NO", "ONE"}, kPatience)
            : member.Do({"REPLICAOF", "127.0.0.1", std::to_string(players_[parent].member->announced)}, kPatience);
    Must(answer.kind == Value::Kind::kStatus, fmt::format("REPLICAOF at {}: {}", node, answer.ToString()));
    players_[node].parent = parent;
  }

  // ---- Events that cost nothing. ----

  void BreakLinks() {
    const int node = Below(kNodes);
    Note(fmt::format("links to {} are reset", node));
    players_[node].member->proxy->Reset();
  }

  void StallLinks() {
    const int node = Below(kNodes);
    const int ms = 50 + Below(600);
    const auto direction = Chance(50) ? Proxy::kToClient : Proxy::kToServer;
    Note(fmt::format("links to {} stall for {} ms, {}", node, ms,
                     direction == Proxy::kToClient ? "downwards" : "upwards"));
    players_[node].member->proxy->Set(direction, Flow::kStall);
    Sleep(ms);
    players_[node].member->proxy->Set(direction, Flow::kPass);
    if (Chance(30)) players_[node].member->proxy->Reset();
  }

  void LoseBytes() {
    const int node = Below(kNodes);
    Note(fmt::format("bytes from {} are lost, and its links reset", node));
    players_[node].member->proxy->Set(Proxy::kToClient, Flow::kDrop);
    Sleep(20 + Below(100));
    players_[node].member->proxy->Set(Proxy::kToClient, Flow::kPass);
    players_[node].member->proxy->Reset();
  }

  void StopForAWhile() {
    const int node = Below(kNodes);
    const int ms = 50 + Below(800);
    Note(fmt::format("{} is stopped for {} ms", node, ms));
    players_[node].member->process.Signal(SIGSTOP);
    Sleep(ms);
    players_[node].member->process.Signal(SIGCONT);
  }

  void Save() {
    const int node = Below(kNodes);
    Note(fmt::format("{} saves", node));
    players_[node].member->Do({"BGSAVE"}, 10000);
  }

  // SIGTERM: it saves, and goes on from its file.
  void RestartPolitely() {
    const int node = Below(kNodes);
    Player& player = players_[node];
    // Who goes on writing to a stock master that shuts down may be refused or not: the model wants it quiet.
    Note(fmt::format("{} is ended and starts again", node));
    if (player.parent == -1) load_->Pause();
    WaitAllUp();
    Remember(node);
    Do(node, {"CONFIG", "REWRITE"});  // its role now is its role then
    player.member->process.Signal(SIGTERM);
    Must(player.member->process.Wait(kPatience).has_value(), fmt::format("{} ends", node));
    player.member->Start();
    Must(WaitFor([&] { return player.member->Info("loading") == "0"; }, kPatience), "it loads its file");
    WaitAllUp();
    load_->Resume();
  }

  // The master hands its role to one of its replicas, while clients write.
  void HandOver() {
    const int master = Master();
    std::vector<int> candidates;
    for (int i = 0; i < kNodes; ++i) {
      if (players_[i].parent == master) candidates.push_back(i);
    }
    if (candidates.empty()) return;
    const int target = candidates[static_cast<std::size_t>(Below(static_cast<int>(candidates.size())))];
    WaitAllUp();
    Note(fmt::format("FAILOVER from {} to {}", master, target));
    Member& from = *players_[master].member;
    const Value answer =
        from.Do({"FAILOVER", "TO", "127.0.0.1", std::to_string(players_[target].member->announced)}, kPatience);
    if (!answer.ok()) {
      Note("refused: " + answer.ToString());  // the target has just lost its link
      return;
    }
    Must(WaitFor([&] { return from.Info("master_failover_state") == "no-failover"; }, kPatience), "it ends");
    if (Facts(master)["role"] == "master") {
      Note("it was given up");
      return;
    }
    players_[target].parent = -1;
    players_[master].parent = target;
    load_->Aim(players_[target].member->port);
    WaitUp(master);
  }

  // One that holds everything becomes master, wherever it stands in the tree; the former master follows it.
  void PromoteEven() {
    const int master = Master();
    const int target = Below(kNodes);
    if (target == master) return;
    Note(fmt::format("{} is promoted when all are even, {} follows it", target, master));
    load_->Pause();
    // Keys whose time comes are deleted by a master that nobody writes to, too.
    Do(master, {"CLIENT", "PAUSE", "600000", "WRITE"});
    WaitEven();
    Point(target, -1);
    Point(master, target);
    Do(master, {"CLIENT", "UNPAUSE"});
    load_->Aim(players_[target].member->port);
    load_->Resume();
    WaitAllUp();
  }

  // A replica gets another master, while clients write.
  void Repoint() {
    const int node = Below(kNodes);
    const int parent = Below(kNodes);
    if (players_[node].parent == -1 || IsBelow(parent, node)) return;
    // A stock parent that is a few bytes behind answers with a full sync: there only upwards.
    if (!AllOurs() && !IsBelow(players_[node].parent, parent)) return;
    Note(fmt::format("{} follows {} instead of {}", node, parent, players_[node].parent));
    WaitAllUp();
    Point(node, parent);
    WaitUp(node);
  }

  // ---- Events that may cost a full sync. ----

  void KillHard() {
    const int node = Below(kNodes);
    Note(fmt::format("{} is killed and starts again", node));
    Player& player = players_[node];
    if (Chance(50)) player.member->Do({"SAVE"}, 20000);
    Remember(node);
    Do(node, {"CONFIG", "REWRITE"});
    player.member->Kill();
    Sleep(Below(500));
    player.member->Start();
  }

  // Two masters for a while; what the former one takes meanwhile is lost.
  void PromoteUneven() {
    const int master = Master();
    const int target = Below(kNodes);
    if (target == master) return;
    Note(fmt::format("{} is promoted while {} takes writes", target, master));
    Point(target, -1);
    players_[target].parent = master;  // for a moment there is no single master
    Sleep(Below(200));
    load_->Aim(players_[target].member->port);
    Sleep(Below(200));
    players_[target].parent = -1;
    Point(master, target);
  }

  void RepointAnyhow() {
    const int node = Below(kNodes);
    const int parent = Below(kNodes);
    if (players_[node].parent == -1 || IsBelow(parent, node)) return;
    Note(fmt::format("{} follows {} instead of {}, whatever its state", node, parent, players_[node].parent));
    Point(node, parent);
  }

  void Event() {
    using Act = void (Trial::*)();
    static constexpr Act kTame[] = {&Trial::BreakLinks,      &Trial::StallLinks, &Trial::LoseBytes,
                                    &Trial::StopForAWhile,   &Trial::Save,       &Trial::RestartPolitely,
                                    &Trial::RestartPolitely, &Trial::HandOver,   &Trial::HandOver,
                                    &Trial::PromoteEven,     &Trial::Repoint,    &Trial::Repoint};
    static constexpr Act kWild[] = {&Trial::KillHard, &Trial::PromoteUneven, &Trial::RepointAnyhow};
    if (manner_ == Manner::kWild && Chance(50)) {
      (this->*kWild[Below(std::size(kWild))])();
    } else {
      (this->*kTame[Below(std::size(kTame))])();
    }
  }

  // ---- What must hold. ----

  // A process that ends takes its counters with it.
  void Remember(int node) {
    Player& player = players_[node];
    auto info = Facts(node);
    player.full_before += Number(info["sync_full"]);
    player.partial_before += Number(info["sync_partial_ok"]);
  }

  void CheckCosts(const std::string& when, long full) {
    long counted = 0;
    std::string each;
    for (int i = 0; i < kNodes; ++i) {
      const long here = players_[i].full_before + Number(Facts(i)["sync_full"]);
      counted += here;
      each += fmt::format(" {}", here);
    }
    if (counted != full) {
      INFO(told_);
      INFO(Logs(cluster_));
      CHECK_MESSAGE(counted == full, fmt::format("full syncs {}, given by each:{}", when, each));
    }
  }

  void CheckEnd() {
    WaitEven();
    std::string digests;
    const auto equal = [&] {
      std::map<std::string, int> seen;
      digests.clear();
      for (Player& player : players_) {
        const std::string digest = player.member->Do({"DEBUG", "DIGEST"}, kPatience).text;
        ++seen[digest];
        auto info = player.member->AllInfo();
        digests += fmt::format("{} {}, {}:{}, {}\n", player.member->port, info["role"], info["master_replid"],
                               info["master_repl_offset"], digest);
      }
      return seen.size() == 1 && !seen.begin()->first.empty();
    };
    const bool are_equal = WaitFor(equal, kPatience);
    if (!are_equal) told_ += "data sets at the end:\n" + digests;
    Must(are_equal, "all hold equal data");
    const std::string history = Facts(Master())["master_replid"];
    for (int i = 0; i < kNodes; ++i) {
      auto info = Facts(i);
      Must(Number(info["unexpected_error_replies"]) == 0, "no replica had to refuse a write of its master");
      Must(Number(info["repl_unknown_commands"]) == 0, "no replica was told what it does not know");
      Must(info["master_replid"] == history, "all have one history");
    }
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  const Troupe troupe_;
  const Manner manner_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::string told_;
  Cluster cluster_;
  std::vector<Player> players_;
  interop::TortureLoad* load_ = nullptr;
};

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

}  // namespace

TEST_CASE("torture: whatever happens to five nodes, in the end their data are equal, and nothing is sent twice") {
  const std::uint64_t only = FromEnvironment("VIGIL_TORTURE_SEED", 0);
  const std::uint64_t minutes = FromEnvironment("VIGIL_TORTURE_MINUTES", 0);
  const std::uint64_t first = only != 0 ? only : FromEnvironment("VIGIL_TORTURE_FIRST", 1);
  const std::uint64_t seeds = only != 0 ? 1 : FromEnvironment("VIGIL_TORTURE_SEEDS", 4);
  const bool told = only != 0 || minutes != 0 || std::getenv("VIGIL_TORTURE_SEEDS") != nullptr;
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(minutes);
  for (std::uint64_t seed = first; minutes == 0 ? seed < first + seeds : std::chrono::steady_clock::now() < until;
       ++seed) {
    CAPTURE(seed);
    Trial trial(seed);
    trial.Run();
    if (told) std::cout << trial.Told() << std::flush;
  }
}
