#include <array>
#include <string>
#include <string_view>

#include "replication/serve/command_docs.h"

namespace serve {
namespace {

// What each release brought: names with a space before and behind.
struct Release {
  std::string_view number;
  std::string_view brought;
};
constexpr std::array kReleases = {
    // clang-format off
    Release{"1.0.0",
            " auth bgrewriteaof bgsave dbsize debug decr decrby del echo exists expire flushall flushdb get"
            " getset incr incrby info keys lastsave lindex llen lpop lpush lrange lrem lset ltrim mget monitor"
            " move ping quit randomkey rename renamenx rpop rpush sadd save scard sdiff sdiffstore select set"
            " setnx shutdown sinter sinterstore sismember slaveof smembers smove sort spop srandmember srem substr"
            " sunion sunionstore sync ttl type "},
    Release{"1.0.1",
            " mset msetnx "},
    Release{"1.0.5",
            " zrangebyscore "},
    Release{"1.2.0",
            " exec expireat multi rpoplpush zadd zcard zincrby zrange zrem zremrangebyscore zrevrange zscore "},
    Release{"2.0.0",
            " append blpop brpop config config|get config|resetstat config|set discard hdel hexists hget hgetall"
            " hincrby hkeys hlen hmget hmset hset hsetnx hvals psubscribe publish punsubscribe setex subscribe"
            " unsubscribe zcount zinterstore zrank zremrangebyrank zrevrank zunionstore "},
    Release{"2.2.0",
            " brpoplpush getbit linsert lpushx persist rpushx setbit setrange strlen unwatch watch"
            " zrevrangebyscore "},
    Release{"2.2.3",
            " object object|encoding object|idletime object|refcount "},
    Release{"2.2.12",
            " slowlog slowlog|get slowlog|len slowlog|reset "},
    Release{"2.4.0",
            " client client|kill client|list getrange "},
    Release{"2.6.0",
            " bitcount bitop dump eval evalsha hincrbyfloat incrbyfloat migrate pexpire pexpireat psetex pttl"
            " restore script script|exists script|flush script|kill script|load time "},
    Release{"2.6.9",
            " client|getname client|setname "},
    Release{"2.8.0",
            " config|rewrite hscan psync pubsub pubsub|channels pubsub|numpat pubsub|numsub scan sentinel|slaves"
            " sscan zscan "},
    Release{"2.8.4",
            " sentinel sentinel|ckquorum sentinel|failover sentinel|flushconfig sentinel|get-master-addr-by-name"
            " sentinel|is-master-down-by-addr sentinel|master sentinel|masters sentinel|monitor"
            " sentinel|pending-scripts sentinel|remove sentinel|reset sentinel|sentinels sentinel|set "},
    Release{"2.8.7",
            " bitpos "},
    Release{"2.8.9",
            " pfadd pfcount pfdebug pfmerge pfselftest zlexcount zrangebylex zremrangebylex zrevrangebylex "},
    Release{"2.8.12",
            " role "},
    Release{"2.8.13",
            " command command|count command|getkeys command|info latency latency|doctor latency|graph"
            " latency|help latency|history latency|latest latency|reset "},
    Release{"2.9.50",
            " client|pause "},
    Release{"3.0.0",
            " asking cluster cluster|addslots cluster|bumpepoch cluster|count-failure-reports"
            " cluster|countkeysinslot cluster|delslots cluster|failover cluster|flushslots cluster|forget"
            " cluster|getkeysinslot cluster|info cluster|keyslot cluster|meet cluster|myid cluster|nodes"
            " cluster|replicate cluster|reset cluster|saveconfig cluster|set-config-epoch cluster|setslot"
            " cluster|slaves cluster|slots readonly readwrite replconf restore-asking wait "},
    Release{"3.2.0",
            " bitfield client|reply geoadd geodist geohash geopos georadius georadiusbymember hstrlen"
            " script|debug sentinel|info-cache sentinel|simulate-failure "},
    Release{"3.2.1",
            " touch "},
    Release{"3.2.10",
            " georadius_ro georadiusbymember_ro "},
    Release{"4.0.0",
            " memory memory|doctor memory|help memory|malloc-stats memory|purge memory|stats memory|usage"
            " module module|list object|freq swapdb unlink "},
    Release{"5.0.0",
            " bzpopmax bzpopmin client|help client|id client|unblock cluster|help cluster|replicas command|help"
            " config|help lolwut module|help replicaof script|help sentinel|replicas xack xadd xclaim xdel xgroup"
            " xgroup|create xgroup|delconsumer xgroup|destroy xgroup|help xgroup|setid xinfo xinfo|consumers"
            " xinfo|groups xinfo|help xinfo|stream xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim"
            " zpopmax zpopmin "},
    Release{"6.0.0",
            " acl acl|cat acl|deluser acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save"
            " acl|setuser acl|users acl|whoami bitfield_ro client|caching client|getredir client|tracking hello "},
    Release{"6.0.6",
            " lpos "},
    Release{"6.2.0",
            " blmove client|info client|trackinginfo client|unpause copy failover geosearch geosearchstore getdel"
            " getex hrandfield lmove object|help pubsub|help reset sentinel|config sentinel|help sentinel|myid"
            " slowlog|help smismember xautoclaim xgroup|createconsumer zdiff zdiffstore zinter zmscore zrandmember"
            " zrangestore zunion "},
    Release{"7.0.0",
            " acl|dryrun blmpop bzmpop client|no-evict cluster|addslotsrange cluster|delslotsrange cluster|links"
            " cluster|shards command|docs command|getkeysandflags command|list eval_ro evalsha_ro expiretime fcall"
            " fcall_ro function function|delete function|dump function|flush function|help function|kill"
            " function|list function|load function|restore function|stats latency|histogram lcs lmpop pexpiretime"
            " pubsub|shardchannels pubsub|shardnumsub sentinel|debug sintercard sort_ro spublish ssubscribe"
            " sunsubscribe zintercard zmpop "},
    Release{"7.2.0",
            " client|setinfo "},
    // clang-format on
};

}  // namespace

std::string_view SinceOf(std::string_view name) {
  const std::string wanted = " " + std::string(name) + " ";
  for (const Release& release : kReleases) {
    if (release.brought.find(wanted) != std::string_view::npos) return release.number;
  }
  return {};
}

}  // namespace serve
