#include "sentinel/core/foreign.h"

#include <doctest/doctest.h>

#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

TEST_CASE("foreign: who has switched after us, and speaks of our master now, does not mark the node for ever") {
  OneSentinel one;
  Replica& replica = one.AddReplicaAt(7001);
  Hello hello;
  hello.run_id = OneSentinel::Id('9');
  hello.master_name = "alias";
  hello.master = {"127.0.0.1", 7001};
  NoteForeignHello(one.state, hello, replica.id, one.now, one.out);
  REQUIRE(one.Has("+foreign-node"));
  hello.master = {"127.0.0.1", 7000};
  NoteForeignHello(one.state, hello, replica.id, one.now, one.out);
  CHECK(one.Has("-foreign-node"));
  CHECK(replica.foreign.hello.empty());
}

TEST_CASE("foreign: two names for one master are none of that, also when it is announced by its host name") {
  OneSentinel one;
  one.master().hostname = "db-one";
  Replica& replica = one.AddReplicaAt(7001);
  Hello hello;
  hello.run_id = OneSentinel::Id('9');
  hello.master_name = "alias";
  hello.master = {"db-one", 7000};
  NoteForeignHello(one.state, hello, replica.id, one.now, one.out);
  CHECK_FALSE(one.Has("+foreign-node"));
}
