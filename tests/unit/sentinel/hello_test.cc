#include "sentinel/core/hello.h"

#include <doctest/doctest.h>

#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {
const std::string kTwo(40, '2');
const std::string kThree(40, '3');
std::string From(const std::string& id, int port, int current, int master_port, int config) {
  return "127.0.0.1," + std::to_string(port) + "," + id + "," + std::to_string(current) + ",mymaster,127.0.0.1," +
         std::to_string(master_port) + "," + std::to_string(config);
}
}  // namespace

TEST_CASE("hello: exactly eight good fields, or nothing") {
  CHECK(ParseHello(From(kTwo, 26002, 1, 7000, 1)));
  for (const std::string& bad :
       std::vector<std::string>{"", "a,b", From(kTwo, 26002, 1, 7000, 1) + ",x", From("short", 26002, 1, 7000, 1),
                                From(kTwo, 0, 1, 7000, 1), From(kTwo, 26002, -1, 7000, 1),
                                From(kTwo, 26002, 1, 70000, 1), ",26002," + kTwo + ",1,mymaster,127.0.0.1,7000,1",
                                "127.0.0.1,26002," + kTwo + ",1,my\nmaster,127.0.0.1,7000,1"}) {
    CHECK_FALSE(ParseHello(bad));
  }
}

TEST_CASE("hello: a malformed one and one about a stranger are counted and change nothing") {
  OneSentinel one;
  ApplyHello(one.state, "x,y", InstanceId::kNone, one.now, one.out);
  ApplyHello(one.state, "127.0.0.1,26002," + kTwo + ",9,other,127.0.0.1,7000,9", InstanceId::kNone, one.now, one.out);
  CHECK(one.state.hellos_dropped == 2);
  CHECK(one.out.empty());
  CHECK(one.state.current_epoch.value == 0);
}

TEST_CASE("hello: what we say is what stock understands") {
  OneSentinel one;
  one.state.current_epoch.value = 4;
  one.master().config_epoch.value = 3;
  const OwnHello hello = MakeHello(one.state, one.master(), "10.0.0.9");
  CHECK(hello.payload == "10.0.0.9,26001," + std::string(40, '1') + ",4,mymaster,127.0.0.1,7000,3");
  one.state.announce_ip = "1.2.3.4";
  one.state.announce_port = 99;
  CHECK(MakeHello(one.state, one.master(), "10.0.0.9").payload.starts_with("1.2.3.4,99,"));
  CHECK(ParseHello(hello.payload));
}

TEST_CASE("hello: a new sentinel is known, connected to and saved") {
  OneSentinel one;
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.master().sentinels.contains(base::RunId{kTwo}));
  CHECK(one.Events() ==
        std::vector<std::string>{"+sentinel sentinel " + kTwo + " 127.0.0.1 26002 @ mymaster 127.0.0.1 7000"});
  CHECK(
      std::any_of(one.out.begin(), one.out.end(), [](const Action& a) { return std::holds_alternative<Connect>(a); }));
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.out.empty());
}

TEST_CASE("hello: a sentinel that moved keeps its id and gets a new address") {
  OneSentinel one;
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26009, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.Events() == std::vector<std::string>{"+sentinel-address-switch master mymaster 127.0.0.1 7000 ip "
                                                 "127.0.0.1 port 26009 for " +
                                                 kTwo});
  CHECK(one.state.peers.at(base::RunId{kTwo}).address.port == 26009);
  CHECK(one.master().sentinels.size() == 1);
}

TEST_CASE("hello: an id that turns up at another's address displaces it") {
  OneSentinel one;
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  one.out.clear();
  ApplyHello(one.state, From(kThree, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.Has("+sentinel-invalid-addr"));
  CHECK(one.Has("+sentinel"));
  CHECK_FALSE(one.state.peers.contains(base::RunId{kTwo}));
  CHECK(one.master().sentinels.size() == 1);
}

TEST_CASE("hello: a newer configuration switches the address, and names its source first") {
  OneSentinel one;
  one.AddReplicaAt(7001);
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26002, 1, 7001, 1), InstanceId::kNone, one.now, one.out);
  CHECK(one.Events() ==
        std::vector<std::string>{"+new-epoch 1",
                                 "+config-update-from sentinel " + kTwo + " 127.0.0.1 26002 @ mymaster 127.0.0.1 7000",
                                 "+switch-master mymaster 127.0.0.1 7000 127.0.0.1 7001",
                                 "+slave slave 127.0.0.1:7000 127.0.0.1 7000 @ mymaster 127.0.0.1 7001"});
  CHECK(one.master().address.port == 7001);
  CHECK(one.master().config_epoch.value == 1);
  CHECK(one.master().replicas.size() == 1);
  CHECK(AddressOf(one.state, one.master()).change > one.state.durable_change);
}

