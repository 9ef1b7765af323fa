// "Did you mean": names near to one that does not exist. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cli {

// How many letters must be put in, taken out, changed, or swapped with their neighbour. O(a * b).
std::size_t EditDistance(std::string_view a, std::string_view b);

// At most three of `known` that may have been meant by `wrong`, the nearest first; letters' case counts for nothing.
std::vector<std::string> Nearest(std::string_view wrong, const std::vector<std::string>& known);

// "did you mean 'status' or 'stats'?"; empty when nothing is near.
std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& known);

}  // namespace cli
