// What a client of the sentinel gets. The expected texts were taken from a running redis-sentinel 7.0.15.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/call.h"
#include "sentinel/core/clients.h"
#include "sentinel/core/members.h"
#include "sentinel/core/settings.h"

using namespace sentinel;

namespace {

constexpr serve::ClientId kClient = 7;
const std::string kPeer = "2b29438ffeef06d2927721158fa0a3cc540fb3fd";

constexpr std::string_view kConfig =
    "sentinel monitor mymaster 127.0.0.1 7801 2\n"
    "sentinel myid 7f0fe54942fab44ebae4084dbdd599bc2db82b77\n"
    "sentinel monitor other 127.0.0.1 7809 1\n"
    "sentinel down-after-milliseconds mymaster 5000\n"
    "sentinel known-replica mymaster 127.0.0.1 7802\n"
    "sentinel known-sentinel mymaster 127.0.0.1 7804 2b29438ffeef06d2927721158fa0a3cc540fb3fd\n";

// A sentinel with one client, whose saves end when the test says so.
struct Desk {
  State state{1};
  base::Now now{base::MonoTime(base::Millis(1000000)), base::FromUnixMillis(1795364830000)};
  Actions out;

  explicit Desk(std::string_view config = kConfig) {
    const auto settings = LoadSettings(config, state, now);
    REQUIRE_MESSAGE(settings.has_value(), settings.error().text);
    state.started = now;
    for (auto& [name, master] : state.masters) WatchMaster(state, master, now, out);
    Arrive(kClient);
    out.clear();
  }

  void Arrive(serve::ClientId id) {
    WelcomeClient(state, ClientArrived{id, "127.0.0.1:40000", "127.0.0.1:26379"}, now, out);
  }

  // The replies that left for `id` since the last call.
  std::string Taken(serve::ClientId id = kClient) {
    std::string bytes;
    for (const Action& action : out) {
      const auto* reply = std::get_if<Reply>(&action);
      if (reply != nullptr && reply->client == id) bytes += reply->bytes;
    }
    return bytes;
  }

  std::string Run(std::string_view line, serve::ClientId id = kClient) {
    out.clear();
    RunCommand(state, ClientCommand{id, base::SplitWords(line).value()}, now, out);
    return Taken(id);
  }

  void Saved(ChangeNumber through, bool ok = true) {
    out.clear();
    if (ok) state.durable_change = through;
    AnswerAfterSave(state, StateSaved{through, ok, ok ? "" : "disk full"}, now, out);
  }

  template <class T>
  const T* Find() const {
    for (const Action& action : out) {
      if (const T* found = std::get_if<T>(&action)) return found;
    }
    return nullptr;
  }
};

// The names of a RESP2 map: every other bulk string.
std::string Names(std::string_view reply) {
  std::string names;
  bool is_name = true;
  for (std::size_t at = reply.find('$'); at != std::string_view::npos;) {
    const std::size_t end = reply.find("\r\n", at);
    const auto length = base::ParseInt<std::size_t>(reply.substr(at + 1, end - at - 1)).value();
    if (is_name) names += std::string(reply.substr(end + 2, length)) + " ";
    is_name = !is_name;
    at = reply.find('$', end + 2 + length);
  }
  return names;
}

}  // namespace

