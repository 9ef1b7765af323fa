// INFO texts, separated by a zero byte: the first is the master's, the others of whoever it named, in turn.
#include "replication/base/text.h"
#include "sentinel/core/choose_replica.h"
#include "sentinel/core/info_report.h"
#include "sentinel/core/invariants.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sentinel/one_sentinel.h"

namespace {

using namespace sentinel;

void Answer(OneSentinel& one, Link& link, std::string_view text) {
  if (link.stage != Link::Stage::kUp) one.Feed(LinkUp{link.id, "127.0.0.1"});
  one.Feed(ReplyArrived{link.id, Command{Request::kInfo, "mymaster", 0, {}}, ReplyValue::String(std::string(text))});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OneSentinel one;
  one.state.resolve_hostnames = size % 2 == 0;
  const auto texts = base::Split(fuzz::Text(data, size), '\0');
  Answer(one, one.master().command, texts[0]);
  std::size_t next = 1;
  for (int round = 0; round < 2; ++round) {
    std::vector<InstanceId> ids;
    for (const auto& [address, replica] : one.master().replicas) ids.push_back(replica.id);
    for (const InstanceId id : ids) {
      Replica* replica = ReplicaOf(one.state, id);
      if (replica != nullptr && replica->command.id != LinkId::kNone && next < texts.size()) {
        Answer(one, replica->command, texts[next++]);
      }
    }
    Answer(one, one.master().command, texts.back());
    one.Wait(base::Millis(50));
    one.Feed(Deadline{});
  }
  (void)RankReplicas(one.state, one.master(), Evidence::kAnyInfo, one.now.mono);
  fuzz::Require(CheckInvariants(one.state).empty(), "the invariants of a state");
  return 0;
}
