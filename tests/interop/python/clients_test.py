"""Client libraries of others find the master through our sentinels and follow a failover; so do the scripts of users."""
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from side import MASTER, Side, wait_for
from wire import Closed, Wire

OURS = os.environ["VIGIL_BIN"]
STOCK = os.environ["VIGIL_STOCK_BIN"]
CLIENTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients")

MINIMAL = ("user default on >clients ~* &* +@all\n"
           "user watcher on >watches -@all +auth +client|getname +client|id +client|setname +command +hello +ping +role "
           "+multi +slaveof +ping +exec +subscribe +config|rewrite +publish +info "
           "+client|kill +script|kill resetchannels &__sentinel__:hello\n"
           "user copier on >copies -@all +psync +replconf +ping\n"
           "masteruser copier\nmasterauth copies\n")
WATCHING = (f"sentinel auth-user {MASTER} watcher\nsentinel auth-pass {MASTER} watches\n"
            "user default on >clients ~* &* +@all\n"
            "user peer on >speaks resetchannels &__sentinel__:hello -@all +auth +client|setname +ping +publish +sentinel\n"
            "sentinel sentinel-user peer\nsentinel sentinel-pass speaks\n")


def read(path):
    with open(path, encoding="utf8") as file:
        return file.read()


class Bed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vigil-clients-")
        self.sides = []

    def tearDown(self):
        for side in self.sides:
            side.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def side(self, node_program=os.path.join(OURS, "vigil-node"), start=True, **more):
        side = Side(f"side{len(self.sides)}", self.folder, node_program, os.path.join(OURS, "vigil-sentinel"), **more)
        self.sides.append(side)
        if start:
            side.start()
        return side

    def follow_a_failover(self, side):
        before = side.master_port()
        side.kill(side.name_of(before))
        wait_for("another master", lambda: side.master_port() != before)
        wait_for("the other replica follows", lambda: side.ask(
            next(name for name in ("master", "replica-1", "replica-2")
                 if name in side.processes and side.ports[name] != side.master_port()), "ROLE")[2:4] ==
                 [str(side.master_port()), "connected"])


class Libraries(Bed):
    """Each library in a program of its own (tests/interop/clients), which says where it finds the master, waits for a
    line, and says where the master is when it has written there and read the same from a replica."""

    def follows(self, program, probe, package):
        if shutil.which(program[0]) is None or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            print(f"[skipped] {self.id()}: {package} is not installed", flush=True)
            self.skipTest(package)
        side = self.side()
        sentinels = ",".join(str(side.ports[name]) for name in ("sentinel-1", "sentinel-2"))
        program = [program[0], os.path.join(CLIENTS, program[1]), MASTER, sentinels]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            self.assertEqual(client.stdout.readline().split(), ["master", str(side.ports["master"]), "replicas", "2"])
            side.kill("master")
            client.stdin.write("go\n")
            client.stdin.flush()
            told = client.stdout.readline().split()
        self.assertEqual(told, ["master", str(side.master_port()), "master", "read", "True"])
        self.assertNotEqual(side.master_port(), side.ports["master"])

    def test_redis_py_follows_a_failover(self):
        python = "/usr/bin/python3"  # Debian's, for which its packages are
        self.follows([python, "redis_py.py"], [python, "-c", "import redis"], "python3-redis")

    def test_redis_rb_follows_a_failover(self):
        self.follows(["ruby", "redis_rb.rb"], ["ruby", "-e", "require 'redis'"], "ruby-redis")

    def test_phpredis_follows_a_failover(self):
        self.follows(["php", "phpredis.php"], ["php", "-r", "exit(class_exists('RedisSentinel') ? 0 : 1);"], "php-redis")

    # Where NODE_PATH names a folder of npm's that has them: npm install ioredis redis
    def test_ioredis_follows_a_failover(self):
        self.follows(["node", "ioredis.js"], ["node", "-e", "require('ioredis')"], "ioredis (npm, NODE_PATH)")

    def test_node_redis_follows_a_failover(self):
        self.follows(["node", "node_redis.js"], ["node", "-e", "require('redis').createSentinel.name"],
                     "redis (npm, NODE_PATH)")


