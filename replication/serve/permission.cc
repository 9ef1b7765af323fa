#include "replication/serve/permission.h"

#include <algorithm>
#include <array>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

constexpr std::uint8_t kBoth = kKeyRead | kKeyWrite;

// Commands whose keys are not used as their flags say: a write both reads and writes, a read only command reads, and
// any other reads. `first` is for the first key, `others` for the rest.
struct Exception {
  std::string_view name;
  std::uint8_t first;
  std::uint8_t others;
};

constexpr std::array kExceptions = {
    // clang-format off
    Exception{"append", kKeyWrite, 0}, Exception{"bitop", kKeyWrite, kKeyRead},
    Exception{"copy", kKeyRead, kKeyWrite}, Exception{"del", kKeyWrite, kKeyWrite},
    Exception{"eval", kBoth, kBoth}, Exception{"evalsha", kBoth, kBoth},
    Exception{"exists", kKeyNone, kKeyNone}, Exception{"expire", kKeyWrite, 0}, Exception{"expireat", kKeyWrite, 0},
    Exception{"fcall", kBoth, kBoth},
    Exception{"geoadd", kKeyWrite, 0}, Exception{"georadius", kKeyRead, 0},
    Exception{"georadiusbymember", kKeyRead, 0}, Exception{"geosearchstore", kKeyWrite, kKeyRead},
    Exception{"hdel", kKeyWrite, 0}, Exception{"hexists", kKeyNone, 0}, Exception{"hlen", kKeyNone, 0},
    Exception{"hmset", kKeyWrite, 0}, Exception{"hset", kKeyWrite, 0}, Exception{"hsetnx", kKeyWrite, 0},
    Exception{"hstrlen", kKeyNone, 0}, Exception{"linsert", kKeyWrite, 0}, Exception{"llen", kKeyNone, 0},
    Exception{"lpush", kKeyWrite, 0}, Exception{"lpushx", kKeyWrite, 0}, Exception{"lrem", kKeyWrite, 0},
    Exception{"lset", kKeyWrite, 0}, Exception{"ltrim", kKeyWrite, 0}, Exception{"mset", kKeyWrite, kKeyWrite},
    Exception{"msetnx", kKeyWrite, kKeyWrite}, Exception{"object|encoding", kKeyNone, 0},
    Exception{"object|freq", kKeyNone, 0}, Exception{"object|idletime", kKeyNone, 0},
    Exception{"object|refcount", kKeyNone, 0}, Exception{"persist", kKeyWrite, 0}, Exception{"pexpire", kKeyWrite, 0},
    Exception{"pexpireat", kKeyWrite, 0}, Exception{"pfadd", kKeyWrite, 0},
    Exception{"pfmerge", kBoth, kKeyRead}, Exception{"psetex", kKeyWrite, 0}, Exception{"rename", kBoth, kKeyWrite},
    Exception{"renamenx", kBoth, kKeyWrite}, Exception{"restore", kKeyWrite, 0}, Exception{"rpush", kKeyWrite, 0},
    Exception{"rpushx", kKeyWrite, 0}, Exception{"sadd", kKeyWrite, 0}, Exception{"scard", kKeyNone, 0},
    Exception{"sdiffstore", kKeyWrite, kKeyRead}, Exception{"setex", kKeyWrite, 0}, Exception{"setnx", kKeyWrite, 0},
    Exception{"setrange", kKeyWrite, 0}, Exception{"sinterstore", kKeyWrite, kKeyRead},
    Exception{"sismember", kKeyNone, 0}, Exception{"sort", kKeyRead, 0}, Exception{"srem", kKeyWrite, 0}, Exception{"strlen", kKeyNone, 0},
    Exception{"sunionstore", kKeyWrite, kKeyRead}, Exception{"touch", kKeyNone, kKeyNone},
    Exception{"type", kKeyNone, 0}, Exception{"unlink", kKeyWrite, kKeyWrite}, Exception{"watch", kKeyNone, kKeyNone},
    Exception{"xadd", kKeyWrite, 0}, Exception{"xdel", kKeyWrite, 0}, Exception{"xlen", kKeyNone, 0},
    Exception{"xtrim", kKeyWrite, 0}, Exception{"zadd", kKeyWrite, 0}, Exception{"zcard", kKeyNone, 0},
    Exception{"zdiffstore", kKeyWrite, kKeyRead}, Exception{"zinterstore", kKeyWrite, kKeyRead},
    Exception{"zrangestore", kKeyWrite, kKeyRead}, Exception{"zrem", kKeyWrite, 0},
    Exception{"zremrangebylex", kKeyWrite, 0}, Exception{"zremrangebyrank", kKeyWrite, 0},
    Exception{"zremrangebyscore", kKeyWrite, 0}, Exception{"zunionstore", kKeyWrite, kKeyRead},
    // clang-format on
};
static_assert(std::ranges::is_sorted(kExceptions, {}, &Exception::name));

std::uint8_t AccessTo(const CommandRow& row, const Words& words, bool first) {
  if (row.name == "set") {
    // Only with GET is the old value given away.
    const bool gives = std::any_of(words.begin() + std::min<std::ptrdiff_t>(3, std::ssize(words)), words.end(),
                                   [](std::string_view word) { return base::EqualsIgnoreCase(word, "get"); });
    return gives ? kBoth : kKeyWrite;
  }
  const auto found = std::ranges::lower_bound(kExceptions, row.name, {}, &Exception::name);
  if (found != kExceptions.end() && found->name == row.name) return first ? found->first : found->others;
  return (row.flags & kWrite) != 0 ? kBoth : kKeyRead;
}

bool IsChannelCommand(std::string_view name) {
  return name == "publish" || name == "spublish" || name == "subscribe" || name == "ssubscribe" || name == "psubscribe";
}

