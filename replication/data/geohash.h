// Places on the earth as 52-bit integers in which near ones are mostly near, and the boxes that cover an area.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace data::geo {

struct Place {
  double longitude = 0;
  double latitude = 0;
};

// Web Mercator's limits: nothing beyond them can be kept.
inline constexpr double kMostLongitude = 180;
inline constexpr double kMostLatitude = 85.05112878;

bool CanBeKept(const Place& place);

// The 52 bits. Source: GEOADD.
std::uint64_t Encode(const Place& place);
// The middle of the box that the bits name.
Place Decode(std::uint64_t bits);
// Eleven characters as geohash.org has them.
std::string StandardText(const Place& place);

// Metres on a sphere.
double Distance(const Place& a, const Place& b);

// A circle or a rectangle around a place, in metres.
struct Area {
  Place center;
  bool rectangle = false;
  double radius = 0;
  double width = 0;
  double height = 0;

  // The distance from the center when the place is within.
  std::optional<double> DistanceWithin(const Place& place) const;
};

// Scores from `first` to below `last`.
struct Box {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// At most nine that cover the area: the one with the center first, then its neighbours, in Redis' order.
std::vector<Box> Covering(const Area& area);

}  // namespace data::geo
