"""Requests out of the arguments that COMMAND DOCS tells of each row."""
from dataclasses import dataclass, field

from node_values import EDGES, LIBRARIES, NO_NUMBERS, PATTERNS, RULES, SCRIPTS
from node_wire import plain


@dataclass
class Row:
    name: str  # "xgroup|create"
    group: str
    arguments: list
    arity: int = 0
    flags: tuple = ()
    servers: set = field(default_factory=set)

    def words(self):
        return [part.upper().encode() for part in self.name.split("|")]


def fields(flat):
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2])}


def read_rows(wires):
    """Every row that any of the servers has, by name: {"stock": wire, "ours": wire}. Where both have it, stock's
    grammar counts."""
    rows = {}

    def add(server, name, facts):
        row = rows.setdefault(name, Row(name, facts["group"].decode(), facts.get("arguments", [])))
        row.servers.add(server)

    for server, wire in wires.items():
        docs = plain(wire.ask("COMMAND", "DOCS"))
        for name, flat in zip(docs[::2], docs[1::2]):
            facts = fields(flat)
            if "subcommands" not in facts:
                add(server, name.decode(), facts)
            for sub, sub_flat in zip(facts.get("subcommands", [])[::2], facts.get("subcommands", [])[1::2]):
                add(server, sub.decode(), fields(sub_flat))
        for info in plain(wire.ask("COMMAND", "INFO")):
            note_info(rows, info)
    return rows


def note_info(rows, info):
    name = info[0].decode()
    if name in rows:
        rows[name].arity, rows[name].flags = info[1], tuple(flag.decode() for flag in info[2])
    for sub in info[9] if len(info) > 9 else ():
        note_info(rows, sub)


class Grammar:
    """`request(row)` gives the words of one request, and whether something of it expires in a moment."""

    def __init__(self, values, rows):
        self.values, self.rows = values, rows
        self.settle = False
        self.row = None
        self.keys_left = None

    def request(self, row):
        self.row, self.settle, self.keys_left = row, False, None
        words = row.words()
        for argument in row.arguments:
            words += self.argument(fields(argument))
        return words, self.settle

    def argument(self, told):
        flags = told.get("flags", [])
        if b"optional" in flags and not self.values.chance(0.35):
            return []
        token = told.get("token")
        count = 1
        if b"multiple" in flags:
            count = self.values.pick(1, 1, 2, 3, 4)
            if self.keys_left is not None and told["type"] == b"key":
                count, self.keys_left = self.keys_left, None
        words = []
        repeated = b"multiple_token" in flags
        for i in range(count):
            if token is not None and told["type"] != b"pure-token" and (repeated or i == 0):
                words.append(token)
            words += self.value(told)
        return words

    def value(self, told):
        kind = told["type"]
        if kind == b"pure-token":
            token = told.get("token", b"")
            return [token if self.values.chance(0.9) else token.lower()]
        if kind == b"oneof":
            return self.argument({**fields(self.values.random.choice(told["arguments"])), "flags": []})
        if kind == b"block":
            return [word for each in told["arguments"] for word in self.argument(fields(each))]
        if kind == b"key":
            return [self.values.key(self.kind_of_key())]
        return [self.scalar(told["name"].decode(), kind)]

    def kind_of_key(self):
        group = self.row.group
        if group in ("generic", "server", "transactions", "connection", "cluster"):
            return None
        if group == "scripting":
            return self.values.pick("string", "list", None)
        return group

    def scalar(self, name, kind):
        values, group, command = self.values, self.row.group, self.row.name
        if name == "numkeys":
            count = values.pick(1, 1, 2, 2, 3)
            self.keys_left = count
            if values.chance(0.05):
                return values.pick(b"0", b"-1", b"100", b"abc", b"9223372036854775807")
            return b"%d" % count
        if name in ("seconds", "milliseconds", "ttl", "ms"):
            return self.length(name, command)
        if name.startswith("unix-time"):
            return values.unix_time(1 if name == "unix-time-seconds" else 1000)
        if name == "timeout":
            return values.pick(b"0.01", b"0.002", b"0.01", b"-1", b"abc", b"0.001") if kind == b"double" else values.pick(b"1", b"5")
        maker = BY_NAME.get((group, name)) or BY_NAME.get(name)
        if maker is not None:
            return maker(values)
        if kind == b"double":
            return values.score()
        if kind == b"integer":
            return values.integer()
        if kind == b"pattern":
            return values.random.choice(PATTERNS)
        return values.word()

    def length(self, name, command):
        values = self.values
        if command.startswith("xread"):
            return values.pick(b"1", b"5", b"-1", b"abc")
        if command.startswith("xclaim"):
            return values.pick(b"0", b"1000", b"-5", b"x")
        if name == "seconds" and command.startswith("restore"):
            return values.integer(0, 1000)  # IDLETIME
        if name == "ttl" and values.chance(0.6):
            return b"0"
        if name in ("milliseconds", "ttl"):
            if values.chance(0.07):
                self.settle = True
                return values.soon()
            length = values.seconds()
            return length + b"000" if length.isdigit() and len(length) < 9 and length != b"0" else length
        return values.seconds()


