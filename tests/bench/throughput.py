"""Throughput with the CPU it costs, and latency."""
import multiprocessing as mp
import os
import random
import time

from datasets import gen_strings, load, pool
from load_tool import CLI, SRV, bench, cpus, csv_row, dist
from proc_files import Steal, cpu_ns
from processes import Node, now
from report import med, progress, q, ratio, save, table
from resp import Conn, enc


def paced(port, rate, secs, cp, out):
    """fixed rate, one connection, sleep then spin; the latency counts from the due time"""
    if cp is not None:
        os.sched_setaffinity(0, cp)
    c = Conn(port)
    P = pool()
    lat = []
    dt = 1.0 / rate
    t = now() + 0.01
    end = t + secs
    reqs = [enc("SET", "key:%012d" % random.randrange(10**6), P[i * 50:i * 50 + 32]) for i in range(1000)]
    i = 0
    while t < end:
        while True:
            d = t - now()
            if d <= 0:
                break
            if d > 0.0002:
                time.sleep(d - 0.00015)
        c.s.sendall(reqs[i % 1000])
        c.s.recv(64)
        lat.append((now() - t) * 1e6)
        t += dt
        i += 1
    out.put([q(lat, p) for p in (.5, .99, .999, 1)])


def throughput(args, peers):
    cmds = args.tests.split(",")
    nodes = {p.name: Node(p, cpus=cpus(args, SRV)) for p in peers}
    cells, res = [], {}
    for P in (1, 16):
        for d in (3, 1024):
            for t in cmds:
                if d != 3 and t in ("incr", "zadd"):
                    continue                    # these carry no -d payload
                cells.append((t, P, d))
    for rep in range(args.reps):
        for t, P, d in cells:
            n = args.n1 if P == 1 else args.n16 if d <= 100 else args.n16 // 2
            order = peers if rep % 2 == 0 else peers[::-1]
            for p in order:
                nd = nodes[p.name]
                c = nd.conn(60)
                if t != "get":                  # GET reads what the SET cell before it wrote
                    c.cmd("FLUSHALL")
                time.sleep(0.05)
                c0 = cpu_ns(nd.pid)
                with Steal() as st:
                    r = csv_row(bench(nd.port, ["-t", t, "-d", str(d), "-r", str(args.keys), "--csv"], n,
                                      P=P, cp=cpus(args, CLI)))
                r["cpu_s_per_M"] = (cpu_ns(nd.pid) - c0) / 1e9 / n * 1e6
                r["steal_pct"] = st.pct
                res.setdefault("%s P%d d%d" % (t, P, d), {}).setdefault(p.name, []).append(r)
                c.close()
        progress("throughput rep %d of %d" % (rep + 1, args.reps))
    # A shared host steals time in bursts: the ratio is the median of the per-rep ratios (each pair ran one
    # right after the other); "best" is the run the host disturbed least, the figure to quote as capacity.
    rows, sums = [], {}
    for k, v in res.items():
        base = v[peers[0].name]
        for p in peers:
            xs = v[p.name]
            rr = [x["rps"] / y["rps"] for x, y in zip(xs, base)]
            rc = [x["cpu_s_per_M"] / y["cpu_s_per_M"] for x, y in zip(xs, base)]
            best, bestc = max(x["rps"] for x in xs), min(x["cpu_s_per_M"] for x in xs)
            bb, bc = max(x["rps"] for x in base), min(x["cpu_s_per_M"] for x in base)
            rows.append([k, p.name, "%.0f" % best, "%.0f" % med([x["rps"] for x in xs]),
                         "%.0f" % min(x["rps"] for x in xs), ratio(best, bb), "%.3f" % med(rr), "%.3f" % bestc,
                         "%.3f" % med([x["cpu_s_per_M"] for x in xs]), ratio(bestc, bc), "%.3f" % med(rc),
                         "%.3f" % med([x["p50"] for x in xs]), "%.3f" % med([x["p99"] for x in xs]),
                         "%.0f" % med([x["steal_pct"] for x in xs])])
            sums.setdefault(p.name, []).append((best / bb, med(rr), bestc / bc, med(rc)))
    texts = [table(["test", "peer", "best req/s", "median", "min", "best ratio", "paired ratio",
                    "best CPU s/1M req", "median", "best CPU ratio", "paired CPU ratio", "p50 ms", "p99 ms",
                    "steal %"], rows, "throughput, -c 50, -r %d, %d reps" % (args.keys, args.reps))]
    rows = []
    for p in peers:
        g = [1.0] * 4
        for x in sums[p.name]:
            g = [a * b ** (1 / len(sums[p.name])) for a, b in zip(g, x)]
        rows.append([p.name] + ["%.3f" % x for x in g])
    texts.append(table(["peer", "throughput ratio of bests", "paired", "CPU ratio of bests", "paired"], rows,
                       "summary, geometric means"))
    for nd in nodes.values():
        nd.stop()
    save(args, "throughput", peers, res, texts)


def throughput_args(p):
    p.add_argument("--tests", default="set,get,incr,lpush,hset,zadd")
    p.add_argument("--n1", type=int, default=60000)
    p.add_argument("--n16", type=int, default=400000)
    p.add_argument("--keys", type=int, default=1000000)
    p.add_argument("--reps", type=int, default=7)
    p.add_argument("--pin", type=int, default=1, help="1: server on core 1, load generator on core 0")


def latency(args, peers):
    nodes = {p.name: Node(p, cpus=cpus(args, SRV)) for p in peers}
    for nd in nodes.values():
        load(nd.port, gen_strings(32), 200000)
    res = {}
    for rep in range(args.reps):
        for p in (peers if rep % 2 == 0 else peers[::-1]):
            nd = nodes[p.name]
            o = mp.Queue()
            pr = mp.Process(target=paced, args=(nd.port, args.rate, args.secs, cpus(args, CLI), o))
            pr.start()
            r = o.get()
            pr.join()
            res.setdefault("paced SET %d/s (us)" % args.rate, {}).setdefault(p.name, []).append(
                dict(zip(("p50", "p99", "p99.9", "max"), r)))
            for c, n in ((1, 60000), (50, 200000)):
                for t in ("set", "get"):
                    d = dist(bench(nd.port, ["-t", t, "-d", "32", "-r", "200000", "--precision", "3"], n, c=c,
                                   cp=cpus(args, CLI)))
                    d = {k: (v * 1000 if k != "rps" and v is not None else v) for k, v in d.items()}
                    res.setdefault("%s -c %d (us)" % (t.upper(), c), {}).setdefault(p.name, []).append(d)
        progress("latency rep", rep + 1)
    rows = []
    for k, v in res.items():
        b = med([x.get("p50") for x in v[peers[0].name]])
        for p in peers:
            xs = v[p.name]
            rows.append([k, p.name] + ["%.0f" % (med([x.get(c) for x in xs]) or 0)
                                       for c in ("p50", "p99", "p99.9")] +
                        ["%.0f-%.0f" % (min(x["p99.9"] for x in xs), max(x["p99.9"] for x in xs)),
                         ratio(med([x["p50"] for x in xs]), b)])
    texts = [table(["load", "peer", "p50", "p99", "p99.9", "p99.9 range", "p50 ratio"], rows,
                   "latency, median of %d" % args.reps)]
    for nd in nodes.values():
        nd.stop()
    save(args, "latency", peers, res, texts)


def latency_args(p):
    p.add_argument("--rate", type=int, default=2000)
    p.add_argument("--secs", type=float, default=6)
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--pin", type=int, default=1)