Verdict JudgeBy(const Selector& selector, const CommandTable::Entry& entry, const Words& words) {
  using Reason = Verdict::Reason;
  if (!selector.AllowsCommand(entry, words)) return {Reason::kCommand, 0};
  const CommandRow& row = *entry.row;
  Verdict verdict;
  if (!selector.all_keys() && row.keys.any() && (row.flags & kPubsub) == 0) {
    ForEachKey(row, words, [&](std::size_t word, std::uint8_t access) {
      if (selector.AllowsKey(words[word], access)) return true;
      verdict = {Reason::kKey, word};
      return false;
    });
    if (!verdict.allowed()) return verdict;
  }
  if (selector.all_channels() || !IsChannelCommand(row.name)) return verdict;
  const bool one = row.name == "publish" || row.name == "spublish";
  for (std::size_t i = 1; i < (one ? 2 : words.size()); ++i) {
    if (!selector.AllowsChannel(words[i], row.name == "psubscribe")) return {Reason::kChannel, i};
  }
  return verdict;
}

}  // namespace

void ForEachKey(const CommandRow& row, const Words& words,
                const std::function<bool(std::size_t word, std::uint8_t access)>& see) {
  const auto count = std::ssize(words);
  const std::ptrdiff_t last = row.keys.last < 0 ? count + row.keys.last : row.keys.last;
  for (std::ptrdiff_t at = row.keys.first; at > 0 && at <= last && at < count; at += row.keys.step) {
    if (!see(static_cast<std::size_t>(at), AccessTo(row, words, at == row.keys.first))) return;
  }
  const std::size_t counted = CountedKeys(row, words);
  for (std::size_t i = 1; i <= counted; ++i) {
    const std::size_t at = static_cast<std::size_t>(row.keys.counted_at) + i;
    // What stands besides a first key of another kind (ZUNIONSTORE's target) is only read.
    const std::uint8_t access = row.keys.first != 0 ? kKeyRead : AccessTo(row, words, true);
    if (!see(at, access)) return;
  }
  const KeyRun behind = KeysBehind(row, words);
  for (std::size_t i = 0; i < behind.count; ++i) {
    if (!see(behind.first + i, kKeyRead)) return;
  }
  // SORT ... STORE key: the last one counts, and what the other options take is none.
  if (row.name == "sort") {
    std::ptrdiff_t target = 0;
    for (std::ptrdiff_t at = 2; at < count; ++at) {
      const std::string_view option = words[static_cast<std::size_t>(at)];
      if (base::EqualsIgnoreCase(option, "limit")) {
        at += 2;
      } else if (base::EqualsIgnoreCase(option, "by") || base::EqualsIgnoreCase(option, "get")) {
        ++at;
      } else if (base::EqualsIgnoreCase(option, "store") && at + 1 < count) {
        target = ++at;
      }
    }
    if (target != 0 && !see(static_cast<std::size_t>(target), kKeyWrite)) return;
  }
  // GEORADIUS ... STORE key
  const std::ptrdiff_t options_at = row.name == "georadius" ? 6 : row.name == "georadiusbymember" ? 5 : count;
  for (std::ptrdiff_t at = options_at; at + 1 < count; ++at) {
    const std::string_view option = words[static_cast<std::size_t>(at)];
    if (!base::EqualsIgnoreCase(option, "store") && !base::EqualsIgnoreCase(option, "storedist")) continue;
    if (!see(static_cast<std::size_t>(++at), kKeyWrite)) return;
  }
}

Verdict Judge(const User& user, const CommandTable::Entry& entry, const Words& words) {
  if (user.everything()) return {};
  Verdict verdict = JudgeBy(user.root, entry, words);
  for (const Selector& selector : user.selectors) {
    if (verdict.allowed()) break;
    const Verdict other = JudgeBy(selector, entry, words);
    // Of several refusals the one that came nearest is told.
    if (other.allowed() || other.reason > verdict.reason ||
        (other.reason == verdict.reason && other.word > verdict.word)) {
      verdict = other;
    }
  }
  return verdict;
}

std::string_view WhyNotBeyondItsKeys(const User& user, const CommandRow& row, const Words& words) {
  if (row.name != "sort" && row.name != "sort_ro") return {};
  const bool all_keys = user.root.all_keys() || std::ranges::any_of(user.selectors, &Selector::all_keys);
  if (all_keys) return {};
  for (std::size_t at = 2; at + 1 < words.size(); ++at) {
    if (base::EqualsIgnoreCase(words[at], "get")) {
      return "ERR GET option of SORT denied due to insufficient ACL permissions.";
    }
    if (base::EqualsIgnoreCase(words[at], "by")) {
      if (words[++at].find('*') != std::string_view::npos) {
        return "ERR BY option of SORT denied due to insufficient ACL permissions.";
      }
    } else if (base::EqualsIgnoreCase(words[at], "store")) {
      ++at;
    } else if (base::EqualsIgnoreCase(words[at], "limit")) {
      at += 2;
    }
  }
  return {};
}

bool MayListen(const User& user, const Client& client) {
  const auto allowed = [&user](std::string_view channel, bool is_pattern) {
    return user.root.AllowsChannel(channel, is_pattern) ||
           std::ranges::any_of(user.selectors,
                               [&](const Selector& each) { return each.AllowsChannel(channel, is_pattern); });
  };
  return std::ranges::all_of(client.channels, [&](const std::string& name) { return allowed(name, false); }) &&
         std::ranges::all_of(client.shard_channels, [&](const std::string& name) { return allowed(name, false); }) &&
         std::ranges::all_of(client.patterns, [&](const std::string& name) { return allowed(name, true); });
}

}  // namespace serve
