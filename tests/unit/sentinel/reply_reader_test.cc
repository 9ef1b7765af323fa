#include "sentinel/edge/reply_reader.h"

#include <doctest/doctest.h>

#include <string>

using namespace sentinel;
using edge::ReplyReader;
using Outcome = ReplyReader::Outcome;

namespace {

ReplyValue One(ReplyReader& reader, std::string_view bytes) {
  REQUIRE(reader.Feed(bytes));
  ReplyValue reply;
  REQUIRE(reader.Next(reply) == Outcome::kReply);
  return reply;
}

}  // namespace

TEST_CASE("replies: every kind arrives as what it is") {
  ReplyReader reader;
  CHECK(One(reader, "+PONG\r\n").kind == ReplyValue::Kind::kStatus);
  const ReplyValue error = One(reader, "-LOADING wait\r\n");
  CHECK(error.is_error());
  CHECK(error.text == "LOADING wait");
  CHECK(One(reader, ":-7\r\n").integer == -7);
  CHECK(One(reader, "$-1\r\n").kind == ReplyValue::Kind::kNil);
  CHECK(One(reader, "$2\r\n\r\n\r\n").text == "\r\n");
  const ReplyValue nested = One(reader, "*3\r\n*2\r\n:1\r\n*0\r\n$1\r\na\r\n*-1\r\n");
  REQUIRE(nested.elements.size() == 3);
  REQUIRE(nested.elements[0].elements.size() == 2);
  CHECK(nested.elements[0].elements[0].integer == 1);
  CHECK(nested.elements[0].elements[1].kind == ReplyValue::Kind::kArray);
  CHECK(nested.elements[1].text == "a");
  CHECK(nested.elements[2].kind == ReplyValue::Kind::kNil);
  CHECK(reader.idle());
}

TEST_CASE("replies: split anywhere they are the same, and only between them is the reader idle") {
  const std::string bytes = "*2\r\n$5\r\nhello\r\n*1\r\n+x\r\n:12\r\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    ReplyReader reader;
    ReplyValue reply;
    int replies = 0;
    for (const std::string_view part : {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      REQUIRE(reader.Feed(part));
      while (reader.Next(reply) == Outcome::kReply) {
        if (++replies == 1) {
          REQUIRE(reply.elements.size() == 2);
          CHECK(reply.elements[0].text == "hello");
          CHECK(reply.elements[1].elements[0].text == "x");
        } else {
          CHECK(reply.integer == 12);
        }
      }
      if (part.data() == bytes.data()) CHECK(reader.idle() == (cut == bytes.size() - 5));
    }
    CHECK(replies == 2);
    CHECK(reader.idle());
  }
}

TEST_CASE("replies: an array that claims billions of elements ends the reading, after what came before it") {
  ReplyReader reader;
  ReplyValue reply;
  REQUIRE(reader.Feed("+OK\r\n*2147483647\r\n:1\r\n"));
  CHECK(reader.Next(reply) == Outcome::kReply);
  CHECK(reader.Next(reply) == Outcome::kMalformed);
  CHECK(reader.error() == "an array with too many elements");
  CHECK_FALSE(reader.idle());
}

TEST_CASE("replies: a string that is too large is an error in its place, and the connection goes on") {
  ReplyReader reader;
  ReplyValue reply;
  REQUIRE(reader.Feed("$9000000\r\n"));
  CHECK(reader.Next(reply) == Outcome::kReply);
  CHECK(reply.StartsWith(kTooLarge));
  CHECK_FALSE(reader.idle());
  for (int i = 0; i < 9; ++i) REQUIRE(reader.Feed(std::string(1'000'000, 'x')));
  CHECK(One(reader, "\r\n+PONG\r\n").text == "PONG");
  CHECK(reader.idle());
}

TEST_CASE("replies: what is not RESP is malformed") {
  ReplyReader reader;
  ReplyValue reply;
  REQUIRE(reader.Feed("HTTP/1.1 400\r\n"));
  CHECK(reader.Next(reply) == Outcome::kMalformed);
}
