#include "replication/core/stream_log.h"

#include <doctest/doctest.h>

#include <string>

using replication::Offset;
using replication::StreamLog;

namespace {

std::string Text(const StreamLog& log, Offset from, Offset until) {
  std::string text;
  const auto views = log.Read(from, until, 1 << 30);
  REQUIRE(views.has_value());
  for (const std::string_view view : *views) text += view;
  return text;
}

// A byte that tells its own offset.
std::string Numbered(Offset from, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('a' + (from + static_cast<Offset>(i)) % 26);
  return text;
}

}  // namespace

TEST_CASE("stream log: bytes are found by their offset, in whatever pieces they came") {
  StreamLog log(101);
  for (const std::size_t size : {1UL, 3UL, 4091UL, 4096UL, 70000UL, 200000UL}) log.Append(Numbered(log.end(), size));
  CHECK(log.begin() == 101);
  CHECK(log.end() == 101 + 1 + 3 + 4091 + 4096 + 70000 + 200000);
  CHECK(Text(log, 101, log.end()) == Numbered(101, log.size()));
  CHECK(Text(log, 4195, 4200) == Numbered(4195, 5));
  CHECK(Text(log, 69000, 150000) == Numbered(69000, 81000));
  CHECK(Text(log, log.end(), log.end()).empty());
}

TEST_CASE("stream log: one offset too old or too new is refused") {
  StreamLog log(1);
  log.Append(Numbered(1, 100));
  log.TrimBefore(40);
  CHECK(log.Read(40, 101, 1000).has_value());
  CHECK(log.Read(101, 101, 1000).has_value());
  CHECK_FALSE(log.Read(39, 101, 1000).has_value());
  CHECK_FALSE(log.Read(102, 200, 1000).has_value());
}

TEST_CASE("stream log: trimming frees blocks, and the rest stays readable") {
  StreamLog log;
  for (int i = 0; i < 100; ++i) log.Append(Numbered(log.end(), 30000));
  const std::size_t before = log.memory();
  log.TrimBefore(log.end() - 1000);
  CHECK(log.memory() < before / 10);
  CHECK(Text(log, log.begin(), log.end()) == Numbered(log.begin(), 1000));
  log.Append(Numbered(log.end(), 5000));
  CHECK(Text(log, log.begin(), log.end()) == Numbered(log.begin(), 6000));
}

TEST_CASE("stream log: what was cut off is written anew at the same offsets") {
  StreamLog log;
  log.Append(Numbered(1, 200000));
  for (const Offset at : {199999, 100000, 4097, 4096, 2, 1}) {
    CAPTURE(at);
    log.CutFrom(at);
    CHECK(log.end() == at);
    log.Append("XYZ");
    CHECK(Text(log, at, log.end()) == "XYZ");
    CHECK(Text(log, 1, at) == Numbered(1, static_cast<std::size_t>(at - 1)));
  }
}

TEST_CASE("stream log: views stay valid while bytes are appended") {
  StreamLog log;
  log.Append("first");
  const auto views = log.Read(1, 6, 100);
  for (int i = 0; i < 100; ++i) log.Append(Numbered(log.end(), 10000));
  CHECK(views->at(0) == "first");
}

TEST_CASE("stream log: a limit cuts between views, but never gives nothing") {
  StreamLog log;
  log.Append(Numbered(1, 300000));
  const auto views = log.Read(1, log.end(), 1);
  REQUIRE(views->size() == 1);
  CHECK_FALSE(views->at(0).empty());
}
