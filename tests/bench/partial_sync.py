"""A killed link and a stopped replica: how soon it has caught up, and by which kind of resync."""
import multiprocessing as mp
import signal
import time

from datasets import gen_strings, load
from probes import wait_link, wait_offset, wait_online, writer
from processes import Node, now
from report import med, mmm, progress, save, table


def partial(args, peers):
    res = {}
    pair = {}
    for p in peers:
        m = Node(p, repl_backlog_size="64mb")
        load(m.port, gen_strings(100), 100000)
        r = Node(p, conf=["replicaof 127.0.0.1 %d" % m.port])
        wait_online(m.port, 1)
        pair[p.name] = (m, r)
    for rep in range(args.reps):
        for scen in ("kill link", "stop %g s" % args.stop):
            for p in peers:
                m, r = pair[p.name]
                stop, out = mp.Event(), mp.Queue()
                w = mp.Process(target=writer, args=(m.port, args.rate, stop, out, 100000, 100))
                w.start()
                time.sleep(0.7)
                c = m.conn(30)
                s0 = c.info("stats")
                if scen == "kill link":
                    t0 = now()
                    c.cmd("CLIENT", "KILL", "TYPE", "replica")
                    n0 = int(s0["sync_full"]) + int(s0["sync_partial_ok"])
                    end = now() + 30
                    while now() < end:                  # the replica must have come back first
                        i = c.info("stats")
                        if int(i["sync_full"]) + int(i["sync_partial_ok"]) > n0:
                            break
                        time.sleep(0.0005)
                    t_up = wait_link(r.port)
                else:
                    r.signal(signal.SIGSTOP)
                    time.sleep(args.stop)
                    t0 = now()
                    r.signal(signal.SIGCONT)
                    t_up = wait_link(r.port)
                off = int(c.info("replication")["master_repl_offset"])
                t_c = wait_offset(r.port, off)
                stop.set()
                sent = out.get()
                w.join()
                s1 = c.info("stats")
                d = {"t_up": t_up and t_up - t0, "t_caught": t_c and t_c - t0,
                     "full": int(s1["sync_full"]) - int(s0["sync_full"]),
                     "partial": int(s1["sync_partial_ok"]) - int(s0["sync_partial_ok"]), "rate": sent[1]}
                res.setdefault(scen, {}).setdefault(p.name, []).append(d)
                c.close()
        progress("partial rep", rep + 1)
    rows = []
    for scen, v in res.items():
        for p in peers:
            xs = v[p.name]
            rows.append([scen, p.name, mmm([x["t_up"] * 1000 for x in xs if x["t_up"]], "%.1f"),
                         mmm([x["t_caught"] * 1000 for x in xs if x["t_caught"]], "%.1f"),
                         sum(x["full"] for x in xs), sum(x["partial"] for x in xs),
                         "%.0f" % med([x["rate"] for x in xs])])
    texts = [table(["scenario", "peer", "link up ms", "caught up ms", "full syncs", "partial syncs", "writes/s"],
                   rows, "partial resync, %d reps, min/median/max" % args.reps)]
    for m, r in pair.values():
        m.stop()
        r.stop()
    save(args, "partial", peers, res, texts)


def partial_args(p):
    p.add_argument("--reps", type=int, default=8)
    p.add_argument("--rate", type=int, default=10000)
    p.add_argument("--stop", type=float, default=3)
