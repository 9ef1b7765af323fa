#include "sentinel/core/foreign.h"

#include <doctest/doctest.h>

#include "sentinel/core/roles.h"
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

TEST_CASE("foreign: who answers at an address since a moment ago is not ordered for what was said there before") {
  OneSentinel one;
  Master& master = one.master();
  OneSentinel::BringUp(master.command, one.now.mono);
  Replica& replica = one.AddReplicaAt(7001);
  OneSentinel::BringUp(replica.command, one.now.mono);
  one.Wait(base::Millis(20000));
  master.liveness.proof_at = replica.liveness.proof_at = one.now.mono;
  master.info_at = replica.info_at = one.now.mono;
  replica.info.role = replica.role_reported = Role::kMaster;
  replica.role_reported_at = one.now.mono - base::Millis(9000);
  replica.command.up_at = one.now.mono + base::Millis(1);
  one.Wait(base::Millis(2));
  CorrectReplica(one.state, master, replica, one.now, one.out);
  CHECK_FALSE(one.Has("+convert-to-slave"));
  replica.info_at = one.now.mono;
  CorrectReplica(one.state, master, replica, one.now, one.out);
  CHECK(one.Has("+convert-to-slave"));
}
