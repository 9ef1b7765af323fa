#include "replication/data/hyperloglog.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "replication/base/check.h"

namespace data::hll {
namespace {

// The head: "HYLL", the form, three unused bytes, the cached count (8 bytes, least significant first; the highest bit
// says that it is out of date). Then the registers.
constexpr std::string_view kMagic = "HYLL";
constexpr std::size_t kFormAt = 4;
constexpr char kDense = 0;
constexpr char kSparse = 1;
constexpr std::size_t kCountAt = 8;
constexpr std::size_t kHead = 16;
constexpr std::size_t kRegisterBits = 6;
constexpr std::size_t kDenseBytes = kHead + kRegisters * kRegisterBits / 8;

// Sparse registers are runs: 00nnnnnn is n + 1 zeros, 01nnnnnn nnnnnnnn as well, 1vvvvvnn is n + 1 registers of v + 1.
constexpr std::size_t kMostZeros = 64;
constexpr std::size_t kMostLongZeros = 16384;
constexpr std::size_t kMostEqual = 4;
constexpr std::uint8_t kMostSparseRank = 32;

struct Run {
  std::uint8_t rank = 0;  // 0: zeros
  std::size_t length = 0;
  std::size_t bytes = 1;
};

std::uint8_t ByteAt(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

bool IsValueRun(std::string_view text, std::size_t at) {
  return (ByteAt(text, at) & 0x80) != 0;
}

// `at` is within the text; a long run whose second byte is missing has length 0.
Run RunAt(std::string_view text, std::size_t at) {
  const std::uint8_t first = ByteAt(text, at);
  if ((first & 0x80) != 0) {
    return Run{static_cast<std::uint8_t>((first >> 2 & 0x1f) + 1), static_cast<std::size_t>(first & 3) + 1, 1};
  }
  if ((first & 0x40) == 0) return Run{0, static_cast<std::size_t>(first) + 1, 1};
  if (at + 1 >= text.size()) return Run{0, 0, 1};
  return Run{0, (static_cast<std::size_t>(first & 0x3f) << 8 | ByteAt(text, at + 1)) + 1, 2};
}

void AppendZeros(std::string& out, std::size_t length) {
  if (length == 0) return;
  if (length <= kMostZeros) {
    out.push_back(static_cast<char>(length - 1));
    return;
  }
  VIGIL_CHECK(length <= kMostLongZeros);
  out.push_back(static_cast<char>(0x40 | (length - 1) >> 8));
  out.push_back(static_cast<char>((length - 1) & 0xff));
}

char ValueRun(std::uint8_t rank, std::size_t length) {
  return static_cast<char>(0x80 | static_cast<std::size_t>(rank - 1) << 2 | (length - 1));
}

void AppendRun(std::string& out, std::uint8_t rank, std::size_t length) {
  if (rank == 0) {
    AppendZeros(out, length);
  } else if (length > 0) {
    out.push_back(ValueRun(rank, length));
  }
}

std::uint8_t DenseGet(std::string_view text, std::size_t index) {
  const std::size_t bit = index * kRegisterBits;
  const std::size_t at = kHead + bit / 8;
  const unsigned shift = bit % 8;
  unsigned value = ByteAt(text, at) >> shift;
  if (shift > 8 - kRegisterBits) value |= static_cast<unsigned>(ByteAt(text, at + 1)) << (8 - shift);
  return static_cast<std::uint8_t>(value & 63);
}

void DenseSet(std::string& text, std::size_t index, std::uint8_t rank) {
  const std::size_t bit = index * kRegisterBits;
  const std::size_t at = kHead + bit / 8;
  const unsigned shift = bit % 8;
  unsigned low = ByteAt(text, at);
  low = (low & ~(63U << shift)) | static_cast<unsigned>(rank) << shift;
  text[at] = static_cast<char>(low & 0xff);
  if (shift <= 8 - kRegisterBits) return;
  unsigned high = ByteAt(text, at + 1);
  high = (high & ~(63U >> (8 - shift))) | static_cast<unsigned>(rank) >> (8 - shift);
  text[at + 1] = static_cast<char>(high & 0xff);
}

Change RaiseDense(std::string& text, std::size_t index, std::uint8_t rank) {
  if (DenseGet(text, index) >= rank) return Change::kNone;
  DenseSet(text, index, rank);
  return Change::kChanged;
}

// Runs of the same rank next to each other become one, near `from`: those that a change has just made.
void JoinRuns(std::string& text, std::size_t from) {
  std::size_t at = from;
  for (int looks = 5; looks > 0 && at < text.size(); --looks) {
    const Run run = RunAt(text, at);
    if (run.rank != 0 && at + 1 < text.size() && IsValueRun(text, at + 1)) {
      const Run next = RunAt(text, at + 1);
      if (next.rank == run.rank && run.length + next.length <= kMostEqual) {
        text[at + 1] = ValueRun(run.rank, run.length + next.length);
        text.erase(at, 1);
        continue;  // it may join with what follows as well
      }
    }
    at += run.bytes;
  }
}

Change RaiseSparse(std::string& text, std::size_t index, std::uint8_t rank, std::size_t sparse_bytes) {
  const auto promote = [&] {
    if (!MakeDense(text)) return Change::kDamaged;
    return RaiseDense(text, index, rank);
  };
  if (rank > kMostSparseRank) return promote();

  // The run that covers the register.
  std::size_t at = kHead;
  std::size_t previous = kHead;
  std::size_t first = 0;
  Run run;
  while (true) {
    if (at >= text.size()) return Change::kDamaged;
    run = RunAt(text, at);
    if (run.length == 0) return Change::kDamaged;
    if (index < first + run.length) break;
    previous = at;
    at += run.bytes;
    first += run.length;
  }
  if (run.rank >= rank) return Change::kNone;

  if (run.length == 1 && run.bytes == 1) {
    text[at] = ValueRun(rank, 1);
  } else {
    std::string runs;
    AppendRun(runs, run.rank, index - first);
    runs.push_back(ValueRun(rank, 1));
    AppendRun(runs, run.rank, first + run.length - 1 - index);
    if (runs.size() > run.bytes && text.size() + runs.size() - run.bytes > sparse_bytes) return promote();
    text.replace(at, run.bytes, runs);
  }
  JoinRuns(text, previous);
  ForgetCount(text);
  return Change::kChanged;
}

// Visits runs: visit(rank, length). False when they do not cover the registers exactly.
template <class Visit>
bool ForEachRun(std::string_view text, const Visit& visit) {
  std::size_t covered = 0;
  for (std::size_t at = kHead; at < text.size();) {
    const Run run = RunAt(text, at);
    if (run.length == 0 || run.length > kRegisters - covered) return false;
    visit(run);
    covered += run.length;
    at += run.bytes;
  }
  return covered == kRegisters;
}

// MurmurHash2 for 64 bits, by Austin Appleby, in the public domain; the bytes count as on a little-endian machine.
std::uint64_t Murmur(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kFactor = 0xc6a4a7935bd1e995ULL;
  constexpr int kShift = 47;
  std::uint64_t hash = seed ^ (bytes.size() * kFactor);
  while (bytes.size() >= 8) {
    std::uint64_t block;
    std::memcpy(&block, bytes.data(), sizeof block);
    block *= kFactor;
    block ^= block >> kShift;
    block *= kFactor;
    hash ^= block;
    hash *= kFactor;
    bytes.remove_prefix(8);
  }
  if (!bytes.empty()) {
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      rest |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    }
    hash ^= rest;
    hash *= kFactor;
  }
  hash ^= hash >> kShift;
  hash *= kFactor;
  hash ^= hash >> kShift;
  return hash;
}

// The two series of the improved estimator. Source: O. Ertl, "New cardinality estimation algorithms for HyperLogLog
// sketches", 2017, algorithm 6.
double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  double before = 0;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= std::pow(1 - x, 2) * y;
  } while (before != z);
  return z / 3;
}

