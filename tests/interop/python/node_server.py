"""A data node in a process of its own, ours or stock, pinned to settings under which both can be compared."""
import atexit
import os
import subprocess

from node_wire import ByteWire
from side import free_ports, wait_for

PINNED = ["--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes", "--slowlog-log-slower-than", "-1",
          "--latency-tracking", "no", "--repl-diskless-sync-delay", "0"]
# What packs and what does not: the defaults, and limits that little data crosses.
LIMITS = {
    "default": [],
    "small": ["--hash-max-listpack-entries", "5", "--hash-max-listpack-value", "20", "--set-max-intset-entries", "4",
              "--zset-max-listpack-entries", "5", "--zset-max-listpack-value", "20", "--list-max-listpack-size", "4",
              "--stream-node-max-entries", "3", "--hll-sparse-max-bytes", "200"],
}


class Server:
    def __init__(self, name, program, folder, limits="default", more=()):
        self.name, self.program, self.folder = name, program, os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_ports(1)[0]
        self.arguments = ["--port", str(self.port), "--dir", self.folder, *PINNED, *LIMITS[limits], *more]
        self.process = None
        self.first_settings = None  # what CONFIG SET may change, as it was
        atexit.register(self.stop)

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen([self.program, *self.arguments], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        wait_for(f"{self.name} answers", self._answers)
        return self

    def _answers(self):
        wire = ByteWire(self.port)
        try:
            return wire.ask("PING") == ("+", b"PONG")
        finally:
            wire.close()

    def wire(self):
        return ByteWire(self.port)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log_tail(self, lines=30):
        with open(os.path.join(self.folder, "log"), encoding="utf8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
