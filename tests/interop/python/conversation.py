"""What both sentinels are asked, in this order, on connections that stay open."""
from dataclasses import dataclass, field

import compare


@dataclass
class Step:
    words: tuple
    view: object = field(default=None)  # what of the reply is compared; None: all of it
    replies: int = 1

    def key(self):
        return " ".join(str(word) for word in self.words)[:120]


def ask(*words, view=None, replies=1):
    return Step(words, view, replies)


# Every subcommand of SENTINEL, with too few words, too many, and a master that nobody knows.
ARITIES = [
    ("CKQUORUM", 1), ("FAILOVER", 1), ("FLUSHCONFIG", 0), ("GET-MASTER-ADDR-BY-NAME", 1), ("HELP", 0),
    ("IS-MASTER-DOWN-BY-ADDR", 4), ("MASTER", 1), ("MASTERS", 0), ("MONITOR", 4), ("MYID", 0), ("PENDING-SCRIPTS", 0),
    ("REMOVE", 1), ("REPLICAS", 1), ("RESET", 1), ("SENTINELS", 1), ("SLAVES", 1),
]


def arities():
    for name, count in ARITIES:
        if count > 0:
            yield ask("SENTINEL", name)
        yield ask("SENTINEL", name.lower(), *["x"] * (count + 1))
        if name not in ("MONITOR", "IS-MASTER-DOWN-BY-ADDR") and count == 1:
            yield ask("SENTINEL", name, "nobody")
    for name in ("CONFIG", "INFO-CACHE", "SET", "NOSUCH"):
        yield ask("SENTINEL", name)
        yield ask("SENTINEL", name, "x")
    yield ask("SENTINEL", "SET", "mymaster", "quorum")
    yield ask("SENTINEL")
    for words in (("PING", "a", "b"), ("PING", "a"), ("PING",), ("ROLE", "x"), ("ROLE",), ("PUBLISH",), ("PUBLISH", "a"),
                  ("AUTH",), ("AUTH", "a", "b", "c"), ("HELLO", "x"), ("HELLO", "4"), ("HELLO", "1"), ("HELLO", "2", "x"),
                  ("HELLO", "3", "AUTH", "x"), ("HELLO", "2", "SETNAME", "a b"), ("HELLO", "2", "AUTH", "a", "b"),
                  ("SUBSCRIBE",), ("PSUBSCRIBE",), ("CLIENT",), ("CLIENT", "NOSUCH"), ("COMMAND", "NOSUCH"), ("ACL",),
                  ("ACL", "NOSUCH"), ("SHUTDOWN", "x"), ("SHUTDOWN", "SAVE", "NOSAVE"), ("SHUTDOWN", "ABORT"),
                  ("SHUTDOWN", "ABORT", "NOW"), ("INFO", "nosuch")):
        yield ask(*words)


# Subcommands of SENTINEL that tell in what state others are.
DESCRIBING = (("MASTERS",), ("MASTER",), ("REPLICAS",), ("SLAVES",), ("SENTINELS",))


