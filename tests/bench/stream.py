"""The replication stream: what replicas cost the master, and how far they lag."""
import multiprocessing as mp
import time

from load_tool import bench, csv_row
from probes import wait_offset, wait_online
from proc_files import cpu_ns, realtime
from processes import Node, now
from report import med, mmm, progress, q, ratio, save, table
from resp import Conn


def lag_sampler(mport, rports, stop, out):
    realtime()
    mc = Conn(mport, 60)
    rcs = [Conn(x, 60) for x in rports]
    log = []
    while not stop.is_set():
        offs = [int(c.info("replication").get("slave_repl_offset", 0)) for c in rcs]
        m = int(mc.info("replication")["master_repl_offset"])
        log.append(max(m - o for o in offs))
        time.sleep(0.01)
    out.put(log)


def stream(args, peers):
    res = {}
    for rep in range(args.reps):
        for nrep in (0, 1, 2):
            for p in (peers if rep % 2 == 0 else peers[::-1]):
                m = Node(p, repl_backlog_size="256mb", conf=["client-output-buffer-limit replica 0 0 0"])
                rs = [Node(p, conf=["replicaof 127.0.0.1 %d" % m.port]) for _ in range(nrep)]
                wait_online(m.port, nrep)
                time.sleep(0.5)
                stop, out = mp.Event(), mp.Queue()
                s = None
                if rs:
                    s = mp.Process(target=lag_sampler, args=(m.port, [r.port for r in rs], stop, out))
                    s.start()
                mc = m.conn(60)
                off0 = int(mc.info("replication")["master_repl_offset"])
                c0, rc0 = cpu_ns(m.pid), [cpu_ns(r.pid) for r in rs]
                row = csv_row(bench(m.port, ["-t", "set", "-d", "100", "-r", "500000", "--csv"], args.n, P=16))
                t1 = now()
                off = int(mc.info("replication")["master_repl_offset"])
                drain = [wait_offset(r.port, off) for r in rs]
                row["drain_ms"] = (max(drain) - t1) * 1000 if drain and all(drain) else None
                row["cpu_master_per_M"] = (cpu_ns(m.pid) - c0) / 1e9 / args.n * 1e6
                row["cpu_replica_per_M"] = (med([cpu_ns(r.pid) - x for r, x in zip(rs, rc0)]) / 1e9 /
                                            args.n * 1e6) if rs else None
                row["stream_mb"] = (off - off0) / 1e6
                stop.set()
                if s:
                    lg = out.get()
                    s.join()
                    row["lag_max_b"], row["lag_p50_b"] = max(lg), q(lg, .5)
                    row["same"] = all(r.conn().cmd("DBSIZE") == mc.cmd("DBSIZE") for r in rs)
                    row["full"] = int(mc.info("stats")["sync_full"])
                mc.close()
                m.stop()
                for r in rs:
                    r.stop()
                res.setdefault(nrep, {}).setdefault(p.name, []).append(row)
        progress("stream rep", rep + 1)
    rows = []
    for nrep, v in res.items():
        b = med([x["rps"] for x in v[peers[0].name]])
        bc = med([x["cpu_master_per_M"] for x in v[peers[0].name]])
        for p in peers:
            xs = v[p.name]
            alone = med([x["rps"] for x in res[0][p.name]])
            alone_c = med([x["cpu_master_per_M"] for x in res[0][p.name]])
            r, cc = med([x["rps"] for x in xs]), med([x["cpu_master_per_M"] for x in xs])
            rows.append([nrep, p.name, "%.0f" % r, "%.0f-%.0f" % (min(x["rps"] for x in xs),
                                                                   max(x["rps"] for x in xs)),
                         ratio(r, b), ratio(r, alone), "%.3f" % cc, ratio(cc, bc), "%.3f" % (cc - alone_c),
                         "%.3f" % med([x["cpu_replica_per_M"] for x in xs]) if nrep else "-",
                         mmm([x["lag_max_b"] / 1e6 for x in xs], "%.2f") if nrep else "-",
                         mmm([x["drain_ms"] for x in xs], "%.1f") if nrep else "-",
                         "%.0f" % med([x["stream_mb"] for x in xs])])
    texts = [table(["replicas", "peer", "SET/s", "range", "ratio", "vs no replica", "master CPU s/1M", "CPU ratio",
                    "extra CPU s/1M", "replica CPU s/1M", "max lag MB", "drain ms", "stream MB"], rows,
                   "replication stream, SET -P 16 -d 100 -c 50, n=%d, %d reps" % (args.n, args.reps))]
    save(args, "stream", peers, res, texts)


def stream_args(p):
    p.add_argument("--n", type=int, default=2000000)
    p.add_argument("--reps", type=int, default=3)
