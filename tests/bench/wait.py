"""WAIT, from one client."""
import multiprocessing as mp
import time

from datasets import pool
from probes import wait_online
from processes import Node, now
from report import med, mmm, q, ratio, save, table
from resp import Conn, enc


def wait_run(mport, n, nrep, mode, out):
    c = Conn(mport, 10)
    P = pool()
    lat = []
    for i in range(n + 200):
        b = enc("SET", "key:%012d" % (i % 100000), P[i:i + 32])
        if mode == "wait":
            b += enc("WAIT", nrep, 1000)
        t = now()
        c.s.sendall(b)
        c.reply()
        if mode == "wait":
            r = c.reply()
            if not isinstance(r, int) or r < nrep:
                lat.append(1e6)
                continue
        lat.append((now() - t) * 1e6)
    lat = lat[200:]
    out.put([q(lat, p) for p in (.5, .99, .999, 1)])


def wait_part(args, peers):
    res = {}
    cl = {}
    for p in peers:
        m = Node(p)
        rs = [Node(p, conf=["replicaof 127.0.0.1 %d" % m.port]) for _ in range(2)]
        wait_online(m.port, 2)
        cl[p.name] = (m, rs)
    time.sleep(2)
    for rep in range(args.reps):
        for name, mode, nrep in (("SET alone", "set", 0), ("SET+WAIT 1", "wait", 1), ("SET+WAIT 2", "wait", 2)):
            for p in (peers if rep % 2 == 0 else peers[::-1]):
                o = mp.Queue()
                pr = mp.Process(target=wait_run, args=(cl[p.name][0].port, args.n, nrep, mode, o))
                pr.start()
                r = o.get()
                pr.join()
                res.setdefault(name, {}).setdefault(p.name, []).append(r)
    rows = []
    for k, v in res.items():
        b = med([x[0] for x in v[peers[0].name]])
        for p in peers:
            xs = v[p.name]
            rows.append([k, p.name] + ["%.0f" % med([x[i] for x in xs]) for i in range(4)] +
                        [mmm([x[1] for x in xs]), ratio(med([x[0] for x in xs]), b)])
    texts = [table(["op", "peer", "p50 us", "p99 us", "p99.9 us", "max us", "p99 min/med/max", "p50 ratio"], rows,
                   "WAIT, one client, %d ops, %d reps, 2 replicas attached" % (args.n, args.reps))]
    for m, rs in cl.values():
        m.stop()
        for r in rs:
            r.stop()
    save(args, "wait", peers, res, texts)


def wait_args(p):
    p.add_argument("--n", type=int, default=10000)
    p.add_argument("--reps", type=int, default=5)
