"""Client libraries of others run their scripts and functions on our data node."""
import os
import shutil
import subprocess
import tempfile
import unittest

from side import free_ports, wait_for
from wire import Closed, Wire

OURS = os.environ["VIGIL_BIN"]
CLIENTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients")


def answers(port):
    try:
        connection = Wire(port)
        try:
            return connection.ask("PING") == ("+", "PONG")
        finally:
            connection.close()
    except (OSError, Closed):
        return False


class Scripts(unittest.TestCase):
    def test_redis_py_locks_limits_and_functions(self):
        python = "/usr/bin/python3"  # Debian's, for which its packages are
        if subprocess.run([python, "-c", "import redis"], capture_output=True, check=False).returncode != 0:
            print(f"[skipped] {self.id()}: python3-redis is not installed", flush=True)
            self.skipTest("python3-redis")
        folder = tempfile.mkdtemp(prefix="vigil-scripts-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        port = free_ports(1)[0]
        config = os.path.join(folder, "node.conf")
        with open(config, "w", encoding="utf8") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder}/node.log\nsave \"\"\n")
        with subprocess.Popen([os.path.join(OURS, "vigil-node"), config]) as node:
            try:
                wait_for("the node", lambda: answers(port))
                said = subprocess.run([python, os.path.join(CLIENTS, "redis_py_scripts.py"), str(port)],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((said.stdout, said.stderr), ("fine\n", ""))
            finally:
                node.kill()


if __name__ == "__main__":
    unittest.main()
