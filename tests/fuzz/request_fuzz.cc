// Bytes of a client to the request parser, cut in two ways: the same requests and the same fault must come of both, no
// byte may be credited twice, and a request that is sent again as RESP must say the same.
#include <algorithm>
#include <string>
#include <vector>

#include "replication/resp/request_parser.h"
#include "tests/fuzz/fuzz.h"

namespace {

using resp::RequestParser;

struct Read {
  std::vector<std::vector<std::string>> requests;
  bool failed = false;
  std::string error;
  std::uint64_t consumed = 0;
  std::size_t empty_lines = 0;
};

Read ReadAll(std::string_view bytes, std::size_t piece, RequestParser::Limits limits) {
  RequestParser parser(limits);
  Read read;
  for (std::size_t at = 0; at < bytes.size() && !read.failed; at += piece) {
    parser.Feed(bytes.substr(at, piece));
    resp::Words words;
    auto outcome = parser.Next(words);
    while (outcome == RequestParser::Outcome::kRequest) {
      fuzz::Require(!words.empty(), "a request says something");
      read.requests.emplace_back(words.begin(), words.end());
      outcome = parser.Next(words);
    }
    if (outcome == RequestParser::Outcome::kError) {
      read.failed = true;
      read.error = parser.error();
      fuzz::Require(!read.error.empty(), "a fault has a reason");
      fuzz::Require(parser.Next(words) == RequestParser::Outcome::kError, "nothing is given after a fault");
    } else {
      const std::size_t fed = std::min(bytes.size(), at + piece);
      fuzz::Require(parser.consumed() + parser.buffered() == fed, "every byte is consumed or held");
    }
  }
  read.consumed = parser.consumed();
  read.empty_lines = parser.TakeEmptyLines();
  return read;
}

std::string AsArray(const std::vector<std::string>& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::Text(data + 1, size - 1);
  RequestParser::Limits limits{};
  if (data[0] % 4 == 1) limits = RequestParser::kUnauthenticated;
  if (data[0] % 4 == 2) limits = RequestParser::kTrusted;
  if (data[0] % 4 == 3) limits = {.max_bulk = 8, .max_words = 3, .max_inline = 16};
  const Read whole = ReadAll(bytes, bytes.size() + 1, limits);
  const Read pieces = ReadAll(bytes, 1 + data[0] / 4 % 16, limits);
  fuzz::Require(whole.requests == pieces.requests, "the same requests however the bytes are cut");
  fuzz::Require(whole.failed == pieces.failed && whole.error == pieces.error, "the same fault however they are cut");
  fuzz::Require(whole.consumed == pieces.consumed && whole.empty_lines == pieces.empty_lines, "the same credit");

  std::string again;
  for (const auto& request : whole.requests) again += AsArray(request);
  const Read repeated = ReadAll(again, again.size() + 1, {});
  fuzz::Require(!repeated.failed && repeated.requests == whole.requests, "what was understood can be said again");
  fuzz::Require(repeated.consumed == again.size(), "and all of it counts");
  return 0;
}
