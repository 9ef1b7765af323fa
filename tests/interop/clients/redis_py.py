"""What redis-py does for an application: it asks the sentinels, connects, and asks again when the connection breaks.

Words: the master's name, the sentinels' ports."""
import sys
import time

import redis
from redis.sentinel import Sentinel

ports = [int(port) for port in sys.argv[2].split(",")]
sentinel = Sentinel([("127.0.0.1", port) for port in ports], socket_timeout=2)
master = sentinel.master_for(sys.argv[1], socket_timeout=2, decode_responses=True)
replica = sentinel.slave_for(sys.argv[1], socket_timeout=2, decode_responses=True)
first = sentinel.discover_master(sys.argv[1])[1]
master.set("counter", "0")
print("master", first, "replicas", len(sentinel.discover_slaves(sys.argv[1])), flush=True)
sys.stdin.readline()
end = time.time() + 60
while time.time() < end:
    try:
        if master.incr("counter") and sentinel.discover_master(sys.argv[1])[1] != first:
            break
    except redis.exceptions.RedisError:
        time.sleep(0.02)
port = sentinel.discover_master(sys.argv[1])[1]
while time.time() < end and replica.get("counter") != master.get("counter"):
    time.sleep(0.02)
print("master", port, master.role()[0], "read", replica.get("counter") == master.get("counter"), flush=True)
