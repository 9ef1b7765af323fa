#include "sentinel/core/decision_text.h"

#include <doctest/doctest.h>

#include "replication/base/random.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/settings.h"
#include "sentinel/core/vigil_file.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

Decision Full() {
  Decision decision;
  decision.number = 7;
  decision.kind = "failover";
  decision.outcome = Outcome::kSwitched;
  decision.began = base::FromUnixMillis(1700000000000);
  decision.noticed = base::FromUnixMillis(1700000001000);
  decision.epoch.value = 9;
  decision.led_by = OneSentinel::Id('1');
  decision.told_by = OneSentinel::Id('2');
  decision.from = {"2001:db8::1", 6379};
  decision.to = {"db two", 6380};
  decision.cause = "silence";
  decision.detail = "no \"answer\" = nothing, \\ for 1000 ms";
  decision.quorum = 2;
  decision.voters = 3;
  decision.agreed = {{OneSentinel::Id('1'), true, base::Millis(0)}, {OneSentinel::Id('2'), false, std::nullopt}};
  decision.votes = {{OneSentinel::Id('1'), OneSentinel::Id('1')}, {OneSentinel::Id('2'), {}}};
  decision.replicas = {
      {{"10.0.0.2", 6379}, 1, "it holds 5 bytes more", 100, 12345, base::ReplicationId{std::string(40, 'a')}},
      {{"10.0.0.3", 6379}, 0, "", 0, -1, {}}};
  decision.ended[0] = base::Millis(1000);
  decision.ended[7] = base::Millis(1500);
  decision.remarks = {"+3 ms: a=b", "+4 ms: stood"};
  decision.loss = {LossKind::kAtMost, 77, "the old master wrote more"};
  decision.old_replid.hex = std::string(40, 'c');
  decision.kept = 100;
  decision.last_known = 90;
  decision.last_known_age = base::Millis(12);
  return decision;
}

bool Reads(const std::vector<std::string>& words) {
  return DecodeDecision(words).has_value();
}

}  // namespace

TEST_CASE("decision text: what is written is read again as it was") {
  Decision decision = Full();
  decision.to.host = "10.0.0.2";
  const std::vector<std::string> words = EncodeDecision(decision);
  const auto read = DecodeDecision(words);
  REQUIRE_MESSAGE(read.has_value(), read.error().text);
  CHECK(EncodeDecision(*read) == words);
  CHECK(read->detail == decision.detail);
  CHECK(read->replicas[0].reason == "it holds 5 bytes more");
  CHECK(read->replicas[1].offset == -1);
  CHECK_FALSE(read->agreed[1].age.has_value());
  CHECK(read->loss.how == decision.loss.how);
  CHECK(read->from == decision.from);
}

TEST_CASE("decision text: what others send is within bounds, or refused by name") {
  CHECK(Reads({"kind=failover"}));
  CHECK_FALSE(Reads({}));
  for (const std::string bad :
       {"nothing", "unknown=1", "epoch=-1", "epoch=x", "led-by=abc", "from=host", "from=host 99999", "outcome=fine",
        "ended=dinner 3", "ended=detection", "loss=exact", "agreed=x 1", "replica=h 1 2", "began=", "quorum=1 2"}) {
    CAPTURE(bad);
    CHECK_FALSE(Reads({"kind=failover", bad}));
  }
  const auto remark = DecodeDecision(std::vector<std::string>{"kind=x", "remark=" + std::string(5000, 'y')});
  REQUIRE(remark.has_value());
  CHECK(remark->remarks[0].size() == kRemarkLength);
  const auto lines = DecodeDecision(std::vector<std::string>{"kind=x", "detail=a\r\nsentinel myid b"});
  REQUIRE(lines.has_value());
  CHECK(lines->detail == "a  sentinel myid b");
  std::vector<std::string> many = {"kind=x"};
  for (int i = 0; i < 100; ++i) many.push_back("vote=" + std::string(40, 'a') + " -");
  CHECK_FALSE(Reads(many));
  // Moments and lengths beyond any calendar.
  const auto far = DecodeDecision(
      std::vector<std::string>{"kind=x", "began=9223372036854775807", "ended=detection 9223372036854775807"});
  REQUIRE(far.has_value());
  CHECK(TimeText(far->began) == "9999-12-31 23:59:59.999 UTC");
}

TEST_CASE("decision text: random words never do more than be refused") {
  base::Random random(4711);
  const std::vector<std::string> full = EncodeDecision(Full());
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> words = full;
    std::string& word = words[random.Below(words.size())];
    for (int i = 0; i < 3; ++i) {
      if (word.empty()) break;
      word[random.Below(word.size())] = static_cast<char>(random.Below(256));
    }
    const auto read = DecodeDecision(words);
    if (!read) continue;
    CHECK(DecodeDecision(EncodeDecision(*read)).has_value());
    CHECK_FALSE(TimeText(read->began).empty());
  }
}

TEST_CASE("evidence: a peer's report is taken from whom we know, and for what it led itself") {
  OneSentinel one;
  one.AddPeerWith('2');
  Decision told = Full();
  told.led_by = OneSentinel::Id('2');
  told.to.host = "10.0.0.2";
  const auto apply = [&](char from, const Decision& decision) {
    REQUIRE(ApplyReport(one.state, "mymaster", OneSentinel::Id(from), EncodeDecision(decision), one.now, one.out));
    return one.master().chronicle.decisions.size();
  };
  CHECK(apply('3', told) == 0);  // nobody we know
  Decision stolen = told;
  stolen.led_by = OneSentinel::Id('1');
  CHECK(apply('2', stolen) == 0);
  CHECK(apply('2', told) == 1);
  told.loss = {LossKind::kExact, 0, "seen"};
  CHECK(apply('2', told) == 1);  // the same one, told again
  CHECK(one.master().chronicle.decisions[0].told_by == OneSentinel::Id('2'));

  const std::string text = RenderVigil(one.state, "");
  State again(1);
  REQUIRE(LoadSettings("sentinel monitor mymaster 127.0.0.1 7000 2\n", again, base::Now{}));
  const auto remarks = LoadVigil(text, again, base::Now{});
  REQUIRE_MESSAGE(remarks.has_value(), remarks.error().text);
  CHECK(again.masters.at("mymaster").chronicle.decisions.size() == 1);
  CHECK(RenderVigil(again, text) == text);
}
