"""Medians and tables, and the files that a run leaves."""
import datetime
import json
import math
import os
import sys


def q(xs, p):
    xs = sorted(x for x in xs if x is not None)
    if not xs:
        return None
    if len(xs) == 1:
        return xs[0]
    k = (len(xs) - 1) * p
    lo = math.floor(k)
    hi = min(lo + 1, len(xs) - 1)
    return xs[lo] + (xs[hi] - xs[lo]) * (k - lo)


def med(xs):
    return q(xs, 0.5)


def mmm(xs, f="%.0f"):
    """min/median/max as text"""
    xs = [x for x in xs if x is not None]
    if not xs:
        return "-"
    return "/".join(f % v for v in (min(xs), med(xs), max(xs)))


def ratio(v, base):
    return "%.3f" % (v / base) if v is not None and base else "-"


def table(head, rows, title=None):
    rows = [[("" if c is None else str(c)) for c in r] for r in rows]
    w = [max(len(str(h)), *[len(r[i]) for r in rows]) if rows else len(str(h))
         for i, h in enumerate(head)]
    out = []
    if title:
        out += ["", "### " + title, ""]
    out.append("| " + " | ".join(str(h).ljust(w[i]) for i, h in enumerate(head)) + " |")
    out.append("|" + "|".join("-" * (x + 2) for x in w) + "|")
    for r in rows:
        out.append("| " + " | ".join(c.ljust(w[i]) for i, c in enumerate(r)) + " |")
    t = "\n".join(out)
    print(t, flush=True)
    return t


def machine():
    m = {"cpus": os.cpu_count(), "kernel": os.uname().release, "python": sys.version.split()[0]}
    try:
        with open("/proc/cpuinfo") as f:
            for l in f:
                if l.startswith("model name"):
                    m["cpu"] = l.split(":", 1)[1].strip()
                    break
        with open("/proc/meminfo") as f:
            m["mem_gib"] = round(int(f.readline().split()[1]) / 2**20, 1)
        with open("/proc/loadavg") as f:
            m["loadavg"] = f.read().split()[:3]
    except OSError:
        pass
    return m


def save(args, part, peers, result, texts):
    d = args.out
    os.makedirs(d, exist_ok=True)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    doc = {"part": part, "date": datetime.datetime.now().isoformat(timespec="seconds"),
           "machine": machine(), "peers": {p.name: p.version() for p in peers},
           "args": {k: v for k, v in vars(args).items()
                    if k not in ("fn", "out", "peer", "peers") and
                    isinstance(v, (int, float, str, list, bool, type(None)))},
           "result": result}
    base = os.path.join(d, "%s-%s" % (part, stamp))
    with open(base + ".json", "w") as f:
        json.dump(doc, f, indent=1)
    with open(base + ".md", "w") as f:
        f.write("# %s, %s, %s\n" % (part, doc["date"], doc["machine"]))
        f.write("\n".join(t for t in texts if t) + "\n")
    print("\nsaved %s.json/.md" % os.path.join(os.path.basename(d), os.path.basename(base)), flush=True)


def progress(*a):
    print("  ..", *a, file=sys.stderr, flush=True)
