#include "replication/resp/reply_writer.h"

#include <doctest/doctest.h>

#include <limits>

using resp::ReplyWriter;

namespace {

template <class Write>
std::string Written(int protocol, Write write) {
  std::string out;
  ReplyWriter writer(out, protocol);
  write(writer);
  return out;
}

}  // namespace

TEST_CASE("replies: RESP3 types fall back in RESP2") {
  const auto map = [](ReplyWriter& w) { w.Map(2); };
  CHECK(Written(2, map) == "*4\r\n");
  CHECK(Written(3, map) == "%2\r\n");
  const auto null = [](ReplyWriter& w) { w.Null(); };
  CHECK(Written(2, null) == "$-1\r\n");
  CHECK(Written(3, null) == "_\r\n");
  const auto text = [](ReplyWriter& w) { w.Verbatim("txt", "hi"); };
  CHECK(Written(2, text) == "$2\r\nhi\r\n");
  CHECK(Written(3, text) == "=6\r\ntxt:hi\r\n");
  const auto push = [](ReplyWriter& w) { w.Push(3); };
  CHECK(Written(2, push) == "*3\r\n");
  CHECK(Written(3, push) == ">3\r\n");
}

TEST_CASE("replies: an error stays on one line") {
  CHECK(Written(2, [](ReplyWriter& w) { w.Error("ERR a\r\nb"); }) == "-ERR a  b\r\n");
}

TEST_CASE("replies: doubles are printed as Redis 7.0 prints them") {
  CHECK(resp::FormatDouble(3) == "3");
  CHECK(resp::FormatDouble(-0.5) == "-0.5");
  CHECK(resp::FormatDouble(0.1) == "0.10000000000000001");
  CHECK(resp::FormatDouble(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("requests: an encoded command is an array of bulk strings") {
  std::string out;
  resp::AppendCommand(out, {"SET", "k", ""});
  CHECK(out == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
}