TEST_CASE("client commands: errors are stock's, to the letter") {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"CONFIG GET port", "ERR unknown command 'CONFIG', with args beginning with: 'GET' 'port' "},
      {"SELECT 0", "ERR unknown command 'SELECT', with args beginning with: '0' "},
      {"SENTINEL", "ERR wrong number of arguments for 'sentinel' command"},
      {"SENTINEL FOO", "ERR unknown subcommand 'FOO'. Try SENTINEL HELP."},
      {"SENTINEL MYID x", "ERR wrong number of arguments for 'sentinel|myid' command"},
      {"SENTINEL MASTER nope", "ERR No such master with that name"},
      {"SENTINEL MASTER", "ERR wrong number of arguments for 'sentinel|master' command"},
      {"SENTINEL SLAVES nope", "ERR No such master with that name"},
      {"SENTINEL SENTINELS nope", "ERR No such master with that name"},
      {"SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 abc 0 *", "ERR value is not an integer or out of range"},
      {"SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 7801 abc *", "ERR value is not an integer or out of range"},
      {"SENTINEL FAILOVER nope", "ERR No such master with that name"},
      {"SENTINEL FAILOVER other", "NOGOODSLAVE No suitable replica to promote"},
      {"SENTINEL CKQUORUM nope", "ERR No such master with that name"},
      {"SENTINEL MONITOR n 127.0.0.1 70000 1", "ERR Invalid port number."},
      {"SENTINEL MONITOR n 127.0.0.1 abc 1", "ERR Invalid port"},
      {"SENTINEL MONITOR n 127.0.0.1 7801 abc", "ERR Invalid quorum"},
      {"SENTINEL MONITOR n 127.0.0.1 7801 0", "ERR Quorum must be 1 or greater."},
      {"SENTINEL MONITOR n localhost 7801 1", "ERR Invalid IP address or hostname specified"},
      {"SENTINEL MONITOR mymaster 127.0.0.1 7801 1", "ERR Duplicate master name."},
      {"SENTINEL MONITOR n 127.0.0.1 7801", "ERR wrong number of arguments for 'sentinel|monitor' command"},
      {"SENTINEL REMOVE nope", "ERR No such master with that name"},
      {"SENTINEL SET nope quorum 1", "ERR No such master with that name"},
      {"SENTINEL SET mymaster quorum", "ERR wrong number of arguments for 'sentinel|set' command"},
      {"SENTINEL SET mymaster quorum 0", "ERR Invalid argument '0' for SENTINEL SET 'quorum'"},
      {"SENTINEL SET mymaster offset-first perhaps", "ERR Invalid argument 'perhaps' for SENTINEL SET 'offset-first'"},
      {"SENTINEL SET mymaster offset-first", "ERR wrong number of arguments for 'sentinel|set' command"},
      {"SENTINEL SET mymaster vote 1", "ERR Unknown option or number of arguments for SENTINEL SET 'vote'"},
      {"SENTINEL SET mymaster foo bar", "ERR Unknown option or number of arguments for SENTINEL SET 'foo'"},
      {"SENTINEL SET mymaster quorum 2 foo", "ERR Unknown option or number of arguments for SENTINEL SET 'foo'"},
      {"SENTINEL SET mymaster down-after-milliseconds 0",
       "ERR Invalid argument '0' for SENTINEL SET 'down-after-milliseconds'"},
      {"SENTINEL SET mymaster notification-script /bin/true",
       "ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig "
       "configuration directive in your Sentinel configuration"},
      {"SENTINEL SET mymaster rename-command a",
       "ERR Unknown option or number of arguments for SENTINEL SET 'rename-command'"},
      {"SENTINEL SET mymaster rename-command a ''", "ERR Invalid argument '' for SENTINEL SET 'rename-command'"},
      {"SENTINEL CONFIG", "ERR wrong number of arguments for 'sentinel|config' command"},
      {"SENTINEL CONFIG GET", "ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported."},
      {"SENTINEL CONFIG SET announce-port 70000", "ERR Invalid value '70000' to SENTINEL CONFIG SET 'announce-port'"},
      {"SENTINEL CONFIG SET foo bar", "ERR Invalid argument 'foo' to SENTINEL CONFIG SET"},
      {"SENTINEL DEBUG foo", "ERR Unknown option or number of arguments for SENTINEL DEBUG 'foo'"},
      {"SENTINEL DEBUG info-period 0", "ERR Invalid argument '0' for SENTINEL DEBUG 'info-period'"},
      {"SENTINEL INFO-CACHE", "ERR wrong number of arguments for 'sentinel|info-cache' command"},
      {"PUBLISH foo bar", "ERR Only HELLO messages are accepted by Sentinel instances."},
      {"ROLE x", "ERR wrong number of arguments for 'role' command"},
      {"SHUTDOWN FOO", "ERR syntax error"},
      {"SHUTDOWN NOSAVE SAVE", "ERR syntax error"},
      {"SHUTDOWN ABORT", "ERR No shutdown in progress."},
  };
  Desk desk;
  for (const auto& [line, error] : kCases) CHECK_MESSAGE(desk.Run(line) == "-" + std::string(error) + "\r\n", line);
  CHECK(desk.state.newest_change == 0);  // none of them changed anything
}

