"""Requests for rows whose grammar does not say enough, and what keeps a request from costing too much."""
import hashlib

from node_values import LIBRARIES, RULES, SCRIPTS

# Directives that may be changed while both run: none of them changes what later replies may be compared by.
SETTINGS = [(b"maxmemory-samples", b"7"), (b"hash-max-ziplist-entries", b"6"), (b"list-max-listpack-size", b"5"),
            (b"slowlog-max-len", b"50"), (b"nosuch", b"1"), (b"timeout", b"abc"), (b"hz", b"20"), (b"lazyfree-lazy-user-del", b"yes"),
            (b"lazyfree-lazy-user-del", b"no"), (b"min-replicas-max-lag", b"12"), (b"zset-max-listpack-entries", b"7"),
            (b"set-max-intset-entries", b"5"), (b"maxmemory", b"1x"), (b"latency-monitor-threshold", b"0"),
            (b"notify-keyspace-events", b"KEA"), (b"notify-keyspace-events", b""),
            (b"notify-keyspace-events", b"Q"), (b"appendonly", b"maybe"), (b"maxmemory-policy", b"sometimes")]
COMPARED_SETTINGS = [b"maxmemory*", b"hash-max-*", b"list-*", b"set-max-*", b"zset-*", b"stream-*", b"repl-backlog-size", b"timeout",
                     b"client-output-buffer-limit", b"lazyfree-*", b"notify-keyspace-events", b"nosuch", b"save", b"appendonly"]


def xadd(make, v):
    words = [v.key("stream")]
    if v.chance(0.1):
        words.append(b"NOMKSTREAM")
    if v.chance(0.3):
        words += trim(v)
    make.stream_clock += v.random.randint(0, 2)
    roll = v.random.random()
    words.append(b"%d-%d" % (make.stream_clock, v.random.randint(0, 9)) if roll < 0.8 else
                 b"%d-*" % make.stream_clock if roll < 0.88 else b"*" if roll < 0.92 and not make.in_multi else v.stream_id())
    for _ in range(v.pick(1, 1, 2, 3)):
        words += [v.word(), v.text() if v.chance(0.3) else v.word()]
    return words


def trim(v):
    words = [v.pick(b"MAXLEN", b"MINID")]
    words += [v.pick(b"=", b"~")] if v.chance(0.6) else []
    words.append(v.integer(0, 12) if words[0] == b"MAXLEN" else v.stream_id())
    return words + ([b"LIMIT", v.integer(0, 10)] if v.chance(0.2) else [])


def streams(v, ids):
    count = v.pick(1, 1, 2, 3)
    return [b"STREAMS", *[v.key("stream") for _ in range(count)], *[ids() for _ in range(count if v.chance(0.95) else count + 1)]]


def xread(make, v):
    words = [b"COUNT", v.small(0)] if v.chance(0.4) else []
    words += [b"BLOCK", v.pick(b"1", b"3", b"-1", b"x")] if v.chance(0.2) else []
    return words + streams(v, v.stream_id)


def xreadgroup(make, v):
    words = [b"GROUP", v.pick(b"g1", b"g1", b"g2", b"g3"), v.pick(b"alice", b"bob", b"carl")]
    words += [b"COUNT", v.small(0)] if v.chance(0.5) else []
    words += [b"BLOCK", v.pick(b"1", b"3")] if v.chance(0.1) else []
    words += [b"NOACK"] if v.chance(0.2) else []
    return words + streams(v, lambda: b">" if v.chance(0.7) else v.stream_id())


def script(make, v):
    if v.chance(0.5):
        inner = make.plain_request()
        return [v.pick(b"return redis.call(unpack(ARGV))", b"return redis.pcall(unpack(ARGV))"), b"1", v.key(), *inner]
    count = v.pick(0, 1, 1, 2)
    return [v.random.choice(SCRIPTS), b"%d" % count if v.chance(0.95) else v.pick(b"-1", b"9", b"x"),
            *[v.key("string") for _ in range(count)], *[v.word() for _ in range(v.pick(0, 1, 3))]]


