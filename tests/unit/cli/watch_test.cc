#include <doctest/doctest.h>

#include "replication/base/text.h"
#include "sentinel/cli/render_watch.h"

using namespace cli;

namespace {

WatchView View(int replicas) {
  Topology topology;
  topology.master = "mymaster";
  topology.address = {"10.0.0.1", 6379};
  for (int i = 0; i <= replicas; ++i) {
    NodeView node;
    node.address = {"10.0.0." + std::to_string(i + 1), 6379};
    node.answers = true;
    node.role = i == 0 ? Role::kMaster : Role::kReplica;
    node.follows = i == 0 ? base::Endpoint{} : topology.address;
    node.link_up = node.writable = true;
    node.offset = 123456789012;
    topology.nodes.push_back(node);
  }
  SentinelView sentinel;
  sentinel.address = {"10.0.1.1", 26379};
  sentinel.answers = sentinel.quorum_ok = true;
  sentinel.master = topology.address;
  topology.sentinels.push_back(sentinel);
  WatchView view;
  view.topologies.push_back(topology);
  view.time = "12:00:00";
  for (int i = 0; i < 50; ++i) view.events.push_back("event " + std::to_string(i));
  return view;
}

}  // namespace

TEST_CASE("watch: every line fits, whatever the size of the screen") {
  for (const Screen screen : {Screen{20, 5}, Screen{80, 24}, Screen{80, 10}, Screen{200, 60}}) {
    for (const bool coloured : {false, true}) {
      for (const int replicas : {0, 2, 100}) {
        const std::string text = RenderWatch(View(replicas), screen, Paint(coloured));
        const auto lines = base::Split(std::string_view(text), '\n');
        CHECK(lines.size() <= screen.rows);
        if (coloured) continue;  // marks have no width
        for (const std::string_view line : lines) CHECK(line.size() <= screen.columns);
      }
    }
  }
}

TEST_CASE("watch: at 80 x 24 the master, its nodes, the sentinels and the latest events are seen") {
  const std::string text = RenderWatch(View(2), Screen{80, 24}, Paint(false));
  CHECK(text.find("mymaster  OK  10.0.0.1:6379  2/2 replicas  1/1 sentinels") != std::string::npos);
  CHECK(text.find("  10.0.0.3:6379         replica  up             123,456,789,012") != std::string::npos);
  CHECK(text.find("  10.0.1.1:26379        sentinel master up") != std::string::npos);
  CHECK(text.find("event 49") != std::string::npos);
  CHECK(text.find("event 0\n") == std::string::npos);
}

TEST_CASE("watch: what is wrong comes before the tables, and an old look is called so") {
  WatchView view = View(100);
  view.trouble = "no sentinel answers";
  view.topologies[0].problems = {"replica 10.0.0.9:6379 does not answer"};
  const std::string text = RenderWatch(view, Screen{80, 10}, Paint(false));
  CHECK(text.find("q ends  no sentinel answers") != std::string::npos);
  CHECK(text.find("! replica 10.0.0.9:6379 does not answer") < text.find("10.0.0.2:6379"));
}
