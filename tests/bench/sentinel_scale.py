"""What it costs a sentinel to watch many masters."""
import os
import sys
import time

from proc_files import cpu_ns, ctxt, nfds, rss_kb
from processes import Proc, Sentinel, now, set_port_base, tmpdir
from report import med, progress, ratio, save, table
from resp import RespError, pairs

HERE = os.path.dirname(os.path.abspath(__file__))


def scale(args, peers):
    res = {}
    port0 = 28300
    plan = []
    for w in args.plan.split(","):
        n, m = w.split("x")
        plan.append((int(n), int(m)))
    mmax = max(m for _, m in plan)
    set_port_base(28100)
    fake = Proc([sys.executable, os.path.join(HERE, "fake_nodes.py"), str(port0), str(mmax)], tmpdir(),
                os.path.join(tmpdir(), "fake.log"))
    for _ in range(200):
        with open(fake.logpath) as f:
            if "ready" in f.read():
                break
        time.sleep(0.02)
    for ns, m in plan:
        for p in peers:
            masters = [("m%03d" % i, port0 + i) for i in range(m)]
            t = now()
            ss = [Sentinel(p, masters, quorum=2 if ns > 1 else 1, down_after=5000) for _ in range(ns)]
            t_start = now() - t
            disc = None
            for _ in range(200):                # every sentinel knows every other for every master
                try:
                    c = ss[-1].conn()
                    ms = [pairs(x) for x in c.cmd("SENTINEL", "MASTERS")]
                    c.close()
                    if len(ms) == m and all(x["flags"] == "master" and int(x["num-other-sentinels"]) == ns - 1
                                            for x in ms):
                        disc = now() - t
                        break
                except (OSError, RespError, KeyError):
                    pass
                time.sleep(0.1)
            time.sleep(args.warm)
            c0, f0, x0, t0 = [cpu_ns(s.pid) for s in ss], cpu_ns(fake.pid), [ctxt(s.pid) for s in ss], now()
            time.sleep(args.secs)
            dt = now() - t0
            cpu = [(cpu_ns(s.pid) - a) / 1e7 / dt for s, a in zip(ss, c0)]     # percent of a core
            d = {"cpu_pct": med(cpu), "cpu_max": max(cpu), "rss_mb": med([rss_kb(s.pid) for s in ss]) / 1024,
                 "sockets": med([nfds(s.pid) for s in ss]), "discovered_s": disc, "start_s": t_start,
                 "switches_s": med([(ctxt(s.pid) - a) / dt for s, a in zip(ss, x0)]),
                 "fake_cpu_pct": (cpu_ns(fake.pid) - f0) / 1e7 / dt}
            c = ss[0].conn()
            d["down"] = sum(1 for x in c.cmd("SENTINEL", "MASTERS") if pairs(x)["flags"] != "master")
            c.close()
            res.setdefault("%dx%d" % (ns, m), {}).setdefault(p.name, []).append(d)
            for s in ss:
                s.stop()
            progress("scale", ns, "sentinels", m, "masters", p.name, "cpu %.2f%%" % d["cpu_pct"])
            time.sleep(0.3)
    fake.stop()
    rows = []
    for k, v in res.items():
        m = int(k.split("x")[1])
        base = med([x["cpu_pct"] for x in v[peers[0].name]])
        for p in peers:
            x = v[p.name][0]
            one = [y for y in ("1x1", "3x1") if y in res and y[0] == k[0]]
            rss0 = res[one[0]][p.name][0]["rss_mb"] if one else None
            rows.append([k, p.name, "%.2f" % x["cpu_pct"], "%.4f" % (x["cpu_pct"] / m), ratio(x["cpu_pct"], base),
                         "%.1f" % x["rss_mb"],
                         "%.1f" % ((x["rss_mb"] - rss0) * 1024 / (m - 1)) if rss0 and m > 1 else "-",
                         "%d" % x["sockets"], "%.0f" % x["switches_s"],
                         "%.1f" % x["discovered_s"] if x["discovered_s"] else "no", x["down"]])
    texts = [table(["sentinels x masters", "peer", "CPU % of a core", "CPU % per master", "ratio", "RSS MB",
                    "KB per master", "sockets", "switches/s", "all discovered s", "not plain master"], rows,
                   "sentinel scale, idle supervision over %.0f s" % args.secs)]
    save(args, "scale", peers, res, texts)


def scale_args(p):
    p.add_argument("--plan", default="1x1,1x10,1x100,1x300,3x100,3x300", help="SENTINELSxMASTERS list")
    p.add_argument("--warm", type=float, default=4)
    p.add_argument("--secs", type=float, default=12)
