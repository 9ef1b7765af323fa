#include "replication/data/geo_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/zset_replies.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

enum class Order { kNone, kNearestFirst, kFarthestFirst };

struct Found {
  std::string member;
  double score = 0;
  double distance = 0;  // metres
  geo::Place place;
};

// What is asked for, by any of the commands.
struct Search {
  bool by_radius_command = false;  // GEORADIUS and its like, rather than GEOSEARCH
  bool may_store = false;          // the words STORE and STOREDIST are known
  geo::Area area;
  double metres = 1;  // of the unit
  bool has_center = false;
  bool has_shape = false;
  bool with_distance = false;
  bool with_bits = false;
  bool with_place = false;
  Order order = Order::kNone;
  std::int64_t count = 0;  // 0: all
  bool any = false;        // the first ones found, wherever they are
  std::optional<std::string_view> target;
  bool store_distance = false;
};

// "<radius> <unit>" at words[at].
bool ReadRadius(CommandContext& context, const Words& words, std::size_t at, Search& search) {
  const auto radius = ParseDouble(words[at]);
  if (!radius) {
    context.reply.Error("ERR need numeric radius");
    return false;
  }
  if (*radius < 0) {
    context.reply.Error("ERR radius cannot be negative");
    return false;
  }
  const auto metres = MetresOrReply(context, words[at + 1]);
  if (!metres) return false;
  search.metres = *metres;
  search.area.rectangle = false;
  search.area.radius = *radius * *metres;
  return true;
}

// "<width> <height> <unit>" at words[at].
bool ReadBox(CommandContext& context, const Words& words, std::size_t at, Search& search) {
  const auto width = ParseDouble(words[at]);
  const auto height = width ? ParseDouble(words[at + 1]) : std::nullopt;
  if (!height) {
    context.reply.Error(width ? "ERR need numeric height" : "ERR need numeric width");
    return false;
  }
  if (*width < 0 || *height < 0) {
    context.reply.Error("ERR height or width cannot be negative");
    return false;
  }
  const auto metres = MetresOrReply(context, words[at + 2]);
  if (!metres) return false;
  search.metres = *metres;
  search.area.rectangle = true;
  search.area.width = *width * *metres;
  search.area.height = *height * *metres;
  return true;
}

// Without a key there is nothing to look for, and any member will do.
bool ReadMember(CommandContext& context, const Spot& spot, std::string_view member, Search& search) {
  if (!spot) return true;
  const auto score = ZsetView(*spot).Score(member);
  if (!score) {
    context.reply.Error("ERR could not decode requested zset member");
    return false;
  }
  search.area.center = geo::Decode(GeoBits(*score));
  return true;
}

// One option at words[at]; returns how many words it has, 0 when an error has been answered.
std::size_t ReadOption(CommandContext& context, const Spot& spot, const Words& words, std::size_t at, Search& search) {
  const std::string_view word = words[at];
  const std::size_t behind = words.size() - at - 1;
  const bool searches = !search.by_radius_command;
  if (EqualsIgnoreCase(word, "withdist")) {
    search.with_distance = true;
  } else if (EqualsIgnoreCase(word, "withhash")) {
    search.with_bits = true;
  } else if (EqualsIgnoreCase(word, "withcoord")) {
    search.with_place = true;
  } else if (EqualsIgnoreCase(word, "any")) {
    search.any = true;
  } else if (EqualsIgnoreCase(word, "asc")) {
    search.order = Order::kNearestFirst;
  } else if (EqualsIgnoreCase(word, "desc")) {
    search.order = Order::kFarthestFirst;
  } else if (behind >= 1 && EqualsIgnoreCase(word, "count")) {
    const auto count = IntegerOrReply(context, words[at + 1]);
    if (!count) return 0;
    if (*count <= 0) {
      context.reply.Error("ERR COUNT must be > 0");
      return 0;
    }
    search.count = *count;
    return 2;
  } else if (!searches && search.may_store && behind >= 1 &&
             (EqualsIgnoreCase(word, "store") || EqualsIgnoreCase(word, "storedist"))) {
    search.target = words[at + 1];
    search.store_distance = EqualsIgnoreCase(word, "storedist");
    return 2;
  } else if (searches && search.may_store && EqualsIgnoreCase(word, "storedist")) {
    search.store_distance = true;
  } else if (searches && behind >= 1 && !search.has_center && EqualsIgnoreCase(word, "frommember")) {
    if (!ReadMember(context, spot, words[at + 1], search)) return 0;
    search.has_center = true;
    return 2;
  } else if (searches && behind >= 2 && !search.has_center && EqualsIgnoreCase(word, "fromlonlat")) {
    if (!PlaceOrReply(context, words[at + 1], words[at + 2], search.area.center)) return 0;
    search.has_center = true;
    return 3;
  } else if (searches && behind >= 2 && !search.has_shape && EqualsIgnoreCase(word, "byradius")) {
    if (!ReadRadius(context, words, at + 1, search)) return 0;
    search.has_shape = true;
    return 3;
  } else if (searches && behind >= 3 && !search.has_shape && EqualsIgnoreCase(word, "bybox")) {
    if (!ReadBox(context, words, at + 1, search)) return 0;
    search.has_shape = true;
    return 4;
  } else {
    context.reply.Error(kSyntaxError);
    return 0;
  }
  return 1;
}

