#include "replication/host/background.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

TEST_CASE("background: a thread that gives way does so alone") {
  const int before = getpriority(PRIO_PROCESS, 0);
  int within = before;
  std::thread([&within] {
    host::GiveWay();
    within = getpriority(PRIO_PROCESS, 0);
  }).join();
  CHECK(within == std::min(before + 5, 19));
  CHECK(getpriority(PRIO_PROCESS, 0) == before);
}
