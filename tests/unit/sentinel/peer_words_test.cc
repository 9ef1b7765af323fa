// What other sentinels, or whoever speaks like one, can and cannot do to us with numbers and texts.
#include <doctest/doctest.h>

#include "sentinel/core/election.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/settings.h"
#include "sentinel/core/survey.h"
#include "sentinel/core/vigil_file.h"
#include "sentinel/core/vote.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

const std::string kTwo(40, '2');

ReplyValue Configuration(const std::string& host, const std::string& port, const std::string& epoch) {
  return ReplyValue::Array({ReplyValue::String(host), ReplyValue::String(port), ReplyValue::String(epoch),
                            ReplyValue::String("0"), ReplyValue::Integer(1)});
}

// A peer answers a survey.
void AnswerSurvey(OneSentinel& one, Peer& peer, const ReplyValue& reply) {
  BeginSurvey(one.state, one.master(), one.now, one.out);
  TakeSurvey(one.state, peer, Command{Request::kSurvey, "mymaster", one.master().survey.serial, {}}, reply, one.now,
             one.out);
}

}  // namespace

TEST_CASE("peer words: a survey's answer with an address that no host can have changes nothing") {
  for (const std::string& host : {std::string("10.0.0.9\nsentinel auth-pass mymaster x"), std::string("a b"),
                                  std::string("name.example"), std::string("::1%a,b")}) {
    CAPTURE(host);
    OneSentinel one;
    Peer& peer = one.AddPeerWith('2');
    AnswerSurvey(one, peer, Configuration(host, "7001", "1"));
    CHECK(one.master().address == base::Endpoint{"127.0.0.1", 7000});
    CHECK(one.master().config_epoch.value == 0);
    CHECK(AgreementOn(one.state, one.master()).agree == 1);
  }
}

TEST_CASE("peer words: a survey's answer by name is about the node that we know by it") {
  OneSentinel one;
  one.state.resolve_hostnames = true;
  one.AddReplicaAt(7001).hostname = "db-two.example";
  Peer& peer = one.AddPeerWith('2');
  AnswerSurvey(one, peer, Configuration("db-two.example", "7001", "1"));
  CHECK(one.master().address == base::Endpoint{"127.0.0.1", 7001});
  CHECK(one.master().replicas.size() == 1);
}

TEST_CASE("peer words: who asks for a vote with our own id reads it, and moves no clock") {
  OneSentinel one;
  const Question question{{"127.0.0.1", 7000}, base::Epoch{~0ULL}, OneSentinel::Id('1')};
  const Answer answer = AnswerQuestion(one.state, question, one.now, one.out);
  CHECK(answer.leader == "*");
  CHECK(one.state.current_epoch.value == 0);
  CHECK(one.master().vote.epoch.value == 0);
  CHECK(one.out.empty());
}

TEST_CASE("peer words: one peer's vote in an epoch beyond reach does not keep us from standing") {
  OneSentinel one;
  Peer& peer = one.AddPeerWith('2');
  const auto vote = [](std::int64_t epoch) {
    return ReplyValue::Array({ReplyValue::Integer(1), ReplyValue::String(kTwo), ReplyValue::Integer(epoch)});
  };
  const Command asked{Request::kAsk, "mymaster", 0, {}};
  TakeOpinion(one.state, peer, asked, vote(1'000'000'000'000), one.now, one.out);
  CHECK_FALSE(NewerEpochKnown(one.master()));
  TakeOpinion(one.state, peer, asked, vote(7), one.now, one.out);
  CHECK(NewerEpochKnown(one.master()));
}

TEST_CASE("peer words: a report with an address that no file can hold is refused") {
  OneSentinel one;
  one.AddPeerWith('2');
  const std::vector<std::string> words = {"kind=failover", "epoch=3", "led-by=" + kTwo, "to=10.0.0.2 6379",
                                          "from=10.0.0.1\nsentinel 6379"};
  CHECK_FALSE(ApplyReport(one.state, "mymaster", OneSentinel::Id('2'), words, one.now, one.out).has_value());
  CHECK(one.master().chronicle.decisions.empty());
}

TEST_CASE("peer words: a line of history that cannot be read keeps no sentinel from starting") {
  State state(1);
  REQUIRE(LoadSettings("sentinel monitor m 127.0.0.1 7000 2\n", state, base::Now{}));
  const auto remarks =
      LoadVigil("sentinel decision m kind=failover a-later-field=1\nsentinel decision m kind=failover epoch=4\n", state,
                base::Now{});
  REQUIRE_MESSAGE(remarks.has_value(), remarks.error().text);
  CHECK(remarks->size() == 1);
  CHECK(state.masters.at("m").chronicle.decisions.size() == 1);
}

TEST_CASE("peer words: a pause that no later one could follow is malformed") {
  CHECK(ReadPauseNotice({"mymaster", "1700000000000", "5", "10", kTwo, ""}).has_value());
  CHECK_FALSE(ReadPauseNotice({"mymaster", "18446744073709551615", "5", "10", kTwo, ""}).has_value());
}
