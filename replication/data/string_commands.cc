// Writing and reading whole strings.
#include <limits>
#include <optional>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"

namespace data {
namespace {

using base::EqualsIgnoreCase;

enum class Only { kAlways, kIfMissing, kIfThere };

// How a time is written: in which unit, and counted from when.
struct TimeForm {
  bool seconds;
  bool from_now;
};
constexpr TimeForm kEx{true, true};
constexpr TimeForm kPx{false, true};
constexpr TimeForm kExAt{true, false};
constexpr TimeForm kPxAt{false, false};

std::optional<TimeForm> TimeFormOf(std::string_view option) {
  if (EqualsIgnoreCase(option, "ex")) return kEx;
  if (EqualsIgnoreCase(option, "px")) return kPx;
  if (EqualsIgnoreCase(option, "exat")) return kExAt;
  if (EqualsIgnoreCase(option, "pxat")) return kPxAt;
  return std::nullopt;
}

bool SameForm(const TimeForm& a, const TimeForm& b) {
  return a.seconds == b.seconds && a.from_now == b.from_now;
}

// What stands behind the key (GETEX) or the value (SET).
struct Options {
  Only only = Only::kAlways;
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::optional<TimeForm> form;
  std::string_view time;
};

// False: a syntax error has been answered. The same time option may come twice; the later one counts.
bool ReadOptions(CommandContext& context, const Words& words, std::size_t first, bool for_set, Options& options) {
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::string_view option = words[i];
    const bool has_next = i + 1 < words.size();
    if (for_set && EqualsIgnoreCase(option, "nx") && options.only != Only::kIfThere) {
      options.only = Only::kIfMissing;
    } else if (for_set && EqualsIgnoreCase(option, "xx") && options.only != Only::kIfMissing) {
      options.only = Only::kIfThere;
    } else if (for_set && EqualsIgnoreCase(option, "get")) {
      options.get = true;
    } else if (for_set && EqualsIgnoreCase(option, "keepttl") && !options.form) {
      options.keep_ttl = true;
    } else if (!for_set && EqualsIgnoreCase(option, "persist") && !options.form) {
      options.persist = true;
    } else if (const auto form = TimeFormOf(option); form && has_next && !options.keep_ttl && !options.persist &&
                                                     (!options.form || SameForm(*options.form, *form))) {
      options.form = form;
      options.time = words[++i];
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// The moment that a time option names, or its error has been answered.
std::optional<UnixMs> MomentOrReply(CommandContext& context, std::string_view command, std::string_view time,
                                    const TimeForm& form) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  auto value = IntegerOrReply(context, time);
  if (!value) return std::nullopt;
  const std::int64_t begin = form.from_now ? NowMs(context) : 0;
  if (*value <= 0 || (form.seconds && *value > kMax / 1000) || (form.seconds ? *value * 1000 : *value) > kMax - begin) {
    ReplyInvalidExpireTime(context, command);
    return std::nullopt;
  }
  return AsExpiry((form.seconds ? *value * 1000 : *value) + begin);
}

void SetUntil(CommandContext& context, std::string_view key, std::string_view value, UnixMs at) {
  context.keyspace.Set(Lookup(context, key, Use::kWrite), key, value, at);
  Notify(context, kStringEvent, "set", key);
  Notify(context, kGenericEvent, "expire", key);
  PushEffect(context, {"SET", key, value, "PXAT", std::to_string(at)});
}

void SetFor(CommandContext& context, const Words& words, const TimeForm& form) {
  const auto at = MomentOrReply(context, words[0], words[2], form);
  if (!at) return;
  SetUntil(context, words[1], words[3], *at);
  context.reply.Ok();
}

// SET without its GET: what the stream is told.
void PushWithoutGet(CommandContext& context, const Words& words) {
  Effect& effect = context.effects.emplace_back();
  effect.db = context.db;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i < 3 || !EqualsIgnoreCase(words[i], "get")) effect.words.emplace_back(words[i]);
  }
}

}  // namespace

void Get(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (StringOrNothing(context, spot)) ReplyText(context, spot);
}

