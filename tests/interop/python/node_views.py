"""What of a reply must be equal, by the command that it answers. Whatever is not named here must be equal as it stands."""
import re

from node_allowed import ABSENT, OURS_ALONE

ABSENT_NAMES = {name.encode() for name in (*ABSENT, *OURS_ALONE)}

HEX40 = re.compile(rb"\b[0-9a-f]{40}\b")
TOLERANCE = 60_000  # milliseconds: both are asked at about the same time, on a machine that may be busy


def same(tree):
    return tree


def kind(tree):
    return tree[0]


def whatever(_):
    """Whether one is under way just now."""
    return "whatever"


def sorted_items(tree):
    """A set whose order is that of a hash table."""
    mark, value = tree
    return (mark, sorted(value, key=repr)) if isinstance(value, list) else tree


def sorted_pairs(tree):
    mark, value = tree
    if not isinstance(value, list) or len(value) % 2 != 0:
        return tree
    return mark, sorted(zip(value[::2], value[1::2]), key=repr)


def deep_sorted(tree):
    mark, value = tree
    return (mark, sorted((deep_sorted(item) for item in value), key=repr)) if isinstance(value, list) else tree


def without_times(tree):
    """XINFO, XPENDING: moments and how long ago they were."""
    mark, value = tree
    if mark == ":":
        return (mark, b"<time>") if len(value) == 13 else tree
    if not isinstance(value, list):
        return tree
    items = [without_times(item) for item in value]
    for i, (_, name) in enumerate(items[:-1]):
        if name in (b"idle", b"inactive", b"seen-time", b"active-time"):
            items[i + 1] = (":", b"<time>")
    # An entry of XPENDING: id, consumer, for how long, how often.
    if [item[0] for item in items] == ["$", "$", ":", ":"]:
        items[2] = (":", b"<time>")
    return mark, items


def error_or(view):
    """An error must be the same; what is none is seen as `view` shows it."""
    return lambda tree: tree if tree[0] in "-!" else view(tree)


def about(tree):
    """Numbers to which the clock has contributed: with a tolerance, see close()."""
    return ("about", tree)


def close(one, other):
    (one_mark, one_value), (other_mark, other_value) = one, other
    if one_mark != other_mark or one_mark != ":":
        return one == other
    one_value, other_value = int(one_value), int(other_value)
    return one_value == other_value or min(one_value, other_value) >= 0 and abs(one_value - other_value) <= TOLERANCE


def equal(one, other):
    if isinstance(one, tuple) and len(one) == 2 and one[0] == "about" and isinstance(other, tuple) and other[0] == "about":
        return close(one[1], other[1])
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other))
    return one == other


def masked(pattern, into=b"<n>"):
    expression = re.compile(pattern)

    def view(tree):
        mark, value = tree
        if isinstance(value, list):
            return mark, [view(item) for item in value]
        return (mark, expression.sub(into, value)) if isinstance(value, bytes) else tree
    return view


def field_names(tree):
    mark, value = tree
    if not isinstance(value, bytes):
        return tree
    return mark, [line.partition(b":")[0] for line in value.split(b"\r\n")]


def without_absent(tree):
    """A list of commands, or of what is told of each, without those that one of both has not."""
    mark, value = tree
    if not isinstance(value, list):
        return tree
    return mark, sorted((item for item in value if item[1] not in ABSENT_NAMES), key=repr)


def first_line(tree):
    """HELP: the words are everybody's own."""
    mark, value = tree
    return (mark, value[0]) if isinstance(value, list) and value else tree


def shape(tree):
    mark, value = tree
    if isinstance(value, list):
        return mark, len(value)
    return mark, value is None


def documented(tree):
    """COMMAND DOCS: release, group and subcommands, without the sentences for people. Arguments are told in another
    structure than stock's, though of the same words."""
    mark, value = tree
    if not isinstance(value, list):
        return tree
    if len(value) % 2 == 0 and b"group" in [item[1] for item in value[::2]]:
        return mark, sorted(((name[1], documented(item)) for name, item in zip(value[::2], value[1::2])
                             if name[1] in (b"group", b"since", b"subcommands")), key=repr)
    return mark, [documented(item) for item in value]


