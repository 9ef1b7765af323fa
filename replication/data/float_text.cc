#include "replication/data/float_text.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace data {
namespace {

constexpr std::size_t kMaxFloatText = 5 * 1024;  // longer texts are no numbers for Redis

}  // namespace

std::optional<long double> ParseLongDouble(std::string_view text) {
  if (text.empty() || text.size() >= kMaxFloatText || std::string_view(" \t\n\v\f\r").find(text[0]) != text.npos) {
    return std::nullopt;
  }
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::string LongDoubleText(long double value) {
  char buffer[kMaxFloatText];
  const int length = std::snprintf(buffer, sizeof buffer, "%.17Lf", value);
  std::string text(buffer, static_cast<std::size_t>(length));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::optional<double> ParseDouble(std::string_view text) {
  if (text.empty() || std::string_view(" \t\n\v\f\r").find(text[0]) != text.npos) return std::nullopt;
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::string_view TextOf(double score, ScoreText& buffer) {
  constexpr double kPlainDigits = 1e15;  // whole numbers below it have the same text as integers
  if (std::abs(score) < kPlainDigits && score == std::trunc(score) && !(score == 0 && std::signbit(score))) {
    const auto [end, error] =
        std::to_chars(buffer.digits, buffer.digits + sizeof buffer.digits, static_cast<std::int64_t>(score));
    return {buffer.digits, end};
  }
  const int length = std::snprintf(buffer.digits, sizeof buffer.digits, "%.17g", score);
  return {buffer.digits, static_cast<std::size_t>(length)};
}

}  // namespace data
