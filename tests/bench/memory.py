"""Memory per key of five data sets."""
import time

from datasets import gen_coll, gen_hashes, gen_strings, load
from proc_files import rss_kb
from processes import Node, now
from report import med, progress, ratio, save, table


def memory(args, peers):
    n = args.keys
    loads = [("strings 16B->32B", n, lambda: gen_strings(32)),
             ("strings 16B->100B", n, lambda: gen_strings(100)),
             ("hashes 10 fields x 20B", n // 10, lambda: gen_hashes()),
             ("zsets 10 members", n // 10, lambda: gen_coll(b"ZADD", 10, b"zset:")),
             ("lists 10 items", n // 10, lambda: gen_coll(b"RPUSH", 10, b"list:"))]
    res, rows = {}, []
    for name, cnt, mk in loads:
        base = None
        for rep in range(args.reps):
            for p in peers:
                nd = Node(p)
                time.sleep(0.3)
                c = nd.conn(60)
                r0, u0 = rss_kb(nd.pid), int(c.info("memory").get("used_memory", 0))
                t = now()
                load(nd.port, mk(), cnt)
                dt = now() - t
                time.sleep(1.2)                  # let a rehash come to an end
                r1, u1 = rss_kb(nd.pid), int(c.info("memory").get("used_memory", 0))
                if c.cmd("DBSIZE") != cnt:
                    raise SystemExit("%s: wrong key count" % p.name)
                res.setdefault(name, {}).setdefault(p.name, []).append(
                    {"rss_mb": (r1 - r0) / 1024, "rss_b_per_key": (r1 - r0) * 1024 / cnt,
                     "used_b_per_key": (u1 - u0) / cnt, "empty_rss_mb": r0 / 1024, "load_s": dt})
                c.close()
                nd.stop()
        for p in peers:
            xs = res[name][p.name]
            b = med([x["rss_b_per_key"] for x in xs])
            base = base or b
            rows.append([name, cnt, p.name] + ["%.1f" % med([x[k] for x in xs]) for k in
                                               ("rss_mb", "rss_b_per_key", "used_b_per_key", "empty_rss_mb")] +
                        [ratio(b, base)])
        progress("memory", name)
    texts = [table(["data", "keys", "peer", "RSS growth MB", "RSS B/key", "used B/key", "empty RSS MB", "ratio"],
                   rows, "memory")]
    save(args, "memory", peers, res, texts)


def memory_args(p):
    p.add_argument("--keys", type=int, default=1000000)
    p.add_argument("--reps", type=int, default=1)