def stream_word(values):
    return values.stream_id()


def idle_time(values):
    return values.pick(b"0", b"0", b"1000000000000", b"-1", b"abc")


# What a word is, by the name of the argument, or by the group of the command and that name.
BY_NAME = {
    "db": lambda v: v.database(), "index1": lambda v: v.database(), "index2": lambda v: v.database(),
    "destination-db": lambda v: v.database(), ("connection", "index"): lambda v: v.database(),
    "cursor": lambda v: b"0" if v.chance(0.95) else v.pick(b"abc", b"99999999999999999999", b""),
    "count": lambda v: v.small(), "limit": lambda v: v.small(), "num-matches": lambda v: v.small(0),
    "element": lambda v: v.word(), "member": lambda v: v.word(), "field": lambda v: v.word(),
    "value": lambda v: v.text(), ("bitmap", "value"): lambda v: v.pick(b"0", b"1", b"1", b"2", b"-1", b"77", b"255", b"abc", v.integer()),
    ("hash", "value"): lambda v: v.pick(v.text(), v.word()),
    ("stream", "id"): stream_word, ("stream", "start"): stream_word, ("stream", "end"): stream_word, "last-id": stream_word,
    "max_deleted_entry_id": stream_word, ("stream", "threshold"): lambda v: v.pick(v.integer(0, 20), v.stream_id()),
    "group": lambda v: v.pick(b"g1", b"g1", b"g2", b"g3"), "groupname": lambda v: v.pick(b"g1", b"g1", b"g2", b"g3"),
    "consumer": lambda v: v.pick(b"alice", b"bob", b"carl"), "consumername": lambda v: v.pick(b"alice", b"bob", b"carl"),
    ("stream", "min-idle-time"): idle_time, "entries_read": lambda v: v.integer(), "entries_added": lambda v: v.integer(0, 50),
    ("sorted-set", "min"): lambda v: v.pick(v.score_bound(), v.lex_bound()), ("sorted-set", "max"): lambda v: v.pick(v.score_bound(), v.lex_bound()),
    ("sorted-set", "start"): lambda v: v.pick(v.integer(), v.score_bound(), v.lex_bound()),
    ("sorted-set", "stop"): lambda v: v.pick(v.integer(), v.score_bound(), v.lex_bound()),
    ("sorted-set", "increment"): lambda v: v.score(), "weight": lambda v: v.score(),
    ("string", "increment"): lambda v: v.pick(v.score(), v.integer(), v.integer()), ("hash", "increment"): lambda v: v.pick(v.score(), v.integer()),
    "encoding": lambda v: v.pick(b"u8", b"i8", b"u1", b"i16", b"u31", b"i64", b"u63", b"i5", b"u64", b"i65", b"u0", b"x8", b"", b"U8"),
    ("bitmap", "offset"): lambda v: v.pick(b"0", b"1", b"7", b"8", b"33", b"#0", b"#2", b"#5", b"100", b"500", b"-1", b"4294967296", b"x"),
    ("string", "offset"): lambda v: v.pick(b"0", b"1", b"5", b"10", b"43", b"44", b"100", b"-1", b"536870912", b"abc"),
    "bit": lambda v: v.pick(b"0", b"1", b"1", b"2", b"-1", b"a"),
    "operation": lambda v: v.pick(b"AND", b"OR", b"XOR", b"NOT", b"and", b"NAND"),
    "longitude": lambda v: v.pick(b"13.361389", b"15.087269", b"-180", b"180", b"181", b"0", b"%d" % v.random.randint(-180, 180), b"x"),
    "latitude": lambda v: v.pick(b"38.115556", b"37.502669", b"-85.05112878", b"86", b"0", b"%d" % v.random.randint(-85, 85), b"1e-5"),
    "radius": lambda v: v.pick(b"100", b"1000", b"200.5", b"10000", b"0", b"-1", b"x", b"1e8"),
    "width": lambda v: v.pick(b"100", b"5000", b"0", b"-1"), "height": lambda v: v.pick(b"100", b"5000", b"0", b"x"),
    "script": lambda v: v.random.choice(SCRIPTS), "function-code": lambda v: v.random.choice(LIBRARIES),
    "function": lambda v: v.pick(b"f1", b"f2", b"f3", b"f4"), "library-name": lambda v: v.pick(b"one", b"two", b"none"),
    "library-name-pattern": lambda v: v.pick(b"*", b"o*", b"none"), "serialized-value": lambda v: v.payload(),
    "rule": lambda v: v.random.choice(RULES), "username": lambda v: v.pick(b"u1", b"u2", b"nobody"),
    "category": lambda v: v.pick(b"read", b"string", b"nosuch"), "categoryname": lambda v: v.pick(b"read", b"geo", b"scripting", b"nosuch"),
    "channel": lambda v: v.pick(b"c1", b"c2", b"news"), "shardchannel": lambda v: v.pick(b"c1", b"c2"),
    "event": lambda v: v.pick(b"command", b"nosuch"), "path": lambda v: b"/nowhere/module.so", "host": lambda v: b"127.0.0.1",
    "port": lambda v: b"1", "ip": lambda v: b"127.0.0.1", "client-id": lambda v: b"999999999", "rank": lambda v: v.integer(-3, 3),
    "len": lambda v: v.integer(0, 10), "frequency": lambda v: v.integer(0, 255), "type": lambda v: v.pick(b"string", b"list", b"zset", b"set", b"hash", b"stream", b"nosuch"),
    "numreplicas": lambda v: v.pick(b"0", b"0", b"1", b"-1", b"x"), "slot": lambda v: v.integer(0, 20000),
    "bits": lambda v: v.pick(b"5", b"256", b"0", b"4097", b"x"), "version": lambda v: v.pick(b"5", b"6", b"1"),
    "section": lambda v: v.pick(b"server", b"keyspace", b"replication", b"all", b"nosuch", b"memory"),
    "subcommand": lambda v: v.pick(b"ENCODING", b"TODENSE", b"GETREG", b"DECODE", b"NOSUCH"), "yes/no": lambda v: v.pick(b"yes", b"no", b"x"),
}


def spoil(values, words):
    """One mistake: a word too few, too many, in the wrong place, or of no sense."""
    words = list(words)
    how = values.random.randrange(6)
    if how == 0 and len(words) > 1:
        words.pop()
    elif how == 1:
        words.append(values.word())
    elif how == 2 and len(words) > 2:
        del words[values.random.randrange(1, len(words))]
    elif how == 3 and len(words) > 1:
        words[values.random.randrange(1, len(words))] = values.random.choice(EDGES + NO_NUMBERS)
    elif how == 4 and len(words) > 2:
        one, other = (values.random.randrange(1, len(words)) for _ in range(2))
        words[one], words[other] = words[other], words[one]
    elif len(words) > 1:
        words.insert(values.random.randrange(1, len(words)), words[values.random.randrange(1, len(words))])
    return words
