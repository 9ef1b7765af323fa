#include "tests/sim/many_worlds.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sim {
namespace {

// The seed that this thread plays, for a program that ends in the middle of it; 0: none.
thread_local volatile std::uint64_t played = 0;

// Allowed in a handler of signals: no memory, no locks.
void SayWhichSeed(int signal) {
  std::array<char, 96> line{};
  std::size_t at = line.size();
  const auto put = [&](std::string_view text) {
    at -= text.size();
    text.copy(line.data() + at, text.size());
  };
  put(" sim_tests\n");
  std::uint64_t seed = played;
  do {
    line[--at] = static_cast<char>('0' + seed % 10);
    seed /= 10;
  } while (seed != 0);
  put("simulator: the program ends in this world: VIGIL_SIM_SEED=");
  if (played != 0) [[maybe_unused]]
    const auto written = write(STDERR_FILENO, line.data() + at, line.size() - at);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// doctest's own handlers come back at the end.
class EndsAreExplained {
 public:
  EndsAreExplained() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) before_[i] = std::signal(kSignals[i], &SayWhichSeed);
  }
  ~EndsAreExplained() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], before_[i]);
  }
  EndsAreExplained(const EndsAreExplained&) = delete;
  EndsAreExplained& operator=(const EndsAreExplained&) = delete;

 private:
  static constexpr std::array kSignals{SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL};
  std::array<void (*)(int), kSignals.size()> before_{};
};

}  // namespace

void PlaySeeds(const std::vector<std::uint64_t>& seeds, unsigned jobs,
               const std::function<std::function<void()>(std::uint64_t)>& play) {
  const EndsAreExplained explained;
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable arrived;
  std::map<std::size_t, std::function<void()>> done;  // that could not be handed on yet
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < jobs; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < seeds.size(); at = next++) {
        played = seeds[at];
        std::function<void()> take = play(seeds[at]);
        played = 0;
        const std::lock_guard lock(mutex);
        done.emplace(at, std::move(take));
        arrived.notify_one();
      }
    });
  }
  for (std::size_t at = 0; at < seeds.size(); ++at) {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return done.contains(at); });
    const auto world = done.extract(at);
    lock.unlock();
    world.mapped()();
  }
}

void PlaySeeds(const std::vector<std::uint64_t>& seeds, unsigned jobs,
               const std::function<void(std::uint64_t, const Plan&, const Outcome&)>& take, Mutation mutation,
               Cast cast) {
  PlaySeeds(seeds, jobs, [&](std::uint64_t seed) -> std::function<void()> {
    World world(seed, false, mutation, cast);
    Outcome outcome = world.Run();
    return [&take, seed, plan = world.plan(), outcome = std::move(outcome)] { take(seed, plan, outcome); };
  });
}

}  // namespace sim
