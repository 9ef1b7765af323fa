#include "replication/net/loop.h"

#include <csignal>
#include <ctime>
#include <mutex>
#include <utility>
#include <vector>

#include "replication/base/check.h"
#include "replication/net/handles.h"

namespace net {
namespace {

struct SignalHandle {
  uv_signal_t handle;
  std::function<void()> callback;
};

std::int64_t ReadMillis(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return static_cast<std::int64_t>(at.tv_sec) * 1000 + at.tv_nsec / 1'000'000;
}

}  // namespace

struct Loop::Impl {
  uv_loop_t loop;
  // The place between two turns: libuv runs prepare handles when the sockets of one turn, its closed handles and
  // the timers that became due since have all been served, right before it sleeps.
  uv_prepare_t turn_end;
  uv_async_t posted_signal;
  std::vector<std::function<void()>> turn_end_callbacks;
  std::vector<std::unique_ptr<SignalHandle>> signals;
  LoopState state;
  bool running = false;

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;

  void RunTurnEnd() {
    for (std::size_t i = 0; i < turn_end_callbacks.size(); ++i) turn_end_callbacks[i]();
  }

  void RunPosted() {
    std::vector<std::function<void()>> batch;
    {
      const std::lock_guard lock(posted_mutex);
      batch.swap(posted);
    }
    for (const auto& callback : batch) callback();
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  // A peer that has gone is an error of write(), not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  VIGIL_CHECK(uv_loop_init(&impl_->loop) == 0);
  impl_->loop.data = &impl_->state;
  impl_->state.post = [this](std::function<void()> callback) { Post(std::move(callback)); };

  uv_prepare_init(&impl_->loop, &impl_->turn_end);
  impl_->turn_end.data = impl_.get();
  uv_prepare_start(&impl_->turn_end, [](uv_prepare_t* handle) { static_cast<Impl*>(handle->data)->RunTurnEnd(); });

  VIGIL_CHECK(uv_async_init(&impl_->loop, &impl_->posted_signal,
                            [](uv_async_t* handle) { static_cast<Impl*>(handle->data)->RunPosted(); }) == 0);
  impl_->posted_signal.data = impl_.get();
}

Loop::~Loop() {
  impl_->state.ending = true;
  while (!impl_->state.open.empty()) (*impl_->state.open.begin())->CloseNow();
  // What is left is our own, or was made through raw().
  uv_walk(
      &impl_->loop,
      [](uv_handle_t* handle, void*) {
        if (!uv_is_closing(handle)) uv_close(handle, nullptr);
      },
      nullptr);
  while (uv_run(&impl_->loop, UV_RUN_DEFAULT) != 0) {
  }
  VIGIL_CHECK(uv_loop_close(&impl_->loop) == 0);
}

void Loop::Run() {
  impl_->running = true;
  uv_run(&impl_->loop, UV_RUN_DEFAULT);
  impl_->running = false;
  // Stop() ends the turn before it reaches turn_end, and what its callbacks wrote is to leave all the same.
  impl_->RunTurnEnd();
}

void Loop::Stop() {
  if (impl_->running) uv_stop(&impl_->loop);  // otherwise it would end the next Run()
}

base::Now Loop::ReadClocks() {
  return {base::MonoTime(base::Millis(ReadMillis(CLOCK_MONOTONIC))),
          base::WallTime(base::Millis(ReadMillis(CLOCK_REALTIME)))};
}

void Loop::OnTurnEnd(std::function<void()> callback) {
  impl_->turn_end_callbacks.push_back(std::move(callback));
}

void Loop::Post(std::function<void()> callback) {
  {
    const std::lock_guard lock(impl_->posted_mutex);
    impl_->posted.push_back(std::move(callback));
  }
  uv_async_send(&impl_->posted_signal);
}

void Loop::OnSignal(int signal, std::function<void()> callback) {
  auto& added = *impl_->signals.emplace_back(std::make_unique<SignalHandle>());
  added.callback = std::move(callback);
  uv_signal_init(&impl_->loop, &added.handle);
  added.handle.data = &added;
  uv_signal_start(
      &added.handle, [](uv_signal_t* handle, int) { static_cast<SignalHandle*>(handle->data)->callback(); }, signal);
}

uv_loop_t* Loop::raw() {
  return &impl_->loop;
}

}  // namespace net
