// Which part of a sorted set is meant: by score, by member.
#pragma once

#include <optional>
#include <string_view>

namespace data {

struct ScoreRange {
  double min = 0;
  double max = 0;
  bool min_open = false;  // without `min` itself
  bool max_open = false;

  bool ReachesMin(double score) const { return min_open ? score > min : score >= min; }
  bool StaysBelowMax(double score) const { return max_open ? score < max : score <= max; }
};

// "1.5", "(1.5", "-inf": nothing when a bound is no number. Source: ZRANGEBYSCORE.
std::optional<ScoreRange> ParseScoreRange(std::string_view min, std::string_view max);

struct MemberBound {
  enum class Kind { kLowest, kMember, kHighest };
  Kind kind = Kind::kLowest;
  std::string_view member;
  bool open = false;
};

struct MemberRange {
  MemberBound min;
  MemberBound max;

  bool ReachesMin(std::string_view member) const;
  bool StaysBelowMax(std::string_view member) const;
  // Nothing can be in it.
  bool Empty() const;
};

// "-", "+", "[member", "(member": nothing when a bound is none of these. The views must last as long as the range.
// Source: ZRANGEBYLEX.
std::optional<MemberRange> ParseMemberRange(std::string_view min, std::string_view max);

}  // namespace data
