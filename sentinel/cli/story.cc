#include "sentinel/cli/story.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "replication/base/text.h"
#include "sentinel/cli/evidence_view.h"

namespace cli {
namespace {

using nlohmann::json;

// As they follow each other; the decision keeps them by name.
constexpr std::array kStepsInOrder = {"detection", "agreement", "election",    "selection",
                                      "last-look", "promotion", "publication", "repointing"};

std::int64_t Number(const json& map, const std::string& name, std::int64_t otherwise = -1) {
  return base::ParseInt<std::int64_t>(Text(map, name)).value_or(otherwise);
}

std::string List(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return list;
}

// Why it began: what the master did or did not do.
std::string Cause(const json& decision) {
  const std::string cause = Text(decision, "cause");
  const std::string from = Text(decision, "from");
  const std::int64_t detection = Number(Part(decision, "steps"), "detection");
  const std::string after = detection >= 0 ? fmt::format(" for {}", LengthInWords(detection)) : "";
  if (cause == "operator") return fmt::format("An operator asked to replace {}: {}.", from, Text(decision, "detail"));
  if (cause == "silence") return fmt::format("{} gave no acceptable answer{}.", from, after);
  if (cause == "errors") return fmt::format("{} answered with errors only{}.", from, after);
  if (cause == "refused") return fmt::format("The port of {} refused every connection{}.", from, after);
  if (cause == "role-mismatch") return fmt::format("{} called itself a replica{}.", from, after);
  if (cause == "reboot") return fmt::format("{} had restarted{}.", from, after);
  if (cause == "told-by-peer") return fmt::format("Another sentinel told of a failover of {}.", from);
  return fmt::format("{}: {}.", from, Text(decision, "detail"));
}

void TellAgreement(const json& decision, std::vector<std::string>& story) {
  std::vector<std::string> down;
  std::vector<std::string> others;
  for (const json& each : Part(decision, "agreed")) {
    const std::string said = Text(each, "said");
    const std::int64_t age = Number(each, "age-ms");
    const std::string name = Text(each, "sentinel");
    const std::string with_age = age > 0 ? fmt::format("{} ({} old)", name, LengthInWords(age)) : name;
    if (said == "down") {
      down.push_back(with_age);
    } else {
      others.push_back(fmt::format("{} said {}", name, said));
    }
  }
  if (down.empty() && others.empty()) return;
  std::string text =
      fmt::format("{} of {} sentinels found it down{}{}; {} were needed.", down.size(), Text(decision, "voters"),
                  down.empty() ? "" : ": ", List(down), Text(decision, "quorum"));
  if (!others.empty()) text += fmt::format(" Of the others, {}.", List(others));
  story.push_back(text);
}

void TellElection(const json& decision, std::vector<std::string>& story) {
  std::vector<std::string> for_leader;
  std::vector<std::string> for_others;
  const std::string leader = Text(decision, "led-by-runid");
  for (const json& vote : Part(decision, "votes")) {
    const bool ours = Text(vote, "for-runid") == leader;
    (ours ? for_leader : for_others)
        .push_back(ours ? Text(vote, "sentinel") : fmt::format("{} for {}", Text(vote, "sentinel"), Text(vote, "for")));
  }
  if (for_leader.empty() && for_others.empty()) return;
  std::string text = fmt::format("{} led it in epoch {}, with {} {} of {}: {}.", Text(decision, "led-by"),
                                 Text(decision, "epoch"), for_leader.size(), for_leader.size() == 1 ? "vote" : "votes",
                                 Text(decision, "voters"), List(for_leader));
  if (!for_others.empty()) text += fmt::format(" Voted otherwise: {}.", List(for_others));
  story.push_back(text);
}

void TellChoice(const json& decision, std::vector<std::string>& story) {
  std::string text;
  for (const json& replica : Part(decision, "replicas")) {
    if (Text(replica, "verdict") != "chosen") continue;
    text = fmt::format("{} was chosen: {} (offset {}, priority {}).", Text(replica, "address"), Text(replica, "reason"),
                       Text(replica, "offset"), Text(replica, "priority"));
  }
  for (const json& replica : Part(decision, "replicas")) {
    const std::string verdict = Text(replica, "verdict");
    if (verdict == "chosen") continue;
    text += fmt::format("{}{} was {}: {}.", text.empty() ? "" : " ", Text(replica, "address"),
                        verdict == "excluded" ? "not asked" : verdict, Text(replica, "reason"));
  }
  if (!text.empty()) story.push_back(text);
}

void TellOutcome(const json& decision, std::vector<std::string>& story) {
  const std::string outcome = Text(decision, "outcome");
  const std::string total = LengthInWords(Number(decision, "total-ms", 0));
  if (outcome == "switched") {
    std::string steps;
    const json& taken = Part(decision, "steps");
    for (const char* name : kStepsInOrder) {
      const std::int64_t ms = Number(taken, name);
      if (ms >= 0) steps += fmt::format("{}{} {}", steps.empty() ? "" : ", ", name, LengthInWords(ms));
    }
    story.push_back(fmt::format("Clients were sent to {}. All of it took {}: {}.", Text(decision, "to"), total, steps));
  } else if (outcome == "master-back") {
    story.push_back(fmt::format("After {} the master was back, and nothing was changed.", total));
  } else if (outcome == "abandoned") {
    story.push_back(fmt::format("It was given up after {}: {}.", total, Text(decision, "detail")));
  } else if (outcome == "running") {
    story.push_back(fmt::format("It is under way since {}.", total));
  } else if (outcome == "interrupted") {
    story.push_back("This sentinel ended in the middle of it; another may know the rest.");
  }
}

void TellLoss(const json& decision, std::vector<std::string>& story) {
  const std::string lost = Text(decision, "lost");
  if (lost.empty()) return;
  const std::string how = Text(decision, "lost-how");
  const std::string because = how.empty() ? "" : fmt::format(" ({})", how);
  if (lost == "unknown") {
    story.push_back(fmt::format("Whether acknowledged data was lost is not known{}.", because));
  } else if (Text(decision, "lost-bytes") == "0") {
    story.push_back(fmt::format("Nothing that the old master acknowledged was lost{}.", because));
  } else {
    story.push_back(fmt::format("{}{} bytes of what the old master acknowledged were lost{}.",
                                lost == "at-most" ? "At most " : "", Text(decision, "lost-bytes"), because));
  }
}

}  // namespace

std::string LengthInWords(long long ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000.0);
  const long long seconds = ms / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string Wrap(const std::string& text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  for (const std::string_view word : base::Split(text, ' ')) {
    if (used > 0 && used + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      used = indent;
    } else if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  return out;
}

std::vector<std::string> TellDecision(const json& decision) {
  std::vector<std::string> story;
  if (Text(decision, "outcome") == "noted") {
    story.push_back(fmt::format("{}: {}.", Text(decision, "time"), Text(decision, "summary")));
    return story;
  }
  story.push_back(fmt::format("{}: {}", Text(decision, "time"), Cause(decision)));
  TellAgreement(decision, story);
  TellElection(decision, story);
  TellChoice(decision, story);
  for (const json& remark : Part(decision, "remarks")) story.push_back(remark.get<std::string>());
  TellOutcome(decision, story);
  TellLoss(decision, story);
  return story;
}

std::vector<std::string> TellNow(const json& outlook) {
  std::vector<std::string> now;
  now.push_back(fmt::format("Now {} is the master: {}.", Text(outlook, "master"), Text(outlook, "master-state")));
  for (const auto& [name, why] : Part(outlook, "holds").items()) {
    now.push_back(fmt::format("A failover would wait ({}): {}.", name, why.get<std::string>()));
  }
  for (const json& each : Part(outlook, "obstacles")) {
    now.push_back(fmt::format("In its way stands: {}.", each.get<std::string>()));
  }
  now.push_back(Text(outlook, "verdict"));
  return now;
}

}  // namespace cli
