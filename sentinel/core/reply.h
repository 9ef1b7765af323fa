// A reply as the core sees it: the edge has parsed it, nothing of hiredis remains.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel {

// In the place of a string that was too large to be kept: an error that begins so.
inline constexpr std::string_view kTooLarge = "VIGILTOOLARGE";

struct ReplyValue {
  enum class Kind { kStatus, kError, kInteger, kString, kNil, kArray };

  Kind kind = Kind::kNil;
  std::string text;  // kStatus, kError (with its code), kString
  std::int64_t integer = 0;
  std::vector<ReplyValue> elements;

  bool is_error() const { return kind == Kind::kError; }
  bool StartsWith(std::string_view prefix) const { return std::string_view(text).starts_with(prefix); }

  static ReplyValue Status(std::string text) { return {Kind::kStatus, std::move(text), 0, {}}; }
  static ReplyValue Error(std::string text) { return {Kind::kError, std::move(text), 0, {}}; }
  static ReplyValue Integer(std::int64_t value) { return {Kind::kInteger, {}, value, {}}; }
  static ReplyValue String(std::string text) { return {Kind::kString, std::move(text), 0, {}}; }
  static ReplyValue Nil() { return {}; }
  static ReplyValue Array(std::vector<ReplyValue> elements) { return {Kind::kArray, {}, 0, std::move(elements)}; }
};

}  // namespace sentinel
