"""The events of a failover, as subscribers of both sentinels hear them."""
import re
import threading

from side import MASTER, wait_for
from wire import Closed, Wire

# Told when INFO of a node happens to be read, or a connection to be made: not the same twice in one program either.
CHANCE = {"+sdown", "-sdown", "-odown", "+reboot", "+fix-slave-config", "+convert-to-slave", "+tilt", "-tilt",
          "+role-change", "-role-change"}
# Of two lists of what was told, this stands in different places for a reason (allowed.py).
ELSEWHERE = {"+switch-master", "+odown", "+vote-for-leader", "+new-epoch"}


class Listener:
    """Collects what a sentinel publishes, until it is closed."""

    def __init__(self, side, sentinel):
        self.wire = Wire(side.ports[sentinel])
        self.wire.ask("PSUBSCRIBE", "*")
        self.heard = []
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            try:
                self.heard.append(tuple(text for _, text in self.wire.read()[1][2:]))
            except TimeoutError:
                continue
            except (Closed, OSError):
                return

    def has(self, event):
        return any(name == event for name, _ in self.heard)

    def close(self):
        self.wire.socket.shutdown(2)
        self.thread.join()
        self.wire.close()
        return self.heard


def names_for(side, before):
    """Numbers of ports as what they stood for before this failover."""
    after = side.master_port()
    names = {str(before): "<old-master>", str(after): "<new-master>"}
    for name in ("replica-1", "replica-2", "master"):
        names.setdefault(str(side.ports[name]), "<other-replica>")
    return names


def masked(heard, names, first_epoch):
    lines = []
    for event, text in heard:
        for number, name in names.items():
            text = re.sub(rf"(?<!\d){number}(?!\d)", name, text)
        text = re.sub(r"\b[0-9a-f]{40}\b", "<id>", text)
        if event == "+new-epoch":
            text = "<epoch>" if text.isdigit() and int(text) > first_epoch else text
        if event == "+vote-for-leader":
            text = re.sub(r"\d+$", "<epoch>", text)
        lines.append((event, text))
    return lines


def run(side, cause):
    """Listens to both sentinels while `cause` makes one of them fail over; what each has said, in order."""
    before = side.master_port()
    epoch = int(side.fields("sentinel-1", "MASTER")[0]["config-epoch"])
    listeners = {name: Listener(side, name) for name in ("sentinel-1", "sentinel-2")}
    cause()
    wait_for(f"{side.name}: the failover ends",
             lambda: any(each.has("+failover-end") for each in listeners.values()))
    wait_for(f"{side.name}: both sentinels have switched",
             lambda: all(each.has("+switch-master") for each in listeners.values()))
    return before, epoch, listeners


def told(side, before, epoch, listeners):
    heard = {name: each.close() for name, each in listeners.items()}
    leader = next(name for name, lines in heard.items() if any(event == "+failover-end" for event, _ in lines))
    other = next(name for name in heard if name != leader)
    names = names_for(side, before)
    names.update({str(side.ports[leader]): "<leader>", str(side.ports[other]): "<observer>"})
    return {"leader": masked(heard[leader], names, epoch), "observer": masked(heard[other], names, epoch)}


def failover_by_hand(side):
    result = run(side, lambda: wait_for(f"{side.name}: FAILOVER is taken",
                                        lambda: side.ask("sentinel-1", "SENTINEL", "FAILOVER", MASTER) == "OK"))
    heard = told(side, *result)
    side.settle()
    return heard


def failover_by_kill(side):
    port = side.master_port()
    victim = next(name for name in ("master", "replica-1", "replica-2") if side.ports[name] == port)
    before, epoch, listeners = run(side, lambda: side.kill(victim))
    # The survivor is among the new master's replicas now; the victim is not reachable.
    wait_for(f"{side.name}: the other replica follows", lambda: all(
        any(each["master-port"] == str(side.master_port()) and each["master-link-status"] == "ok"
            for each in side.fields(name, "REPLICAS")) for name in listeners))
    # Stock shows the victim as healthy for down-after-milliseconds more, and whoever is re-pointed drops its clients:
    # both sentinels connect to the other replica once more.
    wait_for(f"{side.name}: the victim is seen down, and the other replica is reached", lambda: all(
        each["flags"].startswith("s_down") if each["port"] == str(port) else each["flags"] == "slave"
        for name in listeners for each in side.fields(name, "REPLICAS")))
    return told(side, before, epoch, listeners)


def steps(lines):
    """Events with their payloads, without those of chance."""
    return [f"{event} {text}" for event, text in lines if event not in CHANCE]


def missing(lines, others):
    """What `others` have told and `lines` have not."""
    told_here = set(steps(lines))
    return [("event", line) for line in steps(others) if line not in told_here]


def order(lines, others):
    """What both have told, in the order of `lines`. Replicas of one moment are named in any order."""
    both = set(steps(others))
    ordered = [line for line in steps(lines) if line in both and line.split(" ", 1)[0] not in ELSEWHERE]
    replicas = sorted(line for line in ordered if line.startswith("+slave "))
    return [("event", line) for line in ordered if not line.startswith("+slave ")] + [("event", r) for r in replicas]