void Set(CommandContext& context, const Words& words) {
  const std::string_view key = words[1];
  const std::string_view value = words[2];
  Options options;
  if (words.size() > 3 && !ReadOptions(context, words, 3, true, options)) return;
  std::optional<UnixMs> at;
  if (options.form) {
    at = MomentOrReply(context, words[0], options.time, *options.form);
    if (!at) return;
  }
  if (options.get) {
    const Spot old = Lookup(context, key, Use::kRead);
    if (!StringOrNothing(context, old)) return;
    ReplyText(context, old);
  }

  const Spot spot = Lookup(context, key, Use::kWrite);
  if ((options.only == Only::kIfMissing && spot) || (options.only == Only::kIfThere && !spot)) {
    if (!options.get) context.reply.Null();
    return;
  }
  const UnixMs kept = options.keep_ttl && spot ? spot->expires_at() : kNever;
  context.keyspace.Set(spot, key, value, at.value_or(kept));
  Notify(context, kStringEvent, "set", key);
  if (at) Notify(context, kGenericEvent, "expire", key);
  if (at) {
    PushEffect(context, {"SET", key, value, "PXAT", std::to_string(*at)});
  } else if (options.get) {
    PushWithoutGet(context, words);
  } else {
    PushAsSent(context);
  }
  if (!options.get) context.reply.Ok();
}

void SetNx(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (spot) return context.reply.Integer(0);
  context.keyspace.Set(spot, words[1], words[2], kNever);
  Notify(context, kStringEvent, "set", words[1]);
  PushAsSent(context);
  context.reply.Integer(1);
}

void SetEx(CommandContext& context, const Words& words) {
  SetFor(context, words, kEx);
}

void PSetEx(CommandContext& context, const Words& words) {
  SetFor(context, words, kPx);
}

void GetSet(CommandContext& context, const Words& words) {
  const Spot old = Lookup(context, words[1], Use::kRead);
  if (!StringOrNothing(context, old)) return;
  ReplyText(context, old);
  context.keyspace.Set(Lookup(context, words[1], Use::kWrite), words[1], words[2], kNever);
  Notify(context, kStringEvent, "set", words[1]);
  PushEffect(context, {"SET", words[1], words[2]});
}

void GetDel(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kRead);
  if (!StringOrNothing(context, spot)) return;
  ReplyText(context, spot);
  if (!spot) return;
  context.keyspace.Erase(spot);
  Notify(context, kGenericEvent, "del", words[1]);
  PushEffect(context, {"DEL", words[1]});
}

void GetEx(CommandContext& context, const Words& words) {
  const std::string_view key = words[1];
  Options options;
  if (!ReadOptions(context, words, 2, false, options)) return;
  const Spot spot = Lookup(context, key, Use::kRead);
  if (!spot) return context.reply.Null();
  if (!StringOrNothing(context, spot)) return;
  std::optional<UnixMs> at;
  if (options.form) {
    at = MomentOrReply(context, words[0], options.time, *options.form);
    if (!at) return;
  }

  ReplyText(context, spot);
  if (at && !options.form->from_now && *at <= NowMs(context) && !context.replica) {
    context.keyspace.Erase(spot);
    Notify(context, kGenericEvent, "del", key);
    PushEffect(context, {context.keyspace.ExpiryWord(), key});
  } else if (at) {
    context.keyspace.SetExpiry(spot, *at);
    Notify(context, kGenericEvent, "expire", key);
    PushEffect(context, "PEXPIREAT", key, *at);
  } else if (options.persist && spot->has_expiry()) {
    context.keyspace.SetExpiry(spot, kNever);
    Notify(context, kGenericEvent, "persist", key);
    PushEffect(context, {"PERSIST", key});
  }
}

void MGet(CommandContext& context, const Words& words) {
  context.reply.Array(words.size() - 1);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Spot spot = Lookup(context, words[i], Use::kRead);
    if (spot && spot->type() == ValueType::kString) {
      ReplyText(context, spot);
    } else {
      context.reply.Null();
    }
  }
}

void MSet(CommandContext& context, const Words& words) {
  if (words.size() % 2 == 0) return ReplyWrongArity(context, words[0]);
  for (std::size_t i = 1; i < words.size(); i += 2) {
    context.keyspace.Set(Lookup(context, words[i], Use::kWrite), words[i], words[i + 1], kNever);
    Notify(context, kStringEvent, "set", words[i]);
  }
  PushAsSent(context);
  context.reply.Ok();
}

void MSetNx(CommandContext& context, const Words& words) {
  if (words.size() % 2 == 0) return ReplyWrongArity(context, words[0]);
  for (std::size_t i = 1; i < words.size(); i += 2) {
    if (Lookup(context, words[i], Use::kWrite)) return context.reply.Integer(0);
  }
  for (std::size_t i = 1; i < words.size(); i += 2) {
    context.keyspace.Set(Lookup(context, words[i], Use::kWrite), words[i], words[i + 1], kNever);
    Notify(context, kStringEvent, "set", words[i]);
  }
  PushAsSent(context);
  context.reply.Integer(1);
}

}  // namespace data
