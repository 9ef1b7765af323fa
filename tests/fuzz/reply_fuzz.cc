// Bytes of a server to the reply reader, in two ways of being cut: the same replies must come of both, and what is
// within bounds must pass the guard unchanged.
#include <vector>

#include "sentinel/core/quorum.h"
#include "sentinel/edge/reply_reader.h"
#include "tests/fuzz/fuzz.h"

namespace {

using sentinel::ReplyValue;
using sentinel::edge::ReplyReader;

struct Read {
  std::vector<ReplyValue> replies;
  bool failed = false;
};

Read ReadAll(std::string_view bytes, std::size_t piece) {
  ReplyReader reader;
  Read read;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    fuzz::Require(reader.Feed(bytes.substr(at, piece)), "there is memory");
    ReplyValue reply;
    auto outcome = reader.Next(reply);
    while (outcome == ReplyReader::Outcome::kReply) {
      read.replies.push_back(std::move(reply));
      outcome = reader.Next(reply);
    }
    if (outcome == ReplyReader::Outcome::kMalformed) {
      read.failed = true;
      break;
    }
  }
  return read;
}

bool Same(const ReplyValue& a, const ReplyValue& b) {
  if (a.kind != b.kind || a.text != b.text || a.integer != b.integer || a.elements.size() != b.elements.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!Same(a.elements[i], b.elements[i])) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::Text(data + 1, size - 1);
  const Read whole = ReadAll(bytes, bytes.size() + 1);
  const Read pieces = ReadAll(bytes, 1 + data[0] % 16);
  fuzz::Require(whole.failed == pieces.failed, "a fault is one however the bytes are cut");
  fuzz::Require(whole.replies.size() == pieces.replies.size(), "as many replies however the bytes are cut");
  for (std::size_t i = 0; i < whole.replies.size(); ++i) {
    fuzz::Require(Same(whole.replies[i], pieces.replies[i]), "the same replies however the bytes are cut");
    (void)sentinel::ParseAnswer(whole.replies[i]);
  }
  return 0;
}
