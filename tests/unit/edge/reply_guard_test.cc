#include "sentinel/edge/reply_guard.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

using sentinel::edge::ReplyGuard;

namespace {

std::string Pass(ReplyGuard& guard, std::string_view bytes, std::size_t piece = 1) {
  std::string safe;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!guard.Feed(bytes.substr(at, piece), safe)) break;
  }
  return safe;
}

}  // namespace

TEST_CASE("reply guard: what is within bounds passes unchanged, however it is cut into pieces") {
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:12\r\n$5\r\nab\r\nc\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n*1\r\n+a\r\n$1\r\nb\r\n+PONG\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    ReplyGuard guard;
    CHECK(Pass(guard, bytes, piece) == bytes);
    CHECK(guard.error().empty());
  }
}

TEST_CASE("reply guard: a string that is too large becomes an error in its place, and the rest is read") {
  ReplyGuard guard({.string = 10});
  const std::string large(25, 'x');
  CHECK(Pass(guard, fmt::format("*2\r\n${}\r\n{}\r\n+a\r\n+PONG\r\n", large.size(), large)) ==
        "*2\r\n-VIGILTOOLARGE 25 bytes\r\n+a\r\n+PONG\r\n");
  CHECK(guard.error().empty());
}

TEST_CASE("reply guard: what never ends, or claims too much, ends the connection") {
  const auto error_of = [](std::string_view bytes) {
    ReplyGuard guard({.string = 100, .skipped = 1000, .line = 20, .elements = 5, .reply = 300, .depth = 2});
    Pass(guard, bytes);
    return guard.error();
  };
  CHECK(error_of("+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") == "a line without end");
  CHECK(error_of("*1000000000\r\n") == "an array with too many elements");
  CHECK(error_of("*3\r\n*3\r\n") == "an array with too many elements");
  CHECK(error_of("*1\r\n*1\r\n*1\r\n") == "arrays within arrays too deep");
  CHECK(error_of("$1001\r\n") == "a string of impossible length");
  CHECK(error_of("$-2\r\n") == "a string of impossible length");
  CHECK(error_of("$abc\r\n") == "a string of impossible length");
  CHECK(error_of("*-2\r\n") == "an array of impossible length");
  CHECK(error_of("%1\r\n") == "a reply of unknown type");
  CHECK(error_of("\n") == "a reply of unknown type");
  CHECK(error_of(std::string_view("\0", 1)) == "a reply of unknown type");
  CHECK(error_of("+OK\n") == "a line that does not end as lines do");
  const std::string hundred = fmt::format("$100\r\n{}\r\n", std::string(100, 'x'));
  CHECK(error_of("*4\r\n" + hundred + hundred + hundred) == "a reply that is too large");
  CHECK(error_of(hundred + hundred + hundred).empty());  // each alone is fine
}
