"""Peers, and the processes started from them.

Every process is started from the main thread of the process that owns it, is put in a registry, dies with its
parent (PR_SET_PDEATHSIG) and is ended by its own pid.
"""
import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from proc_files import children
from resp import Conn, HOST, RespError

now = time.monotonic

PORT_LO, PORT_HI = 28000, 28999

# The programs that can be measured: name -> (env of node exe, default node, env of sentinel exe, default sentinel)
# Every node is started as       NODE CONFIGFILE
# every sentinel is started as   SENTINEL CONFIGFILE --sentinel
# A new peer needs one line here, or --peer name=NODE,SENTINEL on the command line.
ADAPTERS = {
    "redis": ("REDIS_NODE", "redis-server", "REDIS_SENTINEL", "redis-sentinel"),
    "valkey": ("VALKEY_NODE", "valkey-server", "VALKEY_SENTINEL", "valkey-sentinel"),
    "our": ("OUR_NODE", None, "OUR_SENTINEL", None),
}


class Peer:
    def __init__(self, name, node, sentinel):
        self.name, self.node, self.sentinel = name, node, sentinel

    def need(self, what):
        exe = getattr(self, what)
        if not exe or not shutil.which(exe):
            raise SystemExit("peer %s has no usable %s executable (%r)" % (self.name, what, exe))
        return exe

    def version(self):
        for exe in (self.node, self.sentinel):
            if exe and shutil.which(exe):
                try:
                    return subprocess.run([exe, "--version"], capture_output=True, text=True,
                                          timeout=5).stdout.strip()[:120]
                except Exception:
                    pass
        return "?"


def find_peers(names, extra):
    table = {}
    for name, (en, dn, es, ds) in ADAPTERS.items():
        node, sent = os.environ.get(en) or dn, os.environ.get(es) or ds
        node = shutil.which(node) if node else None
        sent = shutil.which(sent) if sent else None
        if node or sent:
            table[name] = Peer(name, node, sent)
    if "our" in table and "redis" in table:      # by name only: our sentinels over stock nodes
        mixed = Peer("our-on-redis", table["redis"].node, table["our"].sentinel)
        if names and mixed.name in names:
            table[mixed.name] = mixed
    for e in extra or []:
        name, _, rest = e.partition("=")
        node, _, sent = rest.partition(",")
        table[name] = Peer(name, node, sent or node)
    if names:
        miss = [n for n in names if n not in table]
        if miss:
            raise SystemExit("unknown or unavailable peers: %s (have %s)" % (miss, list(table)))
        return [table[n] for n in names]
    return list(table.values())


def bench_tool():
    t = shutil.which(os.environ.get("BENCH_TOOL", "redis-benchmark"))
    if not t:
        raise SystemExit("redis-benchmark not found (set BENCH_TOOL)")
    return t


_libc = ctypes.CDLL(None, use_errno=True)
_live = []          # Proc objects owned by this process
_owner = os.getpid()
_tmp = None


def tmpdir():
    """One scratch directory per process, removed at exit (honours TMPDIR)."""
    global _tmp
    if _tmp is None or _tmp[0] != os.getpid():
        _tmp = (os.getpid(), tempfile.mkdtemp(prefix="vigil-bench-"))
    return _tmp[1]


class Proc:
    def __init__(self, argv, cwd, log, cpus=None, env=None, stdin=subprocess.DEVNULL, stdout=None):
        ppid = os.getpid()

        def pre():
            _libc.prctl(1, signal.SIGKILL, 0, 0, 0)     # PR_SET_PDEATHSIG
            if os.getppid() != ppid:
                os._exit(1)
            if cpus is not None:
                try:
                    os.sched_setaffinity(0, cpus)
                except OSError:
                    pass
        self.logpath = log
        self._log = open(log, "ab")
        self.t_exec = now()
        self.p = subprocess.Popen(argv, cwd=cwd, stdin=stdin, stdout=stdout or self._log,
                                  stderr=self._log, preexec_fn=pre, start_new_session=True, env=env)
        self.pid = self.p.pid
        self.owner = os.getpid()
        _live.append(self)

    def alive(self):
        return self.p.poll() is None

    def signal(self, sig):
        if self.alive():
            os.kill(self.pid, sig)

    def stop(self, hard=True):
        if self.owner != os.getpid():
            return
        if self.alive():
            kids = children(self.pid)
            try:
                os.kill(self.pid, signal.SIGKILL if hard else signal.SIGTERM)
            except ProcessLookupError:
                pass
            try:
                self.p.wait(5)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
                self.p.wait(5)
            for k in kids:                      # e.g. a snapshot child of ours
                try:
                    os.kill(k, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._log.close()
        if self in _live:
            _live.remove(self)


def stop_all():
    for p in list(_live):
        if p.owner == os.getpid():
            try:
                p.stop()
            except Exception as e:          # keep going: the others must end too
                print("stop:", e, file=sys.stderr)


@atexit.register
def _cleanup():
    stop_all()
    if _tmp and _tmp[0] == os.getpid():
        shutil.rmtree(_tmp[1], ignore_errors=True)


def install_signals():
    def h(sig, _f):
        raise SystemExit(128 + sig)
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, h)


