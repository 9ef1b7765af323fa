"""Start-up time, size, and what an idle process costs."""
import os
import subprocess
import time

from proc_files import cpu_ns, ctxt, pss_kb, rss_kb
from processes import Node, Sentinel, now, stop_all, tmpdir, wait_ping
from report import mmm, ratio, save, table


def syscalls(pid, secs):
    """system calls per second by strace -c, if there is one"""
    try:
        r = subprocess.run(["timeout", "-s", "INT", str(secs), "strace", "-f", "-c", "-qq", "-p", str(pid)],
                           capture_output=True, text=True, timeout=secs + 10)
        for l in r.stderr.splitlines():
            w = l.split()
            if w and w[-1] == "total":
                return int(w[3]) / secs      # % seconds us/call calls [errors] total
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        pass
    return None


def stripped_size(exe):
    try:
        f = os.path.join(tmpdir(), "stripped")
        subprocess.run(["strip", "-o", f, os.path.realpath(exe)], check=True, capture_output=True, timeout=60)
        return os.path.getsize(f)
    except (OSError, subprocess.SubprocessError):
        return None


def startup(args, peers):
    res = {p.name: {"node": [], "sentinel": []} for p in peers}
    for rep in range(args.reps):
        for p in peers:
            n = Node(p, wait=False)
            res[p.name]["node"].append(wait_ping(n) * 1000)
            s = Sentinel(p, [("mymaster", n.port)], wait=False)
            res[p.name]["sentinel"].append(wait_ping(s) * 1000)
            s.stop()
            n.stop()
    rows = []
    for p in peers:
        real = os.path.realpath(p.node)
        st = stripped_size(p.node)
        d = res[p.name]
        d["binary"], d["stripped"] = os.path.getsize(real), st
        rows.append([p.name, mmm(d["node"], "%.1f"), mmm(d["sentinel"], "%.1f"), "%.2f" % (d["binary"] / 1e6),
                     "%.2f" % (st / 1e6) if st else "-"])
    texts = [table(["peer", "node start ms", "sentinel start ms", "binary MB", "stripped MB"], rows,
                   "start-up (exec to PONG, fork and 1 ms polling included), %d starts" % args.reps)]
    # idle: all peers at the same time, little CPU
    groups = {}
    for p in peers:
        alone = Node(p)
        m = Node(p)
        rs = [Node(p, conf=["replicaof 127.0.0.1 %d" % m.port]) for _ in range(2)]
        ss = [Sentinel(p, [("mymaster", m.port)]) for _ in range(3)]
        groups[p.name] = (alone, m, rs, ss)
    time.sleep(6)
    idle = {}
    for p in peers:
        alone, m, rs, ss = groups[p.name]
        for what, x in (("lone node", alone), ("master+2 replicas+3 sentinels", m), ("replica", rs[0]),
                        ("sentinel of 3", ss[0])):
            idle.setdefault(what, {})[p.name] = [x, cpu_ns(x.pid), ctxt(x.pid), now()]
    time.sleep(args.idle)
    for what, v in idle.items():
        for name, (x, c, t, t0) in v.items():
            dt = now() - t0
            v[name] = {"cpu_ms_min": (cpu_ns(x.pid) - c) / 1e6 / dt * 60, "switches_s": (ctxt(x.pid) - t) / dt,
                       "rss_mb": rss_kb(x.pid) / 1024, "pss_mb": pss_kb(x.pid) / 1024, "pid": x.pid}
    for what, v in idle.items():
        for name, d in v.items():
            d["syscalls_s"] = syscalls(d.pop("pid"), 4) if args.strace else None
    rows = []
    for what, v in idle.items():
        b = v[peers[0].name]["cpu_ms_min"]
        for p in peers:
            d = v[p.name]
            rows.append([what, p.name, "%.1f" % d["cpu_ms_min"], ratio(d["cpu_ms_min"], b), "%.1f" % d["switches_s"],
                         "%.0f" % d["syscalls_s"] if d["syscalls_s"] is not None else "-", "%.1f" % d["rss_mb"],
                         "%.1f" % d["pss_mb"]])
    texts.append(table(["process", "peer", "CPU ms per idle minute", "ratio", "switches/s", "syscalls/s", "RSS MB",
                        "PSS MB"], rows, "idle over %.0f s" % args.idle))
    stop_all()
    save(args, "startup", peers, {"start": res, "idle": idle}, texts)


def startup_args(p):
    p.add_argument("--reps", type=int, default=10)
    p.add_argument("--idle", type=float, default=30)
    p.add_argument("--strace", type=int, default=1, help="count system calls with strace if it is there")