class Writer(threading.Thread):
    """1,000 numbers a second to the end of a list of keys, on one connection, until that is lost or refuses."""

    def __init__(self, port, auth):
        super().__init__(daemon=True)
        self.wire = Wire(port)
        self.wire.ask("AUTH", *auth)
        self.acknowledged = 0
        self.ended_by = None
        self.stopped = threading.Event()

    def run(self):
        due = time.monotonic()
        try:
            while not self.stopped.is_set():
                told = self.wire.ask("SET", f"number:{self.acknowledged}", "x")
                if told != ("+", "OK"):
                    self.ended_by = told[1]
                    return
                self.acknowledged += 1
                due += 0.001
                time.sleep(max(0.0, due - time.monotonic()))
        except (Closed, OSError):
            self.ended_by = "closed"


class Rights(Bed):
    """The least rights that Redis documents for sentinels and replicas, and users between sentinels."""

    def check(self, node_program):
        side = self.side(node_program, node_lines=MINIMAL, sentinel_lines=WATCHING, auth=("default", "clients"))
        self.assertIn("user=watcher", side.ask("master", "CLIENT", "LIST"))
        self.assertIn("user=copier", side.ask("master", "CLIENT", "LIST", "TYPE", "replica"))
        self.assertIn("user=peer", side.ask("sentinel-1", "CLIENT", "LIST"))
        stranger = Wire(side.ports["sentinel-1"])
        self.assertEqual(stranger.ask("PING")[1], "NOAUTH Authentication required.")
        self.assertEqual(stranger.ask("AUTH", "peer", "speaks")[1], "OK")
        self.assertIn("NOPERM", stranger.ask("SHUTDOWN")[1])
        stranger.close()
        self.hand_over(side)
        self.follow_a_failover(side)

    def hand_over(self, side):
        """By hand, under load: how it was done and which rights were missing is told, and nothing is lost."""
        listener = Wire(side.ports["sentinel-1"])
        listener.ask("AUTH", *side.auth)
        for event in ("+failover-mode", "+failover-loss", "+failover-end"):
            listener.ask("SUBSCRIBE", event)
        before = side.master_port()
        writer = Writer(before, side.auth)
        writer.start()
        wait_for("writes", lambda: writer.acknowledged >= 500)
        self.assertEqual(side.ask("sentinel-1", "SENTINEL", "FAILOVER", MASTER), "OK")
        told = {}
        while "+failover-loss" not in told or "+failover-end" not in told:
            _, event, text = (each[1] for each in listener.read()[1])
            told[event] = text
        listener.close()
        wait_for("the writer's connection ends", lambda: writer.ended_by is not None)
        writer.join()
        writer.wire.close()
        self.assertTrue(told["+failover-mode"].endswith(
            "coordinated by SLAVEOF 127.0.0.1 1, missing right: failover client|pause"), told["+failover-mode"])
        self.assertIn("#bytes 0 ", told["+failover-loss"])
        after = side.name_of(side.master_port())
        self.assertNotEqual(side.ports[after], before)
        kept = Wire(side.ports[after])
        kept.ask("AUTH", *side.auth)
        names = [f"number:{i}" for i in range(writer.acknowledged)]
        self.assertEqual(kept.ask("EXISTS", *names), (":", str(len(names))))
        kept.close()
        side.settle()

    def test_on_our_nodes(self):
        self.check(os.path.join(OURS, "vigil-node"))

    def test_on_stock_nodes(self):
        self.check(os.path.join(STOCK, "redis-server"))

    def test_commands_that_the_nodes_call_otherwise(self):
        renames = "rename-command SLAVEOF s1\nrename-command CONFIG c1\n"
        told = f"sentinel rename-command {MASTER} SLAVEOF s1\nsentinel rename-command {MASTER} config c1\n"
        self.follow_a_failover(self.side(node_lines=renames, sentinel_lines=told))


