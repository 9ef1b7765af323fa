#include "sentinel/core/conduct.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sentinel/core/hello.h"
#include "sentinel/core/sentinel_info.h"
#include "tests/unit/sentinel/one_sentinel.h"

using namespace sentinel;

namespace {

void Answer(OneSentinel& one, Link& link, Request request, ReplyValue reply) {
  one.Feed(ReplyArrived{link.id, Command{request, "mymaster", 0, {}}, std::move(reply)});
}

// As if the master's command link had been made.
Link& Connected(OneSentinel& one) {
  Link& link = one.master().command;
  OneSentinel::BringUp(link, one.now.mono);
  return link;
}

std::string Info(OneSentinel& one) {
  return DescribeSentinel(one.state, {"sentinel"}, one.now).text;
}

std::string HelloOf(int sentinel, const std::string& host = "127.0.0.1") {
  return fmt::format("{},{},{:040x},0,mymaster,127.0.0.1,7000,0", host, 30000 + sentinel % 30000, sentinel);
}

}  // namespace

TEST_CASE("conduct: a refused password is announced once, shown, and taken back when it is accepted") {
  OneSentinel one;
  Link& link = Connected(one);
  Answer(one, link, Request::kAuth, ReplyValue::Error("WRONGPASS invalid username-password pair"));
  CHECK(one.Events() ==
        std::vector<std::string>{
            "-auth-failed master mymaster 127.0.0.1 7000 #auth failed: WRONGPASS invalid username-password pair"});
  Answer(one, link, Request::kPing, ReplyValue::Error("NOAUTH Authentication required."));
  Answer(one, link, Request::kAuth, ReplyValue::Error("WRONGPASS invalid username-password pair"));
  CHECK(one.Events().empty());
  CHECK(Info(one).find("vigil_auth_failed:1\r\nvigil_auth_failures:1\r\n") != std::string::npos);
  Answer(one, link, Request::kAuth, ReplyValue::Status("OK"));
  CHECK(one.Has("+auth-ok"));
  CHECK(Info(one).find("vigil_auth_failed:0\r\n") != std::string::npos);
}

TEST_CASE("conduct: a node that asks for a password which we have not is named; one that wants none is fine") {
  OneSentinel one;
  Link& link = Connected(one);
  Answer(one, link, Request::kPing, ReplyValue::Error("NOAUTH Authentication required."));
  CHECK(one.Has("-auth-failed"));
  Answer(one, link, Request::kPing, ReplyValue::Status("PONG"));
  CHECK(one.Has("+auth-ok"));
  Answer(one, link, Request::kAuth,
         ReplyValue::Error("ERR AUTH <password> called without any password configured for the default user."));
  CHECK_FALSE(one.Has("-auth-failed"));
}

TEST_CASE("conduct: an INFO of megabytes is left out, counted, announced once") {
  OneSentinel one;
  Link& link = Connected(one);
  for (int i = 0; i < 3; ++i) {
    Answer(one, link, Request::kInfo, ReplyValue::Error(fmt::format("{} 9000000 bytes", kTooLarge)));
    CHECK(one.Has("-bad-reply") == (i == 0));
  }
  CHECK(Info(one).find("vigil_bad_replies:3\r\n") != std::string::npos);
  CHECK_FALSE(one.master().info_at.has_value());
}

TEST_CASE("conduct: a node that answers INFO and then breaks every connection is announced once, until one lasts") {
  OneSentinel one;
  const auto offend = [&] {
    one.Feed(LinkDown{one.master().command.id, LinkDown::Reason::kProtocol, "malformed reply: ?!"});
    return one.Has("-bad-reply");
  };
  for (int i = 0; i < 3; ++i) {
    Answer(one, Connected(one), Request::kInfo, ReplyValue::String("role:master\r\n"));
    CHECK(offend() == (i == 0));
    one.Run(base::Millis(200));  // it is dialled again
  }
  Link& link = Connected(one);
  one.Wait(base::Millis(10000));
  Answer(one, link, Request::kInfo, ReplyValue::String("role:master\r\n"));
  CHECK(offend());
}

TEST_CASE("conduct: thousands of replicas in INFO are watched up to a limit") {
  OneSentinel one;
  Link& link = Connected(one);
  int limits = 0;
  for (int round = 0; round < 4; ++round) {
    std::string text = "# Server\r\nrole:master\r\n";
    for (int i = 0; i < 900; ++i) {
      text +=
          fmt::format("slave{}:ip=10.{}.{}.{},port=6379,state=online,offset=1,lag=0\r\n", i, round, i / 250, i % 250);
    }
    Answer(one, link, Request::kInfo, ReplyValue::String(text));
    limits += one.Has("-replica-limit");
  }
  CHECK(one.master().replicas.size() == kMaxReplicas);
  CHECK(limits == 1);
  CHECK(one.state.replicas_refused > 0);
}

TEST_CASE("conduct: thousands of sentinels that say hello are counted up to a limit") {
  OneSentinel one;
  int limits = 0;
  for (int i = 1; i <= 3000; ++i) {
    one.out.clear();
    ApplyHello(one.state, HelloOf(i), InstanceId::kNone, one.now, one.out);
    limits += one.Has("-sentinel-limit");
  }
  CHECK(one.master().sentinels.size() == kMaxSentinels);
  CHECK(one.state.peers.size() == kMaxSentinels);
  CHECK(limits == 1);
  CHECK(one.state.sentinels_refused == 3000 - kMaxSentinels);
}

TEST_CASE("conduct: hosts with anything but what hosts are made of get in nowhere") {
  OneSentinel one;
  one.state.resolve_hostnames = true;
  for (const std::string& host : std::vector<std::string>{"a\x01", "a b", "a\"b", "a;b", std::string(300, 'a')}) {
    ApplyHello(one.state, HelloOf(1, host), InstanceId::kNone, one.now, one.out);
  }
  CHECK(one.state.peers.empty());
  CHECK(one.state.hellos_dropped == 5);
  ApplyHello(one.state, HelloOf(1) + std::string(4000, '0'), InstanceId::kNone, one.now, one.out);
  CHECK(one.state.hellos_dropped == 6);
  Link& link = Connected(one);
  Answer(one, link, Request::kInfo,
         ReplyValue::String("# Server\r\nrole:master\r\nslave0:ip=a\x02"
                            "b,port=1,state=online\r\nslave1:ip=x y,port=2,state=online\r\n"));
  CHECK(one.master().replicas.empty());
}
