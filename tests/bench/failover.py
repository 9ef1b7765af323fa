"""Failover. One trial is one fresh master, two replicas and three sentinels, in a process of its own."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from health import NAME, replicas_ok, sentinels_ok, wait_until
from processes import Node, Peer, Sentinel, install_signals, now, set_port_base, stop_all
from report import med, mmm, progress, save, table
from resp import Conn, RespError

EVENTS = ["+sdown", "+odown", "+try-failover", "+elected-leader", "+selected-slave", "+promoted-slave",
          "+switch-master", "+failover-end"]


class Events(threading.Thread):
    """PSUBSCRIBE * on one sentinel; keeps (time, channel, message)."""

    def __init__(self, idx, port):
        super().__init__(daemon=True)
        self.idx, self.c, self.log = idx, Conn(port, None), []
        self.c.send("PSUBSCRIBE", "*")
        self.c.reply()
        self.start()

    def run(self):
        try:
            while True:
                r = self.c.reply()
                t = now()
                if isinstance(r, list) and r and r[0] == "pmessage":
                    self.log.append((t, r[2], r[3]))
        except (EOFError, OSError, RespError, ValueError):
            pass


class Writer(threading.Thread):
    """Increasing counter into the (old) master, one command in flight, paced; remembers every ack."""

    def __init__(self, port, rate):
        super().__init__(daemon=True)
        self.c, self.dt = Conn(port, 60), 1.0 / rate
        self.n, self.acks, self.err, self.t_err, self.stop = 0, [], None, None, False
        self.start()

    def run(self):
        nxt = now()
        try:
            while not self.stop:
                n = self.n + 1
                self.c.cmd("SET", "ctr", n)
                self.n = n
                t = now()
                self.acks.append(t)         # ack of n is at index n-1
                nxt += self.dt
                if nxt > t:
                    time.sleep(nxt - t)
                else:
                    nxt = t
        except (EOFError, OSError, RespError) as e:
            self.err, self.t_err = str(e) or type(e).__name__, now()


class Client(threading.Thread):
    """A sentinel-aware client: asks every sentinel for the address each ~2 ms; writes when it is new."""

    def __init__(self, sports, old_port):
        super().__init__(daemon=True)
        self.cs = [Conn(p, 10) for p in sports]
        self.old = old_port
        self.t_addr = [None] * len(sports)
        self.t_write, self.new_port, self.stop = None, None, False
        self.errs = {}

    def run(self):
        w = None
        while not self.stop and not (self.t_write and all(self.t_addr)):
            for i, c in enumerate(self.cs):
                if self.t_addr[i] and self.t_write:
                    continue
                try:
                    a = c.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
                except (OSError, EOFError, RespError):
                    continue
                if not a or int(a[1]) == self.old:
                    continue
                if not self.t_addr[i]:
                    self.t_addr[i] = now()
                if not self.t_write:
                    try:
                        if w is None:
                            w = Conn(int(a[1]), 0.5)
                        w.cmd("SET", "probe", "1")
                        self.t_write, self.new_port = now(), int(a[1])
                    except (OSError, EOFError, RespError) as e:
                        k = str(e)[:30]
                        self.errs[k] = self.errs.get(k, 0) + 1
                        if not isinstance(e, RespError):
                            w = None
            time.sleep(0.002)


def full_syncs(nodes):
    n = 0
    for x in nodes:
        try:
            c = x.conn(1)
            n += int(c.info("stats").get("sync_full", 0))
            c.close()
        except (OSError, EOFError, RespError):
            pass
    return n


def trial(peer, scenario, down_after, base, seed, rate, fo_timeout, debug, fast_fail):
    rnd = random.Random(seed)
    set_port_base(base)
    res = {"peer": peer.name, "scenario": scenario, "down_after": down_after, "ok": False}
    master = Node(peer)
    reps = [Node(peer, conf=["replicaof 127.0.0.1 %d" % master.port]) for _ in range(2)]
    nodes = [master] + reps
    if not wait_until(lambda: replicas_ok(reps, master.port), 30):
        res["why"] = "replicas did not sync"
        return res
    sents = []
    if scenario != "planned":
        sents = [Sentinel(peer, [(NAME, master.port)], down_after=down_after,
                          failover_timeout=fo_timeout) for _ in range(3)]
        if not wait_until(lambda: sentinels_ok(sents, 2), 40, 0.1):
            res["why"] = "sentinels did not settle"
            return res
        if scenario == "fastfail":
            for s in sents:
                c = s.conn()
                r = c.cmd("SENTINEL", "SET", NAME, "fast-fail", fast_fail)
                c.close()
                if r != "OK":
                    res["why"] = "no fast-fail: %s" % r
                    return res
        for s in sents:                          # e.g. PING-PERIOD 100: the peer's own debug knobs
            c = s.conn()
            for i in range(0, len(debug), 2):
                c.cmd("SENTINEL", "DEBUG", debug[i], debug[i + 1])
            c.close()
    evs = [Events(i, s.port) for i, s in enumerate(sents)]
    w = Writer(master.port, rate)
    time.sleep(1.0 + rnd.random())               # random phase against the 1 s ping period
    base_full = full_syncs(nodes)
    if scenario == "planned":
        return planned(res, master, reps, w, base_full)
    cl = Client([s.port for s in sents], master.port)
    ctl = sents[0].conn() if scenario == "manual" else None
    if scenario == "pause":
        return pause(res, master, reps, sents, evs, w, down_after / 1000.0 + rnd.uniform(0.05, 1.0))
    cl.start()
    t0 = now()
    if scenario in ("kill", "fastfail"):
        os.kill(master.pid, signal.SIGKILL)
    elif scenario == "stop":
        os.kill(master.pid, signal.SIGSTOP)
    else:
        ctl.cmd("SENTINEL", "FAILOVER", NAME)
    limit = down_after / 1000.0 + 3 * fo_timeout / 1000.0 + 15
    wait_until(lambda: cl.t_write, limit, 0.005)
    if not cl.t_write:
        res["why"] = "no new master in %.0f s" % limit
        res["events"] = [(round(t - t0, 3), c, m) for e in evs for t, c, m in e.log if t > t0][:60]
        w.stop = cl.stop = True
        return res
    new = cl.new_port
    newc = Conn(new, 5)
    ctr_new = int(newc.cmd("GET", "ctr") or 0)
    rest = [r for r in reps if r.port != new]
    ok = wait_until(lambda: replicas_ok(rest, new), 40, 0.002)
    t_sync = now() if ok else None
    ok = wait_until(lambda: all(cl.t_addr), 20, 0.005)
    t_last_addr = max(cl.t_addr) if ok else None
    # what the old master acknowledged
    if scenario == "manual":
        wait_until(lambda: w.err is not None, 25, 0.01)      # until it is demoted
        ok = wait_until(lambda: replicas_ok(rest + [master], new), 20, 0.005)
        res["old_demoted"] = (w.t_err - t0) if w.t_err else None
        res["all_synced_with_old"] = (now() - t0) if ok else None
    t_sw = min((t for e in evs for t, c, m in e.log if t >= t0 and c == "+switch-master"), default=None)
    w.stop = True
    acked = w.n
    res["acked"] = acked
    res["lost_all"] = max(0, acked - ctr_new)
    if t_sw:
        res["lost_before_switch"] = sum(1 for t in w.acks[ctr_new:] if t <= t_sw)
    kept = w.acks[min(ctr_new, acked) - 1] if min(ctr_new, acked) > 0 else None
    if kept:                                     # from the last write that survived to the first at the new master
        res["write_gap"] = cl.t_write - kept
    res["full_syncs"] = full_syncs(nodes) - base_full
    res["writer_err"] = w.err
    first = {}
    for e in evs:
        for t, c, m in list(e.log):
            if t < t0 - 0.001:
                continue
            if c in ("+sdown", "+odown", "+try-failover", "+elected-leader") and \
                    not m.startswith("master " + NAME + " "):
                continue
            first[c] = min(first.get(c, 1e18), t)
    for k in EVENTS:
        if k in first:
            res[k] = first[k] - t0
    sd = [min((t for t, c, m in e.log if c == "+sdown" and m.startswith("master ") and t >= t0),
              default=None) for e in evs]
    sd = sorted(x - t0 for x in sd if x)
    if len(sd) >= 2:
        res["second_sdown"] = sd[1]
    res["first_addr"] = min(x for x in cl.t_addr if x) - t0
    res["all_addr"] = t_last_addr - t0 if t_last_addr else None
    res["first_write"] = cl.t_write - t0
    res["replicas_synced"] = t_sync - t0 if t_sync else None
    res["elections"] = len({m for e in evs for t, c, m in e.log if c == "+new-epoch" and t > t0})
    res["full_syncs_new_master"] = int(newc.info("stats").get("sync_full", 0))
    res["client_errs"] = cl.errs
    cl.stop = True
    if scenario == "stop":                        # let it come back: it must be demoted
        os.kill(master.pid, signal.SIGCONT)
        t1 = now()
        ok = wait_until(lambda: replicas_ok([master], new), 25, 0.01)
        res["old_rejoined_after_cont"] = now() - t1 if ok else None
    res["ok"] = True
    return res


def pause(res, master, reps, sents, evs, w, length):
    """The master stands still for `length` seconds, a little longer than down-after, and goes on."""
    t0 = now()
    os.kill(master.pid, signal.SIGSTOP)
    time.sleep(length)
    os.kill(master.pid, signal.SIGCONT)
    t_cont = now() - t0

    def named():
        ports = set()
        for s in sents:
            c = s.conn()
            ports.add(int(c.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1]))
            c.close()
        return ports

    def settled():
        ports = named()
        if len(ports) != 1:
            return False
        rest = [n for n in [master] + reps if n.port not in ports]
        return replicas_ok(rest, min(ports))
    time.sleep(1.5)                               # a failover that has begun shows itself
    ok = wait_until(settled, 60, 0.02)
    w.stop = True
    time.sleep(0.1)
    new = min(named())
    newc = Conn(new, 5)
    ctr = int(newc.cmd("GET", "ctr") or 0)
    promoted = [t - t0 for e in evs for t, c, m in e.log if t > t0 and c == "+failover-state-wait-promotion"]
    back = [1 for e in evs for t, c, m in e.log if t > t0 and c == "-failover-abort-master-back"]
    res.update(ok=ok, paused=length, failover=1 if new != master.port else 0, abandoned=len(back),
               promoted_after_cont=1 if promoted and min(promoted) > t_cont else 0,
               lost_all=max(0, w.n - ctr), full_syncs_new_master=int(newc.info("stats").get("sync_full", 0)))
    if not ok:
        res["why"] = "the cluster did not settle"
    return res


def planned(res, master, reps, w, base_full):
    """FAILOVER TO on the node itself, no sentinels."""
    new = reps[0].port
    c = master.conn()
    nc = Conn(new, 5)
    t0 = now()
    r = c.cmd("FAILOVER", "TO", "127.0.0.1", new)
    t_cmd = now()
    t_write = None
    end = now() + 20
    while now() < end:
        try:
            nc.cmd("SET", "probe", 1)
            t_write = now()
            break
        except RespError:
            time.sleep(0.0005)
    if not t_write:
        res["why"] = "not promoted: %s" % r
        return res
    ctr = int(nc.cmd("GET", "ctr") or 0)
    wait_until(lambda: w.err, 5, 0.001)
    w.stop = True
    ok = wait_until(lambda: replicas_ok([master], new), 20, 0.002)
    t_role = now()
    # the longest gap between two acks (or the last ack and the first write at the new master)
    acks = [t for t in w.acks if t > t0 - 0.2] or [t0]
    gaps = [b - a for a, b in zip(acks, acks[1:])] + [t_write - acks[-1]]
    res.update(ok=True, cmd=t_cmd - t0, first_write=t_write - t0, write_gap=max(gaps),
               old_is_replica=(t_role - t0) if ok else None, acked=w.n, lost_all=max(0, w.n - ctr),
               writer_err=w.err, full_syncs=full_syncs([master] + reps) - base_full,
               full_syncs_new_master=int(nc.info("stats").get("sync_full", 0)))
    return res


def one(argv):
    """entry of the trial process: argv = json"""
    install_signals()
    sys.setswitchinterval(0.0005)
    a = json.loads(argv)
    peer = Peer(a["peer"], a["node"], a["sentinel"])
    try:
        r = trial(peer, a["scenario"], a["down_after"], a["base"], a["seed"], a["rate"], a["fo_timeout"],
                  a["debug"], a["fast_fail"])
    except (OSError, EOFError, RespError, SystemExit) as e:
        r = {"peer": a["peer"], "scenario": a["scenario"], "down_after": a["down_after"], "ok": False,
             "why": "%s: %s" % (type(e).__name__, str(e)[:300])}
    print("RESULT " + json.dumps(r), flush=True)
    stop_all()
    sys.exit(0)


COLS = {
    "kill": ["+sdown", "second_sdown", "+odown", "+elected-leader", "+promoted-slave", "+switch-master",
             "first_write", "all_addr", "replicas_synced"],
    "manual": ["write_gap", "+elected-leader", "+selected-slave", "+promoted-slave", "+switch-master", "first_write",
               "all_addr", "replicas_synced", "old_demoted", "all_synced_with_old"],
    "planned": ["cmd", "first_write", "write_gap", "old_is_replica"],
}
COLS["fastfail"] = COLS["kill"]
COLS["stop"] = COLS["kill"] + ["old_rejoined_after_cont"]


def run(args, peers):
    here = os.path.dirname(os.path.abspath(__file__))
    jobs = []
    for spec in args.plan.split(","):
        scen, _, rest = spec.partition(":")
        da, _, n = rest.partition(":")
        da, n = int(da or 1000), int(n or args.trials)
        for i in range(n):
            for p in peers:                     # A,B,A,B...
                jobs.append((scen, da, i, p))
    running, results, done = [], [], 0
    slots = list(range(args.parallel))
    t0 = now()
    todo = list(jobs)
    while todo or running:
        while todo and slots:
            scen, da, i, p = todo.pop(0)
            s = slots.pop(0)
            a = {"peer": p.name, "node": p.need("node"), "sentinel": p.need("sentinel"),
                 "scenario": scen, "down_after": da, "base": args.port_base + 20 * s,
                 "seed": args.seed * 7919 + i * 31 + da, "rate": args.rate,
                 "fo_timeout": args.failover_timeout, "debug": args.debug_params.split(),
                 "fast_fail": args.fast_fail}
            pr = subprocess.Popen([sys.executable, os.path.join(here, "bench.py"), "_trial",
                                   json.dumps(a)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            running.append((pr, s, now()))
        for r in list(running):
            pr, s, ts = r
            if pr.poll() is None:
                if now() - ts > 150:
                    pr.terminate()
                continue
            out, err = pr.communicate()
            running.remove(r)
            slots.append(s)
            done += 1
            line = [l for l in out.decode().splitlines() if l.startswith("RESULT ")]
            if line:
                d = json.loads(line[-1][7:])
            else:
                d = {"peer": "?", "ok": False, "why": err.decode()[-300:]}
            results.append(d)
            progress("%d/%d %.0fs" % (done, len(jobs), now() - t0), d.get("peer"), d.get("scenario"),
                     d.get("down_after"), "switch %.3f" % d["+switch-master"] if "+switch-master" in d
                     else "write %.4f" % d["first_write"] if "first_write" in d else d.get("why"))
        time.sleep(0.02)
    texts = report(results, peers)
    save(args, "failover", peers, results, texts)


def report(results, peers):
    texts = []
    combos = []
    for r in results:
        k = (r.get("scenario"), r.get("down_after"))
        if k not in combos and k[0]:
            combos.append(k)
    for scen, da in combos:
        if scen == "pause":
            texts.append(pause_table(results, peers, da))
            continue
        cols = COLS[scen]
        rows = []
        base = None
        for p in peers:
            rs = [r for r in results if r.get("peer") == p.name and r.get("scenario") == scen and
                  r.get("down_after") == da]
            good = [r for r in rs if r["ok"]]
            row = [p.name, "%d/%d" % (len(good), len(rs))]
            for c in cols:
                row.append(mmm([r[c] * 1000 for r in good if r.get(c) is not None],
                               "%.1f" if scen == "planned" else "%.0f"))
            m = med([r["first_write"] for r in good if r.get("first_write") is not None])
            base = base or m
            if scen in ("kill", "stop"):
                row.append("%.0f" % (m * 1000 - da) if m else "-")
                row.append("%.2f" % (m * 1000 / da) if m else "-")
            row.append("%.3f" % (m / base) if m and base else "-")
            row.append(mmm([r.get("lost_all") for r in good]))
            if scen == "manual":
                row.append(mmm([r.get("lost_before_switch") for r in good]))
            if scen in ("manual", "planned"):
                row.append(mmm([r.get("full_syncs") for r in good]))
            row.append(mmm([r.get("full_syncs_new_master") for r in good]))
            rows.append(row)
        head = ["peer", "ok"] + [c.replace("_", " ") for c in cols]
        if scen in ("kill", "stop"):
            head += ["med write - timeout", "write/timeout"]
        head += ["write vs first peer", "lost acked"]
        if scen == "manual":
            head += ["lost before switch"]
        if scen in ("manual", "planned"):
            head += ["full syncs everywhere"]
        head += ["full syncs at new"]
        texts.append(table(head, rows, "failover %s, down-after %s ms (ms from the signal, min/median/max)"
                           % (scen, da)))
        bad = [r for r in results if r.get("scenario") == scen and r.get("down_after") == da and
               not r["ok"]]
        for r in bad:
            print("   not ok:", r.get("peer"), r.get("why"))
    return texts


def pause_table(results, peers, da):
    rows = []
    for p in peers:
        rs = [r for r in results if r.get("peer") == p.name and r.get("scenario") == "pause" and
              r.get("down_after") == da]
        good = [r for r in rs if r["ok"]]
        rows.append([p.name, "%d/%d" % (len(good), len(rs)), mmm([r["paused"] * 1000 for r in good]),
                     str(sum(r["failover"] for r in good)), str(sum(r["promoted_after_cont"] for r in good)),
                     str(sum(r["abandoned"] for r in good)), mmm([r["lost_all"] for r in good]),
                     mmm([r["full_syncs_new_master"] for r in good])])
        for r in rs:
            if not r["ok"]:
                print("   not ok:", r.get("peer"), r.get("why"))
    return table(["peer", "ok", "paused ms", "failovers", "promoted after SIGCONT", "attempts abandoned", "lost acked",
                  "full syncs at new"], rows,
                 "master stopped for down-after + 50 to 1000 ms and continued, down-after %s ms" % da)


def args(p):
    p.add_argument("--plan", default="kill:1000:10,manual:1000:10,stop:1000:3",
                   help="comma list of scenario:down-after-ms:trials; scenario is kill, fastfail, stop, pause, "
                        "manual or planned")
    p.add_argument("--fast-fail", type=int, default=200, help="ms, for the scenario fastfail")
    p.add_argument("--trials", type=int, default=5, help="trials where the plan gives none")
    p.add_argument("--parallel", type=int, default=3, help="clusters at a time")
    p.add_argument("--rate", type=int, default=1000, help="counter writes per second")
    p.add_argument("--failover-timeout", type=int, default=10000)
    p.add_argument("--debug-params", default="", help="NAME VALUE ... for SENTINEL DEBUG on every sentinel")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--port-base", type=int, default=28000)
