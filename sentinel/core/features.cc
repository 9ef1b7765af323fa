#include "sentinel/core/features.h"

#include <fmt/format.h>

#include <array>

#include "sentinel/core/extensions.h"
#include "sentinel/core/fast_fail.h"
#include "sentinel/core/history.h"
#include "sentinel/core/rights.h"

namespace sentinel {
namespace {

// What needs a quorum of ours: without a word, nobody but the peer that lacks it is to blame.
struct Feature {
  std::string_view name;
  std::string_view word;  // that every voter has to speak; empty: any of ours will do
};
constexpr std::array kFeatures = {
    Feature{"pre-vote", kPreVote},
    Feature{"pushed-down", kDownPush},
    Feature{"pause", {}},
};

std::string StateOf(const State& state, const Master& master, const Feature& feature) {
  std::string without;
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    const bool speaks =
        peer != nullptr && (feature.word.empty() ? peer->ours() : peer->words.contains(std::string(feature.word)));
    if (speaks) continue;
    const bool known = peer != nullptr && peer->words_known;
    without +=
        (without.empty() ? "" : ", ") + NameOf(state, id) + (known ? " is stock" : " has not said what it speaks");
  }
  return without.empty() ? "possible" : "off: " + without;
}

std::string FastFailState(const State& state, const Master& master) {
  if (const auto why = FastFailOffBecause(state, master)) return "off: " + *why;
  return fmt::format("on, after {} ms", master.fast_fail.count());
}

// A replica that refuses a master without data: a stock one has emptied itself before we can act.
std::string RefusalState(const Master& master) {
  std::string stock;
  for (const auto& [address, replica] : master.replicas) {
    if (replica.info_at && !replica.info.vigil) stock += (stock.empty() ? "" : ", ") + address.ToString();
  }
  return stock.empty() ? "possible" : "off: " + stock + " is stock";
}

}  // namespace

std::vector<std::pair<std::string_view, std::string>> FeaturesOf(const State& state, const Master& master,
                                                                 const base::Now& now) {
  std::vector<std::pair<std::string_view, std::string>> features;
  for (const Feature& feature : kFeatures) features.emplace_back(feature.name, StateOf(state, master, feature));
  features.emplace_back("fast-fail", FastFailState(state, master));
  features.emplace_back("planned-failover", PlannedFailoverOutlook(master, now));
  features.emplace_back("empty-master-refusal", RefusalState(master));
  return features;
}

std::string SwitchedOffBy(const State& state, const Master& master) {
  std::string stock;
  for (const auto& [id, opinion] : master.sentinels) {
    const Peer* peer = FindPeer(state, id);
    if (peer == nullptr || !peer->words_known || peer->ours()) continue;
    stock += (stock.empty() ? "" : ", ") + NameOf(state, id);
  }
  std::string text;
  if (!stock.empty()) {
    for (const Feature& feature : kFeatures) text += fmt::format("{}{}", text.empty() ? "" : ", ", feature.name);
    text = fmt::format("{} are off: {} is stock", text, stock);
  }
  if (master.fast_fail.count() > 0) {
    if (const auto why = FastFailOffBecause(state, master)) {
      text += fmt::format("{}fast-fail is off: {}", text.empty() ? "" : ". ", *why);
    }
  }
  return text;
}

}  // namespace sentinel
