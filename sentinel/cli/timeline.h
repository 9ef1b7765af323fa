// The steps of a failover, each with its time in milliseconds from a moment of our choice.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sentinel/cli/events.h"
#include "sentinel/cli/terminal.h"

namespace cli {

class Timeline {
 public:
  // Time 0 is `origin`; only what concerns `master` is taken.
  Timeline(Instant origin, std::string master) : origin_(origin), master_(std::move(master)) {}

  // The line for an event, or empty when it belongs to another master, says nothing of the failover, or another
  // sentinel has told it before.
  std::string Take(const Event& event, const Paint& paint);
  // The line for something seen by ourselves.
  std::string Note(Instant at, std::string_view what, const Paint& paint) const;

  double MillisAt(Instant at) const;
  // Was this event taken, for our master?
  bool Has(const std::string& name) const { return names_.contains(name); }

 private:
  Instant origin_;
  std::string master_;
  std::map<std::string, base::Endpoint> told_by_;  // event and subject: the sentinel that told it first
  std::set<std::string> names_;
};

// What an event means, in words: "elected leader of this failover". Empty for events we do not explain.
std::string Explain(const Event& event);

}  // namespace cli
