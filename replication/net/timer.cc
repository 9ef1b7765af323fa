#include <algorithm>
#include <utility>

#include "replication/net/handles.h"
#include "replication/net/loop.h"

namespace net {

struct Timer::Impl : Handles {
  uv_timer_t timer;
  std::function<void()> callback;
  base::MonoTime at{};

  Impl(uv_loop_t* on_loop, std::function<void()> on_time) : Handles(on_loop), callback(std::move(on_time)) {
    uv_timer_init(on_loop, &timer);
    Adopt(&timer);
  }

  void CloseAll() override { CloseOne(&timer); }

  void Arm() {
    if (closing()) return;
    // Our clock and libuv's are the same one (CLOCK_MONOTONIC in whole milliseconds), and libuv adds the delay to
    // its reading of the turn's start: the sum is `at` however old that reading is.
    const auto turn_start = base::MonoTime(base::Millis(static_cast<std::int64_t>(uv_now(loop()))));
    const auto delay = std::max(at - turn_start, base::Millis(0));
    uv_timer_start(
        &timer, [](uv_timer_t* fired) { Of<Impl>(fired->data).Fire(); }, static_cast<std::uint64_t>(delay.count()), 0);
  }

  void Fire() {
    // Should libuv ever round differently, sleep on rather than judge a deadline too early.
    if (Loop::ReadClocks().mono < at) {
      uv_update_time(loop());
      return Arm();
    }
    callback();  // may destroy the timer
  }
};

Timer::Timer(Loop& loop, std::function<void()> callback) : impl_(new Impl(loop.raw(), std::move(callback))) {}

Timer::~Timer() {
  impl_->Release();
}

void Timer::StartAt(base::MonoTime at) {
  impl_->at = at;
  impl_->Arm();
}

void Timer::Stop() {
  if (!impl_->closing()) uv_timer_stop(&impl_->timer);
}

}  // namespace net
