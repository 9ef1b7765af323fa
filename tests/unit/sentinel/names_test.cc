#include "sentinel/core/names.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sentinel/core/hello.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

struct Named : OneSentinel {
  Named() : OneSentinel() {
    state.resolve_hostnames = true;
    out.clear();
    AddMaster(state, NewMaster{"named", base::Endpoint{"db.example", 6379}, "db.example", 2}, now, out).value();
  }
  Master& named() { return state.masters.at("named"); }
  void Resolve(const std::string& name, const std::string& address) {
    Feed(NameResolved{name, base::Result<std::string>(address)});
  }
  int Asked(const std::string& name) const {
    int count = 0;
    for (const Action& action : out) {
      const auto* resolve = std::get_if<sentinel::Resolve>(&action);
      count += resolve != nullptr && resolve->name == name;
    }
    return count;
  }
  bool ConnectsTo(const std::string& host) const {
    return std::any_of(out.begin(), out.end(), [&](const Action& action) {
      const auto* connect = std::get_if<Connect>(&action);
      return connect != nullptr && connect->to.host == host;
    });
  }
};

}  // namespace

TEST_CASE("names: a host that is a name is connected to when it has been resolved") {
  Named world;
  CHECK(world.Asked("db.example") > 0);
  world.Resolve("db.example", "10.0.0.1");
  CHECK(world.named().address.host == "10.0.0.1");
  CHECK(world.named().hostname == "db.example");
  CHECK(world.ConnectsTo("10.0.0.1"));
  CHECK_FALSE(world.Has("+host-moved"));
}

TEST_CASE("names: a lost connection asks again, and a new address is taken over") {
  Named world;
  world.Resolve("db.example", "10.0.0.1");
  Link& link = world.named().command;
  world.Feed(LinkUp{link.id, "10.0.0.9"});
  world.Wait(base::Millis(5000));
  world.Feed(LinkDown{link.id, LinkDown::Reason::kClosed, "gone"});
  world.out.clear();
  world.Run(base::Millis(3000));
  CHECK(world.Asked("db.example") >= 1);
  CHECK(world.Asked("db.example") <= 4);  // at most once a second
  world.Resolve("db.example", "10.0.0.2");
  CHECK(world.Has("+host-moved"));
  CHECK(world.named().address.host == "10.0.0.2");
  CHECK(world.ConnectsTo("10.0.0.2"));
  CHECK(world.state.newest_change > 0);
  // A peer that has not looked it up again still speaks of the same master.
  CHECK(FindMasterByAddress(world.state, {"10.0.0.1", 6379}) == &world.named());
  ApplyHello(world.state, "127.0.0.1,26002,2222222222222222222222222222222222222222,0,named,10.0.0.1,6379,0",
             InstanceId::kNone, world.now, world.out);
  CHECK_FALSE(world.Has("-config-epoch-conflict"));
}

TEST_CASE("names: while the connection stands, another answer changes nothing") {
  Named world;
  world.Resolve("db.example", "10.0.0.1");
  world.Feed(LinkUp{world.named().command.id, "10.0.0.9"});
  world.Resolve("db.example", "10.0.0.2");
  CHECK(world.named().address.host == "10.0.0.1");
}

TEST_CASE("names: a replica that announces a name is added once, however often INFO names it") {
  Named world;
  world.Resolve("db.example", "10.0.0.1");
  Link& link = world.named().command;
  world.Feed(LinkUp{link.id, "10.0.0.9"});
  const std::string info = "# Server\r\nrole:master\r\nslave0:ip=replica.example,port=6380,state=online\r\n";
  world.Feed(ReplyArrived{link.id, Command{Request::kInfo, "named", 0, {}}, ReplyValue::String(info)});
  CHECK(world.Has("+slave"));
  world.Resolve("replica.example", "10.0.0.3");
  REQUIRE(world.named().replicas.contains({"10.0.0.3", 6380}));
  for (int i = 0; i < 3; ++i) {
    world.Feed(ReplyArrived{link.id, Command{Request::kInfo, "named", 0, {}}, ReplyValue::String(info)});
    CHECK_FALSE(world.Has("+slave"));
  }
  CHECK(world.named().replicas.size() == 1);
  CHECK(KnownAs(world.named(), {"replica.example", 6380}) == base::Endpoint{"10.0.0.3", 6380});
}

TEST_CASE("names: a hello that names a known replica by its name switches to that replica") {
  Named world;
  world.Resolve("db.example", "10.0.0.1");
  Replica& replica = *AddReplica(world.state, world.named(), {"replica.example", 6380}, world.now, world.out);
  const InstanceId id = replica.id;
  world.Resolve("replica.example", "10.0.0.3");
  ApplyHello(world.state, "127.0.0.1,26002,2222222222222222222222222222222222222222,1,named,replica.example,6380,1",
             InstanceId::kNone, world.now, world.out);
  CHECK(world.named().address == base::Endpoint{"10.0.0.3", 6380});
  CHECK(world.named().id == id);
  CHECK(world.named().replicas.size() == 1);
}

TEST_CASE("names: an IPv6 address in another spelling is the same address") {
  OneSentinel one;
  const auto added = AddMaster(one.state, NewMaster{"six", base::Endpoint{"fd77::1", 6379}, "", 2}, one.now, one.out);
  REQUIRE(added.has_value());
  Master& six = one.state.masters.at("six");
  const auto hello = [&](const std::string& sentinel, const std::string& master, int epoch) {
    one.out.clear();
    ApplyHello(
        one.state,
        fmt::format("{},26002,2222222222222222222222222222222222222222,{},six,{},{}", sentinel, epoch, master, epoch),
        InstanceId::kNone, one.now, one.out);
  };
  hello("fd77::2", "FD77:0:0:0:0:0:0:1,6379", 0);
  CHECK_FALSE(one.Has("-config-epoch-conflict"));
  CHECK(one.Has("+sentinel"));
  hello("fd77:0::0002", "fd77::1,6379", 0);
  CHECK_FALSE(one.Has("+sentinel-address-switch"));

  one.Feed(LinkUp{six.command.id, "fd77::9"});
  one.Feed(ReplyArrived{six.command.id, Command{Request::kInfo, "six", 0, {}},
                        ReplyValue::String("role:master\r\nslave0:ip=fd77:0:0::0003,port=6379,state=online\r\n"
                                           "slave1:ip=fd77::3,port=6379,state=online\r\n")});
  REQUIRE(six.replicas.size() == 1);
  CHECK(six.replicas.begin()->first.host == "fd77::3");

  hello("fd77::2", "fd77:0:0:0::3,6379", 1);
  CHECK(six.address == base::Endpoint{"fd77::3", 6379});
  CHECK(six.replicas.size() == 1);  // the old master, and not the new one under another spelling
}
