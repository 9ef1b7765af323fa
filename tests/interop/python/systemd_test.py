"""deploy/ as its README says it: the commands of installation run for real, into a folder that stands for the root of
a machine, and the units' command lines run as systemd would start them: user, folder, umask, limits. systemd itself
is not needed; where its tools are there, they read the units as well."""
import ctypes
import os
import pwd
import re
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from wire import Wire

OURS = os.environ["VIGIL_BIN"]
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
DEPLOY = os.path.join(ROOT, "deploy")
PR_SET_NO_NEW_PRIVS = 38


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(port, *words):
    wire = Wire(port)
    try:
        wire.send(*words)
        return wire.read()
    finally:
        wire.close()


def answers(port):
    try:
        return answer(port, "PING")[1] == "PONG"
    except OSError:
        return False


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Unit:
    """A unit file: what follows each key, for the instance of that name."""

    def __init__(self, name, instance):
        self.settings = {}
        with open(os.path.join(DEPLOY, name), encoding="utf8") as file:
            for line in file:
                match = re.match(r"([A-Za-z]+)=(.*)$", line)
                if match:
                    self.settings[match[1]] = match[2].replace("%i", instance)

    def __getitem__(self, key):
        return self.settings[key]


class Machine(unittest.TestCase):
    """A folder with what `install` of deploy/README.md puts where."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="vigil-deploy-")
        os.chmod(self.root, 0o755)
        self.processes = []
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        # An unprivileged user, as `vigil` is; who is not root is one already.
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.install()

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()

    def at(self, path):
        return self.root + path

    def install(self):
        """The README's commands, but for those that speak to systemd."""
        with open(os.path.join(DEPLOY, "README.md"), encoding="utf8") as file:
            commands = [shlex.split(line, comments=True) for line in file if line.startswith("    ")]
        for folder in ("/usr/local/bin", "/etc/sysusers.d", "/etc/systemd/system", "/var/lib"):
            os.makedirs(self.at(folder))
        ran = 0
        for words in commands:
            if not words or words[0].startswith("systemd-") or words[0] == "systemctl":
                continue
            self.assertEqual(words[0], "install")
            words = [self.at(word) if word.startswith("/") else word for word in words]
            words = [word.replace("build/release/bin", OURS, 1) for word in words]
            for option, name in (("-o", str(self.user.pw_uid)), ("-g", str(self.user.pw_gid))):
                if option in words:
                    self.assertEqual(words[words.index(option) + 1], "vigil")
                    words[words.index(option) + 1] = name
            subprocess.run(words, cwd=ROOT, check=True)
            ran += 1
        self.assertGreater(ran, 5)
        # Above the state folders: systemd makes it when it makes those.
        os.chmod(self.at("/var/lib/vigil"), 0o755)

    def edit(self, path, *changes):
        with open(self.at(path), encoding="utf8") as file:
            text = file.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(self.at(path), "w", encoding="utf8") as file:
            file.write(text)

    def start(self, unit):
        """As systemd does it, as far as that goes without systemd."""
        files = int(unit["LimitNOFILE"])
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.files = files if hard == resource.RLIM_INFINITY else min(files, hard)  # systemd may go beyond, we may not
        words = [self.at(word) if word.startswith("/") else word for word in shlex.split(unit["ExecStart"])]
        libc = ctypes.CDLL(None)

        def prepare():
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(self.user.pw_gid)
                os.setuid(self.user.pw_uid)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

        process = subprocess.Popen(words, cwd=self.at(unit["WorkingDirectory"]), umask=int(unit["UMask"], 8),
                                   env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   preexec_fn=prepare)
        os.set_blocking(process.stdout.fileno(), False)
        self.processes.append(process)
        return process

    def started(self, unit, port):
        process = self.start(unit)
        self.assertTrue(wait_for(lambda: answers(port) or process.poll() is not None))
        self.assertIsNone(process.poll(), process.stdout.read())
        self.check(unit, process)
        return process

    def check(self, unit, process):
        """What the unit says holds in the process."""
        with open(f"/proc/{process.pid}/status", encoding="utf8") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        self.assertEqual(status["Uid"].split(), [str(self.user.pw_uid)] * 4)
        if os.getuid() == 0:
            self.assertEqual(int(status["CapEff"], 16), 0)
        with open(f"/proc/{process.pid}/limits", encoding="utf8") as file:
            limit = next(line for line in file if line.startswith("Max open files"))
        self.assertEqual(int(limit.split()[3]), self.files)
        self.assertEqual(mode(self.at("/var/lib/" + unit["StateDirectory"])), int(unit["StateDirectoryMode"], 8))
        self.assertEqual(unit["WorkingDirectory"], "/var/lib/" + unit["StateDirectory"])
        self.assertTrue(shlex.split(unit["ExecStart"])[1].startswith(unit["WorkingDirectory"] + "/"))
        # ProtectSystem=strict leaves the state folder alone writable.
        state = os.path.realpath(self.at("/var/lib/" + unit["StateDirectory"])) + "/"
        for descriptor in os.listdir(f"/proc/{process.pid}/fd"):
            path = os.path.realpath(f"/proc/{process.pid}/fd/{descriptor}")
            try:
                with open(f"/proc/{process.pid}/fdinfo/{descriptor}", encoding="utf8") as file:
                    flags = int(next(line for line in file if line.startswith("flags")).split()[1], 8)
            except FileNotFoundError:
                continue  # closed since it was listed: the connection by which we saw that it answers
            if flags & os.O_ACCMODE != os.O_RDONLY and os.path.isfile(path):
                self.assertTrue(path.startswith(state), path)

    def ends(self, unit, process, number):
        """The way it ends, as systemd sees it: an exit code, or minus a signal."""
        process.send_signal(number)
        return process.wait(timeout=int(unit["TimeoutStopSec"]))

    def test_the_units_are_valid(self):
        if shutil.which("systemd-analyze") is None:
            print("[skipped] systemd units are not verified: there is no systemd-analyze")
            self.skipTest("no systemd-analyze")
        for name, instance in (("vigil-node", "1"), ("vigil-sentinel", "main")):
            path = self.at(f"/etc/systemd/system/{name}@.service")
            with open(path, encoding="utf8") as file:
                text = file.read().replace("/usr/local/bin", self.at("/usr/local/bin"))
            copy = self.at(f"/{name}@{instance}.service")
            with open(copy, "w", encoding="utf8") as file:
                file.write(text)
            run = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            about = [line for line in run.stdout.splitlines() if name in line]
            self.assertEqual((run.returncode, about), (0, []), run.stdout)

    def test_the_user_is_made(self):
        if shutil.which("systemd-sysusers") is None:
            print("[skipped] the user's file is not tried: there is no systemd-sysusers")
            self.skipTest("no systemd-sysusers")
        run = subprocess.run(["systemd-sysusers", "--root=" + self.root], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        self.assertEqual(run.returncode, 0, run.stdout)
        with open(self.at("/etc/passwd"), encoding="utf8") as file:
            user = next(line for line in file if line.startswith("vigil:")).strip().split(":")
        self.assertEqual(user[5], "/var/lib/vigil")
        self.assertTrue(user[6].endswith("nologin"))
        for name in ("vigil-node@.service", "vigil-sentinel@.service"):
            self.assertEqual((Unit(name, "1")["User"], Unit(name, "1")["Group"]), ("vigil", "vigil"))

    def test_a_node_runs_as_its_unit_says(self):
        unit = Unit("vigil-node@.service", "1")
        port = free_port()
        self.edit("/var/lib/vigil/node-1/node.conf", ("port 6379", f"port {port}"))
        process = self.started(unit, port)
        for words in (("SET", "k", "v"), ("CONFIG", "SET", "maxmemory", "100mb"), ("CONFIG", "REWRITE"), ("SAVE",)):
            self.assertEqual(answer(port, *words), ("+", "OK"), words)
        folder = self.at("/var/lib/vigil/node-1/")
        for name in ("dump.rdb", "node.conf"):
            self.assertEqual(mode(folder + name) & 0o027, 0, name)
            self.assertEqual(os.stat(folder + name).st_uid, self.user.pw_uid)
        # Restart=on-failure: an end by order is none, a death is one.
        self.assertEqual(unit["Restart"], "on-failure")
        answer(port, "SET", "k", "w")
        self.assertEqual(self.ends(unit, process, signal.SIGTERM), 0)
        process = self.started(unit, port)
        self.assertEqual(answer(port, "GET", "k")[1], "w")
        self.assertEqual(answer(port, "CONFIG", "GET", "maxmemory")[1][1][1], "104857600")
        self.assertEqual(self.ends(unit, process, signal.SIGKILL), -signal.SIGKILL)
        process = self.started(unit, port)
        process.send_signal(signal.SIGHUP)  # ExecReload
        self.assertTrue(wait_for(lambda: b"Received SIGHUP" in (process.stdout.read() or b"")))
        self.assertTrue(answers(port))

    def test_a_sentinel_runs_as_its_unit_says(self):
        node, sentinel = free_port(), free_port()
        self.edit("/var/lib/vigil/node-1/node.conf", ("port 6379", f"port {node}"))
        self.edit("/var/lib/vigil/sentinel-main/sentinel.conf", ("port 26379", f"port {sentinel}"),
                  ("127.0.0.1 6379 2", f"127.0.0.1 {node} 2"))
        self.started(Unit("vigil-node@.service", "1"), node)
        unit = Unit("vigil-sentinel@.service", "main")
        process = self.started(unit, sentinel)
        identity = answer(sentinel, "SENTINEL", "MYID")
        self.assertTrue(wait_for(lambda: f"address=127.0.0.1:{node},slaves=0" in answer(sentinel, "INFO", "sentinel")[1]))
        self.assertEqual(answer(sentinel, "SENTINEL", "SET", "mymaster", "offset-first", "yes"), ("+", "OK"))
        folder = self.at("/var/lib/vigil/sentinel-main/")
        for name in ("sentinel.conf", "sentinel.conf.vigil"):
            self.assertEqual(mode(folder + name) & 0o027, 0, name)
            self.assertEqual(os.stat(folder + name).st_uid, self.user.pw_uid)
        # Restart=always, RestartSec=1: whatever ended it, the same one comes back.
        self.assertEqual((unit["Restart"], unit["RestartSec"]), ("always", "1"))
        for number, ended in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
            self.assertEqual(self.ends(unit, process, number), ended)
            process = self.started(unit, sentinel)
            self.assertEqual(answer(sentinel, "SENTINEL", "MYID"), identity)
        process.send_signal(signal.SIGHUP)  # ExecReload
        self.assertTrue(wait_for(lambda: b"Received SIGHUP" in (process.stdout.read() or b"")))
        self.assertTrue(answers(sentinel))

    def test_a_reload_is_a_hang_up(self):
        for name in ("vigil-node@.service", "vigil-sentinel@.service"):
            self.assertEqual(Unit(name, "1")["ExecReload"], "/bin/kill -HUP $MAINPID")


if __name__ == "__main__":
    unittest.main()