TEST_CASE("client commands: a refused value cannot smuggle a line into the file") {
  Desk desk;
  const std::string reply =
      desk.Run("SENTINEL SET mymaster auth-pass \"x\\nsentinel notification-script mymaster /tmp/evil\"");
  CHECK(reply.starts_with("-ERR Invalid argument 'x sentinel"));
  CHECK(desk.Run("SENTINEL CONFIG SET announce-ip \"1\\n2\"").starts_with("-ERR Invalid value"));
  CHECK(desk.Run("SENTINEL MONITOR \"a\\nb\" 127.0.0.1 1 1").starts_with("-ERR"));
  CHECK(desk.state.masters.at("mymaster").auth_pass.empty());
  CHECK(desk.state.newest_change == 0);
}

TEST_CASE("client commands: the map of a master, field by field") {
  Desk desk;
  Master& master = desk.state.masters.at("mymaster");
  desk.now.mono += base::Millis(868460);
  master.info.run_id.hex = "bd3527711f2e1f98c3335cdbd2dfe4548185d3ad";
  master.command.stage = master.pubsub.stage = Link::Stage::kUp;
  master.command.pending = master.pubsub.pending = 0;
  master.liveness.proof_at = desk.now.mono - base::Millis(571);
  master.liveness.answered_at = desk.now.mono - base::Millis(570);
  master.liveness.waiting_since.reset();
  master.info_at = desk.now.mono - base::Millis(4150);
  const std::string fields =
      "$4\r\nname\r\n$8\r\nmymaster\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$4\r\n7801\r\n$5\r\nrunid\r\n"
      "$40\r\nbd3527711f2e1f98c3335cdbd2dfe4548185d3ad\r\n$5\r\nflags\r\n$6\r\nmaster\r\n"
      "$21\r\nlink-pending-commands\r\n$1\r\n0\r\n$13\r\nlink-refcount\r\n$1\r\n1\r\n"
      "$14\r\nlast-ping-sent\r\n$1\r\n0\r\n$18\r\nlast-ok-ping-reply\r\n$3\r\n571\r\n"
      "$15\r\nlast-ping-reply\r\n$3\r\n570\r\n$23\r\ndown-after-milliseconds\r\n$4\r\n5000\r\n"
      "$12\r\ninfo-refresh\r\n$4\r\n4150\r\n$13\r\nrole-reported\r\n$6\r\nmaster\r\n"
      "$18\r\nrole-reported-time\r\n$6\r\n868460\r\n$12\r\nconfig-epoch\r\n$1\r\n0\r\n$10\r\nnum-slaves\r\n$1\r\n1\r\n"
      "$19\r\nnum-other-sentinels\r\n$1\r\n1\r\n$6\r\nquorum\r\n$1\r\n2\r\n$16\r\nfailover-timeout\r\n$6\r\n180000\r\n"
      "$14\r\nparallel-syncs\r\n$1\r\n1\r\n";
  CHECK(desk.Run("SENTINEL MASTER mymaster") == "*40\r\n" + fields);
  CHECK(desk.Run("SENTINEL MASTERS").starts_with("*2\r\n*40\r\n" + fields + "*40\r\n"));
  CHECK(desk.Run("HELLO 3").starts_with("%6\r\n"));
  CHECK(desk.Run("SENTINEL MASTER mymaster") == "%20\r\n" + fields);
}

