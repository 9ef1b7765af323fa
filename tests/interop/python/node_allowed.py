"""Where our data node may differ from stock 7.0.15, each with the reason. Whatever is not here is a mistake of ours."""
from dataclasses import dataclass
from typing import Callable, Optional
import fnmatch


# Rows of stock that ours has not.
ABSENT = {
    "pfselftest": "stock's test of its own HyperLogLogs",
    "migrate": "moves keys between the nodes of a cluster; DUMP and RESTORE do it by hand", "restore-asking": "the other end of MIGRATE",
    "module|load": "there are no modules", "module|loadex": "there are no modules", "module|unload": "there are no modules",
}
# Rows that 7.0 has not: newer clients ask for them.
OURS_ALONE = {"client|setinfo": "7.2's, which newer client libraries call on every connection",
              **{name: "delayed replicas are ours" for name in (
                  "repldelay", "repldelay|apply", "repldelay|help", "repldelay|pause", "repldelay|pending",
                  "repldelay|resume", "repldelay|set", "repldelay|status")},
              "waitaof": "7.2's: with a journal, people want to know what is on disks"}


@dataclass(frozen=True)
class Allowed:
    where: str  # glob over the place: "XADD: xadd x1 * a b", "bytes of key 'h1' ..."
    reason: str
    holds: Optional[Callable] = None  # what of (stock, ours) must be true all the same

    def covers(self, where, stock, ours):
        return fnmatch.fnmatchcase(where, self.where) and (self.holds is None or self.holds(stock, ours))


def unknown_to(which):
    """The other does not know it, or the view shows no more than that it is an error."""
    def holds(*replies):
        reply = replies[which]
        return reply == "-" or isinstance(reply, tuple) and reply[0] == "-" and b"unknown" in reply[1]
    return holds


ENTRIES = [
    *[Allowed(f"{name.upper().replace('|', ' ')}: *", reason, unknown_to(1)) for name, reason in ABSENT.items()],
    *[Allowed(f"{name.upper().replace('|', ' ')}: *", reason, unknown_to(0)) for name, reason in OURS_ALONE.items()],
    # ZADD z 5e-324 m, then SORT of "12": the error is one of the request before.
    *[Allowed(f"*{name}: *", "stock takes the errno that a denormal number of an earlier command has left for its own",
              lambda stock, ours: stock == ("-", b"ERR One or more scores can't be converted into double") and ours[0] == "*")
      for name in ("SORT", "SORT_RO")],
    Allowed("BGREWRITEAOF: *", "without appendonly there is nothing to rewrite: refused by name", lambda stock, ours: ours[:1] == "-"),
    Allowed("SCRIPT DEBUG: *", "there is no debugger for scripts"),
    Allowed("encoding of key * (string)", "a SETBIT that changes nothing makes raw what was not",
            lambda stock, ours: stock[1] == b"raw" and ours[1] in (b"int", b"embstr")),
    Allowed("*OBJECT ENCODING: *", "the same", lambda stock, ours: stock[1] == b"raw" and ours[1] in (b"int", b"embstr")),
    Allowed("ACL LIST: *", "rules about commands are shown as they were given, as 7.2 does; 7.0 shows an equivalent that it guesses"),
    Allowed("PFDEBUG: *", "stock decodes what is damaged, too", lambda stock, ours: ours[1] is not None and b"INVALIDOBJ" in ours[1]),
    Allowed("COMMAND GETKEYSANDFLAGS: *", "what a command does with each key is told by its row as a whole"),
    Allowed("COMMAND INFO: *", "rows that ours has not, or has alone; and what is done with a key is told by the row as a whole"),
    Allowed("COMMAND DOCS: *", "the same", lambda stock, ours: has_absent(stock) or has_absent(ours)),
]


def has_absent(tree):
    return any(name in repr(tree) for name in (*ABSENT, *OURS_ALONE))


def find(where, stock, ours):
    for entry in ENTRIES:
        if entry.covers(where, stock, ours):
            return entry
    return None