def questions():
    yield ask("SENTINEL", "MASTERS")
    yield ask("SENTINEL", "MASTER", "mymaster")
    yield ask("SENTINEL", "REPLICAS", "mymaster", view=compare.pairs_in_order)
    yield ask("SENTINEL", "SLAVES", "mymaster", view=compare.pairs_in_order)
    yield ask("SENTINEL", "SENTINELS", "mymaster")
    yield ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
    yield ask("SENTINEL", "CKQUORUM", "mymaster")
    yield ask("SENTINEL", "MYID")
    yield ask("SENTINEL", "FLUSHCONFIG")
    yield ask("SENTINEL", "PENDING-SCRIPTS")
    yield ask("SENTINEL", "HELP", view=compare.head)
    yield ask("SENTINEL", "INFO-CACHE", "mymaster", view=compare.shape)
    yield ask("SENTINEL", "INFO-CACHE", "nobody", "mymaster", "mymaster", view=compare.shape)
    yield ask("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "{now-master}", "0", "*")
    yield ask("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "{nobody}", "0", "*")
    yield ask("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "x", "0", "*")
    yield ask("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "{master}", "x", "*")
    yield ask("ROLE")
    yield ask("INFO", view=compare.field_names)
    for section in ("server", "clients", "stats", "cpu", "sentinel", "all", "everything", "default", "replication"):
        yield ask("INFO", section, view=compare.field_names)
    yield ask("INFO", "cpu", "sentinel", view=compare.field_names)


def settings():
    for option, good, bad in (("down-after-milliseconds", "1600", "0"), ("failover-timeout", "21000", "-1"),
                              ("parallel-syncs", "2", "x"), ("quorum", "2", "0"),
                              ("master-reboot-down-after-period", "0", "-1"), ("auth-pass", "", None),
                              ("auth-user", "", None)):
        yield ask("SENTINEL", "SET", "mymaster", option, good)
        yield ask("SENTINEL", "SET", "mymaster", option)
        if bad is not None:
            yield ask("SENTINEL", "SET", "mymaster", option, bad)
            yield ask("SENTINEL", "SET", "mymaster", option, "1x")
    yield ask("SENTINEL", "SET", "nobody", "quorum", "2")
    yield ask("SENTINEL", "SET", "mymaster", "nosuch", "2")
    yield ask("SENTINEL", "SET", "mymaster", "QUORUM", "2")
    yield ask("SENTINEL", "SET", "mymaster", "quorum", "2", "parallel-syncs", "1")
    yield ask("SENTINEL", "SET", "mymaster", "quorum", "2", "parallel-syncs")
    yield ask("SENTINEL", "SET", "mymaster", "notification-script", "/bin/true")
    yield ask("SENTINEL", "SET", "mymaster", "client-reconfig-script", "/bin/true")
    yield ask("SENTINEL", "SET", "mymaster", "rename-command", "ROLE", "ROLE-X")
    yield ask("SENTINEL", "SET", "mymaster", "rename-command", "ROLE", "ROLE")
    yield ask("SENTINEL", "SET", "mymaster", "rename-command", "ROLE")
    yield ask("SENTINEL", "SET", "mymaster", "rename-command", "", "x")
    yield ask("SENTINEL", "SET", "mymaster", "rename-command", "x", "")
    for pattern in ("*", "announce-*", "RESOLVE-hostnames", "nosuch", "sentinel-user", "loglevel"):
        yield ask("SENTINEL", "CONFIG", "GET", pattern)
    yield ask("SENTINEL", "CONFIG", "GET")
    yield ask("SENTINEL", "CONFIG", "GET", "announce-ip", "announce-port")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-ip")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-ip", "127.0.0.1")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-port", "x")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-port", "70000")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-port", "-1")
    yield ask("SENTINEL", "CONFIG", "SET", "resolve-hostnames", "maybe")
    yield ask("SENTINEL", "CONFIG", "SET", "Resolve-Hostnames", "no")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no")
    yield ask("SENTINEL", "CONFIG", "SET", "sentinel-user", "")
    yield ask("SENTINEL", "CONFIG", "SET", "nosuch", "1")
    yield ask("SENTINEL", "CONFIG", "SET", "announce-ip", "127.0.0.1", "announce-port", "0")
    yield ask("SENTINEL", "CONFIG", "LIST", "x")
    yield ask("SENTINEL", "CONFIG", "GET", "announce-ip")
    yield ask("SENTINEL", "DEBUG")
    yield ask("SENTINEL", "DEBUG", "script-max-runtime")
    yield ask("SENTINEL", "DEBUG", "script-max-runtime", "0")
    yield ask("SENTINEL", "DEBUG", "script-max-runtime", "x")
    yield ask("SENTINEL", "DEBUG", "SCRIPT-max-runtime", "61000")
    yield ask("SENTINEL", "DEBUG", "script-max-runtime", "60000", "script-retry-delay", "31000")
    yield ask("SENTINEL", "DEBUG", "script-retry-delay", "30000", "nosuch", "1")
    yield ask("SENTINEL", "DEBUG", "nosuch")
    yield ask("SENTINEL", "DEBUG")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "help")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "crash-after-election", "crash-after-promotion")
    yield ask("INFO", "sentinel")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "CRASH-AFTER-ELECTION")
    yield ask("INFO", "sentinel")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "crash-after-promotion", "nosuch")
    yield ask("INFO", "sentinel")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "crash-after-promotion", "help", "nosuch")
    yield ask("SENTINEL", "SIMULATE-FAILURE", "help")  # takes the crashes back
    yield ask("SENTINEL", "SIMULATE-FAILURE")
    yield ask("INFO", "sentinel")


