#include "replication/data/crc64.h"

#include <doctest/doctest.h>

#include <string>

using namespace data;

TEST_CASE("crc64: the check value is right, and pieces give what the whole gives") {
  CHECK(Crc64(0, "123456789") == 0xe9c6d914c4b8d9caULL);
  CHECK(Crc64(0, "") == 0);
  std::string text;
  for (int i = 0; i < 1000; ++i) text.push_back(static_cast<char>(i * 7));
  const std::uint64_t whole = Crc64(0, text);
  for (std::size_t cut = 0; cut <= text.size(); cut += 13) {
    CHECK(Crc64(Crc64(0, text.substr(0, cut)), text.substr(cut)) == whole);
  }
  // A byte at a time takes the slow path only.
  std::uint64_t crc = 0;
  for (const char c : text) crc = Crc64(crc, std::string_view(&c, 1));
  CHECK(crc == whole);
}