// False when an error has been answered.
bool ReadOptions(CommandContext& context, const Spot& spot, const Words& words, std::size_t first, Search& search) {
  for (std::size_t at = first; at < words.size();) {
    const std::size_t read = ReadOption(context, spot, words, at, search);
    if (read == 0) return false;
    at += read;
  }
  std::string error;
  if (search.target && (search.with_distance || search.with_bits || search.with_place)) {
    error = fmt::format("ERR {} is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                        search.by_radius_command ? "STORE option in GEORADIUS" : "GEOSEARCHSTORE");
  } else if (!search.by_radius_command && !search.has_center) {
    error = fmt::format("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}", words[0]);
  } else if (!search.by_radius_command && !search.has_shape) {
    error = fmt::format("ERR exactly one of BYRADIUS and BYBOX can be specified for {}", words[0]);
  } else if (search.any && search.count == 0) {
    error = "ERR the ANY argument requires COUNT argument";
  }
  if (!error.empty()) context.reply.Error(error);
  return error.empty();
}

// Box by box, as Redis does: without an order, that is the order of the reply.
std::vector<Found> Find(const ZsetView& zset, const Search& search) {
  std::vector<Found> found;
  const auto enough = [&] { return search.any && found.size() >= static_cast<std::size_t>(search.count); };
  for (const geo::Box& box : geo::Covering(search.area)) {
    if (enough()) break;
    ScoreRange scores;
    scores.min = static_cast<double>(box.first);
    scores.max = static_cast<double>(box.last);
    scores.max_open = true;
    zset.ForRange(zset.Within(scores), false, [&](std::string_view member, double score) {
      if (enough()) return;
      const geo::Place place = geo::Decode(GeoBits(score));
      const auto distance = search.area.DistanceWithin(place);
      if (distance) found.push_back(Found{std::string(member), score, *distance, place});
    });
  }
  return found;
}

void Sort(std::vector<Found>& found, Order order) {
  if (order == Order::kNearestFirst) std::ranges::stable_sort(found, {}, &Found::distance);
  if (order == Order::kFarthestFirst) std::ranges::stable_sort(found, std::ranges::greater(), &Found::distance);
}

void Reply(CommandContext& context, const Search& search, const std::vector<Found>& found) {
  const int parts = (search.with_distance ? 1 : 0) + (search.with_bits ? 1 : 0) + (search.with_place ? 1 : 0);
  context.reply.Array(found.size());
  for (const Found& one : found) {
    if (parts > 0) context.reply.Array(static_cast<std::size_t>(parts) + 1);
    context.reply.Bulk(one.member);
    if (search.with_distance) ReplyDistance(context, one.distance / search.metres);
    if (search.with_bits) context.reply.Integer(static_cast<std::int64_t>(one.score));
    if (!search.with_place) continue;
    context.reply.Array(2);
    ReplyCoordinate(context, one.place.longitude);
    ReplyCoordinate(context, one.place.latitude);
  }
}

// Looks for what `search` describes, when its options have been read.
void Answer(CommandContext& context, const Spot& spot, Search& search) {
  std::vector<Found> found;
  if (spot) {
    // The nearest ones are meant, unless any will do.
    if (search.count != 0 && search.order == Order::kNone && !search.any) search.order = Order::kNearestFirst;
    found = Find(ZsetView(*spot), search);
    Sort(found, search.order);
    if (search.count != 0 && found.size() > static_cast<std::size_t>(search.count)) {
      found.resize(static_cast<std::size_t>(search.count));
    }
  }
  if (!search.target) return Reply(context, search, found);
  Contents contents;
  if (!found.empty()) {
    ZsetEditor stored(contents, context.keyspace);
    for (const Found& one : found) {
      stored.Set(one.member, search.store_distance ? one.distance / search.metres : one.score);
    }
  }
  StoreZset(context, search.by_radius_command ? "georadiusstore" : "geosearchstore", *search.target,
            std::move(contents), found.size());
}

void SearchKey(CommandContext& context, const Words& words, bool store) {
  Search search;
  search.may_store = store;
  if (store) search.target = words[1];
  const std::size_t key_at = store ? 2 : 1;
  Spot spot;
  if (!FindZset(context, words[key_at], spot)) return;
  if (ReadOptions(context, spot, words, key_at + 1, search)) Answer(context, spot, search);
}

void GeoSearch(CommandContext& context, const Words& words) {
  SearchKey(context, words, false);
}

void GeoSearchStore(CommandContext& context, const Words& words) {
  SearchKey(context, words, true);
}

// GEORADIUS key longitude latitude radius unit, GEORADIUSBYMEMBER key member radius unit
void Radius(CommandContext& context, const Words& words, bool by_member, bool may_store) {
  Search search;
  search.by_radius_command = true;
  search.may_store = may_store;
  Spot spot;
  if (!FindZset(context, words[1], spot)) return;
  const std::size_t radius_at = by_member ? 3 : 4;
  if (by_member) {
    // Without a key not even the radius is looked at.
    if (spot && (!ReadMember(context, spot, words[2], search) || !ReadRadius(context, words, radius_at, search)))
      return;
  } else if (!PlaceOrReply(context, words[2], words[3], search.area.center) ||
             !ReadRadius(context, words, radius_at, search)) {
    return;
  }
  if (ReadOptions(context, spot, words, radius_at + 2, search)) Answer(context, spot, search);
}

void GeoRadius(CommandContext& context, const Words& words) {
  Radius(context, words, false, true);
}

void GeoRadiusRo(CommandContext& context, const Words& words) {
  Radius(context, words, false, false);
}

void GeoRadiusByMember(CommandContext& context, const Words& words) {
  Radius(context, words, true, true);
}

void GeoRadiusByMemberRo(CommandContext& context, const Words& words) {
  Radius(context, words, true, false);
}

using namespace serve;

constexpr KeyPositions kOne = {1, 1, 1};

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"georadius", -6, kWrite | kDenyOom, kOne, kCatGeo, "geo",
      "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a "
      "point"},
     &GeoRadius},
    {{"georadius_ro", -6, kReadonly, kOne, kCatGeo, "geo", "A read-only variant for GEORADIUS"}, &GeoRadiusRo},
    {{"georadiusbymember", -5, kWrite | kDenyOom, kOne, kCatGeo, "geo",
      "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a "
      "member"},
     &GeoRadiusByMember},
    {{"georadiusbymember_ro", -5, kReadonly, kOne, kCatGeo, "geo", "A read-only variant for GEORADIUSBYMEMBER"},
     &GeoRadiusByMemberRo},
    {{"geosearch", -7, kReadonly, kOne, kCatGeo, "geo",
      "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle."},
     &GeoSearch},
    {{"geosearchstore",
      -8,
      kWrite | kDenyOom,
      {1, 2, 1},
      kCatGeo,
      "geo",
      "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, and "
      "store the result in another key."},
     &GeoSearchStore},
};

}  // namespace

std::span<const DataCommand> GeoSearchCommands() {
  return kCommands;
}

}  // namespace data
