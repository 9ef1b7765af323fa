"""How many questions a sentinel answers."""
import os
import time

from load_tool import bench, cpus, dist
from proc_files import cpu_ns
from processes import Node, Sentinel
from report import med, progress, ratio, save, table


def query(args, peers):
    cl = {}
    for p in peers:
        m = Node(p)
        ss = [Sentinel(p, [("mymaster", m.port)]) for _ in range(1)]
        cl[p.name] = (m, ss)
    time.sleep(2)
    pin_s, pin_c = cpus(args, {1}), cpus(args, {0})
    if pin_s:
        for m, ss in cl.values():
            os.sched_setaffinity(ss[0].pid, pin_s)
    res = {}
    cases = [("get-master-addr -c 1", 1, 1, 40000), ("get-master-addr -c 50", 50, 1, 150000),
             ("get-master-addr -c 50 -P 16", 50, 16, 400000), ("SENTINEL MASTERS -c 10", 10, 1, 40000),
             ("PING -c 50", 50, 1, 150000)]
    for rep in range(args.reps):
        for name, c, P, n in cases:
            for p in (peers if rep % 2 == 0 else peers[::-1]):
                s = cl[p.name][1][0]
                cmd = (["SENTINEL", "get-master-addr-by-name", "mymaster"] if name.startswith("get") else
                       ["SENTINEL", "MASTERS"] if "MASTERS" in name else ["PING"])
                c0 = cpu_ns(s.pid)
                d = dist(bench(s.port, ["--precision", "3"] + cmd, n, c=c, P=P, cp=pin_c))
                d["cpu_s_per_M"] = (cpu_ns(s.pid) - c0) / 1e9 / n * 1e6
                res.setdefault(name, {}).setdefault(p.name, []).append(d)
        progress("query rep", rep + 1)
    rows = []
    for k, v in res.items():
        b, bc = med([x["rps"] for x in v[peers[0].name]]), med([x["cpu_s_per_M"] for x in v[peers[0].name]])
        for p in peers:
            xs = v[p.name]
            r, cc = med([x["rps"] for x in xs]), med([x["cpu_s_per_M"] for x in xs])
            rows.append([k, p.name, "%.0f" % r, "%.0f-%.0f" % (min(x["rps"] for x in xs),
                                                                max(x["rps"] for x in xs)), ratio(r, b)] +
                        ["%.0f" % (1000 * (med([x.get(c) for x in xs]) or 0)) for c in ("p50", "p99", "p99.9")] +
                        ["%.2f" % cc, ratio(cc, bc)])
    texts = [table(["query", "peer", "req/s", "range", "ratio", "p50 us", "p99 us", "p99.9 us", "CPU s/1M",
                    "CPU ratio"], rows, "sentinel query rate, median of %d" % args.reps)]
    for m, ss in cl.values():
        m.stop()
        for s in ss:
            s.stop()
    save(args, "query", peers, res, texts)


def query_args(p):
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--pin", type=int, default=1)
