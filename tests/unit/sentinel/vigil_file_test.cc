#include "sentinel/core/vigil_file.h"

#include <doctest/doctest.h>

#include "sentinel/core/settings.h"
#include "sentinel/core/vigil_directives.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

const std::string kConfig =
    "sentinel monitor m 127.0.0.1 6379 2\n"
    "sentinel config-epoch m 4\n"
    "sentinel leader-epoch m 5\n";
const std::string kCandidate(40, 'b');

struct Loaded {
  State state{1};
  base::Result<std::vector<std::string>> remarks;
  Loaded(std::string_view config, std::string_view vigil) {
    const auto settings = LoadSettings(config, state, base::Now{});
    REQUIRE_MESSAGE(settings.has_value(), settings.error().text);
    remarks = LoadVigil(vigil, state, base::Now{});
  }
  const Master& m() const { return state.masters.at("m"); }
};

std::string ErrorOf(std::string_view vigil) {
  const Loaded loaded(kConfig, vigil);
  return loaded.remarks ? "" : loaded.remarks.error().text;
}

}  // namespace

TEST_CASE("vigil file: nothing to say means no file") {
  const Loaded loaded(kConfig, "");
  REQUIRE(loaded.remarks.has_value());
  CHECK(loaded.remarks->empty());
  CHECK(RenderVigil(loaded.state, "") == "");
}

TEST_CASE("vigil file: the vote's candidate is kept, for the epochs that it belongs to") {
  Loaded before(kConfig, "");
  before.state.masters.at("m").vote = Vote{base::Epoch{5}, base::RunId{kCandidate}, 1};
  const std::string config = RenderSettings(before.state, kConfig);
  const std::string vigil = RenderVigil(before.state, "");
  CHECK(vigil.find("sentinel vote m 5 " + kCandidate + " 4\n") != std::string::npos);

  SUBCASE("both files are ours") {
    CHECK(Loaded(config, vigil).m().vote.candidate.hex == kCandidate);
  }
  SUBCASE("a newer sentinel.conf: we crashed between the two, or a stock sentinel has voted") {
    const Loaded after("sentinel monitor m 127.0.0.1 6379 2\nsentinel config-epoch m 4\nsentinel leader-epoch m 6\n",
                       vigil);
    CHECK(after.m().vote.epoch.value == 6);
    CHECK(after.m().vote.candidate.empty());
    // And the name is gone for good.
    CHECK(RenderVigil(after.state, vigil).find("sentinel vote") == std::string::npos);
  }
  SUBCASE("a stock sentinel has taken over a failover meanwhile") {
    const Loaded after("sentinel monitor m 127.0.0.1 6380 2\nsentinel config-epoch m 5\nsentinel leader-epoch m 5\n",
                       vigil);
    CHECK(after.m().vote.epoch.value == 5);
    CHECK(after.m().vote.candidate.empty());
  }
}

TEST_CASE("vigil file: settings survive, comments and order too") {
  const std::string old =
      "# ours\n"
      "sentinel vote m 5 " +
      kCandidate +
      " 4\n"
      "# bytes before priority\n"
      "sentinel offset-first m yes\n";
  Loaded loaded(kConfig, old);
  REQUIRE(loaded.remarks.has_value());
  CHECK(loaded.m().offset_first);
  CHECK(RenderVigil(loaded.state, old) == old);
  loaded.state.masters.at("m").offset_first = false;
  CHECK(RenderVigil(loaded.state, old) == "# ours\nsentinel vote m 5 " + kCandidate + " 4\n# bytes before priority\n");
}

TEST_CASE("vigil file: fast-fail and testimony-timeout are kept, and not written while they have their defaults") {
  const std::string lines = "sentinel fast-fail m 200\nsentinel testimony-timeout m 0\n";
  Loaded loaded(kConfig, lines);
  REQUIRE(loaded.remarks.has_value());
  CHECK(loaded.m().fast_fail == base::Millis(200));
  CHECK(loaded.m().testimony_timeout == base::Millis(0));
  CHECK(RenderVigil(loaded.state, lines) == lines);
  const Loaded defaults(kConfig, "sentinel fast-fail m 0\nsentinel testimony-timeout m 30000\n");
  CHECK(RenderVigil(defaults.state, "") == "");
  CHECK(ErrorOf("sentinel fast-fail m -1").ends_with("not negative."));
  CHECK(ErrorOf("sentinel testimony-timeout m soon").ends_with("not negative."));
}

TEST_CASE("vigil file: what cannot be read is named, line and reason") {
  CHECK(ErrorOf("\nsentinel offset-first m perhaps\n") ==
        "2: 'sentinel offset-first m perhaps': yes or no is expected.");
  CHECK(ErrorOf("sentinel offset-first m") == "1: 'sentinel offset-first m': wrong number of arguments");
  CHECK(ErrorOf("sentinel quorum m 2") == "1: 'sentinel quorum m 2': there is no such directive in this file");
  CHECK(ErrorOf("port 1") == "1: 'port 1': a line begins with 'sentinel'");
  CHECK(ErrorOf("sentinel vote m 5 nobody 4").ends_with("40 hexadecimal digits."));
  CHECK(ErrorOf("sentinel vote m -5 " + kCandidate + " 4").ends_with("not negative."));
  CHECK(ErrorOf("sentinel offset-first m \"yes\n").find("1: ") == 0);
}

TEST_CASE("vigil file: a line about a master that is not monitored any more is dropped, with a remark") {
  const Loaded loaded(kConfig, "sentinel offset-first other yes\n");
  REQUIRE(loaded.remarks.has_value());
  CHECK(*loaded.remarks == std::vector<std::string>{"line 1 is about 'other', which is not monitored, and is dropped"});
  CHECK(RenderVigil(loaded.state, "sentinel offset-first other yes\n") == "");
}

TEST_CASE("vigil file: its directives are refused in sentinel.conf, which stock has to be able to read") {
  for (const VigilDirective& row : VigilDirectives()) {
    State state(1);
    state.config_path = "/etc/s.conf";
    const auto settings = LoadSettings(kConfig + "sentinel " + std::string(row.name) + " m 1\n", state, base::Now{});
    REQUIRE_FALSE(settings.has_value());
    CHECK(settings.error().text.find("it belongs into /etc/s.conf.vigil") != std::string::npos);
  }
}

TEST_CASE("vigil file: every row has one owner, and what can be set says how") {
  for (const VigilDirective& row : VigilDirectives()) {
    INFO(row.name);
    const bool own = row.load != nullptr;
    const bool of_master = row.load_master != nullptr;
    CHECK(own == (row.render != nullptr));
    CHECK(of_master == (row.render_master != nullptr));
    CHECK(own != of_master);
    if (!row.settable) continue;
    CHECK(of_master);
    CHECK(row.min_words == row.max_words);
    CHECK(row.min_words > 2);
    CHECK_FALSE(row.usage.empty());
  }
}