class HangUp(Bed):
    def test_passwords_are_read_again(self):
        side = self.side(node_lines="requirepass one\nmasterauth one\n",
                         sentinel_lines=f"sentinel auth-pass {MASTER} one\nuser watcher on >a ~* &* +@all\n",
                         auth=("one",))
        for node in ("master", "replica-1", "replica-2"):
            wire = Wire(side.ports[node])
            wire.ask("AUTH", "one")
            self.assertEqual(wire.ask("CONFIG", "SET", "requirepass", "two", "masterauth", "two")[1], "OK")
            wire.close()
        side.auth = ("two",)
        def edit(sentinel):
            path = os.path.join(side.folder, sentinel + ".conf")
            with open(path, encoding="utf8") as file:
                text = file.read()
            text = text.replace(f"auth-pass {MASTER} one", f"auth-pass {MASTER} two")
            lines = [line for line in text.split("\n") if not line.startswith("user watcher")]
            side.write(sentinel + ".conf", "\n".join(lines) + "\nuser watcher on >b ~* &* +@all\n")
            side.processes[sentinel].send_signal(1)

        def knows(sentinel, wire):
            if wire.ask("AUTH", "watcher", "b")[1] == "OK":
                return True
            # A sentinel that saves between our reading and its own writes over what was edited, as stock does.
            edit(sentinel)
            return False

        for sentinel in ("sentinel-1", "sentinel-2"):
            wire = Wire(side.ports[sentinel])
            wait_for("the new password of a user", lambda sentinel=sentinel, wire=wire: knows(sentinel, wire))
            self.assertIn("WRONGPASS", wire.ask("AUTH", "watcher", "a")[1])
            wire.close()
            wait_for("the sentinels are connected with the new password", lambda sentinel=sentinel: all(
                each["flags"] in ("master", "slave") and int(each["last-ok-ping-reply"]) < 2000
                for each in [*side.fields(sentinel, "MASTER"), *side.fields(sentinel, "REPLICAS")]))
            with open(os.path.join(side.folder, sentinel + ".conf"), encoding="utf8") as file:
                self.assertIn(f"auth-pass {MASTER} two", file.read())

    def test_a_log_file_that_is_moved_away_is_begun_anew(self):
        side = self.side(sentinel_lines="", start=False)
        side.start_node("master")
        log = os.path.join(side.folder, "own.log")
        side.start_sentinel("sentinel-1", f"logfile {log}\n")
        os.rename(log, log + ".1")
        side.ask("sentinel-1", "SENTINEL", "SET", MASTER, "quorum", "1")
        wait_for("a new log file", lambda: "+set" in read(log))
        os.unlink(log)
        side.processes["sentinel-1"].send_signal(1)
        wait_for("a new log file after SIGHUP", lambda: os.path.exists(log))