def script_by_sum(make, v):
    words = script(make, v)
    return [hashlib.sha1(words[0]).hexdigest().encode() if v.chance(0.9) else b"f" * 40, *words[1:]]


def script_exists(make, v):
    return [hashlib.sha1(v.random.choice(SCRIPTS)).hexdigest().encode() for _ in range(v.pick(1, 3))]


def getkeys(make, v):
    return make.plain_request() if v.chance(0.9) else [b"nosuch", b"a"]


def command_names(make, v):
    return [v.random.choice(make.names) for _ in range(v.pick(1, 1, 2))] + ([b"nosuch"] if v.chance(0.1) else [])


def debug(make, v):
    key = v.key()
    return v.random.choice([
        [b"SLEEP", b"0"], [b"DIGEST"], [b"DIGEST-VALUE", key, v.key()], [b"DIGEST-VALUE"], [b"SET-ACTIVE-EXPIRE", b"1"],
        [b"ERROR", b"MY mistake"], [b"LOG", b"line"], [b"LOG"], [b"NOSUCH"], [b"NOSUCH", b"a"], [b"SLEEP"], [],
        [b"PROTOCOL", v.pick(b"string", b"integer", b"double", b"null", b"array", b"set", b"map", b"verbatim", b"true", b"false",
                             b"bignum", b"nosuch")]])


def acl_setuser(make, v):
    return [v.pick(b"u1", b"u2"), *[v.random.choice(RULES) for _ in range(v.random.randint(0, 5))]]


def acl_dryrun(make, v):
    return [v.pick(b"u1", b"u2", b"default", b"nobody"), *(make.plain_request() if v.chance(0.9) else [b"nosuch"])]


def client_kill(make, v):
    return v.random.choice([[b"127.0.0.1:1"], [b"ID", b"999999999"], [b"ID", b"abc"], [b"USER", b"nobody"], [b"ADDR", b"1.1.1.1:1"],
                            [b"LADDR", b"x"], [b"TYPE", b"nosuch"], [b"SKIPME", b"maybe"], [b"ID", b"0"], [b"ID"], []])


def config_set(make, v):
    pairs = [word for _ in range(v.pick(1, 1, 2)) for word in v.random.choice(SETTINGS)]
    return pairs if v.chance(0.95) else pairs[:-1]


def restore(make, v):
    words = [v.key(), b"0" if v.chance(0.6) else v.pick(b"%d" % v.random.randint(1000000, 10**10), b"-1", b"abc", b""), v.payload()]
    words += [b"REPLACE"] if v.chance(0.8) else []
    words += [b"ABSTTL"] if v.chance(0.1) else []
    words += [b"IDLETIME", v.integer(0, 100)] if v.chance(0.1) else []
    return words + ([b"FREQ", v.integer(0, 255)] if v.chance(0.1) else [])


def bad_forms(*forms):
    return lambda make, v: list(v.random.choice(forms))


def with_star(make, v):
    return [v.random.choice(COMPARED_SETTINGS)]


