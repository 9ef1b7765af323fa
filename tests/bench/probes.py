"""A paced writer, a 1 ms PING probe, and waits on a replication link: what the resync parts measure with."""
import random
import time

from datasets import gen_coll, gen_hashes, gen_strings, load, pool
from proc_files import realtime
from processes import now
from report import q
from resp import Conn, enc


def writer(port, rate, stop, out, keyspace, vlen, burst_ms=2):
    """paced overwrites of existing keys, in small bursts; reports sent and the longest stall"""
    c = Conn(port, 120)
    P = pool()
    per = max(1, int(rate * burst_ms / 1000))
    dt = per / rate
    rnd = random.Random(5)
    t = now()
    sent, worst, t_start = 0, 0.0, now()
    while not stop.is_set():
        b = b"".join(enc(b"SET", b"key:%012d" % rnd.randrange(keyspace),
                         P[o:o + vlen]) for o in [rnd.randrange(10**6) for _ in range(per)])
        t1 = now()
        c.s.sendall(b)
        c.lines(per)
        worst = max(worst, now() - t1)
        sent += per
        t += dt
        d = t - now()
        if d > 0:
            time.sleep(d)
        elif d < -1:
            t = now()                            # do not try to make up for a long stall
    out.put((sent, sent / (now() - t_start), worst * 1000))


def prober(port, stop, out, period=0.001):
    rt = realtime()
    c = Conn(port, 120)
    ping = enc("PING")
    log = []
    t = now()
    while not stop.is_set():
        a = now()
        c.s.sendall(ping)
        c.s.recv(64)
        log.append((a, now() - a))
        t += period
        d = t - now()
        if d > 0:
            time.sleep(d)
        else:
            t = now()
    out.put((rt, log))


def probe_stats(log, a, b):
    xs = [l * 1000 for t, l in log if a <= t <= b]
    return {"n": len(xs), "p50": q(xs, .5), "p99": q(xs, .99), "p99.9": q(xs, .999),
            "max": max(xs) if xs else None, "over_10ms": sum(1 for x in xs if x > 10),
            "stalled_ms_over_2ms": sum(x for x in xs if x > 2)}


def fill(port, mb, vlen=100):
    """about mb MB of memory: strings for the most part, some collections; returns the string key space
    and the payload in MB"""
    n = int(mb * 1e6 / 205)                      # ~200 B of RSS for a 100 B value
    load(port, gen_strings(vlen), n)
    k = max(100, n // 200)
    load(port, gen_hashes(), k)
    load(port, gen_coll(b"RPUSH", 20, b"list:"), k // 2)
    load(port, gen_coll(b"SADD", 20, b"set:"), k // 2)
    load(port, gen_coll(b"ZADD", 20, b"zset:"), k // 2)
    load(port, gen_coll(b"ZADD", 200, b"bigz:"), k // 20)
    return n, (n * (16 + vlen) + k * (10 * 28 + 13) + k // 2 * 20 * 13 * 3) / 1e6


def wait_link(port, up=True, timeout=30):
    c = Conn(port, 30)
    end = now() + timeout
    try:
        while now() < end:
            i = c.info("replication")
            if (i.get("master_link_status") == "up") == up:
                return now()
            time.sleep(0.001)
    finally:
        c.close()
    return None


def wait_online(mport, n, timeout=30):
    """the master itself counts n replicas as online (it streams to them only from then on)"""
    c = Conn(mport, 30)
    end = now() + timeout
    try:
        while now() < end:
            i = c.info("replication")
            if sum(1 for k, v in i.items() if k.startswith("slave") and "state=online" in v) >= n:
                return now()
            time.sleep(0.005)
    finally:
        c.close()
    raise SystemExit("replicas of port %d did not come online" % mport)


def wait_offset(rport, off, timeout=60):
    c = Conn(rport, 60)
    end = now() + timeout
    try:
        while now() < end:
            if int(c.info("replication").get("slave_repl_offset", 0)) >= off:
                return now()
            time.sleep(0.0005)
    finally:
        c.close()
    return None