def monitoring():
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "{nobody}", "0")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "{nobody}", "x")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "x", "1")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "x", "x")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "70000", "1")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "-1", "1")
    yield ask("SENTINEL", "MONITOR", "second", "no-such-host", "{nobody}", "1")
    yield ask("SENTINEL", "MONITOR", "second", "", "{nobody}", "1")
    yield ask("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", "{nobody}", "1")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "{nobody}", "1")
    yield ask("SENTINEL", "MONITOR", "second", "127.0.0.1", "{nobody}", "1")
    yield ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "second")
    yield ask("SENTINEL", "REPLICAS", "second")
    yield ask("SENTINEL", "SENTINELS", "second")
    yield ask("SENTINEL", "INFO-CACHE", "second")
    yield ask("SENTINEL", "CKQUORUM", "second")
    yield ask("SENTINEL", "FAILOVER", "second")
    yield ask("SENTINEL", "SET", "second", "quorum", "3")
    yield ask("SENTINEL", "CKQUORUM", "second")
    yield ask("ROLE", view=compare.in_order)
    yield ask("SENTINEL", "RESET", "sec*")
    yield ask("SENTINEL", "RESET", "nobody*")
    yield ask("SENTINEL", "REMOVE", "second")
    yield ask("SENTINEL", "REMOVE", "second")