double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  double before = 0;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before != z);
  return z;
}

}  // namespace

std::string Empty() {
  std::string text(kHead, '\0');
  text.replace(0, kMagic.size(), kMagic);
  text[kFormAt] = kSparse;
  AppendZeros(text, kRegisters);
  return text;
}

bool IsDense(std::string_view text) {
  return text[kFormAt] == kDense;
}

bool IsOne(std::string_view text) {
  if (text.size() < kHead || !text.starts_with(kMagic)) return false;
  if (text[kFormAt] == kDense) return text.size() == kDenseBytes;
  return text[kFormAt] == kSparse;
}

bool MakeDense(std::string& text) {
  if (IsDense(text)) return true;
  std::string dense = text.substr(0, kHead);
  dense.resize(kDenseBytes, '\0');
  dense[kFormAt] = kDense;
  std::size_t index = 0;
  const bool whole = ForEachRun(text, [&](const Run& run) {
    for (std::size_t i = 0; run.rank != 0 && i < run.length; ++i) DenseSet(dense, index + i, run.rank);
    index += run.length;
  });
  if (whole) text = std::move(dense);
  return whole;
}

Change Raise(std::string& text, std::size_t index, std::uint8_t rank, std::size_t sparse_bytes) {
  return IsDense(text) ? RaiseDense(text, index, rank) : RaiseSparse(text, index, rank, sparse_bytes);
}

