"""SAVE, loading what was saved, and BGSAVE under writes: duration, stalls, memory."""
import multiprocessing as mp
import os
import shutil
import tempfile
import time

from probes import fill, probe_stats, prober, writer
from proc_files import children, cpu_ns, pss_kb, rss_kb
from processes import Node, now, tmpdir
from report import med, mmm, progress, ratio, save, table
from resp import RespError, parse_info


def timed_save(node):
    """seconds of SAVE, bytes of the file"""
    c = node.conn(300)
    t = now()
    c.cmd("SAVE")
    took = now() - t
    c.close()
    return took, os.path.getsize(os.path.join(node.dir, "dump.rdb"))


def timed_load(peer, rdb):
    """seconds from exec until nothing is loading; a node of its own starts on a copy of the file"""
    folder = tempfile.mkdtemp(prefix="load-", dir=tmpdir())
    shutil.copy(rdb, folder)
    second = Node(peer, wait=False, **{"dir": '"%s"' % folder})
    t = second.t_exec
    loaded = None
    while now() - t < 300 and second.alive():
        try:
            c = second.conn(5)
            while True:
                if parse_info(c.cmd("INFO", "persistence")).get("loading") == "0":
                    loaded = now() - t
                    break
                time.sleep(0.005)
            break
        except (OSError, RespError, EOFError):
            time.sleep(0.002)
    keys = second.conn().cmd("DBSIZE")
    rss = rss_kb(second.pid)
    second.stop()
    shutil.rmtree(folder, ignore_errors=True)
    return loaded, keys, rss / 1024


def timed_bgsave(node, keyspace, rate):
    """a snapshot in the background while `rate` keys a second are overwritten and PINGs are sent each millisecond"""
    stop, written, probed = mp.Event(), mp.Queue(), mp.Queue()
    helpers = [mp.Process(target=writer, args=(node.port, rate, stop, written, keyspace, 100)),
               mp.Process(target=prober, args=(node.port, stop, probed))]
    for h in helpers:
        h.start()
    time.sleep(2)
    c = node.conn(120)
    base, cpu = pss_kb(node.pid), cpu_ns(node.pid)
    t0 = now()
    c.cmd("BGSAVE")
    peak, children_cpu = base, {}
    while now() - t0 < 240:
        kids = children(node.pid)
        peak = max(peak, pss_kb(node.pid) + sum(pss_kb(k) for k in kids))
        for k in kids:
            children_cpu[k] = max(children_cpu.get(k, 0), cpu_ns(k))
        if parse_info(c.cmd("INFO", "persistence")).get("rdb_bgsave_in_progress") == "0":
            break
        time.sleep(0.05)
    t1 = now()
    cpu = cpu_ns(node.pid) - cpu
    time.sleep(0.5)
    stop.set()
    _, writes, _ = written.get()
    realtime, log = probed.get()
    for h in helpers:
        h.join()
    c.close()
    return {"bgsave_s": t1 - t0, "extra_mb": (peak - base) / 1024, "base_mb": base / 1024,
            "cpu_s": (cpu + sum(children_cpu.values())) / 1e9, "writes": writes, "realtime": realtime,
            "probe": probe_stats(log, t0, t1), "before": probe_stats(log, t0 - 1.5, t0)}


def saving(args, peers):
    res = {p.name: [] for p in peers}
    payload = {}
    for rep in range(args.reps):
        for p in (peers if rep % 2 == 0 else peers[::-1]):
            node = Node(p)
            keyspace, payload[p.name] = fill(node.port, args.mb)
            r = {"keys": node.conn().cmd("DBSIZE"), "rss_mb": rss_kb(node.pid) / 1024}
            r["save_s"], r["rdb_bytes"] = timed_save(node)
            r["load_s"], loaded, r["loaded_rss_mb"] = timed_load(p, os.path.join(node.dir, "dump.rdb"))
            r["complete"] = loaded == r["keys"]
            r.update(timed_bgsave(node, keyspace, args.rate))
            res[p.name].append(r)
            progress(p.name, "SAVE %.2f s, load %.2f s, BGSAVE %.1f s: stall %.1f ms (before %.1f), extra %.0f MB" % (
                r["save_s"], r["load_s"] or -1, r["bgsave_s"], r["probe"]["max"], r["before"]["max"], r["extra_mb"]))
            node.stop()
    rows = []
    base = None
    for p in peers:
        xs = res[p.name]
        one = lambda k: med([x[k] for x in xs])
        base = base or one("save_s")
        rows.append([p.name, "%.0f" % payload[p.name], "%.0f" % one("rss_mb"), "%.0f" % (one("rdb_bytes") / 1e6),
                     "%.2f" % one("save_s"), ratio(one("save_s"), base), "%.0f" % (payload[p.name] / one("save_s")),
                     "%.2f" % one("load_s"), "%.0f" % (payload[p.name] / one("load_s")),
                     all(x["complete"] for x in xs), "%.1f" % one("bgsave_s"), "%.1f" % one("cpu_s"),
                     mmm([x["extra_mb"] for x in xs]), mmm([x["probe"]["max"] for x in xs], "%.1f"),
                     "%.2f" % med([x["probe"]["p99.9"] for x in xs]),
                     "%.1f" % max(x["before"]["max"] or 0 for x in xs), mmm([x["writes"] for x in xs])])
    texts = [table(["peer", "payload MB", "RSS MB", "RDB MB", "SAVE s", "ratio", "MB/s", "load s", "load MB/s",
                    "all keys", "BGSAVE s", "CPU s", "extra PSS MB", "stall max ms", "stall p99.9", "max before",
                    "writes/s"], rows, "saving and loading, %d writes/s during BGSAVE, %d reps" % (args.rate, args.reps))]
    save(args, "saving", peers, {"saving": res, "payload_mb": payload}, texts)


def saving_args(p):
    p.add_argument("--mb", type=int, default=1000, help="approximate RSS that stock needs for the data set")
    p.add_argument("--reps", type=int, default=1)
    p.add_argument("--rate", type=int, default=5000, help="writes a second during BGSAVE")