TEST_CASE("client commands: the flags and extra fields of a master that is down and failed over") {
  Desk desk;
  Master& master = desk.state.masters.at("other");
  desk.now.mono += base::Millis(50);
  master.liveness.down_since = desk.now.mono - base::Millis(20);
  master.objective_down_since = desk.now.mono - base::Millis(10);
  master.failover.stage = Stage::kWaitStart;
  master.notification_script = "/bin/true";
  master.reconfig_script = "/bin/false";
  const std::string reply = desk.Run("SENTINEL MASTER other");
  CHECK(reply.find("s_down,o_down,master,disconnected,failover_in_progress") != std::string::npos);
  CHECK(Names(reply) ==
        "name ip port runid flags link-pending-commands link-refcount failover-state last-ping-sent "
        "last-ok-ping-reply last-ping-reply s-down-time o-down-time down-after-milliseconds info-refresh role-reported "
        "role-reported-time config-epoch num-slaves num-other-sentinels quorum failover-timeout parallel-syncs "
        "notification-script client-reconfig-script ");
  CHECK(reply.find("$14\r\nfailover-state\r\n$10\r\nwait_start\r\n") != std::string::npos);
}

TEST_CASE("client commands: the maps of replicas and sentinels") {
  Desk desk;
  Replica& replica = desk.state.masters.at("mymaster").replicas.at(base::Endpoint{"127.0.0.1", 7802});
  const std::string replicas = desk.Run("SENTINEL REPLICAS mymaster");
  CHECK(replicas.starts_with("*1\r\n*42\r\n$4\r\nname\r\n$14\r\n127.0.0.1:7802\r\n"));
  CHECK(Names(replicas.substr(4)) ==
        "name ip port runid flags link-pending-commands link-refcount last-ping-sent last-ok-ping-reply "
        "last-ping-reply down-after-milliseconds info-refresh role-reported role-reported-time master-link-down-time "
        "master-link-status master-host master-port slave-priority slave-repl-offset replica-announced ");
  CHECK(replicas.find("$11\r\nmaster-host\r\n$1\r\n?\r\n") != std::string::npos);
  CHECK(desk.Run("SENTINEL SLAVES mymaster") == replicas);
  replica.info.announced = false;
  CHECK(desk.Run("SENTINEL REPLICAS mymaster") == "*0\r\n");

  const std::string peers = desk.Run("SENTINEL SENTINELS mymaster");
  CHECK(peers.starts_with("*1\r\n*28\r\n$4\r\nname\r\n$40\r\n" + kPeer + "\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"));
  CHECK(Names(peers.substr(4)) ==
        "name ip port runid flags link-pending-commands link-refcount last-ping-sent last-ok-ping-reply "
        "last-ping-reply down-after-milliseconds last-hello-message voted-leader voted-leader-epoch ");
}

TEST_CASE("client commands: a peer's word that the master is down is shown for as long as it counts") {
  Desk desk;
  Master& master = desk.state.masters.at("mymaster");
  Opinion& opinion = master.sentinels.begin()->second;
  const auto shown = [&] { return desk.Run("SENTINEL SENTINELS mymaster").find("master_down") != std::string::npos; };
  opinion.down = true;
  opinion.at = desk.now.mono;
  CHECK(shown());
  desk.now.mono += 5 * desk.state.periods.ask;
  CHECK_FALSE(shown());
}

