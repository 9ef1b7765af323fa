"""Asks a stock redis-sentinel and ours the same, over equal clusters, and tells where the answers differ.

Both clusters have stock redis-server nodes and two sentinels each. Compared are replies (types, order of fields,
texts of errors) in RESP2 and RESP3, before and after failovers, and the events of a failover. What may differ stands
in allowed.py with its reason; an entry that no longer applies is a difference too.
"""
import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

import allowed
import compare
import conversation
import events
from events import failover_by_hand, failover_by_kill
from side import Side
from wire import Closed, Wire


class Talk:
    """A connection to one sentinel that is made anew when it was closed."""

    def __init__(self, side, protocol):
        self.side, self.protocol, self.wire = side, protocol, None
        self.mask = compare.Mask(side)

    def ask(self, step):
        words = [str(word).format(**self.mask.names) if "{" in str(word) else word for word in step.words]
        if self.wire is None:
            self.wire = Wire(self.side.ports["sentinel-1"])
            if self.protocol == 3:
                self.wire.ask("HELLO", "3")
        replies = []
        try:
            self.wire.send(*words)
            for _ in range(step.replies):
                replies.append(self.wire.read())
            # A reply more than expected would answer the next question.
            if words[0].upper().endswith("SUBSCRIBE"):
                while not self.wire.silent(0.01):
                    replies.append(self.wire.read())
        except Closed:
            replies.append(("closed", None))
            self.wire = None
        except TimeoutError:
            replies.append(("silence", None))
            self.wire.close()
            self.wire = None
        view = step.view or (lambda tree: tree)
        return [view(self.mask.tree(reply)) for reply in replies]

    def raw(self, data, replies):
        wire = Wire(self.side.ports["sentinel-1"])
        try:
            wire.raw(data)
            return [self.mask.tree(wire.read()) for _ in range(replies)]
        except Closed:
            return [("closed", None)]
        except TimeoutError:
            return [("silence", None)]
        finally:
            wire.close()


class Report:
    def __init__(self, verbose):
        self.verbose, self.compared, self.differences, self.used = verbose, 0, 0, set()

    def check(self, where, stock, ours):
        self.compared += 1
        if stock == ours:
            return
        entry = allowed.find(where, stock, ours)
        if entry is not None:
            self.used.add(entry)
            if self.verbose:
                print(f"allowed: {where}: {entry.reason}")
            return
        self.differences += 1
        print(f"---- {where}")
        print("stock:\n" + "\n".join(compare.render(each, "  ") for each in stock))
        print("ours:\n" + "\n".join(compare.render(each, "  ") for each in ours))

    def finish(self):
        for entry in allowed.ENTRIES:
            if entry.always and entry not in self.used:
                self.differences += 1
                print(f"---- allowed.py: '{entry.where}' differs no longer: take it out")
        print(f"differential: {self.compared} compared, {len(self.used)} kinds of allowed differences, "
              f"{self.differences} others")
        return 1 if self.differences else 0


def ask_both(talks, step):
    """A sentinel that gets no processor for half of down-after takes its links down, and makes them again: that passes,
    and a question that changes nothing is asked again until it has."""
    deadline = time.monotonic() + 20
    while True:
        replies = [talk.ask(step) for talk in talks]
        passing = step.words[1:2] in conversation.DESCRIBING and "disconnected" in repr(replies)
        if not passing or replies[0] == replies[1] or time.monotonic() > deadline:
            return replies
        time.sleep(0.1)


def converse(report, sides, title, steps):
    for protocol in (2, 3):
        talks = [Talk(side, protocol) for side in sides]
        for step in steps():
            report.check(f"{title} RESP{protocol}: {step.key()}", *ask_both(talks, step))


def at_once(work, sides):
    results = {}
    threads = [threading.Thread(target=lambda side=side: results.update({side.name: work(side)})) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(results) != len(sides):
        raise SystemExit("differential: a cluster did not do what it was asked")
    return [results[side.name] for side in sides]


def run(options, folder):
    report = Report(options.verbose)
    node = os.path.join(options.stock, "redis-server")
    sides = [Side("stock", folder, node, os.path.join(options.stock, "redis-sentinel")),
             Side("ours", folder, node, os.path.join(options.ours, "vigil-sentinel"))]
    began = time.monotonic()

    def note(what):
        print(f"[{time.monotonic() - began:5.1f} s] {what}", flush=True)

    try:
        at_once(Side.start, sides)
        note("both clusters stand")
        converse(report, sides, "before", conversation.before_failover)
        for name, data, replies in conversation.RAW:
            report.check(f"raw: {name}", *[Talk(side, 2).raw(data, replies) for side in sides])
        note("asked before a failover")
        for title, failover in (("by hand", failover_by_hand), ("by kill", failover_by_kill)):
            stock, ours = at_once(failover, sides)
            for role in ("leader", "observer"):
                theirs, mine = stock[role], ours[role]
                report.check(f"failover {title}: {role}: events that are missing", [], events.missing(mine, theirs))
                for extra in events.missing(theirs, mine):
                    report.check(f"failover {title}: {role}: {extra[1].split(' ', maxsplit=1)[0]}", [], [extra])
                report.check(f"failover {title}: {role}: order", events.order(theirs, mine), events.order(mine, theirs))
            note(f"failover {title}")
        converse(report, sides, "after", conversation.after_failover)
        note("asked after a failover")
    finally:
        for side in sides:
            side.stop()
    return report.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--stock", default=os.environ.get("VIGIL_STOCK_BIN"), help="folder of stock's programs")
    parser.add_argument("--ours", default=os.environ.get("VIGIL_BIN"), help="folder of our programs")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and configurations")
    parser.add_argument("--verbose", action="store_true", help="name the allowed differences too")
    options = parser.parse_args()
    if not options.stock or not options.ours:
        parser.error("--stock and --ours, or VIGIL_STOCK_BIN and VIGIL_BIN, are needed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started is ended
    folder = tempfile.mkdtemp(prefix="vigil-differential-")
    try:
        return run(options, folder)
    finally:
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
