#!/usr/bin/env python3
"""Records what two stock servers say to each other on replication links: *.conversation in this folder.

    tests/golden/record_replication.py <folder of stock's programs>

Each line of a recording is one of

    N> bytes      what the replica sent on its N-th connection
    N< bytes      what the master sent there
    N= 0          that connection ended
    # key value   digest, offset and id of the data at the end

Bytes are printable ASCII with \\xNN for the rest. Pieces are as the sockets gave them.
"""
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def escaped(data):
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else "\\x%02x" % b for b in data)


class Recorder(threading.Thread):
    """A proxy in front of one server that writes down what passes, connection by connection."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.lines, self.count = target, [], 0
        self.lock = threading.Lock()
        self.open = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.count += 1
            self.open.append((client, server))
            threading.Thread(target=self.carry, args=(client, server, self.count), daemon=True).start()

    def carry(self, client, server, number):
        while True:
            try:
                for s in select.select([client, server], [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        raise OSError
                    with self.lock:
                        self.lines.append("%d%s %s" % (number, ">" if s is client else "<", escaped(data)))
                    (server if s is client else client).sendall(data)
            except (OSError, ValueError):
                with self.lock:
                    self.lines.append("%d= 0" % number)
                client.close()
                server.close()
                return

    def cut(self):
        for pair in self.open:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.open = []


class Server:
    def __init__(self, folder, stock, **settings):
        self.port = free_port()
        self.dir = tempfile.mkdtemp(dir=folder)
        words = ["--port", str(self.port), "--dir", self.dir, "--save", "", "--enable-debug-command", "yes",
                 "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600", "--loglevel", "warning"]
        for name, value in settings.items():
            words += ["--" + name.replace("_", "-")] + str(value).split()
        self.process = subprocess.Popen([os.path.join(stock, "redis-server")] + words, stdout=subprocess.DEVNULL)
        self.wait(lambda: self.do("PING") == b"+PONG\r\n")

    def do(self, *words):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as s:
                s.sendall(b"*%d\r\n" % len(words) + b"".join(
                    b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(x).encode() for x in words)))
                s.settimeout(10)
                data = b""
                while not data.endswith(b"\r\n") or (data[:1] == b"$" and data.count(b"\r\n") < 2 and data[:3] != b"$-1"):
                    data += s.recv(65536)
                return data
        except OSError:
            return b""

    def info(self, field):
        for line in self.do("INFO", "replication").decode().split("\r\n"):
            if line.startswith(field + ":"):
                return line[len(field) + 1:]
        return ""

    def wait(self, condition):
        for _ in range(3000):
            if condition():
                return
            time.sleep(0.01)
        raise SystemExit("gave up waiting")

    def stop(self):
        self.process.kill()
        self.process.wait()


def fill(server):
    server.do("SET", "text", "value")
    server.do("SET", "number", "12345")
    server.do("SET", "expires", "x", "EX", "100000000")
    server.do("HSET", "hash", "f", "v", "g", "1")
    server.do("RPUSH", "list", "a", "b", "3")
    server.do("SADD", "set", "1", "2", "x")
    server.do("ZADD", "zset", "1.5", "m", "2", "n")
    server.do("XADD", "stream", "5-1", "f", "v")
    server.do("XGROUP", "CREATE", "stream", "g", "0")
    server.do("SET", "large", "L" * 3000)
    server.do("FUNCTION", "LOAD", "#!lua name=mylib\nredis.register_function('f', function() return 1 end)")


def write(server):
    server.do("INCR", "number")
    server.do("LPOP", "list")
    server.do("SPOP", "set")
    server.do("EVAL", "redis.call('SELECT', 3) redis.call('SET', 'b', 1) return redis.call('INCR', 'c')", "0")
    server.do("XREADGROUP", "GROUP", "g", "alice", "STREAMS", "stream", ">")
    server.do("PUBLISH", "channel", "message")
    server.do("SET", "volatile", "x", "PX", "100000000")


def even(master, replica):
    def same():
        return (replica.info("master_link_status") == "up" and
                master.info("master_repl_offset") == replica.info("master_repl_offset"))
    master.wait(same)


def save(name, recorder, server):
    digest = server.do("DEBUG", "DIGEST").decode().strip().lstrip("+")
    time.sleep(0.05)
    with recorder.lock:
        lines = list(recorder.lines)
    lines += ["# digest " + digest, "# offset " + server.info("master_repl_offset"), "# id " + server.info("master_replid")]
    with open(os.path.join(HERE, name + ".conversation"), "w") as f:
        f.write("\n".join(lines) + "\n")


def follow(master, folder, stock, recorder, **settings):
    replica = Server(folder, stock, **settings)
    replica.do("REPLICAOF", "127.0.0.1", recorder.port)
    even(master, replica)
    return replica


def main(stock):
    folder = tempfile.mkdtemp(prefix="vigil-golden-")
    running = []
    try:
        for name, diskless, load in (("full_diskless", "yes", "swapdb"), ("full_disk", "no", "disabled")):
            master = Server(folder, stock, repl_diskless_sync=diskless)
            running.append(master)
            fill(master)
            recorder = Recorder(master.port)
            replica = follow(master, folder, stock, recorder, repl_diskless_load=load)
            running.append(replica)
            write(master)
            master.do("WAIT", "1", "2000")
            even(master, replica)
            save(name, recorder, master)

        master = Server(folder, stock)
        running.append(master)
        fill(master)
        recorder = Recorder(master.port)
        replica = follow(master, folder, stock, recorder)
        running.append(replica)
        write(master)
        even(master, replica)
        recorder.cut()
        write(master)
        even(master, replica)
        write(master)
        even(master, replica)
        save("partial", recorder, master)

        master = Server(folder, stock)
        running.append(master)
        fill(master)
        down, up = Recorder(master.port), None
        replica = Server(folder, stock)
        running.append(replica)
        up = Recorder(replica.port)
        replica.do("CONFIG", "SET", "replica-announce-ip", "127.0.0.1")
        replica.do("CONFIG", "SET", "replica-announce-port", up.port)
        replica.do("REPLICAOF", "127.0.0.1", down.port)
        even(master, replica)
        write(master)
        even(master, replica)
        save("failover_before", down, master)
        master.do("FAILOVER", "TO", "127.0.0.1", up.port)
        master.wait(lambda: master.info("master_link_status") == "up")
        write(replica)
        even(replica, master)
        save("failover", up, replica)
    finally:
        for server in running:
            server.stop()
        subprocess.run(["rm", "-rf", folder], check=False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
