#include "sentinel/cli/timeline.h"

#include <fmt/format.h>

#include "sentinel/cli/evidence_view.h"

namespace cli {
namespace {

std::string Line(double millis, std::string_view what) {
  return fmt::format("{:>8.0f} ms  {}", millis, what);
}

}  // namespace

std::string Explain(const Event& event) {
  const std::string who = event.sentinel.ToString();
  const std::string subject = event.subject.ToString();
  if (event.name == "+sdown" && event.kind == "master") return fmt::format("sentinel {} finds the master down", who);
  if (event.name == "-sdown" && event.kind == "master") return "the master answers again";
  if (event.name == "+odown")
    return fmt::format("enough sentinels agree{}{}", event.rest.empty() ? "" : " ", event.rest);
  if (event.name == "+try-failover") return fmt::format("sentinel {} stands for election", who);
  if (event.name == "+elected-leader") return fmt::format("sentinel {} leads this failover", who);
  if (event.name == "+selected-slave") return subject + " is to become the master";
  if (event.name == "+failover-state-send-slaveof-noone") return subject + " is told so";
  if (event.name == "+promoted-slave") return subject + " is a master";
  if (event.name == "+failover-state-reconf-slaves") return "the other replicas are told";
  if (event.name == "+slave-reconf-sent") return subject + " is told to follow";
  if (event.name == "+slave-reconf-inprog") return subject + " begins to follow";
  if (event.name == "+slave-reconf-done") return subject + " follows the new master";
  if (event.name == "+failover-end") return "done";
  if (event.name == "+failover-end-for-timeout") return "done, but some replicas did not follow in time";
  if (event.name == "+switch-master")
    return fmt::format("clients are sent to {} instead of {}", subject, event.from.ToString());
  if (event.name == "+convert-to-slave") return subject + " is made a replica";
  if (event.name == "+fix-slave-config") return subject + " is told which master to follow";
  if (event.name == "-failover-abort-not-elected") return "given up: no majority of sentinels agreed on a leader";
  if (event.name == "-failover-abort-no-good-slave") return "given up: no replica is fit to be promoted";
  if (event.name == "-failover-abort-slave-timeout")
    return fmt::format("given up: {} did not become a master in time", subject);
  if (event.name == "-failover-abort-master-back") return "given up: the master is back";
  if (event.name.starts_with("-failover-abort")) return "given up";
  if (event.name == "+failover-mode") return event.rest;
  if (event.name == "+failover-loss") return LossInWords(event.rest);
  return "";
}

double Timeline::MillisAt(Instant at) const {
  return std::chrono::duration<double, std::milli>(at - origin_).count();
}

std::string Timeline::Take(const Event& event, const Paint& paint) {
  if (event.master != master_ || event.at < origin_) return "";
  const std::string meaning = Explain(event);
  if (meaning.empty()) return "";
  // Candidates speak for themselves; all else is told once, by whoever tells it first.
  const bool personal = event.name == "+try-failover" || event.name == "+elected-leader" || event.name[0] == '-';
  const std::string key = fmt::format("{} {} {}", event.name, event.subject.ToString(), event.from.ToString());
  const auto [first, fresh] = told_by_.try_emplace(key, event.sentinel);
  if (!fresh && !personal && first->second != event.sentinel) return "";
  names_.insert(event.name);
  const Tone tone = event.name[0] == '-' && event.name != "-sdown" ? Tone::kBad : Tone::kBold;
  // Padded before it is painted: marks have no width.
  return Line(MillisAt(event.at), paint(tone, fmt::format("{:<34}", event.name)) + "  " + meaning);
}

std::string Timeline::Note(Instant at, std::string_view what, const Paint& paint) const {
  return Line(MillisAt(at), paint(Tone::kGood, what));
}

}  // namespace cli
