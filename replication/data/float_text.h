// Floating point numbers as texts, as Redis reads and writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace data {

inline constexpr std::string_view kNotAFloat = "ERR value is not a valid float";

// What strtold takes as a whole, without leading space, no NaN: INCRBYFLOAT, HINCRBYFLOAT.
std::optional<long double> ParseLongDouble(std::string_view text);
// 17 digits behind the point, without the zeros at the end.
std::string LongDoubleText(long double value);

// What strtod takes as a whole, without leading space, no NaN: scores, weights, coordinates.
std::optional<double> ParseDouble(std::string_view text);

// Room for the text of a score.
struct ScoreText {
  char digits[32];
};
// 17 significant digits at most, as Redis 7.0 prints a score; the view points into `buffer`.
std::string_view TextOf(double score, ScoreText& buffer);

}  // namespace data