def users():
    yield ask("ACL", "WHOAMI")
    yield ask("ACL", "LIST")
    yield ask("ACL", "USERS")
    yield ask("ACL", "CAT", view=compare.in_order)
    for category in ("keyspace", "admin", "connection", "dangerous", "pubsub", "slow", "fast", "read"):
        yield ask("ACL", "CAT", category, view=compare.in_order)
    yield ask("ACL", "CAT", "nosuch")
    yield ask("ACL", "CAT", "a", "b")
    yield ask("ACL", "HELP", view=compare.head)
    yield ask("ACL", "GENPASS", view=compare.shape)
    yield ask("ACL", "GENPASS", "0")
    yield ask("ACL", "GENPASS", "4097")
    yield ask("ACL", "GENPASS", "x")
    yield ask("ACL", "GETUSER", "default")
    yield ask("ACL", "GETUSER", "nobody")
    yield ask("ACL", "SETUSER", "worker", "on", ">secret", "+@all", "-@dangerous", "+info", "~a*", "%R~b*", "%W~c*",
              "%RW~d*", "&news*")
    yield ask("ACL", "GETUSER", "worker")
    yield ask("ACL", "LIST", view=compare.pairs_in_order)
    yield ask("ACL", "SETUSER", "worker", "clearselectors", "(+ping ~x)", "(%R~y* +sentinel|myid)")
    yield ask("ACL", "GETUSER", "worker")
    yield ask("ACL", "SETUSER", "worker", "+@nosuch")
    yield ask("ACL", "SETUSER", "worker", "+nosuch")
    yield ask("ACL", "SETUSER", "worker", "+sentinel|nosuch")
    yield ask("ACL", "SETUSER", "worker", "+ping|nosuch")
    yield ask("ACL", "SETUSER", "worker", "-sentinel|myid", "+sentinel|myid|x")
    yield ask("ACL", "SETUSER", "worker", "<unknown")
    yield ask("ACL", "SETUSER", "worker", "#abc")
    yield ask("ACL", "SETUSER", "worker", "!abc")
    yield ask("ACL", "SETUSER", "worker", "allkeys", "~more")
    yield ask("ACL", "SETUSER", "worker", "allchannels", "&more")
    yield ask("ACL", "SETUSER", "worker", "%~x")
    yield ask("ACL", "SETUSER", "worker", "%RX~x")
    yield ask("ACL", "SETUSER", "worker", "(+ping")
    yield ask("ACL", "SETUSER", "worker", "(nosuch)")
    yield ask("ACL", "SETUSER", "worker", "nosuch")
    yield ask("ACL", "SETUSER", "a b", "on")
    yield ask("ACL", "SETUSER", "worker", "~a b")
    yield ask("ACL", "SETUSER")
    yield ask("ACL", "SETUSER", "worker", "reset", "on", ">secret", "+ping", "+acl|whoami", "+subscribe", "+psubscribe",
              "&news*", "+auth", "+hello")
    yield ask("ACL", "LIST", view=compare.pairs_in_order)
    yield ask("ACL", "DRYRUN", "worker", "PING")
    yield ask("ACL", "DRYRUN", "worker", "SENTINEL", "MYID")
    yield ask("ACL", "DRYRUN", "worker", "SUBSCRIBE", "news1")
    yield ask("ACL", "DRYRUN", "worker", "SUBSCRIBE", "other")
    yield ask("ACL", "DRYRUN", "worker", "PSUBSCRIBE", "news*")
    yield ask("ACL", "DRYRUN", "worker", "PSUBSCRIBE", "n*")
    yield ask("ACL", "DRYRUN", "nobody", "PING")
    yield ask("ACL", "DRYRUN", "worker", "NOSUCH")
    yield ask("ACL", "DRYRUN", "worker", "PING", "1", "2", "3")
    yield ask("ACL", "LOG", "RESET")
    yield ask("AUTH", "worker", "wrong")
    yield ask("AUTH", "nobody", "x")
    yield ask("AUTH", "x")
    yield ask("AUTH", "worker", "secret")
    yield ask("ACL", "WHOAMI")
    yield ask("ACL", "LIST")
    yield ask("SENTINEL", "MYID")
    yield ask("INFO")
    yield ask("PUBLISH", "__sentinel__:hello", "x")
    yield ask("SUBSCRIBE", "news", "other")
    yield ask("PSUBSCRIBE", "*")
    yield ask("HELLO", "2", "SETNAME", "x", view=compare.outline)
    yield ask("AUTH", "default", "whatever")
    yield ask("ACL", "LOG", view=compare.in_order)
    yield ask("ACL", "LOG", "1", view=compare.outline)
    yield ask("ACL", "LOG", "x")
    yield ask("ACL", "LOG", "-1")
    yield ask("ACL", "DELUSER", "worker", "nobody")
    yield ask("ACL", "DELUSER", "default")
    yield ask("ACL", "DELUSER")
    yield ask("ACL", "SAVE")
    yield ask("ACL", "LOAD")
    yield ask("ACL", "USERS")


