"""Random words of requests: keys of a small universe, values around every threshold, numbers at their edges."""
import time

KINDS = {"string": "s", "list": "l", "set": "t", "hash": "h", "sorted-set": "z", "stream": "x", "hyperloglog": "p",
         "bitmap": "b", "geo": "g"}
KEYS_OF_A_KIND = 3
UNIVERSE = [f"{letter}{i}".encode() for letter in KINDS.values() for i in range(1, KEYS_OF_A_KIND + 1)]
DATABASES = (0, 1, 2)

EDGES = [b"0", b"1", b"-1", b"127", b"128", b"-128", b"-129", b"255", b"256", b"4095", b"4096", b"-4097", b"32767",
         b"32768", b"65535", b"65536", b"8388607", b"8388608", b"2147483647", b"2147483648", b"-2147483649", b"4294967296",
         b"9223372036854775807", b"-9223372036854775808"]
NO_NUMBERS = [b"", b"abc", b"1.5", b" 1", b"1 ", b"+1", b"01", b"0x10", b"-0", b"9223372036854775808",
              b"-9223372036854775809", b"1e3", b"nan", b"1\x00"]
LIBRARIES = [
    b"#!lua name=one\nredis.register_function('f1', function(keys, args) return redis.call('SET', keys[1], args[1]) end)\n"
    b"redis.register_function{function_name='f2', callback=function(keys, args) return {#keys, args[1]} end, "
    b"flags={'no-writes'}}",
    b"#!lua name=one\nredis.register_function('f1', function(keys, args) return redis.call('INCR', keys[1]) end)",
    b"#!lua name=two\nredis.register_function('f3', function(keys, args) return redis.call('RPUSH', keys[1], #args) end)",
    b"#!lua name=bad\nreturn 1", b"#!lua name=bad\nredis.register_function('f1'", b"#!js name=x\n", b"no shebang",
    b"#!lua name=three\nredis.register_function('f1', function() return 1 end)",
]
SCRIPTS = [
    b"return 1", b"return KEYS", b"return ARGV", b"return {1, 'two', false, {3.7, true}}", b"return nil", b"return 'x' .. #KEYS",
    b"return redis.call('GET', KEYS[1])", b"return redis.call('SET', KEYS[1], ARGV[1])", b"return redis.pcall('INCR', KEYS[1])",
    b"redis.call('RPUSH', KEYS[1], unpack(ARGV)); return redis.call('LLEN', KEYS[1])", b"return redis.error_reply('MY mistake')",
    b"return redis.status_reply('fine')", b"return {err='ERR told'}", b"return {ok='fine'}", b"syntax error here", b"error('thrown')",
    b"return redis.call('nosuch')", b"return redis.call('SET', 'x')", b"redis.setresp(3); return redis.call('HGETALL', KEYS[1])",
    b"return cjson.encode({1, 'a', {b=2}})", b"return {double=3.25}", b"return tostring(redis.sha1hex(ARGV[1] or ''))",
    b"#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 1)", b"#!lua\nreturn redis.call('GET', KEYS[1])",
    b"local n = 0; for i = 1, 3 do n = n + redis.call('INCR', KEYS[1]) end; return n", b"return global_variable",
]
RULES = [b"on", b"off", b"nopass", b">secret", b"<secret", b"resetpass", b"~*", b"~a:*", b"%R~r*", b"%W~w*", b"&*", b"&c*", b"allkeys",
         b"resetkeys", b"resetchannels", b"+@all", b"-@all", b"+get", b"-get", b"+@read", b"-@write", b"+client|getname", b"nosuch",
         b"+nosuch", b"+@nosuch", b"(+get ~s*)", b"clearselectors", b"reset", b"sanitize-payload", b"skip-sanitize-payload",
         b"#" + b"a" * 64, b"!" + b"a" * 64, b"#short", b"%X~a", b"(+get", b"allchannels", b"allcommands", b"nocommands"]
PATTERNS = [b"*", b"?1", b"s*", b"[a-m]*", b"nothing", b"h\\1", b"*1", b"[^s]?", b"", b"a*b*c"]


