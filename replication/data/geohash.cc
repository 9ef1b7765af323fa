#include "replication/data/geohash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace data::geo {
namespace {

constexpr int kSteps = 26;  // bits of each coordinate
constexpr double kEarthRadius = 6372797.560856;
constexpr double kMercatorHalf = 20037726.37;  // metres
constexpr double kRadian = std::numbers::pi / 180.0;
constexpr std::uint64_t kLatitudeBits = 0x5555555555555555ULL;
constexpr std::uint64_t kLongitudeBits = 0xaaaaaaaaaaaaaaaaULL;

double Radians(double degrees) {
  return degrees * kRadian;
}

double Degrees(double radians) {
  return radians / kRadian;
}

struct Limits {
  double low;
  double high;
};
constexpr Limits kLongitudes{-kMostLongitude, kMostLongitude};
constexpr Limits kLatitudes{-kMostLatitude, kMostLatitude};

// The lower 32 bits, each followed by a zero.
std::uint64_t Spread(std::uint64_t bits) {
  bits &= 0xffffffffULL;
  bits = (bits | bits << 16) & 0x0000ffff0000ffffULL;
  bits = (bits | bits << 8) & 0x00ff00ff00ff00ffULL;
  bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fULL;
  bits = (bits | bits << 2) & 0x3333333333333333ULL;
  return (bits | bits << 1) & kLatitudeBits;
}

std::uint64_t Gathered(std::uint64_t bits) {
  bits &= kLatitudeBits;
  bits = (bits | bits >> 1) & 0x3333333333333333ULL;
  bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0fULL;
  bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffULL;
  bits = (bits | bits >> 8) & 0x0000ffff0000ffffULL;
  return (bits | bits >> 16) & 0x00000000ffffffffULL;
}

// A box with `steps` bits of each coordinate: longitudes in the odd bits, latitudes in the even ones.
struct Cell {
  std::uint64_t bits = 0;
  int steps = 0;

  bool operator==(const Cell&) const = default;
};

std::uint64_t Part(double value, Limits limits, int steps) {
  const double offset = (value - limits.low) / (limits.high - limits.low);
  return static_cast<std::uint32_t>(offset * static_cast<double>(1ULL << steps));
}

Cell CellOf(const Place& place, Limits longitudes, Limits latitudes, int steps) {
  return {Spread(Part(place.latitude, latitudes, steps)) | Spread(Part(place.longitude, longitudes, steps)) << 1,
          steps};
}

struct Bounds {
  Place low;
  Place high;
};

Bounds BoundsOf(const Cell& cell) {
  const std::uint64_t latitude = Gathered(cell.bits);
  const std::uint64_t longitude = Gathered(cell.bits >> 1);
  const auto at = [&cell](std::uint64_t part, Limits limits) {
    const double share = static_cast<double>(part) * 1.0 / static_cast<double>(1ULL << cell.steps);
    return limits.low + share * (limits.high - limits.low);
  };
  return {{at(longitude, kLongitudes), at(latitude, kLatitudes)},
          {at(longitude + 1, kLongitudes), at(latitude + 1, kLatitudes)}};
}

std::uint64_t WithinSteps(std::uint64_t bits, int steps) {
  return bits & (~0ULL >> (64 - 2 * steps));
}

// One box to the east or west, around the earth if need be: the other coordinate's bits are filled up, so that the
// carry runs through them.
Cell MovedEast(const Cell& cell, int by) {
  std::uint64_t east = cell.bits & kLongitudeBits;
  const std::uint64_t filled = WithinSteps(kLatitudeBits, cell.steps);
  east = by > 0 ? east + (filled + 1) : (east | filled) - (filled + 1);
  return {WithinSteps(east & kLongitudeBits, cell.steps) | (cell.bits & kLatitudeBits), cell.steps};
}

Cell MovedNorth(const Cell& cell, int by) {
  std::uint64_t north = cell.bits & kLatitudeBits;
  const std::uint64_t filled = WithinSteps(kLongitudeBits, cell.steps);
  north = by > 0 ? north + (filled + 1) : (north | filled) - (filled + 1);
  return {WithinSteps(north & kLatitudeBits, cell.steps) | (cell.bits & kLongitudeBits), cell.steps};
}

Cell Moved(Cell cell, int east, int north) {
  if (east != 0) cell = MovedEast(cell, east);
  if (north != 0) cell = MovedNorth(cell, north);
  return cell;
}

// How many bits a box may have whose neighbours still reach as far.
int StepsFor(double radius, double latitude) {
  if (radius == 0) return kSteps;
  int steps = 1;
  for (; radius < kMercatorHalf; radius *= 2) ++steps;
  steps -= 2;  // so that the radius is within one box in most cases
  // Boxes become narrow towards the poles.
  if (latitude > 66 || latitude < -66) {
    --steps;
    if (latitude > 80 || latitude < -80) --steps;
  }
  return std::clamp(steps, 1, kSteps);
}

Bounds BoundsOf(const Area& area) {
  const double height = area.rectangle ? area.height / 2 : area.radius;
  const double width = area.rectangle ? area.width / 2 : area.radius;
  const double latitude = area.center.latitude;
  const double latitudes = Degrees(height / kEarthRadius);
  const double top = Degrees(width / kEarthRadius / std::cos(Radians(latitude + latitudes)));
  const double bottom = Degrees(width / kEarthRadius / std::cos(Radians(latitude - latitudes)));
  // The side that is nearer to a pole spans more degrees.
  const double longitudes = latitude < 0 ? bottom : top;
  return {{area.center.longitude - longitudes, latitude - latitudes},
          {area.center.longitude + longitudes, latitude + latitudes}};
}

}  // namespace

