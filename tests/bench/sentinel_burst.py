"""How long it takes until hundreds of masters that die at once are replaced."""
import re
import select
import time

from fake_fleet import Fleet
from proc_files import cpu_ns
from processes import now, set_port_base
from report import progress, save, table
from resp import Conn, RespError
from sentinel_scale import FIRST_PORT, watch

SWITCH = re.compile(rb"\+switch-master\r\n\$\d+\r\n(\S+) ")


class Listener:
    """Notes when one sentinel announces each new address."""

    def __init__(self, sentinel):
        self.conn = Conn(sentinel.port)
        self.conn.cmd("SUBSCRIBE", "+switch-master")
        self.seen = {}
        self.rest = b""

    def read(self):
        at = now()
        self.rest += self.conn.s.recv(1 << 18)
        end = 0
        for found in SWITCH.finditer(self.rest):
            self.seen.setdefault(found.group(1), at)
            end = found.end()
        self.rest = self.rest[max(end, len(self.rest) - 200):]


def trial(args, peer, down_after):
    fleet = Fleet(FIRST_PORT, args.masters, args.replicas)
    group, known = watch(peer, fleet, 3, args.replicas, down_after)
    time.sleep(args.warm)
    listeners = [Listener(s) for s in group]
    cpu = [cpu_ns(s.pid) for s in group]
    start = now()
    fleet.kill()
    while now() - start < args.patience and any(len(x.seen) < args.masters for x in listeners):
        for ready in select.select([x.conn for x in listeners], [], [], 0.2)[0]:
            next(x for x in listeners if x.conn is ready).read()
    promoted, first, last = fleet.report()
    cpu = [(cpu_ns(s.pid) - before) / 1e9 for s, before in zip(group, cpu)]
    told = [sorted(1000 * (at - start) for at in x.seen.values()) for x in listeners]
    for s in group:
        s.stop()
    fleet.stop()
    whole = all(len(x) == args.masters for x in told)
    return {"promoted": promoted, "first_ms": first - down_after, "last_ms": last - down_after,
            "told_last_ms": max(x[-1] for x in told) - down_after if whole else None,
            "told": min(len(x) for x in told), "known_s": known,
            "cpu_s": max(cpu)}


def burst(args, peers):
    set_port_base(28100)
    res = {}
    for rep in range(args.reps):
        for p in peers if rep % 2 == 0 else peers[::-1]:
            d = trial(args, p, args.down_after)
            res.setdefault(p.name, []).append(d)
            progress("burst", p.name, d)
    rows = []
    for p in peers:
        of = {key: [x[key] for x in res[p.name]] for key in res[p.name][0]}
        show = lambda key: "/".join("-" if x is None else "%.0f" % x for x in sorted(of[key], key=lambda x: (x is None, x)))
        rows.append([p.name, show("promoted"), show("first_ms"), show("last_ms"), show("told"), show("told_last_ms"),
                     "/".join("%.2f" % x for x in sorted(of["cpu_s"]))])
    texts = [table(["peer", "promoted", "first SLAVEOF NO ONE, ms after T", "last, ms after T",
                    "announced by all three", "last announcement, ms after T", "CPU s of the busiest"], rows,
                   "%d masters with %d replicas die at once, down-after %d ms, each trial" %
                   (args.masters, args.replicas, args.down_after))]
    save(args, "burst", peers, res, texts)


def burst_args(p):
    p.add_argument("--masters", type=int, default=300)
    p.add_argument("--replicas", type=int, default=2)
    p.add_argument("--down-after", type=int, default=1000)
    p.add_argument("--warm", type=float, default=2)
    p.add_argument("--patience", type=float, default=60)
    p.add_argument("--reps", type=int, default=2)
