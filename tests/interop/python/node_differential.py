"""Asks vigil-node and a stock redis-server the same, in random requests of every row, and tells where they differ.

Replies are compared byte for byte, but for what a clock, chance or the order of a hash table has made (node_views.py);
the data sets by DEBUG DIGEST, and key by key. What may differ stands in node_allowed.py with its reason.
"""
import argparse
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time

import node_allowed
from node_grammar import read_rows
from node_maker import Maker
from node_pair import CONNECTIONS, Difference, Pair
from node_replicas import follow
from node_server import LIMITS, Server
from node_shrink import shrink
from node_values import Values
from node_views import equal
from side import GaveUp

REQUESTS = 4000  # of a seed
CHECK_EVERY = 250  # requests between two comparisons of the data sets


class Run:
    """One seed: all that is random follows from it."""

    def __init__(self, seed, stock, ours, rows, requests):
        self.seed, self.requests = seed, requests
        self.values = Values(random.Random(seed))
        self.pair = Pair(stock, ours, rows, node_allowed.find, self.values)
        self.maker = Maker(self.values, rows)
        self.history = []

    def play(self):
        """None, or the first difference."""
        self.pair.reset()
        connection, checked = 0, 0
        try:
            while len(self.history) < self.requests:
                if self.maker.in_multi == 0 and self.values.chance(0.3):
                    connection = self.values.random.randrange(CONNECTIONS)
                steps = self.maker.steps(connection)
                self.history += steps
                self.pair.run(steps)
                if len(self.history) - checked >= CHECK_EVERY:
                    checked = len(self.history)
                    self.pair.check_digest(steps[-1])
                    self.pair.check_keys(steps[-1])
        except Difference as found:
            return found
        return None


LONGEST = 1500  # characters of a reply that are shown


def text_of(tree, indent="    "):
    text = indent + repr(tree)
    return text if len(text) < LONGEST else text[:LONGEST] + f" ... ({len(text)} characters)"


def apart(stock, ours):
    """The first parts of two replies that are not equal."""
    while isinstance(stock, (list, tuple)) and isinstance(ours, (list, tuple)) and len(stock) == len(ours) and type(stock) is type(ours):
        pairs = [(one, other) for one, other in zip(stock, ours) if not equal(one, other)]
        if len(pairs) != 1 or not all(isinstance(each, (list, tuple)) for each in pairs[0]):
            break
        stock, ours = pairs[0]
    return stock, ours


def show_apart(found):
    stock, ours = apart(found.stock, found.ours)
    print(f"  stock:\n{text_of(stock)}\n  ours:\n{text_of(ours)}", flush=True)


def report(run, found, stock, ours):
    print(f"---- seed {run.seed}, request {len(run.history)}: {found.where[:400]}")
    show_apart(found)
    for server in (stock, ours):
        if not server.alive():
            print(f"  {server.name} has ended. Its log:\n{server.log_tail()}")
            return
    shorter = shrink(run.pair, run.history, found)
    if shorter is None:
        print("  It does not show again when the same is asked on empty data; the last requests were:")
        steps = run.history[-15:]
    else:
        steps, found = shorter
        print(f"  The shortest run that shows it, {len(steps)} requests:")
    for step in steps[-60:]:
        print(f"    {step}")
    if shorter is not None:
        print(f"  {found.where[:300]}")
        show_apart(found)