_port = [PORT_LO + 500]


def free_port():
    for _ in range(PORT_HI - PORT_LO):
        p = _port[0]
        _port[0] = p + 1 if p + 1 <= PORT_HI else PORT_LO + 500
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((HOST, p))
            return p
        except OSError:
            continue
        finally:
            s.close()
    raise SystemExit("no free port in %d-%d" % (PORT_LO, PORT_HI))


def set_port_base(p):
    _port[0] = p


class Node(Proc):
    """A data node started from a redis.conf-style file."""

    def __init__(self, peer, port=None, cpus=None, wait=True, conf=(), **kw):
        self.peer, self.port = peer, port or free_port()
        self.dir = tempfile.mkdtemp(prefix="%s-%d-" % (peer.name, self.port), dir=tmpdir())
        base = {
            "bind": HOST, "port": self.port, "protected-mode": "no", "daemonize": "no",
            "dir": '"%s"' % self.dir, "save": '""', "appendonly": "no", "logfile": '""',
            "repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0",
            "repl-backlog-size": "16mb", "maxclients": "1000",
        }
        base.update({k.replace("_", "-"): v for k, v in kw.items()})
        text = "".join("%s %s\n" % kv for kv in base.items()) + "".join(l + "\n" for l in conf)
        self.conf = os.path.join(self.dir, "node.conf")
        with open(self.conf, "w") as f:
            f.write(text)
        super().__init__([peer.need("node"), self.conf], self.dir, os.path.join(self.dir, "log"), cpus)
        if wait:
            wait_ping(self)

    def conn(self, timeout=30):
        return Conn(self.port, timeout)

    def stop(self, hard=True):
        super().stop(hard)
        shutil.rmtree(self.dir, ignore_errors=True)


class Sentinel(Proc):
    def __init__(self, peer, masters, port=None, down_after=1000, failover_timeout=10000, quorum=2,
                 wait=True, extra=(), cpus=None):
        """masters: list of (name, port)"""
        self.peer, self.port = peer, port or free_port()
        self.dir = tempfile.mkdtemp(prefix="%s-s%d-" % (peer.name, self.port), dir=tmpdir())
        L = ["bind %s" % HOST, "port %d" % self.port, "protected-mode no", "daemonize no",
             'dir "%s"' % self.dir, 'logfile ""']
        for name, mport in masters:
            L += ["sentinel monitor %s %s %d %d" % (name, HOST, mport, quorum),
                  "sentinel down-after-milliseconds %s %d" % (name, down_after),
                  "sentinel failover-timeout %s %d" % (name, failover_timeout),
                  "sentinel parallel-syncs %s 1" % name]
        L += list(extra)
        self.conf = os.path.join(self.dir, "sentinel.conf")
        with open(self.conf, "w") as f:
            f.write("\n".join(L) + "\n")
        super().__init__([peer.need("sentinel"), self.conf, "--sentinel"], self.dir,
                         os.path.join(self.dir, "log"), cpus)
        if wait:
            wait_ping(self)

    def conn(self, timeout=10):
        return Conn(self.port, timeout)

    def stop(self, hard=True):
        super().stop(hard)
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_ping(proc, timeout=20):
    end = now() + timeout
    while now() < end:
        if not proc.alive():
            break
        try:
            c = Conn(proc.port, 2)
            if c.cmd("PING") == "PONG":
                c.close()
                return now() - proc.t_exec
            c.close()
        except (OSError, RespError, EOFError):
            pass
        time.sleep(0.001)
    with open(proc.logpath, "rb") as f:
        tail = f.read()[-2000:].decode("utf8", "replace")
    raise SystemExit("process %d on port %d did not come up:\n%s" % (proc.pid, proc.port, tail))