TEST_CASE("client commands: small answers") {
  Desk desk;
  CHECK(desk.Run("PING") == "+PONG\r\n");
  CHECK(desk.Run("SENTINEL MYID") == "$40\r\n7f0fe54942fab44ebae4084dbdd599bc2db82b77\r\n");
  CHECK(desk.Run("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster") == "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7801\r\n");
  CHECK(desk.Run("SENTINEL GET-MASTER-ADDR-BY-NAME nope") == "*-1\r\n");
  CHECK(desk.Run("SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 7801 0 *") == "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n");
  CHECK(desk.Run("SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 99999 0 *") == "*3\r\n:0\r\n$1\r\n*\r\n:0\r\n");
  CHECK(desk.Run("SENTINEL CKQUORUM other") ==
        "+OK 1 usable Sentinels. Quorum and failover authorization can be reached\r\n");
  CHECK(desk.Run("SENTINEL RESET zzz") == ":0\r\n");
  CHECK(desk.Run("SENTINEL RESET *") == ":2\r\n");
  CHECK(desk.Run("SENTINEL INFO-CACHE nope") == "*0\r\n");
  CHECK(desk.Run("SENTINEL INFO-CACHE other") == "*2\r\n$5\r\nother\r\n*1\r\n*2\r\n:0\r\n$-1\r\n");
  CHECK(desk.Run("SENTINEL PENDING-SCRIPTS") == "*0\r\n");
  CHECK(desk.Run("ROLE") == "*2\r\n$8\r\nsentinel\r\n*2\r\n$8\r\nmymaster\r\n$5\r\nother\r\n");
  CHECK(desk.Run("PUBLISH __sentinel__:hello bar") == ":1\r\n");
  CHECK(desk.state.hellos_dropped == 1);
  CHECK(desk.Run("SENTINEL VIGIL").starts_with("*"));
}

TEST_CASE("client commands: settings of the whole sentinel are shown and set") {
  Desk desk;
  CHECK(desk.Run("SENTINEL CONFIG GET *") ==
        "*12\r\n$17\r\nresolve-hostnames\r\n$2\r\nno\r\n$18\r\nannounce-hostnames\r\n$2\r\nno\r\n"
        "$11\r\nannounce-ip\r\n$0\r\n\r\n$13\r\nannounce-port\r\n$1\r\n0\r\n$13\r\nsentinel-user\r\n$0\r\n\r\n"
        "$13\r\nsentinel-pass\r\n$0\r\n\r\n");
  CHECK(desk.Run("SENTINEL CONFIG SET announce-port 99") == "");
  desk.Saved(desk.state.newest_change);
  CHECK(desk.Taken() == "+OK\r\n");
  CHECK(desk.Run("SENTINEL CONFIG GET *PORT") == "*2\r\n$13\r\nannounce-port\r\n$2\r\n99\r\n");
  // Several, as since 7.2: all or nothing, each shown once.
  CHECK(desk.Run("SENTINEL CONFIG GET announce-port announce-* sentinel-u*") ==
        "*8\r\n$13\r\nannounce-port\r\n$2\r\n99\r\n$18\r\nannounce-hostnames\r\n$2\r\nno\r\n"
        "$11\r\nannounce-ip\r\n$0\r\n\r\n$13\r\nsentinel-user\r\n$0\r\n\r\n");
  for (const auto& [pairs, error] : std::vector<std::pair<std::string, std::string>>{
           {"announce-port 5 nosuch 1", "Invalid argument 'nosuch' to SENTINEL CONFIG SET"},
           {"announce-port 5 Announce-Port 6", "Duplicate argument 'Announce-Port' to SENTINEL CONFIG SET"},
           {"announce-port 5 announce-ip", "Missing argument 'announce-ip' value"},
           {"announce-port 5 resolve-hostnames maybe",
            "Invalid value 'maybe' to SENTINEL CONFIG SET 'resolve-hostnames'"}}) {
    CHECK(desk.Run("SENTINEL CONFIG SET " + pairs) == "-ERR " + error + "\r\n");
    CHECK(desk.state.announce_port == 99);
  }
  desk.Run("SENTINEL CONFIG SET announce-port 5 ANNOUNCE-IP 1.2.3.4");
  CHECK(desk.state.announce_port == 5);
  CHECK(desk.state.announce_ip == "1.2.3.4");
  desk.Saved(desk.state.newest_change);
  CHECK(desk.Taken() == "+OK\r\n");
  CHECK(desk.Run("SENTINEL DEBUG info-period 5 ping-period") ==
        "-ERR Unknown option or number of arguments for SENTINEL DEBUG 'ping-period'\r\n");
  CHECK(desk.state.periods.info == base::Millis(10000));
  CHECK(desk.Run("SENTINEL DEBUG INFO-PERIOD 5 ping-period 6") == "+OK\r\n");
  CHECK(desk.Run("SENTINEL DEBUG")
            .starts_with("*26\r\n$11\r\nINFO-PERIOD\r\n$1\r\n5\r\n$11\r\nPING-PERIOD\r\n$1\r\n6\r\n"));
}

