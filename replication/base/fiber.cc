#include "replication/base/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <utility>

#include "replication/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define VIGIL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIGIL_ASAN 1
#endif
#endif
#ifdef VIGIL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace base {
namespace {

constexpr std::size_t kGuard = 4096;

// AddressSanitizer wants to be told when the stack changes.
void BeforeSwitch([[maybe_unused]] void** keep, [[maybe_unused]] const void* bottom,
                  [[maybe_unused]] std::size_t bytes) {
#ifdef VIGIL_ASAN
  __sanitizer_start_switch_fiber(keep, bottom, bytes);
#endif
}

void AfterSwitch([[maybe_unused]] void* kept, [[maybe_unused]] const void** old_bottom,
                 [[maybe_unused]] std::size_t* old_bytes) {
#ifdef VIGIL_ASAN
  __sanitizer_finish_switch_fiber(kept, old_bottom, old_bytes);
#endif
}

}  // namespace

struct Fiber::Stacks {
  ucontext_t outside{};
  ucontext_t own{};
  char* memory = nullptr;
  std::size_t bytes = 0;
  void* outside_kept = nullptr;
  void* own_kept = nullptr;
  const void* outside_bottom = nullptr;
  std::size_t outside_bytes = 0;
};

Fiber::Fiber(std::size_t stack_bytes) : stacks_(std::make_unique<Stacks>()) {
  Stacks& stacks = *stacks_;
  stacks.bytes = stack_bytes;
  void* memory = mmap(nullptr, stack_bytes + kGuard, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  VIGIL_CHECK(memory != MAP_FAILED);
  VIGIL_CHECK(mprotect(memory, kGuard, PROT_NONE) == 0);
  stacks.memory = static_cast<char*>(memory) + kGuard;
  VIGIL_CHECK(getcontext(&stacks.own) == 0);
  stacks.own.uc_stack.ss_sp = stacks.memory;
  stacks.own.uc_stack.ss_size = stacks.bytes;
  stacks.own.uc_link = nullptr;
  // makecontext() passes on int alone: a pointer goes in two halves.
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&stacks.own, reinterpret_cast<void (*)()>(&Fiber::Enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

Fiber::~Fiber() {
  VIGIL_CHECK(!busy_);
  munmap(stacks_->memory - kGuard, stacks_->bytes + kGuard);
}

void Fiber::Enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
  self->Loop();
}

// What the stack does for ever: one job after the other. A loop that compilers see no end of would be taken for a call
// that never returns, before which AddressSanitizer looks for a stack that it has not been told of yet.
void Fiber::Loop() {
  AfterSwitch(nullptr, &stacks_->outside_bottom, &stacks_->outside_bytes);
  while (serves_) {
    std::exchange(job_, nullptr)();
    busy_ = false;
    Suspend();
  }
}

bool Fiber::Start(std::function<void()> job) {
  VIGIL_CHECK(!busy_ && !inside_);
  job_ = std::move(job);
  busy_ = true;
  SwitchIn();
  return !busy_;
}

bool Fiber::Resume() {
  VIGIL_CHECK(busy_ && !inside_);
  SwitchIn();
  return !busy_;
}

void Fiber::SwitchIn() {
  inside_ = true;
  BeforeSwitch(&stacks_->outside_kept, stacks_->memory, stacks_->bytes);
  VIGIL_CHECK(swapcontext(&stacks_->outside, &stacks_->own) == 0);
  AfterSwitch(stacks_->outside_kept, nullptr, nullptr);
  inside_ = false;
}

void Fiber::Suspend() {
  VIGIL_CHECK(inside_);
  BeforeSwitch(&stacks_->own_kept, stacks_->outside_bottom, stacks_->outside_bytes);
  VIGIL_CHECK(swapcontext(&stacks_->own, &stacks_->outside) == 0);
  AfterSwitch(stacks_->own_kept, &stacks_->outside_bottom, &stacks_->outside_bytes);
}

}  // namespace base
