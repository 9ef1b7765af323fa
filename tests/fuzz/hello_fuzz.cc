// Hellos, one per line, to a sentinel that watches one master; names are looked up, so that more of them get in.
#include "replication/base/text.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/invariants.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sentinel/one_sentinel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sentinel;
  OneSentinel one;
  one.state.resolve_hostnames = size % 2 == 0;
  for (const std::string_view line : base::Split(fuzz::Text(data, size), '\n')) {
    one.Feed(HelloReceived{LinkId::kNone, std::string(line)});
    one.out.clear();
    ApplyHello(one.state, line, InstanceId::kNone, one.now, one.out);
    one.Feed(StateSaved{one.state.newest_change, true, ""});
  }
  one.Run(base::Millis(100));
  fuzz::Require(CheckInvariants(one.state).empty(), "the invariants of a state");
  const OwnHello own = MakeHello(one.state, one.master(), "127.0.0.1");
  fuzz::Require(ParseHello(own.payload).has_value(), "what we say can be understood");
  return 0;
}
