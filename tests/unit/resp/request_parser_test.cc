#include "replication/resp/request_parser.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using resp::RequestParser;
using resp::Words;
using Outcome = resp::RequestParser::Outcome;

namespace {

using Requests = std::vector<std::vector<std::string>>;

// Every complete request in `bytes`, fed in pieces of `piece` bytes.
Requests ParseAll(std::string_view bytes, std::size_t piece) {
  RequestParser parser;
  Requests all;
  Words words;
  while (!bytes.empty()) {
    parser.Feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (parser.Next(words) == Outcome::kRequest) all.emplace_back(words.begin(), words.end());
  }
  return all;
}

std::string ErrorFor(std::string_view bytes, RequestParser::Limits limits = {}) {
  RequestParser parser(limits);
  parser.Feed(bytes);
  Words words;
  while (true) {
    switch (parser.Next(words)) {
      case Outcome::kRequest:
        continue;
      case Outcome::kNeedMore:
        return "need more";
      case Outcome::kError:
        return parser.error();
    }
  }
}

}  // namespace

TEST_CASE("requests: a pipeline is the same however the bytes are cut") {
  const std::string bytes =
      "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\nget k\r\n\r\n*0\r\nset \"a b\" "
      "'c'\n*1\r\n$0\r\n\r\n";
  const Requests expected = {{"PING"}, {"SET", "k", "a\r\nb"}, {"get", "k"}, {"set", "a b", "c"}, {""}};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    CAPTURE(piece);
    CHECK(ParseAll(bytes, piece) == expected);
  }
}

TEST_CASE("requests: consumed counts whole requests and the empty lines between them") {
  RequestParser parser;
  Words words;
  parser.Feed("\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI");
  REQUIRE(parser.Next(words) == Outcome::kRequest);
  CHECK(parser.consumed() == 16);
  CHECK(parser.TakeEmptyLines() == 1);
  REQUIRE(parser.Next(words) == Outcome::kNeedMore);
  CHECK(parser.consumed() == 16);
  CHECK(parser.buffered() == 10);
}

TEST_CASE("requests: malformed ones are refused with the server's words") {
  CHECK(ErrorFor("*x\r\n") == "Protocol error: invalid multibulk length");
  CHECK(ErrorFor("*9999999999\r\n") == "Protocol error: invalid multibulk length");
  CHECK(ErrorFor("*1\r\n!3\r\n") == "Protocol error: expected '$', got '!'");
  CHECK(ErrorFor("*1\r\n$-5\r\n") == "Protocol error: invalid bulk length");
  CHECK(ErrorFor("*1\r\n$999999999999\r\n") == "Protocol error: invalid bulk length");
  CHECK(ErrorFor("set \"a\r\n") == "Protocol error: unbalanced quotes in request");
  CHECK(ErrorFor(std::string(70000, 'x')) == "Protocol error: too big inline request");
  CHECK(ErrorFor("*" + std::string(70000, '1')) == "Protocol error: too big mbulk count string");
  CHECK(ErrorFor("*1\r\n$" + std::string(70000, '1')) == "Protocol error: too big bulk count string");
}

TEST_CASE("requests: the longest line that is taken is taken however it is cut") {
  const RequestParser::Limits limits{.max_inline = 16};
  for (const bool array : {false, true}) {
    const std::string line = array ? "*0000000000000001" : "PING 56789012345";
    for (std::size_t cut = 1; cut < line.size() + 2; ++cut) {
      CAPTURE(cut);
      const std::string bytes = line.substr(0, 16) + "\r\n";
      RequestParser parser(limits);
      Words words;
      parser.Feed(std::string_view(bytes).substr(0, cut));
      (void)parser.Next(words);
      parser.Feed(std::string_view(bytes).substr(std::min(cut, bytes.size())));
      (void)parser.Next(words);
      CHECK(parser.error() == (array ? "Protocol error: invalid multibulk length" : ""));
    }
  }
}

TEST_CASE("requests: strangers get small limits") {
  CHECK(ErrorFor("*11\r\n", RequestParser::kUnauthenticated) == "Protocol error: unauthenticated multibulk length");
  CHECK(ErrorFor("*1\r\n$16385\r\n", RequestParser::kUnauthenticated) == "Protocol error: unauthenticated bulk length");
  CHECK(ErrorFor("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n", RequestParser::kUnauthenticated) == "need more");
}

TEST_CASE("requests: a request has at least one word, whatever an inline line holds") {
  for (const std::string_view bytes : {std::string_view("\0\r\n", 3), std::string_view(" \0\t \n", 5),
                                       std::string_view("\v\f\r\n", 4), std::string_view("*0\r\n", 4)}) {
    CHECK(ParseAll(bytes, 1).empty());
    CHECK(ParseAll(bytes, bytes.size()).empty());
  }
  CHECK(ParseAll("\"\"\r\n", 5) == Requests{{""}});
}

TEST_CASE("requests: a line of an array ends with both carriage return and line feed") {
  CHECK(ErrorFor("*1\n$4\nPING\r\n") == "Protocol error: invalid multibulk length");
  CHECK(ErrorFor("*1\r\n$4\nPING\r\n") == "Protocol error: invalid bulk length");
  CHECK(ErrorFor("*1\n$4\n") == "need more");
  CHECK(ErrorFor("*1\r") == "need more");
}

