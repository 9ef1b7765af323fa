"""scripts/quickstart ends what it began, whatever happens: on a tree with a stand-in for `vigil` that writes down
what it was asked."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))

# Files named fail-<verb> make that verb fail; slow-<verb> makes it slow, and ended-<verb> is there when it has ended.
VIGIL = """#!/bin/bash
cd "$(dirname "$0")"
echo "$*" >>calls
[ ! -e "fail-$1" ] || exit 3
[ ! -e "slow-$1" ] || { sleep 1; touch "ended-$1"; }
[ "$1" != up ] || { mkdir -p "$3" && touch "$3/cluster.json"; }
"""


class Quickstart(unittest.TestCase):
    def setUp(self):
        box = tempfile.TemporaryDirectory(prefix="vigil quick ")  # with a space, as a clone may have
        self.addCleanup(box.cleanup)
        self.root = box.name
        self.bin = os.path.join(self.root, "build/release/bin")
        self.cluster = os.path.join(self.root, "build/quickstart")
        for path, text in (("tools/cmake", "#!/bin/bash\n"), ("tools/ninja", "#!/bin/bash\n"),
                           ("scripts/install_deps", "#!/bin/bash\n"), ("build/release/bin/vigil", VIGIL)):
            self.write(path, text)
        shutil.copy(os.path.join(ROOT, "scripts/quickstart"), os.path.join(self.root, "scripts/quickstart"))

    def write(self, path, text=""):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)

    def start(self, *args, **options):
        return subprocess.Popen([os.path.join(self.root, "scripts/quickstart"), *args], cwd="/", text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
                                # Whoever runs the tests may ignore Ctrl-C.
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                                env={**os.environ, "PATH": os.path.join(self.root, "tools") + ":" + os.environ["PATH"]})

    def run_once(self):
        process = self.start("--once")
        output = process.communicate(timeout=60)[0]
        return process.returncode, output

    def calls(self):
        """The verbs that vigil was asked for; each named the quickstart's folder."""
        try:
            with open(os.path.join(self.bin, "calls")) as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            self.assertEqual(["--dir", self.cluster], line.split(" ", 2)[1:])
        return [line.split(" ")[0] for line in lines]

    def test_once_starts_shows_and_ends_a_cluster(self):
        code, output = self.run_once()
        self.assertEqual((0, ["up", "demo", "down"]), (code, self.calls()), output)

    def test_a_second_run_begins_afresh(self):
        self.run_once()
        self.write("build/quickstart/old")
        code, output = self.run_once()
        self.assertEqual((0, ["up", "demo", "down", "down", "up", "demo", "down"]), (code, self.calls()), output)
        self.assertFalse(os.path.exists(os.path.join(self.cluster, "old")))

    def test_a_demonstration_that_fails_ends_the_cluster_and_fails(self):
        self.write("build/release/bin/fail-demo")
        code, output = self.run_once()
        self.assertEqual((3, ["up", "demo", "down"]), (code, self.calls()), output)

    def test_a_cluster_that_does_not_start_fails(self):
        self.write("build/release/bin/fail-up")
        code, output = self.run_once()
        self.assertEqual((3, ["up"]), (code, self.calls()), output)

    def test_a_left_cluster_that_cannot_be_ended_is_kept_and_named(self):
        self.write("build/quickstart/cluster.json")
        self.write("build/release/bin/fail-down")
        code, output = self.run_once()
        self.assertEqual((1, ["down"]), (code, self.calls()), output)
        self.assertIn(self.cluster, output)
        self.assertTrue(os.path.exists(os.path.join(self.cluster, "cluster.json")))

    def test_it_waits_for_ctrl_c_and_refuses_a_second_one_meanwhile(self):
        first = self.start()
        for line in first.stdout:
            if "Ctrl-C" in line:
                break
        self.assertEqual(["up", "demo"], self.calls())
        code, output = self.run_once()
        self.assertEqual(1, code)
        self.assertIn("another quickstart is running", output)
        self.assertEqual(["up", "demo"], self.calls())
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
        self.assertEqual((0, ["up", "demo", "down"]), (first.returncode, self.calls()))

    def test_an_impatient_second_ctrl_c_does_not_leave_the_cluster_behind(self):
        self.write("build/release/bin/slow-down")
        first = self.start(start_new_session=True)
        for line in first.stdout:
            if "Ctrl-C" in line:
                break
        os.killpg(first.pid, signal.SIGINT)
        for line in first.stdout:
            if "stopping" in line:
                break
        for _ in range(3):
            os.killpg(first.pid, signal.SIGINT)
            time.sleep(0.1)
        first.communicate(timeout=60)
        self.assertEqual((0, ["up", "demo", "down"]), (first.returncode, self.calls()))
        self.assertTrue(os.path.exists(os.path.join(self.bin, "ended-down")))


if __name__ == "__main__":
    unittest.main()
