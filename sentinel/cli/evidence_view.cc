#include "sentinel/cli/evidence_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "replication/base/text.h"

namespace cli {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 3> kMaps = {"features", "holds", "steps"};
constexpr std::array<std::string_view, 4> kMapLists = {"agreed", "replicas", "sentinels", "votes"};

template <std::size_t N>
bool Among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Numbers arrive as bulk strings.
json Scalar(const Reply& reply) {
  if (reply.kind == Reply::Kind::kInteger) return reply.integer;
  if (const auto number = base::ParseInt<std::int64_t>(reply.text)) return *number;
  return reply.text;
}

base::Result<json> MapOf(const Reply& reply);

base::Result<json> ListOf(const Reply& reply, bool of_maps) {
  json list = json::array();
  for (const Reply& item : reply.items) {
    if (!of_maps) {
      list.push_back(item.text);
      continue;
    }
    auto map = MapOf(item);
    if (!map) return map;
    list.push_back(std::move(*map));
  }
  return list;
}

base::Result<json> MapOf(const Reply& reply) {
  if (reply.kind != Reply::Kind::kArray || reply.items.size() % 2 != 0) {
    return base::Fail(base::ErrorCode::kInvalid, "the sentinel's answer is no list of fields");
  }
  json map = json::object();
  for (std::size_t i = 0; i < reply.items.size(); i += 2) {
    const std::string& name = reply.items[i].text;
    const Reply& value = reply.items[i + 1];
    if (value.kind != Reply::Kind::kArray) {
      // An address or an id may look like a number; these fields are text.
      const bool is_text = name.ends_with("runid") || name == "replid" || name == "for";
      map[name] = is_text ? json(value.text) : Scalar(value);
      continue;
    }
    auto inner = Among(kMaps, name) ? MapOf(value) : ListOf(value, Among(kMapLists, name));
    if (!inner) return inner;
    map[name] = std::move(*inner);
  }
  return map;
}

void AddReplicas(const json& replicas, std::string& out) {
  for (const json& replica : replicas) {
    out += fmt::format("    replica   {:<22} {}: {}\n", Text(replica, "address"), Text(replica, "verdict"),
                       Text(replica, "reason"));
  }
}

}  // namespace

std::string Text(const json& map, const std::string& name) {
  const auto found = map.find(name);
  if (found == map.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

const json& Part(const json& map, const std::string& name) {
  static const json kNothing = json::array();
  const auto found = map.find(name);
  return found == map.end() ? kNothing : *found;
}

base::Result<json> EvidenceFromReply(const Reply& reply) {
  return MapOf(reply);
}

std::string RenderDecision(const json& decision, const Paint& paint) {
  std::string out = fmt::format("{}  {}\n", paint(Tone::kBold, Text(decision, "time")), Text(decision, "summary"));
  std::string steps;
  for (const auto& [name, ms] : Part(decision, "steps").items()) steps += fmt::format("{} {}, ", name, ms.dump());
  if (!steps.empty()) out += fmt::format("    ms        {}total {}\n", steps, Text(decision, "total-ms"));
  for (const json& each : Part(decision, "agreed")) {
    out += fmt::format("    asked     {:<22} {}\n", Text(each, "sentinel"), Text(each, "said"));
  }
  for (const json& each : Part(decision, "votes")) {
    out += fmt::format("    voted     {:<22} for {}\n", Text(each, "sentinel"), Text(each, "for"));
  }
  AddReplicas(Part(decision, "replicas"), out);
  for (const json& remark : Part(decision, "remarks"))
    out += fmt::format("    remark    {}\n", remark.get<std::string>());
  if (decision.contains("lost")) {
    out += fmt::format("    lost      {}", Text(decision, "lost"));
    if (Text(decision, "lost") != "unknown") out += fmt::format(", {} bytes", Text(decision, "lost-bytes"));
    out += fmt::format(" ({})\n", Text(decision, "lost-how"));
  }
  return out;
}

std::string RenderOutlook(const json& outlook, const Paint& paint) {
  const bool succeeds = Text(outlook, "would-succeed") == "yes";
  std::string out = paint(succeeds ? Tone::kGood : Tone::kBad, Text(outlook, "verdict")) + "\n";
  for (const json& each : Part(outlook, "obstacles")) out += fmt::format("    obstacle  {}\n", each.get<std::string>());
  for (const auto& [name, why] : Part(outlook, "holds").items()) {
    out += fmt::format("    waits     {}: {}\n", name, why.get<std::string>());
  }
  out += fmt::format("    master    {}, {}; {}\n", Text(outlook, "master"), Text(outlook, "master-state"),
                     Text(outlook, "detection"));
  out += fmt::format("    votes     {}\n", Text(outlook, "arithmetic"));
  for (const json& each : Part(outlook, "sentinels")) {
    const std::string counts =
        Text(each, "counts") == "yes" ? "counts" : "does not count (" + Text(each, "reason") + ")";
    out += fmt::format("    sentinel  {:<22} {}, {}, sees the master {}\n", Text(each, "sentinel"), Text(each, "make"),
                       counts, Text(each, "sees-master"));
  }
  AddReplicas(Part(outlook, "replicas"), out);
  for (const auto& [name, state] : Part(outlook, "features").items()) {
    out += fmt::format("    feature   {:<22} {}\n", name, state.is_string() ? state.get<std::string>() : state.dump());
  }
  return out;
}

std::string LossInWords(const std::string& rest) {
  constexpr std::string_view kBytes = "#bytes ";
  if (!rest.starts_with(kBytes)) return rest;
  const std::string bytes = rest.substr(kBytes.size(), rest.find(' ', kBytes.size()) - kBytes.size());
  if (bytes == "0") return "nothing that the old master acknowledged was lost";
  if (bytes == "unknown") return "what the old master had beyond the new one is not known";
  return fmt::format("{} bytes of the old master's stream were lost", bytes);
}

}  // namespace cli
