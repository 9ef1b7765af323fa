#include "sentinel/cli/events.h"

#include <doctest/doctest.h>

#include "sentinel/cli/timeline.h"

using namespace cli;
using std::chrono::milliseconds;

namespace {

const Instant kOrigin = Instant(std::chrono::hours(1));

Event At(int millis, std::uint16_t sentinel, std::string_view name, std::string_view text) {
  Event event = ParseEvent(name, text);
  event.at = kOrigin + milliseconds(millis);
  event.sentinel = {"127.0.0.1", sentinel};
  return event;
}

}  // namespace

TEST_CASE("events: a master's event names it, and what follows is kept") {
  const Event event = ParseEvent("+odown", "master mymaster 127.0.0.1 7001 #quorum 2/2");
  CHECK(event.kind == "master");
  CHECK(event.master == "mymaster");
  CHECK(event.subject == base::Endpoint{"127.0.0.1", 7001});
  CHECK(event.rest == "#quorum 2/2");
}

TEST_CASE("events: a replica's event names the replica and its master") {
  const Event event = ParseEvent("+selected-slave", "slave 127.0.0.1:7002 127.0.0.1 7002 @ mymaster 127.0.0.1 7001");
  CHECK(event.kind == "slave");
  CHECK(event.master == "mymaster");
  CHECK(event.subject == base::Endpoint{"127.0.0.1", 7002});
  CHECK(event.rest.empty());
}

TEST_CASE("events: +switch-master has the old and the new address") {
  const Event event = ParseEvent("+switch-master", "mymaster 127.0.0.1 7001 127.0.0.1 7002");
  CHECK(event.master == "mymaster");
  CHECK(event.from == base::Endpoint{"127.0.0.1", 7001});
  CHECK(event.subject == base::Endpoint{"127.0.0.1", 7002});
}

TEST_CASE("events: what is not understood names nobody") {
  for (const char* text : {"", "17", "master", "master m 127.0.0.1 notaport", "mymaster 127.0.0.1 7001 127.0.0.1"}) {
    CAPTURE(text);
    CHECK(ParseEvent("+sdown", text).master.empty());
    CHECK(ParseEvent("+switch-master", text).master.empty());
  }
}

TEST_CASE("timeline: an event is told once, by the sentinel that tells it first") {
  Timeline timeline(kOrigin, "mymaster");
  const Paint plain(false);
  const char* const down = "master mymaster 127.0.0.1 7001";
  CHECK(timeline.Take(At(1005, 27001, "+sdown", down), plain) ==
        "    1005 ms  +sdown                              sentinel 127.0.0.1:27001 finds the master down");
  CHECK(timeline.Take(At(1006, 27002, "+sdown", down), plain).empty());
  CHECK_FALSE(timeline.Take(At(3000, 27001, "+sdown", down), plain).empty());
  CHECK(timeline.Has("+sdown"));
  CHECK_FALSE(timeline.Has("+odown"));
}

TEST_CASE("timeline: every candidate for the election is told") {
  Timeline timeline(kOrigin, "mymaster");
  const Paint plain(false);
  CHECK_FALSE(timeline.Take(At(1, 27001, "+try-failover", "master mymaster 127.0.0.1 7001"), plain).empty());
  CHECK_FALSE(timeline.Take(At(2, 27002, "+try-failover", "master mymaster 127.0.0.1 7001"), plain).empty());
}

TEST_CASE("timeline: other masters, earlier times and other events are left out") {
  Timeline timeline(kOrigin, "mymaster");
  const Paint plain(false);
  CHECK(timeline.Take(At(1, 27001, "+sdown", "master other 127.0.0.1 7001"), plain).empty());
  CHECK(timeline.Take(At(-1, 27001, "+sdown", "master mymaster 127.0.0.1 7001"), plain).empty());
  CHECK(timeline.Take(At(1, 27001, "+new-epoch", "17"), plain).empty());
  CHECK(timeline.Take(At(1, 27001, "+sdown", "slave 127.0.0.1:7002 127.0.0.1 7002 @ mymaster 127.0.0.1 7001"), plain)
            .empty());
}