TEST_CASE("client commands: SET applies all or nothing") {
  Desk desk;
  Master& master = desk.state.masters.at("mymaster");
  CHECK(desk.Run("SENTINEL SET mymaster parallel-syncs 7 quorum 0").starts_with("-ERR Invalid argument '0'"));
  CHECK(master.parallel_syncs == 1);
  CHECK(desk.Find<SaveState>() == nullptr);

  desk.Arrive(8);
  desk.Run("SUBSCRIBE +set", 8);
  desk.Run("SENTINEL SET mymaster Parallel-Syncs 7 auth-pass geheim auth-user joe rename-command config cfg quorum 3");
  CHECK(master.parallel_syncs == 7);
  CHECK(master.auth_pass == "geheim");
  CHECK(master.auth_user == "joe");
  CHECK(master.quorum == 3);
  CHECK(master.renamed_commands.at("CONFIG") == "cfg");
  CHECK(desk.Find<SaveState>() != nullptr);
  const std::string events = desk.Taken(8);
  CHECK(events.find("master mymaster 127.0.0.1 7801 Parallel-Syncs 7\r\n") != std::string::npos);
  CHECK(events.find("master mymaster 127.0.0.1 7801 auth-pass ******\r\n") != std::string::npos);
  CHECK(events.find("master mymaster 127.0.0.1 7801 rename-command config cfg\r\n") != std::string::npos);
  CHECK(events.find("geheim") == std::string::npos);
  desk.Saved(desk.state.newest_change);
  desk.Run("SENTINEL SET mymaster rename-command Config CONFIG");
  CHECK(master.renamed_commands.empty());
}

TEST_CASE("client commands: +OK waits for the save, and what follows waits behind it") {
  Desk desk;
  CHECK(desk.Run("SENTINEL SET mymaster quorum 3") == "");
  const ChangeNumber set = desk.state.newest_change;
  CHECK(desk.Run("PING") == "");
  CHECK(desk.Run("SENTINEL FLUSHCONFIG") == "");
  CHECK(desk.Run("SENTINEL MYID") == "");
  desk.Saved(set);
  CHECK(desk.Taken() == "+OK\r\n+PONG\r\n");  // FLUSHCONFIG waits for a save of its own, and MYID for FLUSHCONFIG
  desk.Saved(desk.state.newest_change);
  CHECK(desk.Taken() == "+OK\r\n$40\r\n7f0fe54942fab44ebae4084dbdd599bc2db82b77\r\n");
  CHECK(desk.Run("PING") == "+PONG\r\n");
}

TEST_CASE("client commands: one save covers all promises that a client has asked for, each heard at once") {
  Desk desk;
  for (int epoch = 5; epoch <= 7; ++epoch) {
    CHECK(desk.Run(fmt::format("SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 7801 {} {}", epoch, kPeer)) == "");
    CHECK(desk.state.masters.at("mymaster").vote.epoch == static_cast<base::Epoch>(epoch));
  }
  desk.Saved(desk.state.newest_change);
  std::string expected;
  for (int epoch = 5; epoch <= 7; ++epoch)
    expected += "*3\r\n:0\r\n$40\r\n" + kPeer + fmt::format("\r\n:{}\r\n", epoch);
  CHECK(desk.Taken() == expected);
}

