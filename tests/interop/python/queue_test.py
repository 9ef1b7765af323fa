"""A queue of jobs lives through a promotion from a stock master to a node of ours: every job completes exactly once."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from side import MASTER, Side, wait_for
from wire import text_of, Wire

OURS = os.environ["VIGIL_BIN"]
STOCK = os.environ["VIGIL_STOCK_BIN"]
CLIENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients", "bullmq.js")
JOBS = int(os.environ.get("VIGIL_QUEUE_JOBS", "10000"))


class StockMaster(Side):
    """The first master is stock's, its replicas are ours."""

    def start_node(self, name):
        self.node_program = os.path.join(STOCK, "redis-server") if name == "master" else os.path.join(OURS, "vigil-node")
        super().start_node(name)


class QueueOfJobs(unittest.TestCase):
    def setUp(self):
        # Where NODE_PATH names a folder of npm's that has it: npm install bullmq
        if shutil.which("node") is None or subprocess.run(["node", "-e", "require('bullmq'); require('ioredis')"],
                                                          capture_output=True, check=False).returncode != 0:
            print(f"[skipped] {self.id()}: bullmq (npm, NODE_PATH) is not installed", flush=True)
            self.skipTest("bullmq")
        self.folder = tempfile.mkdtemp(prefix="vigil-queue-")
        self.side = StockMaster("queue", self.folder, "", os.path.join(OURS, "vigil-sentinel"),
                                node_lines="enable-debug-command yes\n",
                               sentinel_lines=f"sentinel down-after-milliseconds {MASTER} 5000\n")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.side.stop)
        self.side.start()

    def digest(self, name):
        wire = Wire(self.side.ports[name])
        offset = text_of(wire.ask("INFO", "replication")).split("master_repl_offset:")[1].split("\r\n")[0]
        digest = text_of(wire.ask("DEBUG", "DIGEST"))
        wire.close()
        return offset, digest

    def test_every_job_completes_once_while_our_node_is_promoted(self):
        side = self.side
        sentinels = ",".join(str(side.ports[name]) for name in ("sentinel-1", "sentinel-2"))
        with subprocess.Popen(["node", CLIENT, MASTER, sentinels, str(JOBS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as client:
            try:
                self.assertEqual(client.stdout.readline().strip(), "half")
                # Under load it may be taken and given up; the next one is as good.
                wait_for("a replica is promoted", lambda: side.master_port() != side.ports["master"] or
                         side.ask("sentinel-1", "SENTINEL", "FAILOVER", MASTER) and False, 120)
                client.stdin.write("go\n")
                client.stdin.flush()
                told = json.loads(client.stdout.readline())
            finally:
                client.kill()
        master = side.name_of(side.master_port())
        self.assertIn("vigil", side.ask(master, "INFO", "server"))
        self.assertEqual(told["distinct"], JOBS)
        self.assertEqual(told["runs"], JOBS)
        self.assertEqual(told["failed"], 0)
        self.assertEqual(told["counts"], {"completed": JOBS, "failed": 0, "active": 0, "waiting": 0, "delayed": 0})
        side.settle()
        wait_for("all nodes hold the same", lambda: len({self.digest(name) for name in ("master", "replica-1", "replica-2")}) == 1)


if __name__ == "__main__":
    unittest.main()
