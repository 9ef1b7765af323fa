// Numbers, globs and quoted words, as Redis reads and writes them in commands and configuration files.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"

namespace base {

// The whole of `text` as a decimal integer: no spaces, no plus sign, no leading zeros ("0" itself is fine).
// Empty when it is anything else or does not fit into T. This is what Redis means by "an integer".
template <class T>
std::optional<T> ParseInt(std::string_view text) {
  T value{};
  if (text.empty() || text[0] == '+') return std::nullopt;
  const std::string_view digits = text[0] == '-' ? text.substr(1) : text;
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  if (text[0] == '-' && digits == "0") return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// 1..65535.
Result<std::uint16_t> ParsePort(std::string_view text);
// "yes" or "no", any case.
std::optional<bool> ParseYesNo(std::string_view text);
// Bytes with redis.conf's units: 100, 1k = 1000, 1kb = 1024, m, mb, g, gb; any case.
std::optional<std::uint64_t> ParseMemory(std::string_view text);

std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Views into `text`, which must live as long as they do: so no text that dies with the call.
std::vector<std::string_view> Split(std::string_view text, char separator);
template <std::same_as<std::string> Text>
std::vector<std::string_view> Split(Text&& text, char separator) = delete;
std::string_view Trim(std::string_view text);

// Redis' glob: * ? [a-z] [^x] \escape. Linear in most cases; a run of stars costs no more than one.
// Source: the KEYS and PSUBSCRIBE documentation.
bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case = false);

// Splits a line into words as redis-cli and redis.conf do: "double quotes" with \n \r \t \b \a \xHH escapes,
// 'single quotes' with \' only. kInvalid on unbalanced quotes or on text right behind a closing quote.
Result<std::vector<std::string>> SplitWords(std::string_view line);

// The word as SplitWords reads it back: bare when it is plain, otherwise in double quotes with escapes.
std::string QuoteWord(std::string_view word);
// Always in double quotes with escapes, as Redis prints strings in logs and CLIENT LIST.
std::string Quoted(std::string_view text);

// True when the text holds a byte in 0x00-0x1F or 0x7F: such a value could smuggle a line into a config file.
bool HasControlCharacters(std::string_view text);

}  // namespace base
