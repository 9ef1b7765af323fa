// What the commands on places share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/command.h"
#include "replication/data/geohash.h"

namespace data {

// The bits of a place that is kept as a score; 0 for what is none.
std::uint64_t GeoBits(double score);
// False: the error has been answered.
bool PlaceOrReply(CommandContext& context, std::string_view longitude, std::string_view latitude, geo::Place& place);
// How many metres the unit has, or its error has been answered.
std::optional<double> MetresOrReply(CommandContext& context, std::string_view unit);
// With four digits behind the point.
void ReplyDistance(CommandContext& context, double distance);
void ReplyCoordinate(CommandContext& context, double degrees);

}  // namespace data
