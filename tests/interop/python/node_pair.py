"""Two servers that are asked the same: replies and data sets are compared."""
import time

from node_values import DATABASES, UNIVERSE
from node_views import (CHANGES_BY_CHANCE, ITERATED, LEXICAL, RANDOM, equal, masked, name_of, random_view, same,
                        view_of, without_times)
from node_wire import plain
from wire import Closed

SETTLE = 0.045  # seconds after which what was to expire in a moment has done so, on both sides
CONNECTIONS = 2
TALK_MASK = masked(rb"^redis$|^7\.\d+\.\d+$|^\d+\.\d+\.\d+$", b"<server>")


class Difference(Exception):
    def __init__(self, where, step, stock, ours):
        super().__init__(where)
        self.where, self.step, self.stock, self.ours = where, step, stock, ours


class Side:
    """The connections to one server, and which protocol and transaction each is in."""

    def __init__(self, server):
        self.server = server
        self.admin = server.wire()
        self.wires = [self.fresh(connection) for connection in range(CONNECTIONS)]

    def fresh(self, connection):
        """The first speaks RESP2, the second RESP3."""
        wire = self.server.wire()
        if connection == 1:
            wire.ask("HELLO", "3")
        return wire

    def renew(self, connection):
        self.wires[connection].close()
        self.wires[connection] = self.fresh(connection)

    def close(self):
        for wire in [self.admin, *self.wires]:
            wire.close()

    def ask(self, connection, requests):
        """The replies; None from where the connection was closed."""
        wire, replies = self.wires[connection], []
        try:
            wire.send(*requests)
            for _ in requests:
                replies.append(wire.read())
        except Closed:
            replies.append(("closed", None))
            self.renew(connection)
        except TimeoutError:
            replies.append(("silence", None))
            self.renew(connection)
        return replies

    def talk(self, requests):
        wire = self.server.wire()
        # Stock does not close a connection whose replies are off.
        wire.socket.settimeout(1.5 if any(words[1:2] == (b"REPLY",) for words in requests) else 10)
        try:
            wire.send(*requests)
            return wire.drain()
        except Closed:
            return [("closed", None)]
        finally:
            wire.close()


