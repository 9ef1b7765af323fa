"""Full sync of about 1 GB to a new replica, under writes."""
import multiprocessing as mp
import os
import time

from probes import fill, probe_stats, prober, writer
from proc_files import children, cpu_ns, pss_kb, rss_kb
from processes import Node, now
from report import med, mmm, progress, ratio, save, table
from resp import Conn, RespError, parse_info

MODES = {
    "disk": ("repl-diskless-sync no", "repl-diskless-load disabled"),
    "diskless": ("repl-diskless-sync yes", "repl-diskless-load disabled"),
    "diskless+load": ("repl-diskless-sync yes", "repl-diskless-load on-empty-db"),
    "dual": ("repl-diskless-sync yes", "repl-diskless-load on-empty-db",
             "dual-channel-replication-enabled yes"),
}


def setconf(port, lines):
    c = Conn(port)
    try:
        for l in lines:
            k, v = l.split(None, 1)
            try:
                c.cmd("CONFIG", "SET", k, v)
            except RespError:
                return False
        return True
    finally:
        c.close()


def one_sync(m, peer, mode, keyspace, rate):
    if not setconf(m.port, MODES[mode]) and mode == "dual":
        return None
    r = Node(peer, repl_backlog_size="64mb")
    setconf(r.port, MODES[mode])
    stop, outw, outp = mp.Event(), mp.Queue(), mp.Queue()
    ps = []
    if rate:
        ps.append(mp.Process(target=writer, args=(m.port, rate, stop, outw, keyspace, 100)))
    ps.append(mp.Process(target=prober, args=(m.port, stop, outp)))
    for p in ps:
        p.start()
    time.sleep(2)
    mc, rc = m.conn(120), r.conn(120)
    base_pss, base_cpu, r_cpu = pss_kb(m.pid), cpu_ns(m.pid), cpu_ns(r.pid)
    full0 = int(mc.info("stats").get("sync_full", 0))
    t0 = now()
    rc.cmd("REPLICAOF", "127.0.0.1", m.port)
    peak, peak_kids, peak_rep, t_load, t_up, next_pss, childcpu = base_pss, 0, 0, None, None, 0, {}
    repl_buf = 0
    while now() - t0 < 240:
        i = parse_info(rc.cmd("INFO"))
        t = now()
        if t_load is None and (i.get("loading") == "1" or i.get("async_loading") == "1"):
            t_load = t
        if i.get("master_link_status") == "up":
            t_up = t
            break
        if t >= next_pss:
            next_pss = t + 0.2
            kids = children(m.pid)
            kp = 0
            for k in kids:
                kp += pss_kb(k)
                childcpu[k] = max(childcpu.get(k, 0), cpu_ns(k))
            peak, peak_kids = max(peak, pss_kb(m.pid) + kp), max(peak_kids, kp)
            peak_rep = max(peak_rep, rss_kb(r.pid))
        time.sleep(0.004)
    t_caught = None
    if t_up:
        off = int(mc.info("replication")["master_repl_offset"])
        while now() - t0 < 260:
            if int(rc.info("replication").get("slave_repl_offset", 0)) >= off:
                t_caught = now()
                break
            time.sleep(0.001)
    cpu_m = (cpu_ns(m.pid) - base_cpu) / 1e9
    t_end = now()
    time.sleep(0.5)
    stop.set()
    w = outw.get() if rate else (0, 0, 0)
    rt, log = outp.get()
    for p in ps:
        p.join()
    # quiet now: the data sets must be equal
    time.sleep(0.3)
    mo = int(mc.info("replication")["master_repl_offset"])
    end = now() + 20
    while now() < end and int(rc.info("replication").get("slave_repl_offset", 0)) < mo:
        time.sleep(0.01)
    same = rc.cmd("DBSIZE") == mc.cmd("DBSIZE")
    res = {"t_up": t_up and t_up - t0, "t_caught_up": t_caught and t_caught - t0,
           "t_transfer": t_load and t_load - t0, "t_load": t_load and t_up and t_up - t_load,
           "master_extra_peak_mb": (peak - base_pss) / 1024, "child_peak_pss_mb": peak_kids / 1024,
           "master_base_pss_mb": base_pss / 1024, "replica_peak_rss_mb": peak_rep / 1024,
           "replica_rss_mb": rss_kb(r.pid) / 1024, "cpu_master_s": cpu_m,
           "cpu_child_s": sum(childcpu.values()) / 1e9, "cpu_replica_s": (cpu_ns(r.pid) - r_cpu) / 1e9,
           "writer_rate": w[1], "writer_worst_ms": w[2], "probe_realtime": rt,
           "probe": probe_stats(log, t0, t_end), "probe_before": probe_stats(log, t0 - 1.5, t0),
           "same_dbsize": same, "full_syncs": int(mc.info("stats").get("sync_full", 0)) - full0}
    mc.close()
    rc.close()
    r.stop()
    end = now() + 20
    while children(m.pid) and now() < end:
        time.sleep(0.05)
    return res


