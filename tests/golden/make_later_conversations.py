#!/usr/bin/env python3
"""Makes what masters newer than Redis 7.0 say to a replica: later_*.conversation in this folder.

    tests/golden/make_later_conversations.py

Nothing here was recorded: no such server was at hand. Each is put together from the public descriptions of its
protocol and of RDB version 11, in the form that record_replication.py writes: Redis 7.2 with sets as listpacks and
streams that remember when a consumer was active, Valkey 8 with the name of its version.
"""
import os
import struct

from record_replication import escaped

HERE = os.path.dirname(os.path.abspath(__file__))
FAR = 1900000000000  # an expiry


def crc64(data):
    """CRC-64 of Jones, reflected, without inversion: what ends an RDB file."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def length(n):
    return bytes([n]) if n < 64 else bytes([0x40 | n >> 8, n & 255])


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return length(len(s)) + s


def aux(key, value):
    return b"\xfa" + text(key) + text(value)


def listpack(*items):
    body = b""
    for item in items:
        if isinstance(item, int):
            assert 0 <= item < 128
            entry = bytes([item])
        else:
            entry = bytes([0x80 | len(item)]) + item.encode()
        body += entry + bytes([len(entry)])
    return struct.pack("<IH", 6 + len(body) + 1, len(items)) + body + b"\xff"


def stream_id(ms, seq):
    return struct.pack(">QQ", ms, seq)


def stream():
    """One entry, 5-1 f v; a group that has given it to a consumer."""
    node = listpack(1, 0, 1, "f", 0, 2, 0, 0, "v", 4)
    out = length(1) + text(stream_id(5, 1)) + text(node)
    out += length(1) + length(5) + length(1)  # entries, last id
    out += length(5) + length(1) + length(0) + length(0) + length(1)  # first id, greatest deleted, ever added
    out += length(1) + text("g") + length(5) + length(1) + length(1)  # one group: last given, how many it read
    out += length(1) + stream_id(5, 1) + struct.pack("<Q", FAR - 5000) + length(1)  # pending
    out += length(1) + text("c") + struct.pack("<QQ", FAR - 4000, FAR - 5000)  # seen, active
    return out + length(1) + stream_id(5, 1)


def payload(replid, offset, name, version):
    out = b"REDIS0011" + aux(name, version) + b"\xfa" + text("redis-bits") + b"\xc0\x40"
    out += aux("repl-stream-db", "0") + aux("repl-id", replid) + aux("repl-offset", str(offset)) + aux("aof-base", "0")
    out += b"\xf5" + text("#!lua name=mylib\nredis.register_function('f', function() return 1 end)")
    out += b"\xfe\x00\xfb" + length(7) + length(1)
    out += b"\x00" + text("text") + text("value")
    out += b"\xfc" + struct.pack("<Q", FAR) + b"\x00" + text("expires") + text("x")
    out += b"\x14" + text("set") + text(listpack("x", 1, 2))
    out += b"\x12" + text("list") + length(1) + length(2) + text(listpack("a", "b", 3))
    out += b"\x10" + text("hash") + text(listpack("f", "v", "g", 1))
    out += b"\x11" + text("zset") + text(listpack("m", 1, "n", 2))
    out += b"\x15" + text("stream") + stream()
    out += b"\xff"
    return out + struct.pack("<Q", crc64(out))


def command(*words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        out += b"$%d\r\n%s\r\n" % (len(word), word.encode())
    return out


def conversation(file, about, name, version, replid, stream_commands):
    offset = 4711
    mark = "0123456789abcdef0123456789abcdef01234567"
    said = b"".join(command(*words) for words in stream_commands)
    pieces = [b"+PONG\r\n", b"+OK\r\n", b"+OK\r\n", b"+FULLRESYNC %s %d\r\n" % (replid.encode(), offset), b"\n", b"\n",
              b"$EOF:%s\r\n" % mark.encode() + payload(replid, offset, name, version) + mark.encode(), said]
    with open(os.path.join(HERE, file), "w", encoding="ascii") as out:
        out.write("# about %s\n" % about)
        for piece in pieces:
            out.write("1< %s\n" % escaped(piece))
        out.write("# id %s\n# offset %d\n" % (replid, offset + len(said)))


def main():
    conversation("later_redis_7_2.conversation", "made by hand, not recorded: Redis 7.2", "redis-ver", "7.2.4",
                 "7" * 40, [
                     ("SELECT", "0"), ("PING",), ("SET", "later", "1", "PXAT", str(FAR)),
                     ("MULTI",), ("SREM", "set", "x", "1"), ("EXEC",),
                     ("XADD", "stream", "6-1", "f", "w"), ("DEL", "expires"), ("REPLCONF", "GETACK", "*")])
    conversation("later_valkey_8.conversation", "made by hand, not recorded: Valkey 8", "valkey-ver", "8.0.1",
                 "8" * 40, [
                     ("SELECT", "0"), ("PING",), ("UNLINK", "expires"), ("SET", "later", "1", "PXAT", str(FAR)),
                     ("MULTI",), ("SREM", "set", "x"), ("SREM", "set", "1"), ("EXEC",),
                     ("XADD", "stream", "6-1", "f", "w"), ("REPLCONF", "GETACK", "*")])


if __name__ == "__main__":
    main()