class Trial:
    """Servers with each set of limits, and what all seeds together have shown."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.compared, self.failed, self.seeds, self.requests = 0, [], 0, 0
        self.used_entries, self.used_rows, self.rows = set(), set(), {}
        self.places = {}
        self.servers = {}
        self.evicted, self.expired = 0, 0

    def servers_with(self, limits):
        pair = self.servers.get(limits)
        if pair is None or not all(server.alive() for server in pair):
            for server in pair or ():
                server.stop()
            pair = [Server(f"stock-{limits}", os.path.join(self.options.stock, "redis-server"), self.folder, limits).start(),
                    Server(f"ours-{limits}", os.path.join(self.options.ours, "vigil-node"), self.folder, limits).start()]
            self.servers[limits] = pair
            if not self.rows:
                self.rows = read_rows({"stock": pair[0].wire(), "ours": pair[1].wire()})
        return pair

    def play(self, seed):
        stock, ours = self.servers_with(sorted(LIMITS)[seed % len(LIMITS)])
        run = Run(seed, stock, ours, self.rows, self.options.requests)
        found = run.play()
        self.seeds += 1
        self.requests += len(run.history)
        self.compared += run.pair.compared
        self.used_rows |= run.maker.used
        if found is not None:
            place = found.where.split(":", maxsplit=1)[0]
            self.failed.append(seed)
            self.places[place] = self.places.get(place, 0) + 1
            if self.places[place] <= 2:
                report(run, found, stock, ours)
            else:
                print(f"---- seed {seed}: {found.where[:100]}: again", flush=True)
        self.used_entries |= run.pair.used_entries
        run.pair.close()

    def play_replicas(self, seed):
        """A master of ours with a replica of stock, and the other way round."""
        self.servers_with("default")
        for ours_is_master in (True, False):
            cast = "ours, replica stock" if ours_is_master else "stock, replica ours"
            try:
                sent, evicted, expired = follow(seed, self.options, self.rows, self.folder, ours_is_master)
                self.evicted, self.expired = self.evicted + evicted, self.expired + expired
                self.requests += sent
                self.compared += 1
            except GaveUp as why:
                self.failed.append(seed)
                print(f"---- seed {seed}: master {cast}: {why}", flush=True)
        self.seeds += 1

    def finish_replicas(self):
        if self.failed:
            print(f"differential: failed seeds: {' '.join(map(str, self.failed))}")
        print(f"differential: {self.seeds} seeds with replicas, {self.requests} requests, {self.evicted} keys evicted, "
              f"{self.expired} expired, {self.compared} ended with equal data, {len(self.failed)} did not")
        return 1 if self.failed or not self.seeds else 0

    def finish(self):
        if self.options.verbose or not self.failed:
            unseen = [entry.where for entry in node_allowed.ENTRIES if entry not in self.used_entries]
            if unseen:
                print("allowed and not seen in this run: " + "; ".join(unseen))
            unused = sorted(name for name in self.rows if name not in self.used_rows)
            if unused:
                print("rows that were not asked in this run: " + " ".join(unused))
        if self.failed:
            print(f"differential: failed seeds: {' '.join(map(str, self.failed))}")
        print(f"differential: {self.seeds} seeds, {self.requests} requests of {len(self.used_rows)} of {len(self.rows)} rows, "
              f"{self.compared} compared, {len(self.used_entries)} kinds of allowed differences, {len(self.failed)} others")
        return 1 if self.failed or not self.seeds else 0

    def stop(self):
        for pair in self.servers.values():
            for server in pair:
                server.stop()


def seeds_of(options):
    """Those that were asked for; the fresh one is told, so that it can be asked for."""
    if options.seed is not None:
        yield options.seed
        return
    fresh = secrets.randbelow(1 << 31)
    if options.minutes is not None:
        print(f"differential: seeds from {fresh} on", flush=True)
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            yield fresh
            fresh += 1
        return
    yield from range(options.first, options.first + options.seeds)
    if not options.no_fresh:
        print(f"differential: the fresh seed is {fresh}", flush=True)
        yield fresh


def main():
    parser = argparse.ArgumentParser(prog="differential node", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--stock", default=os.environ.get("VIGIL_STOCK_BIN"), help="folder of stock's programs")
    parser.add_argument("--ours", default=os.environ.get("VIGIL_BIN"), help="folder of our programs")
    parser.add_argument("--seed", type=int, help="play this seed alone")
    parser.add_argument("--seeds", type=int, default=4, help="play so many seeds, and a fresh one (4)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--no-fresh", action="store_true", help="without the fresh one")
    parser.add_argument("--minutes", type=float, help="play fresh seeds for so long")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"requests of a seed ({REQUESTS})")
    parser.add_argument("--replicas", action="store_true", help="compare masters with replicas of the other make instead")
    parser.add_argument("--keep-going", action="store_true", help="play all seeds, whatever fails")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs")
    parser.add_argument("--verbose", action="store_true", help="name what was allowed or not asked")
    options = parser.parse_args()
    if not options.stock or not options.ours:
        parser.error("--stock and --ours, or VIGIL_STOCK_BIN and VIGIL_BIN, are needed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started is ended
    folder = tempfile.mkdtemp(prefix="vigil-differential-")
    trial = Trial(options, folder)
    try:
        for seed in seeds_of(options):
            (trial.play_replicas if options.replicas else trial.play)(seed)
            if trial.failed and not options.keep_going:
                break
        return trial.finish_replicas() if options.replicas else trial.finish()
    finally:
        trial.stop()
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
