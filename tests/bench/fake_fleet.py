"""A fleet of cheap fake nodes (fake_nodes.cc) for sentinels to watch."""
import os
import select
import subprocess

from processes import Proc, tmpdir

# Connections of one fake process: a node's own port and two links of each of three sentinels, within the usual limit
# of 20000 open files.
FILES_PER_NODE = 7
FILES = 18000


def program():
    path = os.environ.get("FAKE_NODES")
    if not path or not os.access(path, os.X_OK):
        raise SystemExit("FAKE_NODES does not name vigil-fake-nodes (scripts/bench builds it)")
    return path


class Shard(Proc):
    """One process with some of the masters, spoken to by lines."""

    def __init__(self, port, masters, replicas, padding):
        read_end, write_end = os.pipe()
        self.orders = write_end
        log = os.path.join(tmpdir(), "fake-%d.log" % port)
        super().__init__([program(), str(port), str(masters), str(replicas), str(padding)], tmpdir(), log,
                         stdin=read_end, stdout=subprocess.PIPE)
        os.close(read_end)

    def line(self, timeout=60):
        if not select.select([self.p.stdout], [], [], timeout)[0]:
            raise SystemExit("the fake nodes do not answer")
        return self.p.stdout.readline().decode().split()

    def ask(self, order):
        os.write(self.orders, order.encode() + b"\n")
        return self.line()

    def stop(self, hard=True):
        super().stop(hard)
        os.close(self.orders)


class Fleet:
    """`masters` masters with `replicas` replicas each, from `port` on."""

    def __init__(self, port, masters, replicas=0, padding=0):
        group = replicas + 1
        most = FILES // (FILES_PER_NODE * group)
        self.masters = [("m%04d" % i, port + i * group) for i in range(masters)]
        self.shards = []
        for first in range(0, masters, most):
            self.shards.append(Shard(port + first * group, min(most, masters - first), replicas, padding))
        for shard in self.shards:
            shard.line()

    @property
    def pids(self):
        return [shard.pid for shard in self.shards]

    def kill(self):
        for shard in self.shards:
            shard.ask("kill")

    def report(self):
        """(promoted, first, last ms after the kill)"""
        parts = [shard.ask("report") for shard in self.shards]
        return (sum(int(part[1]) for part in parts), min(float(part[2]) for part in parts),
                max(float(part[4]) for part in parts))

    def stop(self):
        for shard in self.shards:
            shard.stop()