Change Add(std::string& text, std::string_view element, std::size_t sparse_bytes) {
  constexpr std::uint64_t kSeed = 0xadc83b19;
  const std::uint64_t hash = Murmur(element, kSeed);
  const std::size_t index = hash & (kRegisters - 1);
  // The place of the first one among the bits behind the index, and one that is always there.
  const std::uint64_t rest = hash >> kIndexBits | std::uint64_t{1} << kRankBits;
  return Raise(text, index, static_cast<std::uint8_t>(__builtin_ctzll(rest) + 1), sparse_bytes);
}

bool Merge(std::string_view text, Registers& into) {
  if (IsDense(text)) {
    for (std::size_t i = 0; i < kRegisters; ++i) into[i] = std::max(into[i], DenseGet(text, i));
    return true;
  }
  std::size_t index = 0;
  return ForEachRun(text, [&](const Run& run) {
    for (std::size_t i = 0; run.rank != 0 && i < run.length; ++i) {
      into[index + i] = std::max(into[index + i], run.rank);
    }
    index += run.length;
  });
}

std::optional<Registers> RegistersOf(std::string_view text) {
  std::optional<Registers> registers(Registers{});
  if (!Merge(text, *registers)) registers.reset();
  return registers;
}

std::uint64_t Estimate(const Registers& registers) {
  constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)
  constexpr double kCount = kRegisters;
  std::array<int, 64> having{};  // how many registers have each rank
  for (const std::uint8_t rank : registers) ++having[rank & 63];
  double z = kCount * Tau((kCount - having[kRankBits + 1]) / kCount);
  for (int rank = kRankBits; rank >= 1; --rank) {
    z += having[static_cast<std::size_t>(rank)];
    z *= 0.5;
  }
  z += kCount * Sigma(having[0] / kCount);
  return static_cast<std::uint64_t>(std::llroundl(static_cast<long double>(kAlpha * kCount * kCount / z)));
}

std::optional<std::uint64_t> CachedCount(std::string_view text) {
  if ((ByteAt(text, kCountAt + 7) & 0x80) != 0) return std::nullopt;
  std::uint64_t count;
  std::memcpy(&count, text.data() + kCountAt, sizeof count);
  return count;
}

void CacheCount(std::string& text, std::uint64_t count) {
  std::memcpy(text.data() + kCountAt, &count, sizeof count);
}

void ForgetCount(std::string& text) {
  text[kCountAt + 7] = static_cast<char>(text[kCountAt + 7] | 0x80);
}

std::optional<std::string> RunsText(std::string_view text) {
  std::string out;
  const bool whole = ForEachRun(text, [&out](const Run& run) {
    if (!out.empty()) out.push_back(' ');
    if (run.rank != 0) {
      out += fmt::format("v:{},{}", run.rank, run.length);
    } else {
      out += fmt::format("{}:{}", run.bytes == 1 ? 'z' : 'Z', run.length);
    }
  });
  if (!whole) return std::nullopt;
  return out;
}

}  // namespace data::hll