VIEWS = {
    "smembers": sorted_items, "sinter": sorted_items, "sunion": sorted_items, "sdiff": sorted_items, "hkeys": sorted_items,
    "hvals": sorted_items, "hgetall": sorted_pairs, "keys": sorted_items, "command|list": without_absent, "config|get": sorted_pairs,
    "acl|users": sorted_items, "acl|list": sorted_items, "acl|cat": without_absent, "pubsub|channels": sorted_items,
    "pubsub|shardchannels": sorted_items, "function|list": deep_sorted, "function|stats": same,
    "ttl": about, "pttl": about, "expiretime": about, "pexpiretime": about, "object|idletime": about, "object|refcount": error_or(kind), "lastsave": about,
    "xinfo|stream": without_times, "xinfo|groups": without_times, "xinfo|consumers": without_times, "xpending": without_times,
    "time": shape, "info": kind, "client|list": kind, "client|info": kind, "client|id": kind, "client|trackinginfo": same, "acl|genpass": error_or(shape),
    "acl|log": shape, "acl|getuser": kind, "memory|usage": error_or(kind), "memory|stats": kind, "memory|doctor": kind, "memory|malloc-stats": kind,
    "slowlog|get": shape, "lolwut": kind, "bgsave": whatever, "save": whatever, "bgrewriteaof": kind, "latency|doctor": kind, "latency|histogram": shape,
    "command|docs": documented, "command": kind, "command|info": deep_sorted, "command|count": kind, "dump": error_or(shape), "role": same,
    "debug": error_or(kind), "function|dump": kind, "restore": same, "module|load": kind, "module|loadex": kind,
}
# Replies that random choice has made: how many there are, and of what kind, is equal, and what is told is there.
RANDOM = {"spop", "srandmember", "randomkey", "hrandfield", "zrandmember"}
# By words: which members are meant is defined only where all scores are equal.
LEXICAL = {"zrangebylex", "zrevrangebylex", "zremrangebylex", "zlexcount", "zrange", "zrangestore"}
# These change the data by chance: afterwards both sides are given the same.
CHANGES_BY_CHANCE = {"spop"}
ITERATED = {"scan", "sscan", "hscan", "zscan"}


def is_help(words):
    return len(words) == 2 and words[1].upper() == b"HELP"


def name_of(words, rows):
    """The row that a request asks for: "xgroup|create"; unknown ones by their first word."""
    name = words[0].decode("latin1").lower()
    if len(words) > 1:
        full = name + "|" + words[1].decode("latin1").lower()
        if full in rows:
            return full
    return name


def view_of(words, rows):
    name = name_of(words, rows)
    if name in ("eval", "eval_ro", "evalsha", "evalsha_ro") and len(words) > 1:
        return script_view(words, rows)
    if name in ("sort", "sort_ro"):
        return sort_view(words)
    if name == "debug" and len(words) > 1:
        return debug_view(words[1].upper())
    if is_help(words) and name.endswith("|help"):
        return first_line
    return VIEWS.get(name, same)


def script_view(words, rows):
    """A script that runs the request it is given answers as that does; so does one that is named by its sum."""
    if b"HGETALL" in words[1]:
        return deep_sorted
    inner = words[4:]
    if not inner or (b"unpack(ARGV)" not in words[1] and b"EVALSHA" not in words[0].upper()):
        return same
    view = view_of(inner, rows)
    return deep_sorted if view in (sorted_items, sorted_pairs) else view


def sort_is_undefined(words):
    """By a pattern without a star nothing is sorted, and with ALPHA what has no weight is equal: the order is that of the
    table then, or of the sort."""
    upper = [word.upper() for word in words]
    return words[0].upper() in (b"SORT", b"SORT_RO") and b"BY" in upper


def sort_view(words):
    return error_or(shape) if sort_is_undefined(words) else same


def debug_view(word):
    if word == b"OBJECT":
        return error_or(kind)
    if word in (b"DIGEST", b"DIGEST-VALUE", b"PROTOCOL", b"ERROR", b"SLEEP", b"LOG", b"SET-ACTIVE-EXPIRE", b"STRINGMATCH-LEN"):
        return same
    return kind


def random_view(tree):
    mark, value = tree
    if isinstance(value, list):
        return mark, [random_view(item) for item in value]
    return tree if mark in "-:" else (mark, value is None)
