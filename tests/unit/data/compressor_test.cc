#include "replication/data/compressor.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace data {
namespace {

// No three bytes of it come twice, so that it cannot become shorter.
std::string Noise(std::uint32_t seed, std::size_t size) {
  std::string text;
  std::uint32_t state = seed * 2654435761U + 1;
  while (text.size() < size) {
    state = state * 1664525U + 1013904223U;
    text.push_back(static_cast<char>(state >> 24));
  }
  return text;
}

int Compressed(Compressor& compressor, const std::string& text, int times) {
  int count = 0;
  for (int i = 0; i < times; ++i) {
    std::string out;
    if (compressor.Append(out, text)) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("compressor: short texts and those that become no shorter are left alone") {
  Compressor compressor(Compressor::Effort::kWorthwhile);
  std::string out;
  CHECK_FALSE(compressor.Append(out, std::string(20, 'a')));
  CHECK_FALSE(compressor.Append(out, Noise(1, 100)));
  CHECK(out.empty());
  CHECK(compressor.Append(out, std::string(100, 'a')));
  CHECK(out.size() < 20);
  Compressor none(Compressor::Effort::kNone);
  CHECK_FALSE(none.Append(out, std::string(100, 'a')));
}

TEST_CASE("compressor: after much in vain one of eight is tried, until one becomes shorter") {
  const std::string shorter(100, 'a');
  Compressor compressor(Compressor::Effort::kWorthwhile);
  CHECK(Compressed(compressor, Noise(1, 100), 31) == 0);
  CHECK(Compressed(compressor, shorter, 10) == 10);  // never given up
  CHECK(Compressed(compressor, Noise(1, 100), 32) == 0);
  // Seven are passed over; the eighth is tried, and from then on all.
  CHECK(Compressed(compressor, shorter, 7) == 0);
  CHECK(Compressed(compressor, shorter, 10) == 10);
  // Sizes are judged apart: what is true of tokens says nothing of pages.
  CHECK(Compressed(compressor, Noise(1, 100), 40) == 0);
  CHECK(Compressed(compressor, std::string(1000, 'a'), 1) == 1);
}

TEST_CASE("compressor: with all effort every text is tried, whatever came before") {
  Compressor compressor(Compressor::Effort::kAll);
  CHECK(Compressed(compressor, Noise(1, 100), 100) == 0);
  CHECK(Compressed(compressor, std::string(100, 'a'), 1) == 1);
}

}  // namespace data