RECIPES = {
    "xadd": xadd, "xread": xread, "xreadgroup": xreadgroup, "xtrim": lambda make, v: [v.key("stream"), *trim(v)],
    "eval": script, "eval_ro": script, "evalsha": script_by_sum, "evalsha_ro": script_by_sum, "script|exists": script_exists,
    "command|getkeys": getkeys, "command|getkeysandflags": getkeys, "command|info": command_names, "command|docs": command_names,
    "debug": debug, "acl|setuser": acl_setuser, "acl|dryrun": acl_dryrun, "client|kill": client_kill, "config|set": config_set,
    "config|get": with_star, "restore": restore, "restore-asking": bad_forms([]),
    "function|load": lambda make, v: ([b"REPLACE"] if v.chance(0.6) else []) + [v.random.choice(LIBRARIES)],
    "client|pause": bad_forms([b"1"], [b"2", b"WRITE"], [b"abc"], [b"-1"], [b"1", b"NOSUCH"]),
    "client|setname": lambda make, v: [v.pick(b"name", b"", b"with space", b"other")],
    "select": lambda make, v: [v.pick(b"0", b"0", b"0", b"1", b"2", b"16", b"-1", b"x")],
    # Valid forms of these would end the server, change what it is, or begin another kind of conversation.
    "shutdown": bad_forms([b"ABORT"], [b"NOSUCH"], [b"NOSAVE", b"SAVE"], [b"ABORT", b"NOW"]),
    "replicaof": bad_forms([b"NO", b"ONE"], [b"127.0.0.1"], [b"127.0.0.1", b"port"], [b"127.0.0.1", b"99999999"]),
    "slaveof": bad_forms([b"NO", b"ONE"], [b"127.0.0.1"], [b"127.0.0.1", b"port"]),
    "failover": bad_forms([], [b"ABORT"], [b"TO", b"127.0.0.1"], [b"TIMEOUT", b"-1"], [b"TO", b"127.0.0.1", b"1", b"FORCE"]),
    "sync": bad_forms([b"x"]), "psync": bad_forms([], [b"?"]),
    "replconf": bad_forms([], [b"listening-port"], [b"nosuch", b"1"], [b"capa", b"eof"], [b"listening-port", b"abc"]),
    "lolwut": bad_forms([], [b"VERSION", b"5"]), "monitor": bad_forms([b"x"]),
    "migrate": bad_forms([b"127.0.0.1", b"1", b"missing", b"0", b"100"], [b"127.0.0.1", b"1", b"", b"0", b"100", b"KEYS", b"missing"], [b"x"]),
    "quit": bad_forms([]), "script|debug": bad_forms([b"x"], []),
}

# Rows after which a connection is no longer one for questions and answers: each talk of them has a connection of its own.
TALKS = {"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "client|reply", "client|tracking",
         "client|caching", "quit", "reset", "hello", "auth"}
TIMEOUT_LAST = {b"BLPOP", b"BRPOP", b"BRPOPLPUSH", b"BLMOVE", b"BZPOPMIN", b"BZPOPMAX"}
TIMEOUT_FIRST = {b"BLMPOP", b"BZMPOP"}


def number(word):
    try:
        return float(word)
    except ValueError:
        return None


def bounded(word, low, high, instead):
    value = number(word)
    return instead if value is not None and not low <= value <= high else word


def affordable(words):
    """The same request, but for what would wait for ever or take hundreds of megabytes."""
    words = list(words)
    name = words[0].upper()
    if name in TIMEOUT_LAST and len(words) > 1:
        words[-1] = bounded(words[-1], -1e300, 0.05, b"0.01")
        words[-1] = b"0.01" if number(words[-1]) == 0 else words[-1]
    if name in TIMEOUT_FIRST and len(words) > 1:
        words[1] = bounded(words[1], -1e300, 0.05, b"0.01")
        words[1] = b"0.01" if number(words[1]) == 0 else words[1]
    if name in (b"XREAD", b"XREADGROUP"):
        for i, word in enumerate(words[:-1]):
            value = number(words[i + 1])
            if word.upper() == b"BLOCK" and value is not None and (value == 0 or value > 20):
                words[i + 1] = b"5"
    at = 1 if name == b"SCAN" else 2
    if name in (b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN") and len(words) > at and words[at].lstrip(b"+- ")[:1].isdigit():
        words[at] = b"0"  # where another cursor leads, each server says for itself
    if name == b"WAIT" and len(words) > 2:
        value = number(words[2])
        words[2] = b"5" if value is not None and not 0 < value <= 20 else words[2]
    if name in (b"SETRANGE", b"SETBIT", b"BITFIELD"):
        words[2:] = [b"100" if (value := number(word)) is not None and 10000 < value < 4294967296 or word.startswith(b"#") and
                     len(word) > 4 else word for word in words[2:]]
    if name in (b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER"):
        words[2:] = [b"-5" if (value := number(word)) is not None and value < -1000 and word != b"-9223372036854775808" else word
                     for word in words[2:]]
    return words