TEST_CASE("hello: the same config epoch with another address is announced once and changes nothing") {
  OneSentinel one;
  one.AddReplicaAt(7001);
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26002, 0, 7001, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.Has("-config-epoch-conflict"));
  CHECK(one.master().address.port == 7000);
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26002, 0, 7001, 0), InstanceId::kNone, one.now, one.out);
  CHECK(one.Events().empty());
}

TEST_CASE("hello: one sentinel's jump of the epoch is refused with its configuration, a majority's is believed") {
  OneSentinel one;
  one.AddReplicaAt(7001);
  ApplyHello(one.state, From(kTwo, 26002, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  ApplyHello(one.state, From(kThree, 26003, 0, 7000, 0), InstanceId::kNone, one.now, one.out);
  one.out.clear();
  ApplyHello(one.state, From(kTwo, 26002, 2000000, 7001, 2000000), InstanceId::kNone, one.now, one.out);
  CHECK(one.Has("-epoch-jump"));
  CHECK(one.state.current_epoch.value == 0);
  CHECK(one.master().address.port == 7000);
  ApplyHello(one.state, From(kTwo, 26002, 1, 7001, 2000000), InstanceId::kNone, one.now, one.out);
  CHECK(one.master().address.port == 7000);
  ApplyHello(one.state, From(kThree, 26003, 2000001, 7001, 2000000), InstanceId::kNone, one.now, one.out);
  CHECK(one.state.current_epoch.value == 2000000);
}

TEST_CASE("hello: a newer config epoch for the address that we are publishing is told when it is durable") {
  OneSentinel one;
  one.state.current_epoch.value = 2;
  Master& master = one.master();
  const Replica& replica = one.AddReplicaAt(7001);
  ApplyHello(one.state, From(kTwo, 26002, 2, 7000, 0), InstanceId::kNone, one.now, one.out);
  master.config_epoch.value = 1;
  master.failover.stage = Stage::kReconfigure;
  master.failover.promoted = replica.id;
  master.failover.change = one.state.newest_change;
  one.state.durable_change = one.state.newest_change;
  ApplyHello(one.state, From(kTwo, 26002, 2, 7001, 2), InstanceId::kNone, one.now, one.out);
  REQUIRE(master.config_epoch.value == 2);
  CHECK(MakeHello(one.state, master, "10.0.0.9").change == one.state.newest_change);
  CHECK_FALSE(one.state.Durable(one.state.newest_change));
}

TEST_CASE("hello: that the others have agreed to keep the former master ends what we publish") {
  OneSentinel one;
  one.state.current_epoch.value = 2;
  Master& master = one.master();
  const Replica& replica = one.AddReplicaAt(7001);
  ApplyHello(one.state, From(kTwo, 26002, 2, 7000, 0), InstanceId::kNone, one.now, one.out);
  master.config_epoch.value = 1;
  master.failover.stage = Stage::kReconfigure;
  master.failover.promoted = replica.id;
  REQUIRE(AddressOf(one.state, master).endpoint.port == 7001);
  ApplyHello(one.state, From(kTwo, 26002, 2, 7000, 2), InstanceId::kNone, one.now, one.out);
  CHECK_FALSE(master.failover.active());
  CHECK(AddressOf(one.state, master).endpoint.port == 7000);
  CHECK(master.config_epoch.value == 2);
  CHECK(master.replicas.size() == 1);
  CHECK(one.Has("+switch-master"));
}

TEST_CASE("hello: whoever is told of a new address announces it by its name, as the leader does") {
  OneSentinel one;
  one.state.announce_hostnames = one.state.resolve_hostnames = true;
  one.master().hostname = "db-one";
  one.AddReplicaAt(7001).hostname = "db-two";
  ApplyHello(one.state, From(kTwo, 26002, 1, 7001, 1), InstanceId::kNone, one.now, one.out);
  const std::vector<std::string> events = one.Events();
  CHECK(std::find(events.begin(), events.end(), "+switch-master mymaster db-one 7000 db-two 7001") != events.end());
}
