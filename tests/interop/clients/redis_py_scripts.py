"""What applications have redis-py do with scripts: locks, scripts in pipelines after the server forgot them, functions,
and the rate limiters that people write. Word: the port. Says "fine" at the end."""
import sys
import time

import redis

server = redis.Redis(port=int(sys.argv[1]))


def refuses(action):
    try:
        action()
    except (redis.exceptions.LockError, redis.exceptions.LockNotOwnedError):
        return True
    return False


# Acquired by SET NX; extended, reacquired and released by scripts.
with server.lock("lock", timeout=60) as held:
    assert not server.lock("lock", timeout=60, blocking=False).acquire()
    assert held.extend(60) and held.reacquire() and held.owned()
    assert server.pttl("lock") > 50000
assert not server.exists("lock")
lost = server.lock("lock", timeout=60)
assert lost.acquire()
server.set("lock", "another's")
assert refuses(lost.release) and refuses(lambda: lost.extend(1)) and refuses(lost.reacquire)
assert server.get("lock") == b"another's"

# A script object loads itself where it is missing, in a pipeline, too.
add = server.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
assert add(keys=["n"], args=[2]) == 2
server.script_flush()
assert add(keys=["n"], args=[3]) == 5
server.script_flush()
pipeline = server.pipeline()
add(keys=["n"], args=[3], client=pipeline)
add(keys=["n"], args=[4], client=pipeline)
assert pipeline.execute() == [8, 12]

# A window that slides by the server's clock, and one that is fixed and answers with what is left of it.
slide = server.register_script("""
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - ARGV[1])
local used = redis.call('ZCARD', KEYS[1])
if used >= tonumber(ARGV[2]) then return {0, used} end
redis.call('ZADD', KEYS[1], now, now .. '-' .. used)
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000))
return {1, used + 1}
""")
assert sum(slide(keys=["sliding"], args=[60000000, 10])[0] for _ in range(25)) == 10
fixed = server.register_script("""
redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local consumed = redis.call('incrby', KEYS[1], ARGV[1])
local ttl = redis.call('pttl', KEYS[1])
if ttl == -1 then
  redis.call('expire', KEYS[1], ARGV[2])
  ttl = 1000 * ARGV[2]
end
return {consumed, ttl}
""")
assert [fixed(keys=["fixed"], args=[2, 60])[0] for _ in range(3)] == [2, 4, 6]
assert 50000 < fixed(keys=["fixed"], args=[2, 60])[1] <= 60000

library = "#!lua name=counters\nredis.register_function('add', function(k, a) return redis.call('incrby', k[1], a[1]) end)"
assert server.function_load(library, True) in (b"counters", "counters")
assert server.fcall("add", 1, "n", 1) == 13
assert server.function_delete("counters")

# What a script refuses comes as an exception with the server's text.
try:
    server.eval("return redis.call('lpush', KEYS[1], 1)", 1, "n")
    assert False
except redis.exceptions.ResponseError as error:
    assert str(error).startswith("WRONGTYPE"), error
assert time.time() - server.time()[0] < 60
print("fine", flush=True)
