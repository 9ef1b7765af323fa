#include "replication/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace base {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = Lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Does the bracket expression that begins behind `[` match `c`? `pattern` is left behind the closing bracket.
bool BracketMatches(std::string_view& pattern, char c, bool ignore_case) {
  const bool negated = !pattern.empty() && pattern[0] == '^';
  if (negated) pattern.remove_prefix(1);
  bool matched = false;
  const auto fold = [ignore_case](char x) { return ignore_case ? Lower(x) : x; };
  while (true) {
    if (pattern.empty()) break;  // an unclosed bracket ends with the pattern
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      matched |= fold(pattern[1]) == fold(c);
      pattern.remove_prefix(2);
    } else if (pattern[0] == ']') {
      pattern.remove_prefix(1);
      break;
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      auto low = static_cast<unsigned char>(fold(pattern[0]));
      auto high = static_cast<unsigned char>(fold(pattern[2]));
      if (low > high) std::swap(low, high);
      const auto x = static_cast<unsigned char>(fold(c));
      matched |= x >= low && x <= high;
      pattern.remove_prefix(3);
    } else {
      matched |= fold(pattern[0]) == fold(c);
      pattern.remove_prefix(1);
    }
  }
  return matched != negated;
}

}  // namespace

Result<std::uint16_t> ParsePort(std::string_view text) {
  const auto port = ParseInt<std::uint16_t>(text);
  if (!port || *port == 0) return Fail(ErrorCode::kInvalid, fmt::format("'{}' is not a port (1 to 65535)", text));
  return *port;
}

std::optional<bool> ParseYesNo(std::string_view text) {
  if (EqualsIgnoreCase(text, "yes")) return true;
  if (EqualsIgnoreCase(text, "no")) return false;
  return std::nullopt;
}

std::optional<std::uint64_t> ParseMemory(std::string_view text) {
  const auto unit_at = std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const auto digits = static_cast<std::size_t>(unit_at - text.begin());
  const std::string unit = ToLower(text.substr(digits));
  std::uint64_t factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  if (unit == "k") factor = 1000;
  if (unit == "kb") factor = 1024;
  if (unit == "m") factor = 1000 * 1000;
  if (unit == "mb") factor = 1024 * 1024;
  if (unit == "g") factor = 1000ULL * 1000 * 1000;
  if (unit == "gb") factor = 1024ULL * 1024 * 1024;
  const auto number = ParseInt<std::uint64_t>(text.substr(0, digits));
  if (factor == 0 || !number || *number > UINT64_MAX / factor) return std::nullopt;
  return *number * factor;
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), Lower);
  return out;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case) {
  // When a later part fails, only the last star needs to take one more byte: earlier ones already matched the
  // shortest text, so trying them again cannot help. That keeps "a*a*a*b" from exploding.
  std::string_view star_pattern, star_text;
  bool have_star = false;
  while (true) {
    if (!pattern.empty() && pattern[0] == '*') {
      while (!pattern.empty() && pattern[0] == '*') pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      star_pattern = pattern;
      star_text = text;
      have_star = true;
      continue;
    }
    if (text.empty()) return pattern.empty();
    bool matched = false;
    if (!pattern.empty()) {
      const char head = pattern[0];
      pattern.remove_prefix(1);
      if (head == '?') {
        matched = true;
      } else if (head == '[') {
        matched = BracketMatches(pattern, text[0], ignore_case);
      } else {
        char literal = head;
        if (head == '\\' && !pattern.empty()) {
          literal = pattern[0];
          pattern.remove_prefix(1);
        }
        matched = ignore_case ? Lower(literal) == Lower(text[0]) : literal == text[0];
      }
    }
    if (matched) {
      text.remove_prefix(1);
      continue;
    }
    if (!have_star || star_text.empty()) return false;
    star_text.remove_prefix(1);
    text = star_text;
    pattern = star_pattern;
  }
}

Result<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  std::size_t i = 0;
  while (true) {
    while (i < line.size() && (IsSpace(line[i]) || line[i] == '\0')) ++i;
    if (i >= line.size()) return words;
    std::string word;
    char quote = 0;
    for (;; ++i) {
      if (i >= line.size()) {
        if (quote) return Fail(ErrorCode::kInvalid, "unbalanced quotes");
        break;
      }
      const char c = line[i];
      if (quote == '"') {
        if (c == '\\' && i + 3 < line.size() && line[i + 1] == 'x' && HexDigit(line[i + 2]) >= 0 &&
            HexDigit(line[i + 3]) >= 0) {
          word.push_back(static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3])));
          i += 3;
        } else if (c == '\\' && i + 1 < line.size()) {
          const char escaped = line[++i];
          switch (escaped) {
            case 'n':
              word.push_back('\n');
              break;
            case 'r':
              word.push_back('\r');
              break;
            case 't':
              word.push_back('\t');
              break;
            case 'b':
              word.push_back('\b');
              break;
            case 'a':
              word.push_back('\a');
              break;
            default:
              word.push_back(escaped);
          }
        } else if (c == '"') {
          if (i + 1 < line.size() && !IsSpace(line[i + 1])) {
            return Fail(ErrorCode::kInvalid, "unbalanced quotes: text right behind a closing quote");
          }
          ++i;
          break;
        } else {
          word.push_back(c);
        }
      } else if (quote == '\'') {
        if (c == '\\' && i + 1 < line.size() && line[i + 1] == '\'') {
          word.push_back('\'');
          ++i;
        } else if (c == '\'') {
          if (i + 1 < line.size() && !IsSpace(line[i + 1])) {
            return Fail(ErrorCode::kInvalid, "unbalanced quotes: text right behind a closing quote");
          }
          ++i;
          break;
        } else {
          word.push_back(c);
        }
      } else if (IsSpace(c) || c == '\0') {
        break;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else {
        word.push_back(c);
      }
    }
    words.push_back(std::move(word));
  }
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (c >= 0x20 && c < 0x7f) {
          out.push_back(c);
        } else {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  out.push_back('"');
  return out;
}

std::string QuoteWord(std::string_view word) {
  const bool plain = !word.empty() && word[0] != '#' && std::all_of(word.begin(), word.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '\\';
  });
  return plain ? std::string(word) : Quoted(word);
}

bool HasControlCharacters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace base
