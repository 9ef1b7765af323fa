#!/usr/bin/env python3
"""Makes the small corpora of the targets request, rdb, payload and directives anew, by asking a stock redis-server.

    tests/fuzz/make_corpus.py <folder of stock's programs>

What is there under another name stays: inputs that a finding left behind. Whole files come from tests/golden too.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop", "python"))
from side import free_ports, wait_for  # pylint: disable=wrong-import-position
from wire import Wire  # pylint: disable=wrong-import-position

TAIL = 10  # bytes behind a payload: the version and the checksum
# Keys by name, each with what makes it. The limits are small, so that little data is unpacked data.
VALUES = {
    "text": ["SET {} hello"],
    "number": ["SET {} 12345"],
    "compressed": ["SET {} " + "ab" * 40],
    "hyperloglog": ["PFADD {} a b c d"],
    "list_packed": ["RPUSH {} a 1 -7 300 70000 5000000000 " + "x" * 80],
    "list_pieces": ["RPUSH {} " + " ".join(f"element{i}" for i in range(9))],
    "set_integers": ["SADD {} 1 2 70000"],
    "set": ["SADD {} a b c d e 6"],
    "hash_packed": ["HSET {} a 1 b two"],
    "hash": ["HSET {} a 1 b two c 3 d 4 e 5"],
    "zset_packed": ["ZADD {} 1 a 2.5 b"],
    "zset": ["ZADD {} 1 a 2.5 b -inf c inf d 1e300 e"],
    "stream": ["XADD {} 1-1 f v g w", "XADD {} 1-2 f v g w", "XADD {} 2-1 h 1", "XADD {} 3-1 f x g y", "XADD {} 4-0 z 9",
               "XDEL {} 2-1", "XGROUP CREATE {} g 0", "XREADGROUP GROUP g alice COUNT 2 STREAMS {} >", "XACK {} g 1-1"],
}
LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)"
LIMITS = ["--hash-max-listpack-entries", "3", "--zset-max-listpack-entries", "3", "--list-max-listpack-size", "4",
          "--set-max-intset-entries", "4", "--stream-node-max-entries", "2"]
REQUESTS = {
    "inline": b"\x00PING\r\nset \"a b\" 'c'\r\n\r\nget \"\\x41\\n\"\r\n",
    "arrays": b"\x02*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\n*0\r\n*-1\r\n*1\r\n$0\r\n\r\n",
    "small_limits": b"\x43*2\r\n$3\r\nGET\r\n$9\r\n",
    "split": b"\x01*1\r\n$4\r\nPING\r\n\r\n*1\r\n$4\r\nPI",
}
DIRECTIVES = """port 7000
bind 127.0.0.1 -::1
replicaof 10.0.0.1 6379
save 900 1 300 10
client-output-buffer-limit normal 0 0 0 replica 256mb 64mb 60
rename-command FLUSHALL ""
repl-backlog-size 2mb
maxmemory 1gb
notify-keyspace-events KEA
user alice on >secret ~a* +get -@dangerous
requirepass "a \\x41 b"
"""
USERS = """user default on nopass ~* &* +@all
user bob on >one #%s ~b:* %%R~r:* %%W~w:* resetchannels &news.* -@all +@read +client|getname -get (~c +set &x) sanitize-payload
user off off resetkeys nocommands
"""


def write(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def bulk(wire, *words):
    """The bytes of a reply as they came: Wire gives texts."""
    wire.send(*words)
    while b"\r\n" not in wire.buffer:
        wire._more()  # pylint: disable=protected-access
    head, wire.buffer = wire.buffer.split(b"\r\n", 1)
    size = int(head[1:])
    while len(wire.buffer) < size + 2:
        wire._more()  # pylint: disable=protected-access
    data, wire.buffer = wire.buffer[:size], wire.buffer[size + 2:]
    return data


def ask_stock(program, folder):
    port = free_ports(1)[0]
    with subprocess.Popen([program, "--port", str(port), "--dir", folder, "--save", "", *LIMITS],
                          stdout=subprocess.DEVNULL) as server:
        try:
            wire = wait_for("stock answers", lambda: Wire(port))
            for name, lines in VALUES.items():
                for line in lines:
                    wire.ask(*line.format(name).split(" "))
                write("payload", name, bulk(wire, "DUMP", name)[:-TAIL])
            wire.ask("FUNCTION", "LOAD", LIBRARY)
            wire.ask("PEXPIREAT", "set", "9999999999999")
            wire.ask("MOVE", "text", "9")
            wire.ask("SAVE")
            write("rdb", "stock", read(os.path.join(folder, "dump.rdb")))
        finally:
            server.kill()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = tempfile.mkdtemp(prefix="vigil-corpus-")
    try:
        ask_stock(os.path.join(sys.argv[1], "redis-server"), folder)
    finally:
        shutil.rmtree(folder)
    for name in ("old_hashes", "old_lists", "old_sorted_sets", "strings"):
        write("rdb", name, read(os.path.join(HERE, "..", "golden", name + ".rdb")))
    for name, data in REQUESTS.items():
        write("request", name, data)
    write("directives", "both", (DIRECTIVES + "\0" + USERS % ("0" * 64)).encode())
    write("directives", "users", ("\0" + USERS % ("a" * 64)).encode())
    write("directives", "lines", DIRECTIVES.encode())


if __name__ == "__main__":
    main()
