#include "sentinel/edge/reply_guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/reply.h"

namespace sentinel::edge {

bool ReplyGuard::Feed(std::string_view bytes, std::string& safe) {
  if (!error_.empty()) return false;
  while (!bytes.empty()) {
    if (skip_ > 0) {
      const std::size_t count = std::min<std::uint64_t>(skip_, bytes.size());
      bytes.remove_prefix(count);
      skip_ -= count;
      continue;
    }
    if (pass_ > 0) {
      const std::size_t count = std::min<std::uint64_t>(pass_, bytes.size());
      safe.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      pass_ -= count;
      if (pass_ == 0) ValueDone();
      continue;
    }
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > limits_.line) return Fail("a line without end");
    // What begins otherwise would be waited for in vain.
    if (line_.empty() && std::string_view("+-:$*").find(bytes[0]) == std::string_view::npos) {
      return Fail("a reply of unknown type");
    }
    line_ += part;
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (!line_.ends_with('\r')) return Fail("a line that does not end as lines do");
    if (!TakeLine(safe)) return false;
    line_.clear();
  }
  return true;
}

bool ReplyGuard::TakeLine(std::string& safe) {
  reply_bytes_ += line_.size() + 1;
  if (reply_bytes_ > limits_.reply) return Fail("a reply that is too large");
  switch (line_[0]) {
    case '+':
    case '-':
    case ':':
      safe += line_;
      safe += '\n';
      ValueDone();
      return true;
    case '$':
      return TakeLength(safe);
    case '*':
      return TakeCount(safe);
    default:
      return Fail("a reply of unknown type");
  }
}

bool ReplyGuard::TakeLength(std::string& safe) {
  const auto length = base::ParseInt<std::int64_t>(std::string_view(line_).substr(1, line_.size() - 2));
  if (!length || *length < -1 || *length > static_cast<std::int64_t>(limits_.skipped)) {
    return Fail("a string of impossible length");
  }
  if (*length == -1) {
    safe += "$-1\r\n";
    ValueDone();
    return true;
  }
  const auto size = static_cast<std::uint64_t>(*length);
  if (size > limits_.string) {
    safe += fmt::format("-{} {} bytes\r\n", kTooLarge, size);
    skip_ = size + 2;
    ValueDone();
    return true;
  }
  reply_bytes_ += size + 2;
  if (reply_bytes_ > limits_.reply) return Fail("a reply that is too large");
  safe += fmt::format("${}\r\n", size);
  pass_ = size + 2;
  return true;
}

bool ReplyGuard::TakeCount(std::string& safe) {
  const auto count = base::ParseInt<std::int64_t>(std::string_view(line_).substr(1, line_.size() - 2));
  if (!count || *count < -1) return Fail("an array of impossible length");
  safe += fmt::format("*{}\r\n", *count);
  if (*count <= 0) {
    ValueDone();
    return true;
  }
  const auto size = static_cast<std::uint64_t>(*count);
  if (size > limits_.elements - elements_) return Fail("an array with too many elements");
  elements_ += size;
  if (open_.size() >= limits_.depth) return Fail("arrays within arrays too deep");
  open_.push_back(size);
  return true;
}

void ReplyGuard::ValueDone() {
  while (!open_.empty() && --open_.back() == 0) open_.pop_back();
  if (!open_.empty()) return;
  elements_ = 0;
  reply_bytes_ = 0;
}

bool ReplyGuard::Fail(std::string text) {
  error_ = std::move(text);
  return false;
}

}  // namespace sentinel::edge