class Pair:
    def __init__(self, stock, ours, rows, allowed, values=None):
        self.sides = [Side(stock), Side(ours)]
        self.rows, self.allowed, self.values = rows, allowed, values
        self.queued = [None] * CONNECTIONS  # views of what EXEC will answer
        self.compared = 0
        self.used_entries = set()

    def close(self):
        for side in self.sides:
            side.close()

    def check(self, step, where, stock, ours):
        self.compared += 1
        if equal(stock, ours):
            return
        entry = self.allowed(where, stock, ours)
        if entry is None:
            raise Difference(where, step, stock, ours)
        self.used_entries.add(entry)

    # ---- requests

    def run(self, steps):
        """Steps of one connection, in order, as few writes as possible."""
        waiting = []
        for step in steps:
            alone = step.talk or step.settle or self.nature(step) in RANDOM | ITERATED | LEXICAL or self.clock_decides(step)
            if alone and waiting:
                self.ask(waiting)
                waiting = []
            if step.talk:
                self.run_talk(step)
            elif alone and self.queued[step.connection] is None:
                self.run_alone(step)
            else:
                waiting.append(step)
        if waiting:
            self.ask(waiting)

    def clock_decides(self, step):
        """Ids that are times, orders that nobody has defined; and stock unpacks what it sorts."""
        name = step.words[0].upper()
        return name == b"XADD" and b"*" in step.words[2:] or name in (b"SORT", b"SORT_RO")

    def nature(self, step):
        return name_of(step.words, self.rows)

    def ask(self, steps):
        connection = steps[0].connection
        stock, ours = (side.ask(connection, [step.words for step in steps]) for side in self.sides)
        for i in range(max(len(stock), len(ours))):
            one = stock[i] if i < len(stock) else ("nothing", None)
            other = ours[i] if i < len(ours) else ("nothing", None)
            self.compare(steps[i], one, other)
        if len(stock) < len(steps):  # closed on both sides alike: what came behind was heard by neither
            self.queued[connection] = None

    def compare(self, step, stock, ours):
        connection = step.connection
        plain_view = view_of(step.words, self.rows)
        command = step.words[0].upper()
        if stock == ("+", b"QUEUED") and self.queued[connection] is not None:
            self.queued[connection].append((step, plain_view))
        elif command == b"MULTI" and stock[0] == "+":
            self.queued[connection] = []
        elif command in (b"EXEC", b"DISCARD"):
            queued, self.queued[connection] = self.queued[connection] or [], None
            if command == b"EXEC" and isinstance(stock[1], list) and isinstance(ours[1], list) and len(stock[1]) == len(ours[1]) == len(queued):
                for (each, view), one, other in zip(queued, stock[1], ours[1]):
                    self.check(step, self.place(each, "in EXEC "), view(one), view(other))
                return
        if stock[0] in ("closed", "silence"):
            self.queued[connection] = None
        chosen = self.nature(step) in RANDOM | ITERATED or self.nature(step) == "xadd" and self.clock_decides(step)
        view = random_view if chosen else plain_view
        self.check(step, self.place(step), view(stock), view(ours))

    def place(self, step, before=""):
        words = b" ".join(step.words).decode("latin1")
        name = self.nature(step).upper().replace("|", " ")
        return f"{before}{name}: {words}"

    def run_alone(self, step):
        nature = self.nature(step)
        if nature in ITERATED:
            found = [self.iterate(side, step, nature) for side in self.sides]
            self.check(step, self.place(step), *found)
            return
        undefined = nature in LEXICAL and not self.equal_scores(step)
        stock, ours = (side.ask(step.connection, [step.words])[0] for side in self.sides)
        if undefined and stock[0] not in "-!" and ours[0] not in "-!":
            self.level(step)
        elif nature in RANDOM and stock[0] not in "-!":
            self.check(step, self.place(step), random_view(stock), random_view(ours))
            for side, reply in zip(self.sides, (stock, ours)):
                self.check(step, self.place(step) + " (what is not there)", [], self.strangers(side, step, nature, reply))
            if nature in CHANGES_BY_CHANCE:
                self.level(step)
        else:
            self.compare(step, stock, ours)
        if self.clock_decides(step):
            self.level(step)
        if step.settle:
            self.settle()

    def equal_scores(self, step):
        """Is the range one of words, and do all members of the keys that the request names have one score?"""
        upper = [word.upper() for word in step.words]
        if upper[0] in (b"ZRANGE", b"ZRANGESTORE") and b"BYLEX" not in upper:
            return True
        for key in step.words[1:3]:
            told = plain(self.sides[0].wires[step.connection].ask("ZRANGE", key, 0, -1, "WITHSCORES"))
            scores = [each[1] for each in told] if told and isinstance(told[0], list) else told[1::2] if isinstance(told, list) else []
            if len(set(scores)) > 1:
                return False
        return True

    def strangers(self, side, step, nature, reply):
        """What was told and is not there; after SPOP, what was told and still is."""
        told = plain(reply)
        told = told if isinstance(told, list) else [told] if told is not None else []
        flat = [item for each in told for item in (each if isinstance(each, list) else [each])]
        if nature in ("hrandfield", "zrandmember") and len(step.words) > 3:
            flat = flat[::2]
        if not flat or nature == "randomkey":
            return [item for item in flat if plain(side.wires[step.connection].ask("EXISTS", item)) != 1]
        ask = {"spop": "SISMEMBER", "srandmember": "SISMEMBER", "hrandfield": "HEXISTS", "zrandmember": "ZSCORE"}[nature]
        replies = side.wires[step.connection].ask_all([(ask, step.words[1], item) for item in flat])
        there = [plain(each) not in (0, None) for each in replies]
        wrong = nature == "spop"
        return [item for item, is_there in zip(flat, there) if is_there == wrong]

    def iterate(self, side, step, nature):
        """All that a SCAN gives until its cursor is 0 again: no order, no number of times."""
        at = 1 if nature == "scan" else 2
        words, found, first = list(step.words), [], None
        for _ in range(2000):
            reply = side.ask(step.connection, [words])[0]
            if not isinstance(reply[1], list) or len(reply[1]) != 2:
                return reply
            first = first or [item[0] for item in reply[1]]
            items = reply[1][1][1]
            found += zip(items[::2], items[1::2]) if nature in ("hscan", "zscan") else items
            words[at] = reply[1][0][1]
            if words[at] == b"0":
                return first, sorted(set(map(repr, found)))
        return "no end", None

    def level(self, step):
        """Gives ours what stock has, where chance or a clock has made them differ: both restore the same bytes."""
        stock, ours = (side.wires[step.connection] for side in self.sides)
        for key in {word for word in step.words[1:] if word in UNIVERSE or len(word) > 200} | set(step.words[1:2]):
            payload, expiry = stock.ask("DUMP", key), stock.ask("PEXPIRETIME", key)
            if payload[1] is None or payload[0] in "-+":
                replies = [wire.ask("DEL", key) for wire in (stock, ours)]
            else:
                words = ["RESTORE", key, max(0, int(expiry[1])), payload[1], "REPLACE", "ABSTTL"]
                replies = [wire.ask(*words) for wire in (stock, ours)]
            self.check(step, "level: " + self.place(step), kind_of(replies[0]), kind_of(replies[1]))

    def digests(self):
        return [side.admin.ask("DEBUG", "DIGEST")[1] for side in self.sides]

    def settle(self):
        time.sleep(SETTLE)
        self.look_at_all()

    def look_at_all(self):
        """What has expired is gone afterwards, under whatever name: SCAN deletes it, KEYS only keeps silent about it."""
        for side in self.sides:
            for db in range(16):
                side.admin.ask("SELECT", db)
                cursor = b"0"
                while True:
                    cursor = plain(side.admin.ask("SCAN", cursor, "COUNT", "10000"))[0]
                    if cursor == b"0":
                        break

    def run_talk(self, step):
        stock, ours = (side.talk(step.talk) for side in self.sides)
        view = masked_talk
        self.check(step, "TALK: " + " / ".join(b" ".join(words).decode("latin1") for words in step.talk), view(stock), view(ours))

    # ---- data sets

    def reset(self):
        """Nothing is left of earlier runs on either side."""
        for connection in range(CONNECTIONS):
            for side in self.sides:
                side.renew(connection)
        self.queued = [None] * CONNECTIONS
        for side in self.sides:
            side.admin.ask_all([("SELECT", 0), ("FLUSHALL",), ("FUNCTION", "FLUSH"), ("SCRIPT", "FLUSH"), ("ACL", "DELUSER", "u1", "u2"),
                                *[("CONFIG", "SET", *pair) for pair in self.settings(side)]])

    def settings(self, side):
        """What CONFIG SET may have changed, as it was at first."""
        if side.server.first_settings is None:
            names = ["maxmemory-samples", "hash-max-listpack-entries", "list-max-listpack-size", "slowlog-max-len", "hz",
                     "lazyfree-lazy-user-del", "min-replicas-max-lag", "zset-max-listpack-entries", "set-max-intset-entries",
                     "notify-keyspace-events"]
            side.server.first_settings = [plain(side.admin.ask("CONFIG", "GET", name)) for name in names]
        return [pair for pair in side.server.first_settings if len(pair) == 2]

    def check_digest(self, step):
        digests = self.digests()
        if digests[0] == digests[1]:
            return
        # What was given a time in the past is there until somebody looks at it.
        for _ in range(5):  # while one is asked, the time of another key may come
            self.look_at_all()
            digests = self.digests()
            if digests[0] == digests[1]:
                return
        self.check_keys(step, range(16))
        raise Difference("DEBUG DIGEST, though no key differs", step, *digests)

    def check_keys(self, step, databases=DATABASES):
        """Every key by itself: its type, its packing, its digest, its expiry, and its bytes where they are defined."""
        for db in databases:
            keys = []
            for side in self.sides:
                side.admin.ask("SELECT", db)
                keys.append(sorted(plain(side.admin.ask("KEYS", "*"))))
            self.check(step, f"keys of database {db}", *keys)
            names = [key for key in keys[0] if key in keys[1]]
            facts = [self.facts(side, names) for side in self.sides]
            for i, key in enumerate(names):
                for name, view in (("digest", same), ("encoding", same), ("expiry", lambda tree: ("about", tree)), ("bytes", same),
                                   ("stream", without_times)):
                    place = f"{name} of key {key.decode('latin1')!r} in database {db} ({facts[0][i]['type'][1].decode()})"
                    self.check(step, place, view(facts[0][i][name]), view(facts[1][i][name]))

    def facts(self, side, keys):
        if not keys:
            return []
        asked = side.admin.ask_all([words for key in keys for words in (
            ("TYPE", key), ("DEBUG", "DIGEST-VALUE", key), ("OBJECT", "ENCODING", key), ("PEXPIRETIME", key), ("DUMP", key),
            ("XINFO", "STREAM", key, "FULL", "COUNT", "0"))])
        found = []
        for i in range(0, len(asked), 6):
            kind, digest, encoding, expiry, dump, stream = asked[i:i + 6]
            if self.values is not None and len(self.values.payloads) < 200 and dump[1]:
                self.values.payloads.append(dump[1])
            defined = encoding[1] in (b"int", b"embstr", b"raw", b"listpack", b"intset", b"skiplist")
            found.append({"type": kind, "digest": digest, "encoding": encoding, "expiry": expiry, "bytes": dump if defined else ("", None),
                          "stream": stream if kind[1] == b"stream" else ("", None)})
        return found


def kind_of(reply):
    return reply if reply[0] in "-!" else reply[0]


def masked_talk(replies):
    found, goodbyes = [], []
    for reply in replies:
        if reply == ("silence", None):
            continue
        view = TALK_MASK(reply)
        names = [item[1] for item in view[1]] if isinstance(view[1], list) else []
        if names and isinstance(names[0], bytes) and names[0].endswith(b"unsubscribe"):
            goodbyes.append(view[1])  # of all channels, in the order of a hash table
            continue
        found += in_no_order(goodbyes)
        if b"proto" in names and b"id" in names:
            view = view[0], [(mark, b"<id>") if i > 0 and names[i - 1] == b"id" else (mark, value)
                             for i, (mark, value) in enumerate(view[1])]
        found.append(view)
    return found + in_no_order(goodbyes)


def in_no_order(goodbyes):
    """And none is left in the list."""
    found = [sorted(repr(each[:2]) for each in goodbyes), [each[2] for each in goodbyes]] if goodbyes else []
    goodbyes.clear()
    return found