TEST_CASE("client commands: what changes the connection itself waits until the replies before it have left") {
  Desk desk;
  CHECK(desk.Run("SENTINEL SET mymaster quorum 3") == "");
  const ChangeNumber set = desk.state.newest_change;
  CHECK(desk.Run("HELLO 3") == "");
  CHECK(desk.Run("SENTINEL SET mymaster quorum 2") == "");
  CHECK(desk.state.masters.at("mymaster").quorum == 3);  // it stands behind HELLO, and HELLO was not heard
  desk.Saved(set, false);
  const std::string taken = desk.Taken();
  CHECK(taken.starts_with("-ERR Failed to save config file. Check server logs.\r\n%6\r\n"));
  CHECK(desk.state.masters.at("mymaster").quorum == 2);
}

TEST_CASE("client commands: a failed save is told instead of +OK") {
  constexpr std::string_view kFailed = "-ERR Failed to save config file. Check server logs.\r\n";
  Desk desk;
  desk.Run("SENTINEL MONITOR third 127.0.0.1 7810 1");
  const ChangeNumber change = desk.state.newest_change;
  desk.Run("PING");
  desk.Saved(change - 1, false);  // an earlier save failed: ours is still to come
  CHECK(desk.Taken() == "");
  desk.Saved(change, false);
  CHECK(desk.Taken() == std::string(kFailed) + "+PONG\r\n");
  CHECK(desk.state.masters.contains("third"));  // as with stock: it is watched, and the next save may work

  desk.Run("SENTINEL REMOVE third");
  CHECK_FALSE(desk.state.masters.contains("third"));
  desk.Saved(desk.state.newest_change, false);
  CHECK(desk.Taken() == kFailed);
}

TEST_CASE("client commands: a client that goes while its reply is held is forgotten") {
  Desk desk;
  desk.Run("SENTINEL FLUSHCONFIG");
  ForgetClient(desk.state, ClientGone{kClient}, desk.out);
  desk.Saved(desk.state.newest_change);
  CHECK(desk.out.empty());
}