class Limits(Bed):
    def lonely(self, lines):
        side = self.side(start=False)
        side.start_node("master")
        side.start_sentinel("sentinel-1", lines)
        return side

    def test_a_silent_client_is_closed_a_listening_one_is_not(self):
        side = self.lonely("timeout 1\n")
        silent, listening = Wire(side.ports["sentinel-1"]), Wire(side.ports["sentinel-1"])
        silent.ask("PING")
        listening.ask("SUBSCRIBE", "x")
        began = time.monotonic()
        with self.assertRaises(Closed):
            silent.read()
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertTrue(listening.silent(1.5))

    def test_a_listener_that_does_not_read_is_closed(self):
        side = self.lonely("client-output-buffer-limit pubsub 256kb 0 0\n")
        talker, deaf = Wire(side.ports["sentinel-1"]), Wire(side.ports["sentinel-1"])
        deaf.ask("PSUBSCRIBE", "*")
        talker.ask("SENTINEL", "MONITOR", "second", "127.0.0.1", str(side.ports["nobody"]), "1")
        for i in range(400):
            talker.ask("SENTINEL", "SET", "second", "auth-user", str(i) + "x" * 60000)
            if "sub=0 psub=1" not in talker.ask("CLIENT", "LIST")[1]:
                return
        self.fail("the listener is still there")

    def test_thousands_of_commands_at_once_and_half_closed(self):
        side = self.lonely("")
        wire = Wire(side.ports["sentinel-1"])
        wire.raw(b"PING\r\n" * 20000)
        for _ in range(20000):
            self.assertEqual(wire.read(), ("+", "PONG"))
        wire.raw(b"PING\r\nSENTINEL MYID\r\n")
        wire.socket.shutdown(1)  # nothing more will be asked; what was is still answered
        self.assertEqual(wire.read(), ("+", "PONG"))
        self.assertEqual(len(wire.read()[1]), 40)

    def test_no_more_clients_than_maxclients(self):
        side = self.lonely("maxclients 5\n")
        held = []
        while True:
            wire = Wire(side.ports["sentinel-1"])
            held.append(wire)
            wire.send("PING")
            try:
                told = wire.read()[1]
            except Closed:  # our PING was on its way when it closed: the answer before is lost
                break
            if told != "PONG":
                self.assertEqual(told, "ERR max number of clients reached")
                break
            self.assertLessEqual(len(held), 5)
        self.assertGreaterEqual(len(held), 4)  # a connection that was just closed may still count
        self.assertEqual(held[0].ask("PING")[1], "PONG")
        for wire in held:
            wire.close()


class Failures(Bed):
    def crash(self, when):
        side = self.side()
        other = "SENTINEL", "SIMULATE-FAILURE", when
        self.assertEqual(side.ask("sentinel-1", *other), "OK")
        before = side.master_port()
        wait_for("FAILOVER is taken", lambda: side.ask("sentinel-1", "SENTINEL", "FAILOVER", MASTER) == "OK")
        self.assertEqual(side.processes["sentinel-1"].wait(60), 99)
        log = side.log_of("sentinel-1")
        self.assertIn("+elected-leader", log)
        self.assertEqual("+promoted-slave" in log, when == "crash-after-promotion")
        self.assertEqual(side.ask("sentinel-2", "PING"), "PONG")
        self.assertNotIn("+failover-end", log)
        return side, before

    def test_crash_after_election(self):
        side, before = self.crash("crash-after-election")
        self.assertEqual(side.ask(side.name_of(before), "ROLE")[0], "master")

    def test_crash_after_promotion(self):
        self.crash("crash-after-promotion")

    def test_scripts_get_no_descriptors_and_their_words(self):
        side = self.side(start=False)
        out = os.path.join(self.folder, "told")
        script = side.write("script.sh", f"#!/bin/sh\n(echo \"$@\"; ls /proc/$$/fd | tr '\\n' ' '; echo) >> {out}\n")
        os.chmod(script, 0o755)
        side.start_node("master")
        side.start_sentinel("sentinel-1", f"sentinel notification-script {MASTER} {script}\n"
                                          "sentinel deny-scripts-reconfig no\n")
        side.ask("sentinel-1", "SENTINEL", "SET", MASTER, "quorum", "1")
        told = wait_for("the script has run", lambda: "+set" in read(out) and read(out).count("\n") % 2 == 0 and
                        read(out).split("\n"))
        at = next(i for i, line in enumerate(told) if line.startswith("+set"))
        self.assertEqual(told[at], f"+set master {MASTER} 127.0.0.1 {side.ports['master']} quorum 1")
        # 0, 1, 2, and what the shell opens for itself and its redirection.
        self.assertTrue(set(told[at + 1].split()) <= {"0", "1", "2", "10", "255"}, told[at + 1])
        bad = side.ask("sentinel-1", "SENTINEL", "SET", MASTER, "notification-script", "/nowhere")
        self.assertEqual(bad, "ERR Invalid argument '/nowhere' for SENTINEL SET 'notification-script'")
        self.assertEqual(side.ask("sentinel-1", "SENTINEL", "SET", MASTER, "notification-script", ""), "OK")


if __name__ == "__main__":
    unittest.main()
