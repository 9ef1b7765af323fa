"""What it costs a sentinel to watch many masters."""
import re
import time

from fake_fleet import Fleet
from proc_files import cpu_ns, ctxt, nfds, rss_kb
from processes import Sentinel, now, set_port_base
from report import med, progress, ratio, save, table
from resp import RespError, pairs

FIRST_PORT = 20000
CELL = re.compile(r"(\d+)x(\d+)(?:r(\d+))?(?:t(\d+))?$")


def parse_plan(text):
    """"3x300r2t1000": 3 sentinels, 300 masters with 2 replicas each, down-after 1000 ms."""
    cells = []
    for word in text.split(","):
        found = CELL.match(word)
        if not found:
            raise SystemExit("not SENTINELSxMASTERS[rREPLICAS][tDOWN-AFTER]: " + word)
        sentinels, masters, replicas, down_after = (int(x) if x else None for x in found.groups())
        cells.append((word, sentinels, masters, replicas or 0, down_after or 30000))
    return cells


def all_known(sentinel, masters, replicas, others):
    """Every master is up, and its replicas and the other sentinels are known."""
    try:
        c = sentinel.conn(30)
        ms = [pairs(x) for x in c.cmd("SENTINEL", "MASTERS")]
        c.close()
        return len(ms) == masters and all(
            x["flags"] == "master" and int(x["num-other-sentinels"]) == others and int(x["num-slaves"]) == replicas
            for x in ms)
    except (OSError, RespError, KeyError):
        return False


def watch(peer, fleet, sentinels, replicas, down_after, patience=60):
    """Sentinels that know everything, and how long that took (None: they did not get there)."""
    start = now()
    group = [Sentinel(peer, fleet.masters, quorum=2 if sentinels > 1 else 1, down_after=down_after)
             for _ in range(sentinels)]
    waiting = list(group)
    while waiting and now() - start < patience:
        waiting = [s for s in waiting if not all_known(s, len(fleet.masters), replicas, sentinels - 1)]
        if waiting:
            time.sleep(0.3)
    return group, None if waiting else now() - start


def measure(args, peer, fleet, sentinels, replicas, down_after):
    group, known = watch(peer, fleet, sentinels, replicas, down_after, args.patience)
    time.sleep(args.warm)
    cpu, fake, switches, start = ([cpu_ns(s.pid) for s in group], sum(map(cpu_ns, fleet.pids)),
                                  [ctxt(s.pid) for s in group], now())
    time.sleep(args.secs)
    secs = now() - start
    cpu = [(cpu_ns(s.pid) - before) / 1e7 / secs for s, before in zip(group, cpu)]     # percent of a core
    result = {"cpu_pct": med(cpu), "cpu_max": max(cpu), "rss_mb": med([rss_kb(s.pid) for s in group]) / 1024,
              "sockets": med([nfds(s.pid) for s in group]), "discovered_s": known,
              "switches_s": med([(ctxt(s.pid) - before) / secs for s, before in zip(group, switches)]),
              "fake_cpu_pct": (sum(map(cpu_ns, fleet.pids)) - fake) / 1e7 / secs}
    c = group[0].conn(30)
    result["down"] = sum(1 for x in c.cmd("SENTINEL", "MASTERS") if pairs(x)["flags"] != "master")
    c.close()
    for s in group:
        s.stop()
    return result


def scale(args, peers):
    plan = parse_plan(args.plan)
    res = {}
    set_port_base(28100)
    for cell, sentinels, masters, replicas, down_after in plan:
        fleet = Fleet(FIRST_PORT, masters, replicas, args.info_padding)
        for rep in range(args.reps):
            for p in peers if rep % 2 == 0 else peers[::-1]:
                d = measure(args, p, fleet, sentinels, replicas, down_after)
                res.setdefault(cell, {}).setdefault(p.name, []).append(d)
                progress("scale", cell, p.name, "cpu %.2f%%" % d["cpu_pct"])
                time.sleep(0.3)
        fleet.stop()
    rows = []
    for cell, sentinels, masters, replicas, _ in plan:
        by_peer = res[cell]
        base = med([x["cpu_pct"] for x in by_peer[peers[0].name]])
        empty = [c for c, n, m, _, _ in plan if m == 1 and n == sentinels]
        for p in peers:
            of = {key: med([x[key] for x in by_peer[p.name]]) for key in by_peer[p.name][0]}
            rss0 = med([x["rss_mb"] for x in res[empty[0]][p.name]]) if empty and masters > 1 else None
            rows.append([cell, p.name, "%.2f" % of["cpu_pct"], "%.1f" % (of["cpu_pct"] * 10000 / masters),
                         ratio(of["cpu_pct"], base), "%.1f" % of["rss_mb"],
                         "%.1f" % ((of["rss_mb"] - rss0) * 1024 / (masters - 1)) if rss0 else "-",
                         "%d" % of["sockets"], "%.0f" % of["switches_s"], "%.0f" % of["fake_cpu_pct"],
                         "%.1f" % of["discovered_s"] if of["discovered_s"] else "no", "%d" % of["down"]])
    texts = [table(["sentinels x masters", "peer", "CPU % of a core", "CPU us per master and s", "ratio", "RSS MB",
                    "KB per master", "sockets", "switches/s", "nodes' CPU %", "all known s", "not plain master"], rows,
                   "sentinel scale, one of the sentinels, idle supervision over %.0f s, median of %d" %
                   (args.secs, args.reps))]
    save(args, "scale", peers, res, texts)


def scale_args(p):
    p.add_argument("--plan", default="3x1,3x300,3x300t1000,3x1000r2,3x1000r2t1000",
                   help="SENTINELSxMASTERS[rREPLICAS][tDOWN-AFTER], comma list")
    p.add_argument("--warm", type=float, default=4)
    p.add_argument("--secs", type=float, default=12)
    p.add_argument("--patience", type=float, default=300,
                   help="seconds until all must be known: stock saves its file once for each replica and sentinel")
    p.add_argument("--reps", type=int, default=1)
    p.add_argument("--info-padding", type=int, default=0, help="lines added to every INFO; a real node has about 180")
