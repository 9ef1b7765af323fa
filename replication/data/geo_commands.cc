// Places in sorted sets: their scores are the bits of geohash.h.
#include <fmt/format.h>

#include <limits>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/geo_search.h"
#include "replication/data/geohash.h"
#include "replication/data/handlers.h"
#include "replication/data/zset_replies.h"

namespace data {

std::uint64_t GeoBits(double score) {
  // What is no place was put there by ZADD: it becomes what the conversion of a stock server on x86-64 makes of it.
  constexpr double kHalf = 9223372036854775808.0;  // 2^63
  const auto truncated = [](double value) {
    const bool fits = value >= -kHalf && value < kHalf;
    return static_cast<std::uint64_t>(fits ? static_cast<std::int64_t>(value)
                                           : std::numeric_limits<std::int64_t>::min());
  };
  return score < kHalf ? truncated(score) : truncated(score - kHalf) ^ (std::uint64_t{1} << 63);
}

bool PlaceOrReply(CommandContext& context, std::string_view longitude, std::string_view latitude, geo::Place& place) {
  const auto x = ParseDouble(longitude);
  const auto y = x ? ParseDouble(latitude) : std::nullopt;
  if (!y) {
    context.reply.Error(kNotAFloat);
    return false;
  }
  place = {*x, *y};
  if (geo::CanBeKept(place)) return true;
  context.reply.Error(fmt::format("ERR invalid longitude,latitude pair {:f},{:f}", *x, *y));
  return false;
}

std::optional<double> MetresOrReply(CommandContext& context, std::string_view unit) {
  if (base::EqualsIgnoreCase(unit, "m")) return 1;
  if (base::EqualsIgnoreCase(unit, "km")) return 1000;
  if (base::EqualsIgnoreCase(unit, "ft")) return 0.3048;
  if (base::EqualsIgnoreCase(unit, "mi")) return 1609.34;
  context.reply.Error("ERR unsupported unit provided. please use M, KM, FT, MI");
  return std::nullopt;
}

void ReplyDistance(CommandContext& context, double distance) {
  context.reply.Bulk(fmt::format("{:.4f}", distance));
}

void ReplyCoordinate(CommandContext& context, double degrees) {
  const std::string text = LongDoubleText(degrees);
  if (context.reply.protocol() < 3) return context.reply.Bulk(text);
  context.reply.Raw("," + text + "\r\n");
}

namespace {

using base::EqualsIgnoreCase;

void GeoAdd(CommandContext& context, const Words& words) {
  std::size_t first = 2;
  bool if_missing = false;
  bool if_there = false;
  for (; first < words.size(); ++first) {
    if (EqualsIgnoreCase(words[first], "nx")) {
      if_missing = true;
    } else if (EqualsIgnoreCase(words[first], "xx")) {
      if_there = true;
    } else if (!EqualsIgnoreCase(words[first], "ch")) {
      break;
    }
  }
  if ((words.size() - first) % 3 != 0 || (if_missing && if_there)) return context.reply.Error(kSyntaxError);

  // It is a ZADD from here on, for replicas too.
  std::vector<std::string> texts = {"zadd"};
  for (std::size_t i = 1; i < first; ++i) texts.emplace_back(words[i]);
  for (std::size_t i = first; i < words.size(); i += 3) {
    geo::Place place;
    if (!PlaceOrReply(context, words[i], words[i + 1], place)) return;
    texts.push_back(fmt::format("{}", geo::Encode(place)));
    texts.emplace_back(words[i + 2]);
  }
  const std::vector<std::string_view> as_words(texts.begin(), texts.end());
  const std::size_t effects = context.effects.size();
  ZAdd(context, as_words);
  for (std::size_t i = effects; i < context.effects.size(); ++i) {
    Effect& effect = context.effects[i];
    if (!effect.as_sent) continue;
    effect.as_sent = false;
    effect.words = texts;
  }
}

// The place of each member from words[2] on; give(place) with nothing for who is not there.
template <class Give>
void ForEachMember(CommandContext& context, const Words& words, const Give& give) {
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  context.reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto score = spot ? ZsetView(*spot).Score(words[i]) : std::nullopt;
    give(score ? std::optional(geo::Decode(GeoBits(*score))) : std::nullopt);
  }
}

void GeoPos(CommandContext& context, const Words& words) {
  ForEachMember(context, words, [&context](const std::optional<geo::Place>& place) {
    if (!place) return context.reply.NullArray();
    context.reply.Array(2);
    ReplyCoordinate(context, place->longitude);
    ReplyCoordinate(context, place->latitude);
  });
}

void GeoHash(CommandContext& context, const Words& words) {
  ForEachMember(context, words, [&context](const std::optional<geo::Place>& place) {
    place ? context.reply.Bulk(geo::StandardText(*place)) : context.reply.Null();
  });
}

void GeoDist(CommandContext& context, const Words& words) {
  if (words.size() > 5) return context.reply.Error(kSyntaxError);
  const auto metres = words.size() == 5 ? MetresOrReply(context, words[4]) : std::optional<double>(1);
  if (!metres) return;
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  if (!spot) return context.reply.Null();
  const auto a = ZsetView(*spot).Score(words[2]);
  const auto b = ZsetView(*spot).Score(words[3]);
  if (!a || !b) return context.reply.Null();
  ReplyDistance(context, geo::Distance(geo::Decode(GeoBits(*a)), geo::Decode(GeoBits(*b))) / *metres);
}

using namespace serve;

constexpr KeyPositions kOne = {1, 1, 1};

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"geoadd", -5, kWrite | kDenyOom, kOne, kCatGeo, "geo",
      "Add one or more geospatial items in the geospatial index represented using a sorted set",
      "<key> [NX|XX] [CH] <longitude> <latitude> <member> [<longitude> <latitude> <member> ...]"},
     &GeoAdd},
    {{"geodist", -4, kReadonly, kOne, kCatGeo, "geo", "Returns the distance between two members of a geospatial index",
      "<key> <member1> <member2> [M|KM|FT|MI]"},
     &GeoDist},
    {{"geohash", -2, kReadonly, kOne, kCatGeo, "geo",
      "Returns members of a geospatial index as standard geohash strings", "<key> <member> [<member> ...]"},
     &GeoHash},
    {{"geopos", -2, kReadonly, kOne, kCatGeo, "geo", "Returns longitude and latitude of members of a geospatial index",
      "<key> <member> [<member> ...]"},
     &GeoPos},
};

}  // namespace

std::span<const DataCommand> GeoCommands() {
  return kCommands;
}

}  // namespace data