TEST_CASE("client commands: an address is told no earlier than it is durable") {
  for (const std::string_view line :
       {"SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "SENTINEL MASTER mymaster", "SENTINEL MASTERS", "INFO sentinel"}) {
    CAPTURE(line);
    Desk desk;
    desk.state.masters.at("mymaster").address_change = desk.state.NextChange();
    CHECK(desk.Run(line) == "");
    desk.Saved(desk.state.newest_change);
    CHECK(desk.Taken().find("7801") != std::string::npos);
  }
}

TEST_CASE("client commands: while saves fail, a vote is asked of the disk again at once and answered with an error") {
  Desk desk;
  const std::string line = "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 7801 5 " + kPeer;
  CHECK(desk.Run(line) == "");
  desk.Saved(desk.state.newest_change, false);
  CHECK(desk.Taken() == "-ERR Failed to save config file. Check server logs.\r\n");
  desk.state.save_failing = true;
  // The same vote again: it is no change, and still no promise.
  CHECK(desk.Run(line) == "");
  CHECK(desk.Find<SaveState>() != nullptr);
  CHECK(desk.Run("PING") == "");
  desk.Saved(desk.state.newest_change, false);
  CHECK(desk.Taken() == "-ERR Failed to save config file. Check server logs.\r\n+PONG\r\n");
  CHECK(desk.Run(line) == "");
  desk.Saved(desk.state.newest_change);
  CHECK(desk.Taken() == "*3\r\n:0\r\n$40\r\n" + kPeer + "\r\n:5\r\n");
}

TEST_CASE("client commands: with a password nothing but AUTH is answered") {
  Desk desk("requirepass sesame\nsentinel monitor m 127.0.0.1 1 1\n");
  CHECK(desk.Run("PING") == "-NOAUTH Authentication required.\r\n");
  CHECK(desk.Run("SENTINEL MASTERS") == "-NOAUTH Authentication required.\r\n");
  CHECK(desk.Run("AUTH wrong").starts_with("-WRONGPASS"));
  CHECK(desk.Run("AUTH sesame") == "+OK\r\n");
  CHECK(desk.Run("PING") == "+PONG\r\n");
}

TEST_CASE("client commands: HELLO names a sentinel and no role") {
  Desk desk;
  CHECK(desk.Run("HELLO") ==
        "*12\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n"
        "$4\r\nmode\r\n$8\r\nsentinel\r\n$7\r\nmodules\r\n*0\r\n");
}

TEST_CASE("client commands: INFO has the sections of a sentinel") {
  Desk desk;
  const std::string all = desk.Run("INFO");
  CHECK(all.find("# Server\r\nredis_version:7.0.15\r\n") != std::string::npos);
  CHECK(all.find("redis_mode:sentinel\r\n") != std::string::npos);
  CHECK(all.find("# Clients\r\n") != std::string::npos);
  CHECK(all.find("# Stats\r\n") != std::string::npos);
  CHECK(all.find("# Replication") == std::string::npos);
  CHECK(all.find("# Keyspace") == std::string::npos);
  const std::string part = desk.Run("INFO Sentinel nonsense");
  CHECK(part.find("# Server") == std::string::npos);
  CHECK(part.find("# Sentinel\r\nsentinel_masters:2\r\nsentinel_tilt:0\r\nsentinel_tilt_since_seconds:-1\r\n") !=
        std::string::npos);
  CHECK(part.find("\r\nmaster0:name=mymaster,status=ok,address=127.0.0.1:7801,slaves=1,sentinels=2\r\n"
                  "master1:name=other,status=ok,address=127.0.0.1:7809,slaves=0,sentinels=1\r\n") != std::string::npos);
  CHECK(desk.Run("INFO nonsense") == "$0\r\n\r\n");
}

TEST_CASE("client commands: SHUTDOWN ends the process") {
  Desk desk;
  desk.Run("SHUTDOWN NOSAVE");
  REQUIRE(desk.Find<Stop>() != nullptr);
  CHECK(desk.Find<Stop>()->exit_code == 0);
}

TEST_CASE("client commands: CLIENT KILL closes the connection of another client") {
  Desk desk;
  desk.Arrive(9);
  CHECK(desk.Run("CLIENT KILL ID 9") == ":1\r\n");
  REQUIRE(desk.Find<CloseClient>() != nullptr);
  CHECK(desk.Find<CloseClient>()->client == 9);
  CHECK(desk.Run("PING", 9) == "");
}

TEST_CASE("client commands: an event reaches the client that caused it before the reply does") {
  Desk desk;
  desk.Run("HELLO 3");
  desk.Run("SUBSCRIBE +set");
  desk.Run("SENTINEL SET mymaster quorum 1");
  const std::string event = desk.Taken();
  CHECK(event.starts_with(">3\r\n$7\r\nmessage\r\n$4\r\n+set\r\n"));
  desk.Saved(desk.state.newest_change);
  CHECK(desk.Taken() == "+OK\r\n");
}

TEST_CASE("client commands: a client that wants no replies gets none") {
  Desk desk;
  CHECK(desk.Run("CLIENT REPLY OFF") == "");
  CHECK(desk.Run("SENTINEL FLUSHCONFIG") == "");
  desk.Saved(desk.state.newest_change, false);
  CHECK(desk.Taken() == "");
  CHECK(desk.Run("CLIENT REPLY ON") == "+OK\r\n");
}

TEST_CASE("client commands: every row can be called, answers, and does not end the process") {
  for (const auto commands :
       {ServerCommands(), QueryCommands(), AdminCommands(), ExtensionCommands(), EvidenceCommands()}) {
    for (const SentinelCommand& command : commands) {
      Desk desk;
      std::string line(command.row.name);
      std::replace(line.begin(), line.end(), '|', ' ');
      if (line == "shutdown") continue;
      const std::size_t words = base::Split(line, ' ').size();
      for (std::size_t i = words; i < static_cast<std::size_t>(std::abs(command.row.arity)); ++i) line += " mymaster";
      const std::string reply = desk.Run(line);
      const bool held = desk.Find<SaveState>() != nullptr;
      CHECK_MESSAGE((held || !reply.empty()), line);
      CHECK_MESSAGE(reply.find("wrong number of arguments") == std::string::npos, line);
    }
  }
}