def clients():
    yield ask("CLIENT", "ID", view=compare.kind)
    yield ask("CLIENT", "GETNAME")
    yield ask("CLIENT", "SETNAME", "a b")
    yield ask("CLIENT", "SETNAME", "talker")
    yield ask("CLIENT", "GETNAME")
    yield ask("CLIENT", "INFO")
    yield ask("CLIENT", "LIST", "ID", "999999")
    yield ask("CLIENT", "LIST", "TYPE", "master")
    yield ask("CLIENT", "LIST", "TYPE", "nosuch")
    yield ask("CLIENT", "LIST", "ID")
    yield ask("CLIENT", "LIST", "x")
    yield ask("CLIENT", "LIST", "ID", "x")
    yield ask("CLIENT", "KILL")
    yield ask("CLIENT", "KILL", "127.0.0.1:1")
    yield ask("CLIENT", "KILL", "ID", "999999")
    yield ask("CLIENT", "KILL", "ID", "x")
    yield ask("CLIENT", "KILL", "ID")
    yield ask("CLIENT", "KILL", "TYPE", "nosuch")
    yield ask("CLIENT", "KILL", "TYPE", "master")
    yield ask("CLIENT", "KILL", "USER", "nobody")
    yield ask("CLIENT", "KILL", "SKIPME", "maybe", "ID", "9999")
    yield ask("CLIENT", "KILL", "ID", "9999", "nosuch", "x")
    yield ask("CLIENT", "NO-EVICT", "on")
    yield ask("CLIENT", "NO-EVICT", "off")
    yield ask("CLIENT", "NO-EVICT", "x")
    yield ask("CLIENT", "REPLY", "x")
    yield ask("CLIENT", "REPLY", "on")
    yield ask("CLIENT", "PAUSE", "x")
    yield ask("CLIENT", "PAUSE", "-1")
    yield ask("CLIENT", "PAUSE", "10", "nosuch")
    yield ask("CLIENT", "PAUSE", "1", "WRITE")
    yield ask("CLIENT", "UNPAUSE")
    yield ask("CLIENT", "UNPAUSE", "x")
    yield ask("CLIENT", "UNBLOCK", "9999")
    yield ask("CLIENT", "UNBLOCK", "x")
    yield ask("CLIENT", "UNBLOCK", "9999", "nosuch")
    yield ask("CLIENT", "GETREDIR")
    yield ask("CLIENT", "TRACKINGINFO")
    yield ask("CLIENT", "TRACKING", "off")
    yield ask("CLIENT", "TRACKING", "x")
    yield ask("CLIENT", "TRACKING", "on", "nosuch")
    yield ask("CLIENT", "CACHING", "yes")
    yield ask("CLIENT", "CACHING", "x")
    yield ask("CLIENT", "HELP", view=compare.head)
    yield ask("CLIENT", "SETINFO", "lib-name", "x")


def commands():
    yield ask("COMMAND", "COUNT", view=compare.kind)
    yield ask("COMMAND", "LIST", view=compare.kind)
    for name in ("ping", "auth", "hello", "info", "role", "publish", "subscribe", "unsubscribe", "psubscribe",
                 "punsubscribe", "shutdown"):
        yield ask("COMMAND", "INFO", name)
    for name in ("acl", "client", "command", "sentinel"):
        yield ask("COMMAND", "INFO", name, view=compare.outline)
    for name in ("sentinel|masters", "sentinel|set", "sentinel|debug", "sentinel|config", "sentinel|help",
                 "sentinel|failover", "sentinel|simulate-failure", "sentinel|info-cache", "sentinel|reset",
                 "sentinel|is-master-down-by-addr", "acl|setuser", "acl|whoami", "acl|cat", "acl|genpass", "acl|log",
                 "client|list", "client|kill", "client|pause", "client|tracking", "client|caching", "client|unblock",
                 "client|getredir", "client|trackinginfo", "client|id", "client|setname", "client|reply",
                 "client|no-evict", "command|docs", "command|getkeysandflags", "command|count", "nosuch"):
        yield ask("COMMAND", "INFO", name)
    for name in ("ping", "auth", "hello", "info", "publish", "subscribe", "punsubscribe", "shutdown", "nosuch",
                 "sentinel|master", "sentinel|masters", "sentinel|monitor", "sentinel|set", "sentinel|remove",
                 "sentinel|info-cache", "sentinel|ckquorum", "acl|genpass", "acl|getuser", "acl|log", "client|reply",
                 "client|pause", "client|setname", "config|get", "command|docs"):
        yield ask("COMMAND", "DOCS", name, view=compare.documented)
    yield ask("COMMAND", "LIST", "FILTERBY", "PATTERN", "sentinel|m*", view=compare.in_order)
    yield ask("COMMAND", "LIST", "FILTERBY", "ACLCAT", "pubsub", view=compare.in_order)
    yield ask("COMMAND", "LIST", "FILTERBY", "ACLCAT", "nosuch")
    yield ask("COMMAND", "LIST", "FILTERBY", "MODULE", "x")
    yield ask("COMMAND", "LIST", "x")
    yield ask("COMMAND", "GETKEYS", "ping")
    yield ask("COMMAND", "GETKEYS", "nosuch", "x")
    yield ask("COMMAND", "GETKEYSANDFLAGS", "ping", "a")
    yield ask("COMMAND", "GETKEYSANDFLAGS", "nosuch", "x")
    yield ask("COMMAND", "GETKEYSANDFLAGS")
    yield ask("COMMAND", "GETKEYS", "subscribe", "x")
    yield ask("COMMAND", "DOCS", "nosuch")
    yield ask("COMMAND", "DOCS", "ping", view=compare.outline)
    yield ask("COMMAND", "HELP", view=compare.head)
    for name in ("GET", "SET", "CONFIG", "MULTI", "MONITOR", "SLOWLOG", "LATENCY", "PUBSUB", "SELECT", "EVAL",
                 "SSUBSCRIBE", "SPUBLISH", "MEMORY", "OBJECT", "WAIT", "REPLCONF", "PSYNC", "MODULE", "DEBUG"):
        yield ask(name, "a", "b")
    yield ask("nosuch", "an argument", "another")
    yield ask("x" * 200, "y" * 200, "z")
    yield ask("with|bar", "x")
    yield ask("sentinel|myid")