bool CanBeKept(const Place& place) {
  return place.longitude >= kLongitudes.low && place.longitude <= kLongitudes.high &&
         place.latitude >= kLatitudes.low && place.latitude <= kLatitudes.high;
}

std::uint64_t Encode(const Place& place) {
  return CellOf(place, kLongitudes, kLatitudes, kSteps).bits;
}

Place Decode(std::uint64_t bits) {
  const Bounds bounds = BoundsOf(Cell{bits, kSteps});
  return {std::clamp((bounds.low.longitude + bounds.high.longitude) / 2, kLongitudes.low, kLongitudes.high),
          std::clamp((bounds.low.latitude + bounds.high.latitude) / 2, kLatitudes.low, kLatitudes.high)};
}

std::string StandardText(const Place& place) {
  constexpr std::string_view kDigits = "0123456789bcdefghjkmnpqrstuvwxyz";
  const std::uint64_t bits = CellOf(place, {-180, 180}, {-90, 90}, kSteps).bits;
  std::string text;
  for (int i = 1; i <= 10; ++i) text.push_back(kDigits[bits >> (2 * kSteps - 5 * i) & 31]);
  // 52 bits are not enough for the last one.
  text.push_back(kDigits[0]);
  return text;
}

double Distance(const Place& a, const Place& b) {
  const double a_longitude = Radians(a.longitude);
  const double a_latitude = Radians(a.latitude);
  const double b_longitude = Radians(b.longitude);
  const double b_latitude = Radians(b.latitude);
  const double v = std::sin((b_longitude - a_longitude) / 2);
  // On one meridian the arc is the difference itself. Stock computes it so, and the last digits are stored by
  // STOREDIST.
  if (v == 0) return kEarthRadius * std::abs(b_latitude - a_latitude);
  const double u = std::sin((b_latitude - a_latitude) / 2);
  return 2.0 * kEarthRadius * std::asin(std::sqrt(u * u + std::cos(a_latitude) * std::cos(b_latitude) * v * v));
}

std::optional<double> Area::DistanceWithin(const Place& place) const {
  const double distance = Distance(center, place);
  if (!rectangle) return distance > radius ? std::nullopt : std::optional(distance);
  const double east = Distance(place, {center.longitude, place.latitude});
  const double north = Distance(place, {place.longitude, center.latitude});
  if (east > width / 2 || north > height / 2) return std::nullopt;
  return distance;
}

std::vector<Box> Covering(const Area& area) {
  const Bounds bounds = BoundsOf(area);
  const double radius =
      area.rectangle ? std::sqrt(area.width / 2 * (area.width / 2) + area.height / 2 * (area.height / 2)) : area.radius;
  int steps = StepsFor(radius, area.center.latitude);
  Cell middle = CellOf(area.center, kLongitudes, kLatitudes, steps);
  // Near the edge of a box, a neighbour may not reach far enough.
  const bool too_small = BoundsOf(Moved(middle, 0, 1)).high.latitude < bounds.high.latitude ||
                         BoundsOf(Moved(middle, 0, -1)).low.latitude > bounds.low.latitude ||
                         BoundsOf(Moved(middle, 1, 0)).high.longitude < bounds.high.longitude ||
                         BoundsOf(Moved(middle, -1, 0)).low.longitude > bounds.low.longitude;
  if (steps > 1 && too_small) middle = CellOf(area.center, kLongitudes, kLatitudes, --steps);

  // Where the middle one reaches far enough itself, what lies behind is not needed.
  const Bounds reached = BoundsOf(middle);
  const bool exclude = steps >= 2;
  const bool no_south = exclude && reached.low.latitude < bounds.low.latitude;
  const bool no_north = exclude && reached.high.latitude > bounds.high.latitude;
  const bool no_west = exclude && reached.low.longitude < bounds.low.longitude;
  const bool no_east = exclude && reached.high.longitude > bounds.high.longitude;

  struct Direction {
    int east;
    int north;
  };
  constexpr std::array kDirections = {Direction{0, 0},  Direction{0, 1},  Direction{0, -1},
                                      Direction{1, 0},  Direction{-1, 0}, Direction{1, 1},
                                      Direction{-1, 1}, Direction{1, -1}, Direction{-1, -1}};
  std::vector<Box> boxes;
  std::optional<Cell> last;  // large areas have the same neighbour in several directions
  for (const Direction& direction : kDirections) {
    if ((no_south && direction.north < 0) || (no_north && direction.north > 0)) continue;
    if ((no_west && direction.east < 0) || (no_east && direction.east > 0)) continue;
    const Cell cell = Moved(middle, direction.east, direction.north);
    if (last == cell) continue;
    // The one in the middle is not compared with, so it may come twice: so it does in Redis.
    if (direction.east != 0 || direction.north != 0) last = cell;
    const int shift = 2 * (kSteps - cell.steps);
    boxes.push_back(Box{cell.bits << shift, (cell.bits + 1) << shift});
  }
  return boxes;
}

}  // namespace data::geo
