// CLIENT TRACKING: who caches which keys, and is told when they change.
#pragma once

#include <string_view>

#include "replication/core/state.h"

namespace replication {

class Tracking {
 public:
  // Does anybody track?
  bool any() const { return false; }
  void KeyChanged(std::string_view) {}
  void AllChanged() {}
};

}  // namespace replication
