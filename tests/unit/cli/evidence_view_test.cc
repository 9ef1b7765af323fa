// Answers of HISTORY and EXPLAIN as objects and as text.
#include "sentinel/cli/evidence_view.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace cli;

namespace {

Reply Text(std::string text) {
  return Reply{Reply::Kind::kText, std::move(text), 0, {}};
}

Reply List(std::vector<Reply> items) {
  return Reply{Reply::Kind::kArray, "", 0, std::move(items)};
}

Reply Texts(std::initializer_list<const char*> texts) {
  std::vector<Reply> items;
  for (const char* text : texts) items.push_back(Text(text));
  return List(std::move(items));
}

const Paint kPlain(false);

}  // namespace

TEST_CASE("evidence: maps and lists are told apart by their names") {
  const Reply reply =
      List({Text("time"), Text("today"), Text("epoch"), Text("7"), Text("led-by-runid"), Text("1234"), Text("steps"),
            Texts({"detection", "900", "election", "3"}), Text("total-ms"), Text("903"), Text("remarks"),
            Texts({"+1 ms: so", "+2 ms: so"}), Text("votes"), List({Texts({"sentinel", "a", "for", "b"})})});
  const auto decision = EvidenceFromReply(reply);
  REQUIRE(decision.has_value());
  CHECK(decision->at("epoch") == 7);
  CHECK(decision->at("led-by-runid") == "1234");
  CHECK(decision->at("steps").at("detection") == 900);
  CHECK(decision->at("remarks").size() == 2);
  CHECK(decision->at("votes").at(0).at("for") == "b");
  const std::string text = RenderDecision(*decision, kPlain);
  CHECK(text.find("detection 900, election 3, total 903") != std::string::npos);
  CHECK(text.find("remark    +2 ms: so\n") != std::string::npos);
}

TEST_CASE("evidence: what is no list of fields is refused") {
  CHECK_FALSE(EvidenceFromReply(Text("hello")).has_value());
  CHECK_FALSE(EvidenceFromReply(Texts({"one"})).has_value());
  CHECK_FALSE(EvidenceFromReply(List({Text("steps"), Texts({"one"})})).has_value());
}

TEST_CASE("evidence: an outlook says what is in the way") {
  const auto outlook = EvidenceFromReply(
      List({Text("verdict"), Text("Nobody would be promoted."), Text("would-succeed"), Text("no"), Text("obstacles"),
            Texts({"no replica is fit"}), Text("holds"), Texts({"pause", "for 10 s"}), Text("sentinels"),
            List({Texts({"sentinel", "this sentinel", "make", "vigil", "counts", "no", "reason", "it is down",
                         "sees-master", "up"})}),
            Text("features"), Texts({"pre-vote", "possible"})}));
  REQUIRE(outlook.has_value());
  const std::string text = RenderOutlook(*outlook, kPlain);
  CHECK(
      text.starts_with("Nobody would be promoted.\n    obstacle  no replica is fit\n    waits     pause: for 10 s\n"));
  CHECK(text.find("does not count (it is down), sees the master up") != std::string::npos);
  CHECK(text.find("feature   pre-vote") != std::string::npos);
}

TEST_CASE("evidence: a loss in words") {
  CHECK(LossInWords("#bytes 0 #offset 5 #taken-over 5") == "nothing that the old master acknowledged was lost");
  CHECK(LossInWords("#bytes 312 #offset 5 #taken-over 5") == "312 bytes of the old master's stream were lost");
  CHECK(LossInWords("#bytes unknown") == "what the old master had beyond the new one is not known");
}
