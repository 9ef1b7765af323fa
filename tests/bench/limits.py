"""The limits of this machine: loopback, memory, fork, disk, timers."""
import multiprocessing as mp
import os
import signal
import socket
import time

from processes import free_port, now, tmpdir
from report import med, mmm, q, save, table


def limits(args, peers):
    r = {}
    # loopback round trip (two python processes, one byte; an upper bound: python costs some us a side)
    a = socket.socket()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    a.bind(("127.0.0.1", free_port()))
    a.listen(1)

    def echo():
        s, _ = a.accept()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buf = bytearray(1 << 20)
        while True:
            n = s.recv_into(buf)
            if not n:
                break
            if n <= 64:
                s.send(buf[:n])
    pr = mp.Process(target=echo)
    pr.start()
    c = socket.create_connection(a.getsockname())
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    xs = []
    for _ in range(30000):
        t = now()
        c.send(b"x")
        c.recv(8)
        xs.append((now() - t) * 1e6)
    r["loopback RTT us p50/p99 (python both ends)"] = "%.1f / %.1f" % (q(xs, .5), q(xs, .99))
    blob = bytes(1 << 20)
    t = now()
    for _ in range(4000):
        c.sendall(blob)
    dt = now() - t
    r["loopback TCP MB/s, one stream, 1 MiB writes"] = "%.0f" % (4000 * 1.048576 / dt)
    c.close()
    pr.join(5)
    a.close()
    src, dst = bytearray(os.urandom(1 << 20) * 256), bytearray(256 << 20)
    xs = []
    for _ in range(8):
        t = now()
        dst[:] = src
        xs.append(268.4 / (now() - t))
    r["memcpy MB/s, 256 MiB"] = "%.0f" % med(xs)
    del src, dst
    # fork of a process with 1 GiB touched
    blob = bytearray(1 << 30)
    for i in range(0, len(blob), 4096):
        blob[i] = 1
    xs = []
    for _ in range(5):
        t = now()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        xs.append((now() - t) * 1000)
        os.waitpid(pid, 0)
    r["fork() of 1 GiB touched, ms"] = mmm(xs, "%.1f")
    xs = []
    pid = os.fork()                               # copy-on-write faults
    if pid == 0:
        time.sleep(3)
        os._exit(0)
    t = now()
    for i in range(0, 256 << 20, 4096):
        blob[i] = 2
    dt = now() - t
    t = now()
    for i in range(0, 256 << 20, 4096):
        blob[i] = 3
    dt -= now() - t
    r["copy-on-write fault us per 4 KiB page"] = "%.2f" % (dt / 65536 * 1e6)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    del blob
    f = os.path.join(tmpdir(), "fsync")
    xs = []
    fd = os.open(f, os.O_CREAT | os.O_WRONLY)
    for i in range(200):
        os.pwrite(fd, b"x" * 2000, 0)
        t = now()
        os.fsync(fd)
        xs.append((now() - t) * 1000)
    r["fsync of a 2 KB file ms p50/p99"] = "%.2f / %.2f" % (q(xs, .5), q(xs, .99))
    xs = []
    for i in range(100):
        t = now()
        g = os.open(f + ".new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.write(g, b"y" * 2000)
        os.fsync(g)
        os.close(g)
        os.rename(f + ".new", f)
        xs.append((now() - t) * 1000)
    r["write+fsync+rename of 2 KB ms p50/p99"] = "%.2f / %.2f" % (q(xs, .5), q(xs, .99))
    t = now()
    blob = os.urandom(1 << 20)
    for i in range(512):
        os.write(fd, blob)
    dt1 = now() - t
    os.fsync(fd)
    r["file write MB/s page cache / with fsync, 512 MiB"] = "%.0f / %.0f" % (536.9 / dt1, 536.9 / (now() - t))
    os.close(fd)
    os.unlink(f)
    xs = []
    for _ in range(300):
        t = now()
        time.sleep(0.001)
        xs.append((now() - t - 0.001) * 1e6)
    r["timer lateness of a 1 ms sleep us p50/p99"] = "%.0f / %.0f" % (q(xs, .5), q(xs, .99))
    texts = [table(["limit", "value"], list(r.items()), "this machine")]
    save(args, "limits", peers, r, texts)
