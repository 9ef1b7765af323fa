#include "sentinel/core/timers.h"

#include <doctest/doctest.h>

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
  timers.Set(Key(1, TimerKind::kHousekeeping), At(2));
  timers.Set(Key(2, TimerKind::kPing), At(3));
  timers.CancelAll(InstanceId{1});
  CHECK(timers.PopDue(At(9)) == Key(2, TimerKind::kPing));
  CHECK_FALSE(timers.PopDue(At(9)).has_value());
}

TEST_CASE("timers: a stall moves every deadline") {
  Timers timers;
  timers.Set(Key(1, TimerKind::kPing), At(1));
  timers.Set(Key(2, TimerKind::kPing), At(2));
  timers.Delay(Millis(100));
  CHECK(timers.Next() == At(101));
  CHECK_FALSE(timers.PopDue(At(100)).has_value());
  CHECK(timers.PopDue(At(102)) == Key(1, TimerKind::kPing));
}
