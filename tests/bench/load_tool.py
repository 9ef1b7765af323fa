"""The load generator (redis-benchmark, the same one for every peer) and how its output reads."""
import os
import re
import subprocess

from processes import bench_tool

SRV, CLI = {1}, {0}                # with 2 cores: server on one, load generator on the other


def cpus(args, s):
    return s if args.pin and os.cpu_count() >= 2 else None


def in_cpus(cp):
    def pre():
        if cp is not None:
            os.sched_setaffinity(0, cp)
    return pre


def bench(port, extra, n, c=50, P=1, cp=None, timeout=240):
    argv = [bench_tool(), "-h", "127.0.0.1", "-p", str(port), "-n", str(n), "-c", str(c), "-P", str(P)]
    r = subprocess.run(argv + extra, capture_output=True, text=True, timeout=timeout,
                       preexec_fn=in_cpus(cp))
    return r.stdout


def csv_row(out):
    for l in out.splitlines():
        m = re.findall(r'"([^"]*)"', l)
        if len(m) >= 8 and m[0] != "test":
            return {"rps": float(m[1]), "avg": float(m[2]), "p50": float(m[4]), "p95": float(m[5]),
                    "p99": float(m[6]), "max": float(m[7])}
    raise SystemExit("no csv row from the benchmark tool: %r" % out[-300:])


def dist(out):
    """p50/p99/p99.9 out of the long form (nearest printed percentile at or above)"""
    pts = [(float(a), float(b)) for a, b in re.findall(r"([\d.]+)% <= ([\d.]+) milliseconds", out)]
    d = {}
    for p in (50, 99, 99.9):
        for a, b in pts:
            if a >= p:
                d["p%g" % p] = b
                break
    m = re.search(r"throughput summary: ([\d.]+)", out)
    d["rps"] = float(m.group(1)) if m else None
    return d
