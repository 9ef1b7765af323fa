"""Data sets and how they are loaded: generators of pipelined commands."""
import random

from resp import Conn, enc

_POOL = None


def pool():
    """1 MiB of alphanumeric noise; values are slices of it (hardly compressible, as tokens are)."""
    global _POOL
    if _POOL is None:
        r = random.Random(7)
        _POOL = bytes(r.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                                k=1 << 20))
    return _POOL


def load(port, gen, total, batch=2000):
    """Pipeline: gen(i, n) gives the bytes of commands i..i+n-1, one single-line reply each.
    One batch is always in flight while the next is being made."""
    c = Conn(port, 120)
    pend = 0
    i = 0
    while i < total:
        n = min(batch, total - i)
        b = gen(i, n)
        if pend:
            c.lines(pend)
        c.s.sendall(b)
        pend = n
        i += n
    if pend:
        c.lines(pend)
    c.close()


def gen_strings(vlen, prefix=b"key:", digits=12):
    P = pool()
    lim = len(P) - vlen
    fmt = (b"*3\r\n$3\r\nSET\r\n$%d\r\n%b%%0%dd\r\n$%d\r\n%%b\r\n"
           % (len(prefix) + digits, prefix, digits, vlen))

    def g(i, n):
        return b"".join([fmt % (k, P[o:o + vlen])
                         for k in range(i, i + n) for o in ((k * 7919) % lim,)])
    return g


def gen_hashes(fields=10, vlen=20, prefix=b"hash:"):
    P = pool()
    lim = len(P) - vlen

    def g(i, n):
        out = []
        for k in range(i, i + n):
            out.append(b"*%d\r\n$4\r\nHSET\r\n$%d\r\n%b%08d\r\n" % (2 + 2 * fields, len(prefix) + 8,
                                                                  prefix, k))
            for f in range(fields):
                o = (k * 7919 + f * 104729) % lim
                out.append(b"$8\r\nfield:%02d\r\n$%d\r\n%b\r\n" % (f, vlen, P[o:o + vlen]))
        return b"".join(out)
    return g


def gen_coll(cmd, size, prefix):
    """LPUSH / SADD / ZADD collections of `size` members."""
    def g(i, n):
        out = []
        for k in range(i, i + n):
            key = b"%b%08d" % (prefix, k)
            if cmd == b"ZADD":
                out.append(enc(cmd, key, *[x for m in range(size)
                                           for x in (b"%d.5" % (m * 37), b"member:%d:%06d" % (m, k))]))
            else:
                out.append(enc(cmd, key, *[b"item:%d:%06d" % (m, k) for m in range(size)]))
        return b"".join(out)
    return g
