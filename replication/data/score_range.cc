#include "replication/data/score_range.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace data {
namespace {

// As strtod reads it: leading space is fine, and the empty text is 0.
bool ParseBound(std::string_view text, double& value, bool& open) {
  open = text.starts_with('(');
  if (open) text.remove_prefix(1);
  const std::string copy(text);
  char* end = nullptr;
  value = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(value);
}

std::optional<MemberBound> ParseMemberBound(std::string_view text) {
  MemberBound bound;
  if (text == "-") return bound;
  if (text == "+") {
    bound.kind = MemberBound::Kind::kHighest;
    return bound;
  }
  if (!text.starts_with('[') && !text.starts_with('(')) return std::nullopt;
  bound.kind = MemberBound::Kind::kMember;
  bound.open = text[0] == '(';
  bound.member = text.substr(1);
  return bound;
}

}  // namespace

std::optional<ScoreRange> ParseScoreRange(std::string_view min, std::string_view max) {
  ScoreRange range;
  if (!ParseBound(min, range.min, range.min_open) || !ParseBound(max, range.max, range.max_open)) return std::nullopt;
  return range;
}

bool MemberRange::ReachesMin(std::string_view member) const {
  switch (min.kind) {
    case MemberBound::Kind::kLowest:
      return true;
    case MemberBound::Kind::kHighest:
      return false;
    case MemberBound::Kind::kMember:
      return min.open ? member > min.member : member >= min.member;
  }
  return false;
}

bool MemberRange::StaysBelowMax(std::string_view member) const {
  switch (max.kind) {
    case MemberBound::Kind::kLowest:
      return false;
    case MemberBound::Kind::kHighest:
      return true;
    case MemberBound::Kind::kMember:
      return max.open ? member < max.member : member <= max.member;
  }
  return false;
}

bool MemberRange::Empty() const {
  using Kind = MemberBound::Kind;
  if (min.kind == Kind::kHighest || max.kind == Kind::kLowest) return true;
  if (min.kind == Kind::kLowest || max.kind == Kind::kHighest) return false;
  return min.member > max.member || (min.member == max.member && (min.open || max.open));
}

std::optional<MemberRange> ParseMemberRange(std::string_view min, std::string_view max) {
  const auto low = ParseMemberBound(min);
  const auto high = ParseMemberBound(max);
  if (!low || !high) return std::nullopt;
  return MemberRange{*low, *high};
}

}  // namespace data
