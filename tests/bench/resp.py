"""A small RESP client: one connection, commands in, replies out."""
import socket

HOST = "127.0.0.1"


class RespError(Exception):
    pass


def enc(*args):
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        if not isinstance(a, bytes):
            a = str(a).encode()
        out.append(b"$%d\r\n%b\r\n" % (len(a), a))
    return b"".join(out)


class Conn:
    def __init__(self, port, timeout=10, host=HOST):
        self.s = socket.create_connection((host, port), timeout)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.settimeout(timeout)
        self.buf = b""

    def fileno(self):
        return self.s.fileno()

    def close(self):
        try:
            self.s.close()
        except OSError:
            pass

    def _more(self):
        d = self.s.recv(1 << 18)
        if not d:
            raise EOFError("closed")
        self.buf += d

    def _line(self):
        while True:
            i = self.buf.find(b"\r\n")
            if i >= 0:
                l, self.buf = self.buf[:i], self.buf[i + 2:]
                return l
            self._more()

    def reply(self):
        l = self._line()
        t, r = l[:1], l[1:]
        if t == b"+":
            return r.decode()
        if t == b"-":
            return RespError(r.decode())
        if t == b":":
            return int(r)
        if t == b"$":
            n = int(r)
            if n < 0:
                return None
            while len(self.buf) < n + 2:
                self._more()
            d, self.buf = self.buf[:n], self.buf[n + 2:]
            return d.decode("utf8", "replace")
        if t in b"*>~":
            n = int(r)
            return None if n < 0 else [self.reply() for _ in range(n)]
        raise RespError("protocol: %r" % l[:40])

    def send(self, *args):
        self.s.sendall(enc(*args))

    def cmd(self, *args):
        self.s.sendall(enc(*args))
        r = self.reply()
        if isinstance(r, RespError):
            raise r
        return r

    def lines(self, n):
        """Wait for n single-line replies; errors raise."""
        got = 0
        while True:
            got += self.buf.count(b"\r\n")
            if b"-" in self.buf[:1] or b"\n-" in self.buf:
                raise RespError(self.buf[:200].decode("utf8", "replace"))
            keep = b"\r" if self.buf.endswith(b"\r") else b""
            self.buf = keep
            if got >= n:
                return
            self._more()

    def info(self, section="all"):
        return parse_info(self.cmd("INFO", section))


def parse_info(t):
    d = {}
    for l in t.split("\r\n"):
        k, s, v = l.partition(":")
        if s:
            d[k] = v
    return d


def pairs(l):
    return dict(zip(l[::2], l[1::2]))
