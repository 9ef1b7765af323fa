#include "replication/edge/host_facts.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cerrno>
#include <cstdio>
#include <memory>

#include "replication/base/check.h"

// jemalloc's, where the program is linked with it: sanitizers bring an allocator of their own.
extern "C" int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value, std::size_t new_size)
    __attribute__((weak));
extern "C" void malloc_stats_print(void (*write)(void*, const char*), void* argument, const char* options)
    __attribute__((weak));

namespace replication::edge {
namespace {

std::uint64_t AllocatedBytes() {
  if (mallctl != nullptr) {
    std::uint64_t epoch = 1;
    std::size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, size);
    std::size_t allocated = 0;
    size = sizeof allocated;
    if (mallctl("stats.allocated", &allocated, &size, nullptr, 0) == 0) return allocated;
  }
  const struct mallinfo2 facts = mallinfo2();
  return facts.uordblks + facts.hblkhd;  // 0 under a sanitizer
}

std::string AllocatorName() {
  const char* version = nullptr;
  std::size_t size = sizeof version;
  if (mallctl == nullptr || mallctl("version", &version, &size, nullptr, 0) != 0) return "libc";
  const std::string_view text(version);
  return fmt::format("jemalloc-{}", text.substr(0, text.find('-')));
}

std::uint64_t ResidentBytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string ExecutablePath() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

namespace {

std::uint64_t SystemNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

#if defined(__x86_64__)
std::uint64_t Ticks() {
  return __builtin_ia32_rdtsc();
}
// Does the counter run at one speed, whatever the processor does?
bool TicksAreEven() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1U << 8) != 0;
}
#else
std::uint64_t Ticks() {
  return 0;
}
bool TicksAreEven() {
  return false;
}
#endif

std::uint64_t AllocatorNumber(const char* name) {
  std::size_t value = 0;
  std::size_t size = sizeof value;
  return mallctl != nullptr && mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

TickClock::TickClock() {
  first_ = SystemNanoseconds();
  if (!TicksAreEven()) return;
  const std::uint64_t ticks = Ticks();
  constexpr std::uint64_t kWhile = 500'000;
  std::uint64_t now = first_;
  while (now - first_ < kWhile) now = SystemNanoseconds();
  per_tick_ = static_cast<double>(now - first_) / static_cast<double>(Ticks() - ticks);
}

std::uint64_t TickClock::Nanoseconds() const {
  if (per_tick_ == 0) return SystemNanoseconds();
  return static_cast<std::uint64_t>(static_cast<double>(Ticks()) * per_tick_) | 1;
}

void PurgeMemory() {
  if (mallctl == nullptr) return;
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // 4096: all of them
}

std::string AllocatorReport() {
  if (malloc_stats_print == nullptr) return {};
  std::string report;
  malloc_stats_print([](void* into, const char* text) { *static_cast<std::string*>(into) += text; }, &report, nullptr);
  return report;
}

HostFacts ReadHostFacts() {
  static const std::string executable = ExecutablePath();
  static const std::string allocator = AllocatorName();
  HostFacts facts;
  facts.process_id = getpid();
  facts.used_memory_rss = ResidentBytes();
  const std::uint64_t allocated = AllocatedBytes();
  facts.used_memory = allocated > 0 ? allocated : facts.used_memory_rss;
  facts.allocator_allocated = AllocatorNumber("stats.allocated");
  facts.allocator_active = AllocatorNumber("stats.active");
  facts.allocator_resident = AllocatorNumber("stats.resident");
  facts.total_system_memory =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  facts.cpu_sys = SecondsOf(usage.ru_stime);
  facts.cpu_user = SecondsOf(usage.ru_utime);
  facts.executable = executable;
  facts.allocator = allocator;
  facts.compiler = fmt::format("{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
  utsname names{};
  uname(&names);
  facts.os = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  return facts;
}

std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  ssize_t got = 0;
  do {
    got = getrandom(&seed, sizeof seed, 0);
  } while (got < 0 && errno == EINTR);
  VIGIL_CHECK(got == sizeof seed);
  return seed;
}

}  // namespace replication::edge
