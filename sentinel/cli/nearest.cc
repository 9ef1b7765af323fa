#include "sentinel/cli/nearest.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"

namespace cli {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the table: a swap of neighbours looks two rows back.
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::vector<std::string> Nearest(std::string_view wrong, const std::vector<std::string>& known) {
  struct Near {
    std::size_t distance;
    std::string name;
  };
  const std::string meant = base::ToLower(wrong);
  std::vector<Near> near;
  for (const std::string& name : known) {
    const std::string lower = base::ToLower(name);
    std::size_t distance = EditDistance(meant, lower);
    const bool begins = meant.size() >= 2 && (lower.starts_with(meant) || meant.starts_with(lower));
    if (begins) distance = std::min<std::size_t>(distance, 1);
    // A third of the letters may be wrong, and one always.
    if (distance <= std::max<std::size_t>(1, std::max(meant.size(), lower.size()) / 3))
      near.push_back({distance, name});
  }
  std::ranges::stable_sort(near, {}, &Near::distance);
  std::vector<std::string> names;
  for (const Near& each : near) {
    if (names.size() < 3) names.push_back(each.name);
  }
  return names;
}

std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& known) {
  const std::vector<std::string> names = Nearest(wrong, known);
  if (names.empty()) return "";
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  }
  return fmt::format("did you mean {}?", list);
}

}  // namespace cli
