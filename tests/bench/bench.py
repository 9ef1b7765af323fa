#!/usr/bin/env python3
"""Side-by-side measurements of Redis-compatible nodes and sentinels. See README.md."""
import argparse
import os
import sys

sys.dont_write_bytecode = True
import failover
import full_sync
import limits
import memory
import partial_sync
import saving
import sentinel_burst
import sentinel_query
import sentinel_scale
import startup
import stream
import throughput
import wait
from processes import find_peers, install_signals
from report import progress

# part -> (its run, its options)
PARTS = {
    "failover": (failover.run, failover.args),
    "throughput": (throughput.throughput, throughput.throughput_args),
    "latency": (throughput.latency, throughput.latency_args),
    "memory": (memory.memory, memory.memory_args),
    "saving": (saving.saving, saving.saving_args),
    "fullsync": (full_sync.fullsync, full_sync.fullsync_args),
    "partial": (partial_sync.partial, partial_sync.partial_args),
    "stream": (stream.stream, stream.stream_args),
    "wait": (wait.wait_part, wait.wait_args),
    "scale": (sentinel_scale.scale, sentinel_scale.scale_args),
    "query": (sentinel_query.query, sentinel_query.query_args),
    "burst": (sentinel_burst.burst, sentinel_burst.burst_args),
    "startup": (startup.startup, startup.startup_args),
    "limits": (limits.limits, lambda options: None),
}


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "_trial":
        failover.one(sys.argv[2])
    install_signals()
    options = argparse.ArgumentParser(description=__doc__)
    parts = options.add_subparsers(dest="part", required=True, metavar="PART", help=", ".join(PARTS))
    here = os.path.dirname(os.path.abspath(__file__))
    for name, (run, add_options) in PARTS.items():
        part = parts.add_parser(name, description=sys.modules[run.__module__].__doc__.split("\n")[0],
                                formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        part.add_argument("--peers", type=lambda s: s.split(","), default=None,
                          help="comma list in order; the first one is the base of the ratios")
        part.add_argument("--peer", action="append", default=[], metavar="NAME=NODE[,SENTINEL]", help="one more peer")
        part.add_argument("--out", default=os.path.join(here, "results"))
        add_options(part)
        part.set_defaults(fn=run)
    args = options.parse_args()
    peers = find_peers(args.peers, args.peer)
    progress("peers:", ", ".join("%s (%s)" % (p.name, p.version()) for p in peers))
    args.fn(args, peers)


if __name__ == "__main__":
    main()