def channels():
    yield ask("PUBLISH", "other", "x")
    yield ask("PUBLISH", "__sentinel__:hello", "not a hello")
    yield ask("PUBLISH", "__sentinel__:hello", f"127.0.0.1,1,{'a' * 40},0,nobody,127.0.0.1,1,0")
    yield ask("SUBSCRIBE", "+sdown", "-sdown", replies=2)
    yield ask("SUBSCRIBE", "+sdown")
    yield ask("PSUBSCRIBE", "+o*")
    yield ask("PING")
    yield ask("PING", "x")
    yield ask("CLIENT", "ID", view=compare.kind)
    yield ask("SENTINEL", "MASTERS", view=compare.kind)
    yield ask("UNSUBSCRIBE", "-sdown")
    yield ask("UNSUBSCRIBE", "never")
    yield ask("PUNSUBSCRIBE")
    yield ask("PUNSUBSCRIBE")
    yield ask("UNSUBSCRIBE")
    yield ask("PING")


def before_failover():
    for part in (arities, questions, settings, monitoring, users, clients, commands, channels):
        yield from part()


def after_failover():
    yield from questions()


# Bytes that are no RESP arrays; what stands in the way of a reply ends the connection.
RAW = [
    ("inline PING", b"PING\r\n", 1),
    ("inline with quotes", b"ping \"a b\"\r\n", 1),
    ("inline, newline alone", b"ping\n", 1),
    ("inline, unbalanced", b"ping \"a\r\n", 1),
    ("two inline at once", b"PING\r\nSENTINEL MYID\r\n", 2),
    ("empty lines first", b"\r\n\r\nPING\r\n", 1),
    ("an empty array first", b"*0\r\n*1\r\n$4\r\nPING\r\n", 1),
    ("no number of words", b"*x\r\n", 1),
    ("too many words", b"*2147483648\r\n", 1),
    ("not a bulk", b"*1\r\n:1\r\n", 1),
    ("no length", b"*1\r\n$x\r\n", 1),
    ("too long a bulk", b"*1\r\n$1073741824\r\n", 1),
    ("negative length", b"*1\r\n$-1\r\n", 1),
    ("too long a line", b"x" * 70000, 1),
    ("a name of zero bytes", b"*1\r\n$0\r\n\r\n", 1),
    ("a zero byte", b"*1\r\n$3\r\na\x00b\r\n", 1),
    ("line breaks in a name", b"*1\r\n$4\r\na\r\nb\r\n", 1),
    ("QUIT", b"*1\r\n$4\r\nQUIT\r\n", 1),
    ("RESET", b"*1\r\n$5\r\nRESET\r\n", 1),
    ("ECHO", b"*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n", 1),
    ("TIME", b"*1\r\n$4\r\nTIME\r\n", 1),
    ("POST", b"POST / HTTP/1.1\r\n", 1),
    ("Host:", b"GET / HTTP/1.1\r\nHost: x\r\n", 1),
]
