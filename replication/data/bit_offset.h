// Where in a string a bit stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "replication/data/command.h"

namespace data {

// The number of a bit, or its error has been answered. "#3" is the third integer of `hash_bits` bits; 0: that is no
// number. Source: SETBIT, BITFIELD.
std::optional<std::uint64_t> BitOffsetOrReply(CommandContext& context, std::string_view word, int hash_bits);

}  // namespace data
