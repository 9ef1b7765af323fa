#include "sentinel/core/timers.h"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <optional>
#include <utility>

#include "replication/base/random.h"

using namespace sentinel;
using base::Millis;
using base::MonoTime;

namespace {
TimerKey Key(std::uint64_t instance, TimerKind kind) {
  return TimerKey{InstanceId{instance}, kind, 0};
}
MonoTime At(int ms) {
  return MonoTime(Millis(ms));
}
}  // namespace

TEST_CASE("timers: the earliest comes first, and a moved one only once") {
  Timers timers;
  timers.Set(Key(1, TimerKind::kPing), At(30));
  timers.Set(Key(2, TimerKind::kPing), At(10));
  timers.Set(Key(1, TimerKind::kPing), At(5));
  CHECK(timers.Next() == At(5));
  CHECK(timers.PopDue(At(7)) == Key(1, TimerKind::kPing));
  CHECK_FALSE(timers.PopDue(At(7)).has_value());
  CHECK(timers.PopDue(At(10)) == Key(2, TimerKind::kPing));
  CHECK_FALSE(timers.Next().has_value());
}

TEST_CASE("timers: an instance that goes away takes all its timers along") {
  Timers timers;
  timers.Set(Key(1, TimerKind::kPing), At(1));
  timers.Set(Key(1, TimerKind::kScript), At(2));
  timers.Set(Key(2, TimerKind::kPing), At(3));
  timers.CancelAll(InstanceId{1});
  CHECK(timers.PopDue(At(9)) == Key(2, TimerKind::kPing));
  CHECK_FALSE(timers.PopDue(At(9)).has_value());
}

TEST_CASE("timers: one that is moved to later fires then, and not before") {
  Timers timers;
  timers.Set(Key(1, TimerKind::kPing), At(10));
  timers.Set(Key(2, TimerKind::kPing), At(15));
  timers.Set(Key(1, TimerKind::kPing), At(20));
  CHECK(timers.Next() == At(15));
  CHECK(timers.PopDue(At(30)) == Key(2, TimerKind::kPing));
  CHECK(timers.PopDue(At(30)) == Key(1, TimerKind::kPing));
  CHECK_FALSE(timers.PopDue(At(30)).has_value());
}

TEST_CASE("timers: whatever is set, moved and cancelled, they fire in the order of a sorted list") {
  base::Random random(7);
  Timers timers;
  std::map<TimerKey, MonoTime> model;
  const auto earliest = [&] {
    auto best = model.begin();
    for (auto it = model.begin(); it != model.end(); ++it) {
      if (std::pair(it->second, it->first) < std::pair(best->second, best->first)) best = it;
    }
    return best;
  };
  const std::array kinds = {TimerKind::kPing, TimerKind::kInfo, TimerKind::kDownCheck};
  int now = 0;
  for (int i = 0; i < 20000; ++i) {
    const TimerKey key{InstanceId{random.Below(5)}, kinds[random.Below(3)], random.Below(2)};
    const MonoTime at = At(now + static_cast<int>(random.Below(50)));
    switch (random.Below(8)) {
      case 0:
      case 1:
      case 2:
        timers.Set(key, at);
        model[key] = at;
        break;
      case 3:
        timers.SetNoLater(key, at);
        model[key] = model.contains(key) ? std::min(model[key], at) : at;
        break;
      case 4:
        timers.Cancel(key);
        model.erase(key);
        break;
      case 5:
        if (random.Below(20) == 0) {
          timers.CancelAll(key.instance);
          std::erase_if(model, [&](const auto& entry) { return entry.first.instance == key.instance; });
        }
        break;
      default:
        now += static_cast<int>(random.Below(5));
        while (!model.empty() && earliest()->second <= At(now)) {
          REQUIRE(timers.PopDue(At(now)) == earliest()->first);
          model.erase(earliest());
        }
        REQUIRE_FALSE(timers.PopDue(At(now)).has_value());
    }
    REQUIRE(timers.Next() == (model.empty() ? std::nullopt : std::optional(earliest()->second)));
    REQUIRE(timers.At(key) == (model.contains(key) ? std::optional(model[key]) : std::nullopt));
  }
}
