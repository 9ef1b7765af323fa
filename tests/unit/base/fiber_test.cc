// Calls that are left in their middle.
#include "replication/base/fiber.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace {

// Uses some stack at each level, and leaves the job at the bottom.
int Deep(base::Fiber& fiber, int levels) {
  volatile char room[512] = {};
  room[0] = 1;
  if (levels == 0) {
    fiber.Suspend();
    return room[0];
  }
  return Deep(fiber, levels - 1) + room[0];
}

}  // namespace

TEST_CASE("fiber: a job goes on where it was left") {
  base::Fiber fiber(1 << 20);
  std::string said;
  CHECK_FALSE(fiber.Start([&] {
    said += 'a';
    fiber.Suspend();
    said += 'b';
    fiber.Suspend();
    said += 'c';
  }));
  CHECK(said == "a");
  CHECK(fiber.busy());
  CHECK_FALSE(fiber.inside());
  CHECK_FALSE(fiber.Resume());
  CHECK(said == "ab");
  CHECK(fiber.Resume());
  CHECK(said == "abc");
  CHECK_FALSE(fiber.busy());
}

TEST_CASE("fiber: one stack serves many jobs, and exceptions stay inside them") {
  base::Fiber fiber(1 << 20);
  int caught = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool ended = fiber.Start([&] {
      try {
        if (i % 2 == 0) fiber.Suspend();
        throw std::runtime_error("x");
      } catch (const std::runtime_error&) {
        ++caught;
      }
    });
    CHECK(ended == (i % 2 != 0));
    if (!ended) CHECK(fiber.Resume());
  }
  CHECK(caught == 1000);
}

TEST_CASE("fiber: a deep stack is kept") {
  base::Fiber fiber(8 << 20);
  int sum = 0;
  CHECK_FALSE(fiber.Start([&] { sum = Deep(fiber, 1000); }));
  CHECK(fiber.Resume());
  CHECK(sum == 1001);
}
