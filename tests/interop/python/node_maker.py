"""The next requests of a run, of every row, mostly about data, mostly valid."""
from dataclasses import dataclass

from node_grammar import Grammar, spoil
from node_recipes import RECIPES, TALKS, affordable
from node_views import ITERATED, LEXICAL, RANDOM

DATA = {"string", "list", "set", "hash", "sorted-set", "stream", "hyperloglog", "bitmap", "geo", "generic"}
RARE = {"flushall": 0.05, "flushdb": 0.1, "swapdb": 0.2, "save": 0.1, "bgsave": 0.05, "del": 0.3, "unlink": 0.3, "wait": 0.3,
        "function|flush": 0.3, "script|flush": 0.3, "client|pause": 0.2, "lolwut": 0.1, "config|set": 0.5, "keys": 0.5}
# In a transaction or a script their replies could not be judged, or they would open another conversation.
NOT_INSIDE = RANDOM | ITERATED | TALKS | LEXICAL | {"multi", "exec", "discard", "watch", "debug", "save", "bgsave", "shutdown", "wait", "client|pause",
                                          "eval", "evalsha", "eval_ro", "evalsha_ro", "monitor", "sort", "sort_ro", "sync", "psync", "replconf", "time"}


@dataclass
class Step:
    words: tuple
    connection: int = 0
    settle: bool = False  # something of it expires in a moment: wait until it has, on both sides
    talk: tuple = ()  # a whole conversation on a connection of its own instead

    def __str__(self):
        requests = self.talk or (self.words,)
        return f"[{self.connection}] " + " / ".join(" ".join(show(word) for word in words) for words in requests)


def show(word):
    text = repr(word)[2:-1]
    if len(word) > 200:
        text = f"{repr(word[:60])[2:-1]}...({len(word)} bytes)"
    return text if text and " " not in text else f'"{text}"'


class Maker:
    def __init__(self, values, rows):
        self.values, self.rows = values, rows
        self.grammar = Grammar(values, rows)
        self.names = [name.encode() for name in sorted(rows)]
        every = [rows[name] for name in sorted(rows)]
        self.every = [row for row in every if row.name not in TALKS]
        shared = [row for row in every if row.servers == {"stock", "ours"}]
        self.data = [row for row in shared if row.group in DATA and "blocking" not in row.flags]
        self.inside = [row for row in self.data if row.name not in NOT_INSIDE]
        self.talks = [rows[name] for name in sorted(TALKS) if name in rows]
        self.stream_clock = 1
        self.in_multi = 0  # requests until EXEC
        self.used = set()

    def of_row(self, row):
        recipe = RECIPES.get(row.name)
        self.used.add(row.name)
        if recipe is not None:
            words, settle = row.words() + recipe(self, self.values), False
        else:
            words, settle = self.grammar.request(row)
        # What has a recipe of bad forms stays as it is.
        if self.values.chance(0.07) and (recipe is None or row.group in DATA):
            words = spoil(self.values, words)
        if self.values.chance(0.1):
            words[0] = words[0].lower()
        return affordable(words), settle

    def pick(self, rows):
        while True:
            row = self.values.random.choice(rows)
            if self.values.chance(RARE.get(row.name, 1.0)):
                return row

    def plain_request(self):
        """One that may stand within another."""
        grammar, self.grammar = self.grammar, Grammar(self.values, self.rows)
        words, _ = self.of_row(self.pick(self.inside))
        self.grammar = grammar
        return words

    def steps(self, connection):
        """What one connection asks next: some requests, of which only the last may have to settle."""
        steps = []
        for _ in range(self.values.random.randint(1, 30)):
            step = self.step(connection)
            steps.append(step)
            if step.settle:
                break
        return steps

    def step(self, connection):
        if self.in_multi > 0:
            return self.inside_multi(connection)
        roll = self.values.random.random()
        if roll < 0.01:
            self.in_multi = self.values.random.randint(1, 7)
            return Step((b"MULTI",), connection)
        if roll < 0.015:
            return Step((b"TALK",), connection, talk=self.talk())
        row = self.pick(self.data if roll < 0.8 else self.every)
        if row.name == "multi":
            self.in_multi = self.values.random.randint(1, 7)
        words, settle = self.of_row(row)
        return Step(tuple(words), connection, settle)

    def inside_multi(self, connection):
        self.in_multi -= 1
        if self.in_multi == 0:
            return Step((self.values.pick(b"EXEC", b"EXEC", b"EXEC", b"EXEC", b"DISCARD"),), connection)
        while True:
            words, settle = self.of_row(self.pick(self.inside))
            # What expires in a moment would do so before or after EXEC.
            if not settle and words[0].upper() not in (b"MULTI", b"EXEC", b"DISCARD"):
                return Step(tuple(words), connection)

    def talk(self):
        requests = []
        for _ in range(self.values.random.randint(1, 4)):
            row = self.pick(self.talks)
            if row.name == "quit":
                continue
            self.used.add(row.name)
            words, _ = self.grammar.request(row)
            requests.append(tuple(words))
            if self.values.chance(0.5):
                requests.append((b"GET", self.values.key("string")))
        return (*requests, (b"PING",), (b"QUIT",))