class Values:
    def __init__(self, random):
        self.random = random
        self.payloads = []  # of DUMP, as they were seen

    def pick(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def key(self, kind=None):
        """Mostly of the kind that the command wants; names say what they hold only as a rule."""
        if self.chance(0.02):
            return self.pick(b"missing", b"", b"key with \r\n \xff", b"k" * 300)
        if kind is None or self.chance(0.12):
            return self.random.choice(UNIVERSE)
        return f"{KINDS[kind]}{self.random.randint(1, KEYS_OF_A_KIND)}".encode()

    def word(self):
        """A member, a field, an element."""
        roll = self.random.random()
        if roll < 0.45:
            return self.pick(b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h")
        if roll < 0.75:
            return b"%d" % self.random.randint(0, 12)
        if roll < 0.85:
            return self.random.choice(EDGES + NO_NUMBERS)
        return self.text()

    def text(self):
        roll = self.random.random()
        if roll < 0.4:
            return b"v%d" % self.random.randint(0, 99)
        if roll < 0.55:
            return self.random.choice(EDGES)
        if roll < 0.6:
            return self.pick(b"3.5", b"-0.125", b"1e20", b"0.1", b"inf", b"10000000000000000000000", b"3.0")
        if roll < 0.9:
            size = self.pick(0, 1, 19, 20, 21, 43, 44, 45, 63, 64, 65, 66, 127, 128)
            return self.filled(size)
        if roll < 0.97:
            return self.random.randbytes(self.random.randint(1, 30))
        return self.filled(self.pick(4095, 4096, 8100, 8192, 9000))

    def filled(self, size):
        return self.pick(b"x" * size, (b"abcdefghij" * (size // 10 + 1))[:size], self.random.randbytes(size))

    def integer(self, low=-3, high=12):
        roll = self.random.random()
        if roll < 0.88:
            return b"%d" % self.random.randint(low, high)
        return self.random.choice(EDGES if roll < 0.96 else NO_NUMBERS)

    def small(self, low=-2, high=8):
        """Where a great number would cost much: never one, but for what is refused."""
        if self.chance(0.94):
            return b"%d" % self.random.randint(low, high)
        return self.random.choice(NO_NUMBERS + [b"-9223372036854775808"])

    def score(self):
        roll = self.random.random()
        if roll < 0.6:
            return b"%d" % self.random.randint(-5, 10)
        if roll < 0.85:
            return self.pick(b"0.5", b"-2.25", b"3.3333", b"1e10", b"-0", b"inf", b"-inf", b"+inf", b"1e-7", b"0.1",
                             b"9007199254740993", b"1.7976931348623157e308", b"5e-324", b"123456789.125", b"100000000000000000")
        return self.random.choice(EDGES + NO_NUMBERS)

    def score_bound(self):
        if self.chance(0.2):
            return self.pick(b"-inf", b"+inf", b"(1", b"(-inf", b"(abc", b"(3.5")
        return self.pick(b"", b"(") + b"%d" % self.random.randint(-5, 10) if self.chance(0.9) else self.score()

    def lex_bound(self):
        return self.pick(b"-", b"+", b"[a", b"(a", b"[c", b"(f", b"[", b"(", b"a", b"[10", b"(5", b"[zz")

    def stream_id(self):
        roll = self.random.random()
        if roll < 0.75:
            return b"%d-%d" % (self.random.randint(0, 30), self.random.randint(0, 3))
        if roll < 0.85:
            return b"%d" % self.random.randint(0, 30)
        return self.pick(b"0-0", b"-", b"+", b"$", b"0", b"18446744073709551615-18446744073709551615", b"1-", b"-1", b"abc", b"1-x",
                         b"18446744073709551616-0", b"5-18446744073709551615", b"(3-0", b"(5", b">")

    def seconds(self):
        """A length of time: long, or refused, or past. What is short is told apart by its caller."""
        roll = self.random.random()
        if roll < 0.85:
            return b"%d" % self.random.randint(1000, 10_000_000)
        return self.pick(b"0", b"-1", b"-100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775", b"abc", b"1.5", b"",
                         b"9223370000000000", b"-9223372036854775")

    def unix_time(self, unit):
        roll = self.random.random()
        if roll < 0.85:
            return b"%d" % (int(time.time()) * unit + self.random.randint(10_000, 10_000_000) * unit)
        return self.pick(b"0", b"-1", b"1", b"1000", b"9223372036854775807", b"abc", b"-9223372036854775808", b"9223372036854775")

    def soon(self):
        return b"%d" % self.random.randint(1, 25)  # milliseconds

    def database(self):
        return b"%d" % self.random.choice(DATABASES) if self.chance(0.95) else self.pick(b"-1", b"16", b"99", b"x", b"", b"15")

    def payload(self):
        if not self.payloads or self.chance(0.1):
            return self.pick(b"", b"garbage", self.random.randbytes(30))
        payload = self.random.choice(self.payloads)
        if self.chance(0.15):
            at = self.random.randrange(len(payload))
            payload = payload[:at] + bytes([payload[at] ^ (1 << self.random.randrange(8))]) + payload[at + 1:]
        return payload
