"""Where ours may differ from stock 7.0.15, each with the reason. Whatever is not here is a mistake of ours."""
from dataclasses import dataclass
from typing import Callable, Optional
import fnmatch
import re


def without_ours(reply):
    """INFO without the lines that only ours has."""
    mine = re.compile(r"(vigil_\w+|sentinel_total_tilt)(:[^\r\n]*)?(\r\n|$)")
    mark, value = reply
    if isinstance(value, list):
        return mark, [line for line in value if not mine.fullmatch(line)]
    return mark, mine.sub("", value) if value else value


def info_has_more(stock, ours):
    return [without_ours(each) for each in stock] == [without_ours(each) for each in ours]


def names_only(reply):
    """A list of instance maps as the names of their fields."""
    return [[field[1] for field in instance[1][::2]] for instance in reply[1]]


def same_fields(stock, ours):
    return [names_only(each) for each in stock] == [names_only(each) for each in ours]


def without_run_ids(reply):
    mark, value = reply
    if not isinstance(value, list):
        return reply
    items = [without_run_ids(item) for item in value]
    for i, (_, name) in enumerate(items[:-1]):
        if name == "runid":
            items[i + 1] = (items[i + 1][0], "<id>")
    return mark, items


def only_run_ids(stock, ours):
    return [without_run_ids(each) for each in stock] == [without_run_ids(each) for each in ours]


def has_more(stock, ours):
    return all(item in mine[1] for theirs, mine in zip(stock, ours) for item in theirs[1])


@dataclass(frozen=True)
class Allowed:
    where: str  # glob over what the report calls the place
    reason: str
    holds: Optional[Callable] = None  # what of (stock, ours) must be true all the same
    always: bool = True  # False: it depends on chance whether they differ


ENTRIES = [
    Allowed("* RESP?: SENTINEL failover x x", "FAILOVER takes options with us"),
    Allowed("* RESP?: COMMAND INFO sentinel|failover", "FAILOVER takes options with us"),
    Allowed("failover by *: *: +failover-loss", "ours says what a planned failover cost", always=False),
    Allowed("* RESP?: SENTINEL SENTINELS mymaster", "flags and link counts depend on when peers were met", always=False),
    Allowed("failover by hand: observer: +vote-for-leader", "ours asks for votes before it forces a failover"),
    Allowed("failover by *: *: +failover-mode", "ours says how it moves the master, and why so", always=False),
    Allowed("failover by *: *: +failover-waiting-for-replicas", "ours says what it waits for", always=False),
    Allowed("failover by *: *: +failover-delayed", "ours says that it waits, and for how long", always=False),
    Allowed("failover by *: *: ?testimony-hold", "ours says when replicas still hear the master", always=False),
    Allowed("failover by kill: observer: +odown", "ours tells its peers at once whom it sees down", always=False),
    Allowed("* RESP?: INFO*", "ours tells its own version, hellos that it dropped, and Redis 8's sentinel_total_tilt",
            info_has_more),
    Allowed("after RESP?: SENTINEL REPLICAS mymaster", "the run id of a master that died stays known", only_run_ids),
    Allowed("after RESP?: SENTINEL SLAVES mymaster", "the same", only_run_ids),
    Allowed("after RESP?: SENTINEL MASTER*", "stock reads INFO of the new master up to ten seconds later, and forgets "
            "its run id until then", only_run_ids, always=False),
    Allowed("after RESP?: SENTINEL SENTINELS mymaster", "which of the two sentinels led is chance", same_fields,
            always=False),
    Allowed("after RESP?: SENTINEL INFO-CACHE *", "the last INFO of a master that died is kept: somebody may ask why"),
    Allowed("* RESP?: ACL CAT *", "more commands: those below, Valkey's spellings, and SENTINEL words of ours", has_more),
    Allowed("raw: QUIT", "answered +OK: clients say good-bye so, and stock's error makes them log one"),
    Allowed("raw: RESET", "answered: connection pools use it"),
    Allowed("raw: ECHO", "answered: health checks use it"),
    Allowed("raw: TIME", "answered: clocks can be compared"),
    Allowed("* RESP?: SENTINEL CONFIG GET announce-ip announce-port", "several at once, as since 7.2"),
    Allowed("* RESP?: SENTINEL CONFIG SET announce-ip 127.0.0.1 announce-port 0", "the same"),
    Allowed("* RESP?: CLIENT SETINFO *", "7.2's, which newer client libraries call on every connection"),
    Allowed("* RESP?: ACL GETUSER worker", "rules about commands are shown as they were given, as 7.2 does; 7.0 shows "
            "an equivalent that it guesses"),
    Allowed("* RESP?: ACL LIST", "the same"),
    Allowed("* RESP?: SENTINEL DEBUG", "a SENTINEL DEBUG with a mistake in it changes nothing; stock has changed what "
            "stands before the mistake"),
]


def find(where, stock, ours):
    for entry in ENTRIES:
        if fnmatch.fnmatchcase(where, entry.where) and (entry.holds is None or entry.holds(stock, ours)):
            return entry
    return None