TEST_CASE("requests: a request may have as many words as the server's") {
  CHECK(ErrorFor("*2147483647\r\n") == "need more");
  CHECK(ErrorFor("*2147483648\r\n") == "Protocol error: invalid multibulk length");
}

TEST_CASE("requests: short numbers, which are read in one step, mean what all others mean") {
  struct Case {
    const char* number;
    bool good;
  };
  // Up to three digits are read in one step when their line is there; everything else is read the careful way.
  for (const auto& [number, good] :
       {Case{"1", true}, Case{"9", true}, Case{"10", true}, Case{"100", true}, Case{"999", true}, Case{"1000", true},
        Case{"1001", true}, Case{"01", false}, Case{"001", false}, Case{"+1", false}, Case{" 1", false},
        Case{"1 ", false}, Case{"1x", false}, Case{"", false}, Case{"1\n", false}}) {
    CAPTURE(number);
    const std::size_t value = good ? std::stoul(number) : 1;
    std::string array = fmt::format("*{}\r\n", number);
    for (std::size_t i = 0; i < value; ++i) array += "$1\r\nx\r\n";
    const std::string bulk = fmt::format("*1\r\n${}\r\n{}\r\n", number, std::string(value, 'x'));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, array.size() + bulk.size()}) {
      CAPTURE(piece);
      if (good) {
        CHECK(ParseAll(array + bulk, piece) ==
              Requests{std::vector<std::string>(value, "x"), {std::string(value, 'x')}});
      } else {
        CHECK(ParseAll(array, piece).empty());
        CHECK(ParseAll(bulk, piece).empty());
      }
    }
    if (!good) {
      CHECK(ErrorFor(array) == "Protocol error: invalid multibulk length");
      CHECK(ErrorFor(bulk) == "Protocol error: invalid bulk length");
    }
  }
  // No word, and a word of no bytes.
  CHECK(ParseAll("*0\r\n*1\r\n$0\r\n\r\n", 1) == Requests{{""}});
  CHECK(ParseAll("*0\r\n*1\r\n$0\r\n\r\n", 100) == Requests{{""}});
  // A limit counts on both ways.
  const RequestParser::Limits few{.max_bulk = 5, .max_words = 5};
  CHECK(ErrorFor("*6\r\n", few) == ErrorFor("*1000\r\n", few));
  CHECK(ErrorFor("*1\r\n$6\r\n", few) == ErrorFor("*1\r\n$1000\r\n", few));
}

TEST_CASE("requests: second words of what follows can be looked at before they are taken") {
  const std::string set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\r\n\r\n";
  const std::string get = "*2\r\n$3\r\nGET\r\n$2\r\nbc\r\n";
  std::vector<std::string_view> seen(4);
  const auto peek = [&seen](std::string_view bytes) {
    RequestParser parser;
    parser.Feed(bytes);
    const std::size_t count = parser.PeekSecondWords(seen);
    Words words;
    std::size_t requests = 0;
    while (parser.Next(words) == Outcome::kRequest) ++requests;  // nothing was taken away
    CHECK(requests >= count);
    return std::vector<std::string>(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(count));
  };
  CHECK(peek(set + get) == std::vector<std::string>{"a", "bc"});
  CHECK(peek(set + set + set + get + get) == std::vector<std::string>{"a", "a", "a", "bc"});
  CHECK(peek("").empty());
  // It ends where anything unusual stands, and before what is not complete.
  CHECK(peek(get + "*1\r\n$4\r\nPING\r\n" + get) == std::vector<std::string>{"bc"});
  CHECK(peek(get + "PING\r\n" + get) == std::vector<std::string>{"bc"});
  CHECK(peek(get + get.substr(0, get.size() - 1)) == std::vector<std::string>{"bc"});
  CHECK(peek("*2\r\n$3\r\nGET\r\n$-1\r\n").empty());
  CHECK(peek("*9999999\r\n").empty());

  // In the middle of a request there is nothing to be seen.
  RequestParser parser;
  parser.Feed("*2\r\n$3\r\nGET\r\n");
  Words words;
  CHECK(parser.Next(words) == Outcome::kNeedMore);
  parser.Feed("$1\r\nk\r\n" + get);
  CHECK(parser.PeekSecondWords(seen) == 0);
}

TEST_CASE("requests: the memory of a large one is given back when it has been used") {
  RequestParser parser;
  Words words;
  const std::string value(10 << 20, 'v');
  parser.Feed(fmt::format("*2\r\n$4\r\nECHO\r\n${}\r\n{}\r\n", value.size(), value));
  REQUIRE(parser.Next(words) == Outcome::kRequest);
  CHECK(words[1] == value);
  CHECK(parser.held() > value.size());
  REQUIRE(parser.Next(words) == Outcome::kNeedMore);
  CHECK(parser.held() < 1024);
  // And it goes on.
  const std::uint64_t consumed = parser.consumed();
  parser.Feed("*1\r\n$4\r\nPING\r\n");
  REQUIRE(parser.Next(words) == Outcome::kRequest);
  CHECK(words == Words{"PING"});
  CHECK(parser.consumed() == consumed + 14);
}
