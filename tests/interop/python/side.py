"""A master, two replicas and two sentinels, in processes of their own."""
import os
import socket
import subprocess
import time

from wire import Closed, Wire, text_of

MASTER = "mymaster"


class GaveUp(Exception):
    """What was waited for did not come."""


def free_ports(count):
    """Ports that nobody has now. All are held until all are known, so that none is given twice."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def wait_for(what, condition, seconds=60.0):
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
            if found:
                return found
        except (OSError, Closed, TimeoutError):
            pass
        if time.monotonic() > end:
            raise GaveUp(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.02)


class Side:
    def __init__(self, name, folder, node_program, sentinel_program, node_lines="", sentinel_lines="", auth=()):
        """`node_lines` and `sentinel_lines` are put into every configuration; `auth` is what AUTH gets, where any."""
        self.name = name
        self.node_lines, self.sentinel_lines, self.auth = node_lines, sentinel_lines, auth
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.sentinel_program = sentinel_program
        self.node_program = node_program
        self.processes = {}
        names = ["master", "replica-1", "replica-2", "sentinel-1", "sentinel-2", "nobody"]
        self.ports = dict(zip(names, free_ports(len(names))))
        self.ids = {}

    def start_node(self, name):
        master = "" if name == "master" else f"replicaof 127.0.0.1 {self.ports['master']}\n"
        path = self.write(f"{name}.conf",
                          f"port {self.ports[name]}\nbind 127.0.0.1\ndir {self.folder}\ndbfilename {name}.rdb\n"
                          f"save \"\"\nrepl-diskless-sync-delay 0\n{master}{self.node_lines}")
        self.spawn(name, [self.node_program, path])

    def start_sentinel(self, name, more=""):
        path = self.write(f"{name}.conf",
                          f"port {self.ports[name]}\nbind 127.0.0.1\ndir {self.folder}\n"
                          f"sentinel monitor {MASTER} 127.0.0.1 {self.ports['master']} 2\n"
                          f"sentinel down-after-milliseconds {MASTER} 1500\n"
                          f"sentinel failover-timeout {MASTER} 20000\n{self.sentinel_lines}{more}")
        self.spawn(name, [self.sentinel_program, path, "--sentinel"])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf8") as file:
            file.write(text)
        return path

    def spawn(self, name, command):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(f"{self.name}: {name} answers", lambda: self.ask(name, "PING"))

    def start(self):
        for name in ("master", "replica-1", "replica-2"):
            self.start_node(name)
        for replica in ("replica-1", "replica-2"):
            wait_for(f"{self.name}: {replica} is attached",
                     lambda replica=replica: "master_link_status:up" in self.ask(replica, "INFO", "replication"))
        for name in ("sentinel-1", "sentinel-2"):
            self.start_sentinel(name)
        for name in ("sentinel-1", "sentinel-2"):
            self.ids[self.ask(name, "SENTINEL", "MYID")] = name
        self.settle()

    def settle(self):
        """Both sentinels know and reach everybody, and nothing is under way."""
        wait_for(f"{self.name}: the sentinels have found everything", lambda: all(
            self.settled(name) for name in ("sentinel-1", "sentinel-2")))

    def settled(self, sentinel):
        master = self.fields(sentinel, "MASTER")[0]
        if master["num-slaves"] != "2" or master["num-other-sentinels"] != "1" or master["flags"] != "master":
            return False
        if any(replica["flags"] != "slave" or replica["master-link-status"] != "ok" or
               replica["master-port"] != master["port"] for replica in self.fields(sentinel, "REPLICAS")):
            return False
        return all(peer["flags"] == "sentinel" for peer in self.fields(sentinel, "SENTINELS"))

    def fields(self, sentinel, command):
        found = self.ask(sentinel, "SENTINEL", command, MASTER)
        if command == "MASTER":
            found = [found]
        return [dict(zip(each[::2], each[1::2])) for each in found]

    def master_port(self, sentinel="sentinel-1"):
        return int(self.ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])

    def ask(self, name, *words):
        connection = Wire(self.ports[name])
        try:
            if self.auth:
                connection.ask("AUTH", *self.auth)
            return text_of(connection.ask(*words))
        finally:
            connection.close()

    def roles(self):
        """Ports by what they stand for now: both programs choose their replica by chance."""
        master = self.master_port()
        roles = {"now-master": master}
        for name in ("master", "replica-1", "replica-2"):
            if self.ports[name] != master:
                roles["follower" if name in self.processes else "dead"] = self.ports[name]
        return {**self.ports, **roles}

    def name_of(self, port):
        return next(name for name, each in self.ports.items() if each == port)

    def log_of(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf8", errors="replace") as log:
            return log.read()

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes.clear()