def fullsync(args, peers):
    masters, ks, mb = {}, {}, {}
    res = {}
    for p in peers:
        masters[p.name] = Node(p, repl_backlog_size="64mb")
        ks[p.name], mb[p.name] = fill(masters[p.name].port, args.mb)
        progress("loaded", p.name, "payload %.0f MB rss %.0f MB" %
                 (mb[p.name], rss_kb(masters[p.name].pid) / 1024))
    rdb = {}
    for p in peers:                              # size of the snapshot and speed of a bare SAVE
        c = masters[p.name].conn(200)
        t = now()
        try:
            c.cmd("SAVE")
            dt = now() - t
            f = os.path.join(masters[p.name].dir, "dump.rdb")
            rdb[p.name] = {"save_s": dt, "rdb_mb": os.path.getsize(f) / 1e6 if os.path.exists(f) else None}
        except RespError as e:
            rdb[p.name] = {"save_s": None, "rdb_mb": None, "err": str(e)}
        i = c.info("stats")
        rdb[p.name]["fork_us"] = int(i.get("latest_fork_usec", 0))
        c.close()
    for rep in range(args.reps):
        for mode in args.modes.split(","):
            for p in (peers if rep % 2 == 0 else peers[::-1]):
                if mode == "dual" and p.name == "redis":
                    continue
                r = one_sync(masters[p.name], p, mode, ks[p.name], args.rate)
                if r is None:
                    continue
                i = masters[p.name].conn().info("stats")
                r["fork_ms"] = int(i.get("latest_fork_usec", 0)) / 1000
                res.setdefault(mode, {}).setdefault(p.name, []).append(r)
                progress(mode, p.name, "up %.2f s, extra %.0f MB, stall %.1f ms" %
                         (r["t_up"] or -1, r["master_extra_peak_mb"], r["probe"]["max"]))
    rows = []
    f = lambda x, k, s="%.2f": s % med([y[k] for y in x]) if any(y[k] is not None for y in x) else "-"
    for mode, v in res.items():
        base = None
        for p in peers:
            if p.name not in v:
                continue
            xs = v[p.name]
            up = med([x["t_up"] for x in xs])
            base = base or up
            tl = med([x["t_load"] for x in xs])
            rows.append([mode, p.name, f(xs, "t_up"), f(xs, "t_caught_up"), ratio(up, base), f(xs, "t_transfer"),
                         f(xs, "t_load"), "%.0f" % (mb[p.name] / tl) if tl else "-",
                         "%.0f" % (mb[p.name] / up) if up else "-",
                         mmm([x["master_extra_peak_mb"] for x in xs]), f(xs, "fork_ms", "%.1f"),
                         mmm([x["probe"]["max"] for x in xs], "%.1f"),
                         "%.2f" % med([x["probe"]["p99.9"] for x in xs]),
                         "%.2f" % max(x["probe_before"]["max"] or 0 for x in xs),
                         "%.1f+%.1f+%.1f" % tuple(med([x[k] for x in xs]) for k in
                                                  ("cpu_master_s", "cpu_child_s", "cpu_replica_s")),
                         mmm([x["writer_rate"] for x in xs]), all(x["same_dbsize"] for x in xs),
                         mmm([x["full_syncs"] for x in xs])])
    texts = [table(["mode", "peer", "link up s", "caught up s", "ratio", "transfer s", "load s", "load MB/s",
                    "all MB/s", "extra PSS MB", "fork ms", "stall max ms", "stall p99.9", "max before",
                    "CPU master+child+replica s", "writes/s", "same size", "full syncs"], rows,
                   "full sync, %d writes/s on the master, %d reps" % (args.rate, args.reps))]
    texts.append(table(["peer", "payload MB", "master RSS MB", "RDB MB", "SAVE s", "SAVE MB/s payload"],
                       [[p.name, "%.0f" % mb[p.name], "%.0f" % (rss_kb(masters[p.name].pid) / 1024),
                         "%.0f" % (rdb[p.name]["rdb_mb"] or 0), "%.2f" % (rdb[p.name]["save_s"] or 0),
                         "%.0f" % (mb[p.name] / rdb[p.name]["save_s"]) if rdb[p.name]["save_s"] else "-"]
                        for p in peers], "data set"))
    for m in masters.values():
        m.stop()
    save(args, "fullsync", peers, {"sync": res, "data": {p.name: dict(rdb[p.name], payload_mb=mb[p.name])
                                                         for p in peers}}, texts)


def fullsync_args(p):
    p.add_argument("--mb", type=int, default=1000, help="approximate master RSS")
    p.add_argument("--modes", default="disk,diskless,diskless+load")
    p.add_argument("--reps", type=int, default=1)
    p.add_argument("--rate", type=int, default=5000)
