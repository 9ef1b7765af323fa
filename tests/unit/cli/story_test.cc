#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "sentinel/cli/story.h"

using namespace cli;
using nlohmann::json;

namespace {

json Switched() {
  return {{"time", "2026-01-02 03:12:04.120 UTC"},
          {"kind", "failover"},
          {"outcome", "switched"},
          {"cause", "silence"},
          {"from", "10.0.0.1:6379"},
          {"to", "10.0.0.2:6379"},
          {"epoch", 7},
          {"quorum", 2},
          {"voters", 3},
          {"led-by", "10.0.0.8:26379 (aa)"},
          {"led-by-runid", "aa"},
          {"total-ms", 1203},
          {"agreed",
           {{{"sentinel", "s2"}, {"said", "down"}, {"age-ms", 12}},
            {{"sentinel", "s3"}, {"said", "nothing"}, {"age-ms", -1}}}},
          {"votes",
           {{{"sentinel", "s1"}, {"for-runid", "aa"}, {"for", "s1"}},
            {{"sentinel", "s3"}, {"for-runid", "cc"}, {"for", "s3"}}}},
          {"replicas",
           {{{"address", "10.0.0.2:6379"},
             {"verdict", "chosen"},
             {"reason", "it holds most"},
             {"offset", 500},
             {"priority", 100}},
            {{"address", "10.0.0.3:6379"}, {"verdict", "excluded"}, {"reason", "it does not answer"}}}},
          {"steps", {{"detection", 1000}, {"promotion", 40}}},
          {"lost", "exact"},
          {"lost-bytes", 17},
          {"lost-how", "seen at both"}};
}

}  // namespace

TEST_CASE("story: a failover is told with its times and numbers") {
  const auto story = TellDecision(Switched());
  REQUIRE(story.size() == 6);
  CHECK(story[0] == "2026-01-02 03:12:04.120 UTC: 10.0.0.1:6379 gave no acceptable answer for 1.0 s.");
  CHECK(story[1] == "1 of 3 sentinels found it down: s2 (12 ms old); 2 were needed. Of the others, s3 said nothing.");
  CHECK(story[2] == "10.0.0.8:26379 (aa) led it in epoch 7, with 1 vote of 3: s1. Voted otherwise: s3 for s3.");
  CHECK(story[3] ==
        "10.0.0.2:6379 was chosen: it holds most (offset 500, priority 100). 10.0.0.3:6379 was not asked: it does not "
        "answer.");
  CHECK(story[4] == "Clients were sent to 10.0.0.2:6379. All of it took 1.2 s: detection 1.0 s, promotion 40 ms.");
  CHECK(story[5] == "17 bytes of what the old master acknowledged were lost (seen at both).");
}

TEST_CASE("story: what is not known is said, and what did not happen is not made up") {
  json decision = Switched();
  decision["lost"] = "unknown";
  decision["lost-how"] = "";
  CHECK(TellDecision(decision).back() == "Whether acknowledged data was lost is not known.");
  CHECK(TellDecision({{"time", "t"}, {"outcome", "noted"}, {"summary", "a replica was forgotten"}}) ==
        std::vector<std::string>{"t: a replica was forgotten."});
  const auto now = TellNow({{"master", "m:1"},
                            {"master-state", "up"},
                            {"verdict", "All is well."},
                            {"holds", {{"pause", "an operator wants it"}}},
                            {"obstacles", {"no replica"}}});
  CHECK(now == std::vector<std::string>{"Now m:1 is the master: up.",
                                        "A failover would wait (pause): an operator wants it.",
                                        "In its way stands: no replica.", "All is well."});
}

TEST_CASE("story: lengths of time and lines of text") {
  CHECK(LengthInWords(0) == "0 ms");
  CHECK(LengthInWords(999) == "999 ms");
  CHECK(LengthInWords(1203) == "1.2 s");
  CHECK(LengthInWords(125000) == "2 min 5 s");
  CHECK(LengthInWords(7'260'000) == "2 h 1 min");
  CHECK(Wrap("one two three", 80) == "one two three");
  CHECK(Wrap("one two three", 7) == "one two\nthree");
  CHECK(Wrap("one two three", 7, 2) == "one two\n  three");
  CHECK(Wrap("unbreakable", 4) == "unbreakable");
}
