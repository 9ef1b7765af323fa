#include "replication/data/hyperloglog.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "replication/base/random.h"
#include "tests/unit/data/command_support.h"

using data::Runner;
namespace hll = data::hll;

TEST_CASE("hyperloglog: sparse and dense hold the same registers") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::string sparse = hll::Empty();
    std::string dense = hll::Empty();
    REQUIRE(hll::MakeDense(dense));
    hll::Registers model{};
    for (int i = 0; i < 1200; ++i) {
      const std::size_t index = random.Chance(0.5) ? random.Below(60) : random.Below(hll::kRegisters);
      const auto rank = static_cast<std::uint8_t>(random.Below(random.Chance(0.01) ? 51 : 5) + 1);
      const hll::Change change = model[index] < rank ? hll::Change::kChanged : hll::Change::kNone;
      model[index] = std::max(model[index], rank);
      CHECK(hll::Raise(sparse, index, rank, hll::kSparseBytes) == change);
      CHECK(hll::Raise(dense, index, rank, hll::kSparseBytes) == change);
    }
    CHECK(hll::RegistersOf(sparse) == model);
    CHECK(hll::RegistersOf(dense) == model);
  }
}

TEST_CASE("hyperloglog: it counts what it has seen, about, and remembers the count until something changes") {
  std::string text = hll::Empty();
  CHECK(hll::CachedCount(text) == 0U);
  for (int i = 0; i < 20000; ++i) {
    hll::Add(text, fmt::format("element:{}", i), hll::kSparseBytes);
    if (i == 100) CHECK_FALSE(hll::IsDense(text));
  }
  CHECK(hll::IsDense(text));
  const double count = static_cast<double>(hll::Estimate(*hll::RegistersOf(text)));
  CHECK(std::abs(count - 20000) < 20000 * 0.03);
}

TEST_CASE("hyperloglog: damaged runs are refused") {
  std::string text = hll::Empty();
  text.back() = '\x00';  // too few registers
  CHECK_FALSE(hll::RegistersOf(text));
  CHECK_FALSE(hll::MakeDense(text));
  text.pop_back();  // a long run without its second byte
  CHECK_FALSE(hll::RegistersOf(text));
  CHECK(hll::Raise(text, 5, 1, 3000) == hll::Change::kDamaged);
  CHECK_FALSE(hll::IsOne("HYLL"));
  CHECK_FALSE(hll::IsOne("HYLX" + std::string(20, '\0')));
}

TEST_CASE("hyperloglog: commands, and what is replicated of them") {
  Runner node;
  CHECK(node.Run("PFADD h a b c") == ":1\r\n");
  CHECK(node.Run("PFADD h a") == ":0\r\n");
  CHECK(node.Run("PFCOUNT h") == ":3\r\n");
  CHECK(node.Run("PFCOUNT h") == ":3\r\n");
  CHECK(node.Run("PFADD g c d") == ":1\r\n");
  CHECK(node.Run("PFCOUNT h g none") == ":4\r\n");
  CHECK(node.Run("PFMERGE m h g") == "+OK\r\n");
  CHECK(node.TakeEffects() == "0 PFADD h a b c | 0 PFCOUNT h | 0 PFADD g c d | 0 PFMERGE m h g");
  CHECK(node.Run("PFCOUNT m") == ":4\r\n");
  CHECK(node.Run("PFDEBUG ENCODING m") == "+sparse\r\n");
  CHECK(node.Run("PFDEBUG TODENSE m") == ":1\r\n");
  CHECK(node.Run("PFCOUNT m") == ":4\r\n");
  node.Run("SET s text");
  CHECK(node.Run("PFADD s a") == "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n");
  CHECK(node.Run("PFCOUNT s") == "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n");
}
