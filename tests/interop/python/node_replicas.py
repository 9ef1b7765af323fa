"""Random load of all types on a master, with expiry and eviction, while a replica of the other make follows: both must
end with equal data. Nothing else is compared: the master alone decides what the requests did."""
import os
import random
import time

from node_maker import Maker
from node_pair import CONNECTIONS
from node_server import Server
from node_values import Values
from node_wire import plain
from side import wait_for
from wire import Closed

BATCHES = 200
# Evictions begin with little data; the replica must not evict by itself.
POLICIES = ["noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random",
            "volatile-ttl"]
ROOM = 400_000  # bytes above what an empty master takes
# What ends the stream, or moves it away from what both can hold.
NEVER = {"replicaof", "slaveof", "failover", "config|set", "config|resetstat", "debug", "client|pause", "sync", "psync", "shutdown",
         "save", "bgsave", "wait"}


def info(wire, field):
    text = plain(wire.ask("INFO", "all")).decode("utf8", "replace")
    found = [line.partition(":")[2] for line in text.split("\r\n") if line.startswith(field + ":")]
    return found[0] if found else None


def load(master, maker, values):
    """Requests as they come; whatever is answered. Talks and what changes the server are left out."""
    wires = [master.wire() for _ in range(CONNECTIONS)]
    sent = 0
    for _ in range(BATCHES):
        connection = values.random.randrange(CONNECTIONS)
        steps = [step for step in maker.steps(connection) if not step.talk]
        words = [step.words for step in steps if not forbidden(step.words)]
        # Some weight, so that there is something to evict.
        words += [("SET", f"heavy:{values.random.randrange(400)}", values.filled(2000), *(("EX", "1000") if values.chance(0.5) else ()))
                  for _ in range(5)]
        words.append(("SET", f"brief:{values.random.randrange(50)}", "x", "PX", values.random.randrange(1, 300)))
        try:
            wires[connection].ask_all(words)
        except Closed:
            wires[connection] = master.wire()
        sent += len(words)
    for wire in wires:
        wire.close()
    return sent


def forbidden(words):
    name = words[0].decode("latin1").lower()
    full = name + "|" + words[1].decode("latin1").lower() if len(words) > 1 else name
    return name in NEVER or full in NEVER or name == "client"


def follow(seed, options, rows, folder, ours_is_master):
    """Plays one seed with one direction. The number of requests, and how many keys were evicted and expired."""
    values = Values(random.Random(seed))
    programs = [os.path.join(options.ours, "vigil-node"), os.path.join(options.stock, "redis-server")]
    programs = programs if ours_is_master else programs[::-1]
    folder = os.path.join(folder, f"replicas-{seed}-{'ours' if ours_is_master else 'stock'}")
    policy = POLICIES[seed % len(POLICIES)]
    master = Server("master", programs[0], folder).start()
    replica = Server("replica", programs[1], folder, "default", ["--replicaof", "127.0.0.1", str(master.port)]).start()
    try:
        admin, behind = master.wire(), replica.wire()
        wait_for("the replica follows", lambda: info(behind, "master_link_status") == "up")
        used = int(info(admin, "used_memory"))
        for pair in (("maxmemory-policy", policy), ("maxmemory", used + ROOM)):
            admin.ask("CONFIG", "SET", *pair)
        sent = load(master, Maker(values, rows), values)
        time.sleep(0.4)  # the last of what is brief expires
        admin.ask("DBSIZE")
        wait_for("the replica has caught up", lambda: info(behind, "master_link_status") == "up" and
                 info(behind, "slave_repl_offset") == info(admin, "master_repl_offset"))
        # A key whose time has come may still lie there; it is deleted on the master, and the replica is told.
        wait_for("equal data", lambda: equal(admin, behind), 20)
        return sent, int(info(admin, "evicted_keys")), int(info(admin, "expired_keys"))
    finally:
        replica.stop()
        master.stop()


def equal(admin, behind):
    for db in range(16):
        admin.ask("SELECT", db)
        keys = plain(admin.ask("KEYS", "*"))
        if keys:
            admin.ask("EXISTS", *keys)
    if info(behind, "slave_repl_offset") != info(admin, "master_repl_offset"):
        return False
    return admin.ask("DEBUG", "DIGEST") == behind.ask("DEBUG", "DIGEST")
