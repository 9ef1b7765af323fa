// Whatever happens to nodes that are cut, killed, promoted and demoted at random: equal history and offset mean equal
// data, a replica holds its master's prefix, WAIT counts nobody who lacks the bytes, no offset falls within its
// history, and in the end all can follow one master.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "replication/base/random.h"
#include "replication/data/data_digest.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

constexpr int kNodes = 4;
constexpr int kSteps = 150;

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed) {
    const std::size_t pieces[] = {5, 300, 5000, 1 << 20};
    world_.piece = pieces[random_.Below(4)];
    // A small backlog makes full syncs frequent, a larger one partial ones.
    backlog_ = random_.Chance(0.5) ? 16384 : 1 << 20;
    for (int i = 0; i < kNodes; ++i) {
      boxes_.push_back(&world_.Add(fmt::format("n{}", i), [&](Settings& settings) {
        settings.repl_backlog_size = backlog_;
        settings.repl_timeout = base::Seconds(5);
        settings.repl_ping_replica_period = base::Seconds(1);
      }));
    }
  }

  int waits() const { return waits_; }

  void Run() {
    for (int step = 0; step < kSteps; ++step) {
      Step();
      CheckEqualMeansEqual();
      CheckOffsetsNeverFall();
    }
    Heal();
  }

 private:
  Box& Any() { return *boxes_[random_.Below(boxes_.size())]; }

  // Is `box` the master of `other`, at whatever distance, or itself? A ring would pass its bytes round for ever, as it
  // does with every server.
  bool Follows(const Box& other, const Box& box) const {
    const Box* at = &other;
    while (at != nullptr && at != &box) {
      const base::Endpoint& master = at->state().settings.replicaof;
      const auto found = std::ranges::find_if(boxes_, [&](const Box* each) { return each->port == master.port; });
      at = found == boxes_.end() ? nullptr : *found;
    }
    return at != nullptr;
  }

  void Write(Box& box) {
    const ClientId client = world_.Open(box);
    std::string bytes;
    const bool together = random_.Chance(0.3);
    if (together) bytes += "MULTI\r\n";
    for (std::uint64_t i = 0; i < 1 + random_.Below(20); ++i) {
      const std::string key = fmt::format("k{}", random_.Below(30));
      switch (random_.Below(7)) {
        case 0:
          bytes += fmt::format("INCR n{}\r\n", random_.Below(5));
          break;
        case 1:
          bytes += fmt::format("APPEND {} {}\r\n", key, random_.Hex(3));
          break;
        case 2:
          bytes += fmt::format("SET {} {} PX {}\r\n", key, random_.Hex(5), 1 + random_.Below(3000));
          break;
        case 3:
          bytes += fmt::format("DEL {}\r\n", key);
          break;
        case 4:
          bytes += fmt::format("SELECT {}\r\n", random_.Below(3));
          break;
        case 5:
          bytes += random_.Chance(0.05) ? "FLUSHDB\r\n" : fmt::format("PUBLISH c {}\r\n", random_.Hex(4));
          break;
        default:
          bytes += fmt::format("SET {} {}\r\n", key, random_.Hex(random_.Below(900)));
          break;
      }
    }
    if (together) bytes += "EXEC\r\n";
    world_.SendRaw(box, client, bytes);
    world_.Hang(box, client);
  }

  void Step() {
    Box& box = Any();
    switch (random_.Below(12)) {
      case 0:
        world_.Do(box, {"REPLICAOF", "NO", "ONE"});
        break;
      case 1:
      case 2: {
        Box& master = Any();
        if (!Follows(master, box)) world_.Do(box, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
        break;
      }
      case 3:
        world_.Cut(box);
        break;
      case 4:
        isolated_[&box] = !isolated_[&box];
        world_.Isolate(box, isolated_[&box]);
        break;
      case 5:
        world_.Do(box, {"SAVE"});
        break;
      case 6:
        world_.Restart(box);
        break;
      case 7:
        world_.Pass(base::Millis(1 + static_cast<std::int64_t>(random_.Below(7000))));
        break;
      case 8:
        world_.HoldPayload(box, random_.Chance(0.5) ? 1 + random_.Below(3000) : 0);
        break;
      case 9:
        Wait(box);
        break;
      default:
        Write(box);
        break;
    }
  }

  // A write and WAIT on one connection: whoever is counted holds the bytes, under a name that leads to the master's.
  void Wait(Box& box) {
    if (!box.state().is_master()) return;
    const ClientId client = world_.Open(box);
    world_.SendRaw(box, client, "INCR waited\r\n");
    const Offset written = box.state().applied;
    const std::string name = box.state().history.replid.hex;
    const bool counts = box.state().backlog;
    world_.Received(box, client);
    world_.SendRaw(box, client, fmt::format("WAIT {} 500\r\n", 1 + random_.Below(3)));
    std::string reply = world_.Received(box, client);
    if (reply.empty()) {
      world_.Pass(base::Millis(600));
      if (!world_.IsOpen(box, client)) return;
      reply = world_.Received(box, client);
    }
    world_.Hang(box, client);
    if (!reply.starts_with(":") || !counts) return;
    const auto counted = std::stol(reply.substr(1));
    const auto holders = std::ranges::count_if(boxes_, [&](const Box* each) {
      return each != &box && each->state().history.replid.hex == name && each->state().applied >= written;
    });
    INFO(box.name << " counted " << counted << " at " << written);
    CHECK(counted <= holders);
    ++waits_;
  }

  // Within one name offsets only grow, but for the one fall that is allowed: a demoted master gives up what holds no
  // data, and never writes under that name again.
  void CheckOffsetsNeverFall() {
    for (const Box* box : boxes_) {
      const NodeState& state = box->state();
      auto& [name, offset] = last_[box];
      const bool restarted = runs_[box] != state.run_id.hex;
      if (!restarted && name == state.history.replid.hex && state.applied < offset) {
        INFO(box->name << " fell from " << offset << " to " << state.applied);
        CHECK_FALSE(state.is_master());
        CHECK(box->Said("that hold no data"));
      }
      name = state.history.replid.hex;
      offset = state.applied;
      runs_[box] = state.run_id.hex;
      // What a connected replica has applied, its master has sent: the master is never behind it.
      if (!state.link_up()) continue;
      for (const Box* master : boxes_) {
        if (master->port != state.settings.replicaof.port || master->state().history.replid != state.history.replid) {
          continue;
        }
        INFO(box->name << " follows " << master->name);
        CHECK(master->state().applied >= state.applied);
      }
    }
  }

  // Two nodes that stand at the same byte of the same history hold the same data, key by key.
  void CheckEqualMeansEqual() {
    std::map<std::pair<std::string, Offset>, const Box*> seen;
    for (const Box* box : boxes_) {
      // Without a backlog the offset stands still while the data change: it names nothing.
      if (!box->state().backlog) continue;
      const auto [at, is_new] = seen.emplace(std::pair(box->state().history.replid.hex, box->state().applied), box);
      if (is_new) continue;
      INFO(at->second->name << " and " << box->name << " at " << box->state().applied);
      CHECK(data::DataDigest(at->second->state().keyspace) == data::DataDigest(box->state().keyspace));
    }
  }

  void Heal() {
    for (Box* box : boxes_) {
      world_.HoldPayload(*box, 0);
      world_.Isolate(*box, false);
    }
    Box& master = Any();
    world_.Do(master, {"REPLICAOF", "NO", "ONE"});
    for (Box* box : boxes_) {
      if (box != &master) world_.Do(*box, {"REPLICAOF", "127.0.0.1", fmt::format("{}", master.port)});
    }
    const auto follows = [&](const Box* box) { return box == &master || box->state().link_up(); };
    // Who holds data does not give them up to an empty master, before an operator says so.
    const auto refuses = [&](const Box* box) {
      return !follows(box) && box->state().master.refused_empty && master.state().keyspace.TotalSize() == 0 &&
             box->state().keyspace.TotalSize() > 0;
    };
    REQUIRE(world_.PassUntil(
        [&] { return std::ranges::all_of(boxes_, [&](const Box* box) { return follows(box) || refuses(box); }); }));
    for (Box* box : boxes_) {
      if (refuses(box)) world_.Do(*box, {"CONFIG", "SET", "replica-accept-empty-master", "yes"});
    }
    REQUIRE(world_.PassUntil([&] { return std::ranges::all_of(boxes_, follows); }));
    Write(master);
    world_.Pass(base::Seconds(4));  // whatever has an expiry is gone
    for (const Box* box : boxes_) {
      INFO(box->name);
      CHECK(box->state().history.replid == master.state().history.replid);
      CHECK(box->state().applied == master.state().applied);
      CHECK(data::DataDigest(box->state().keyspace) == data::DataDigest(master.state().keyspace));
      CHECK(box->state().stats.repl_unknown_commands == 0);
      CHECK(box->state().stats.unexpected_error_replies == 0);
    }
  }

  base::Random random_;
  World world_;
  std::uint64_t backlog_ = 0;
  std::vector<Box*> boxes_;
  std::map<Box*, bool> isolated_;
  std::map<const Box*, std::pair<std::string, Offset>> last_;
  std::map<const Box*, std::string> runs_;
  int waits_ = 0;
};

}  // namespace

TEST_CASE("chaos: equal history and offset mean equal data, and all can follow one master again") {
  // VIGIL_CHAOS_SEEDS: as many as there is time for.
  const char* more = std::getenv("VIGIL_CHAOS_SEEDS");
  const std::uint64_t seeds = more == nullptr ? 25 : std::stoull(more);
  int waits = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Chaos chaos(seed);
    chaos.Run();
    waits += chaos.waits();
  }
  CHECK(waits > 10);
}
