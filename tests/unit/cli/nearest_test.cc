#include <doctest/doctest.h>

#include "sentinel/cli/ask_all.h"
#include "sentinel/cli/nearest.h"
#include "sentinel/cli/table.h"

using namespace cli;

TEST_CASE("nearest: letters put in, taken out, changed and swapped count as one each") {
  CHECK(EditDistance("", "") == 0);
  CHECK(EditDistance("", "abc") == 3);
  CHECK(EditDistance("status", "status") == 0);
  CHECK(EditDistance("satus", "status") == 1);
  CHECK(EditDistance("sttaus", "status") == 1);
  CHECK(EditDistance("kitten", "sitting") == 3);
}

TEST_CASE("nearest: what may have been meant, and nothing that is far off") {
  const std::vector<std::string> verbs = {"status", "show", "switchover", "pause", "plan"};
  CHECK(Nearest("satus", verbs) == std::vector<std::string>{"status"});
  CHECK(Nearest("STATUS", verbs) == std::vector<std::string>{"status"});
  CHECK(Nearest("switch", verbs) == std::vector<std::string>{"switchover"});
  CHECK(Nearest("nonsense", verbs).empty());
  CHECK(DidYouMean("plam", verbs) == "did you mean 'plan'?");
  CHECK(DidYouMean("zzzz", verbs).empty());
}

TEST_CASE("nearest: nobody answers names all that were tried, and a refusal before silence") {
  using base::ErrorCode;
  CHECK(NobodyAnswers({}).text == "no sentinel is known");
  CHECK(NobodyAnswers({{ErrorCode::kIo, "a:1: connection refused"}, {ErrorCode::kIo, "b:2: no answer in time"}}).text ==
        "a:1: connection refused; b:2: no answer in time");
  const base::Error error = NobodyAnswers({{ErrorCode::kIo, "a:1: x"}, {ErrorCode::kInvalid, "b:2: NOAUTH"}});
  CHECK(error.code == ErrorCode::kInvalid);
  CHECK(error.text == "b:2: NOAUTH");
}

TEST_CASE("table: lines are cut to columns, and marks of colour have no width") {
  CHECK(Clip("abcdef", 3) == "abc");
  CHECK(Clip("abc", 80) == "abc");
  CHECK(Clip("\x1b[1;31mabcdef\x1b[0m", 3) == "\x1b[1;31mabc\x1b[0m");
  CHECK(Clip("a\x1b[1mb\x1b[0mcd", 3) == "a\x1b[1mb\x1b[0mc");
  CHECK(Clip("\xC3\xA4\xC3\xB6\xC3\xBC", 2) == "\xC3\xA4\xC3\xB6");
}
