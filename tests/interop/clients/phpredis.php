<?php
// What an application does with phpredis, which asks a sentinel and leaves the rest to it. Words: the master's name, the
// sentinels' ports.
[, $name, $ports] = $argv;
$ports = array_map('intval', explode(',', $ports));

function address(array $ports, string $name): int {
    foreach ($ports as $port) {
        $sentinel = new RedisSentinel('127.0.0.1', $port, 2);
        $found = @$sentinel->getMasterAddrByName($name);
        if ($found) return intval($found[1]);
    }
    return 0;
}

function connected(int $port): Redis {
    $redis = new Redis();
    $redis->connect('127.0.0.1', $port, 2);
    return $redis;
}

$first = address($ports, $name);
connected($first)->set('counter', 0);
$sentinel = new RedisSentinel('127.0.0.1', $ports[0], 2);
echo "master $first replicas ", count($sentinel->slaves($name)), "\n";
fgets(STDIN);
$end = time() + 60;
while (time() < $end) {
    try {
        $port = address($ports, $name);
        if (connected($port)->incr('counter') && $port !== $first) break;
    } catch (RedisException $error) {
        usleep(20000);
    }
}
$port = address($ports, $name);
$master = connected($port);
$read = false;
while (time() < $end && !$read) {
    foreach ($sentinel->slaves($name) as $replica) {
        try {
            if (connected(intval($replica['port']))->get('counter') === $master->get('counter')) $read = true;
        } catch (RedisException $error) {
            usleep(20000);
        }
    }
}
echo "master $port ", $master->rawCommand('ROLE')[0], ' read ', $read ? 'True' : 'False', "\n";
