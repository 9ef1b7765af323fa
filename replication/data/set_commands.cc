// Sets.
#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replication/base/text.h"
#include "replication/data/handlers.h"
#include "replication/data/lookup.h"
#include "replication/data/random_pick.h"
#include "replication/data/random_sample.h"
#include "replication/data/scan_options.h"
#include "replication/data/set_value.h"

namespace data {
namespace {

bool SetOrNothing(CommandContext& context, const Spot& spot) {
  return TypeOrNothing(context, spot, ValueType::kSet);
}

// Looked up for reading; false when the type's error has been answered.
bool FindSet(CommandContext& context, std::string_view key, Spot& spot) {
  spot = Lookup(context, key, Use::kRead);
  return SetOrNothing(context, spot);
}

void Members(CommandContext& context, const SetView& set) {
  context.reply.Set(set.size());
  set.ForEach([&context](std::string_view member) { context.reply.Bulk(member); });
}

void SAdd(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!SetOrNothing(context, spot)) return;
  bool any = !spot;
  for (std::size_t i = 2; i < words.size() && !any; ++i) any = !SetView(*spot).Contains(words[i]);
  if (!any) return context.reply.Integer(0);
  std::int64_t added = 0;
  context.keyspace.Change(spot, words[1], ValueType::kSet, [&](Contents& contents) {
    SetEditor set(contents, context.keyspace);
    for (std::size_t i = 2; i < words.size(); ++i) added += set.Add(words[i]) ? 1 : 0;
    return true;
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(added - 1));
  Notify(context, kSetEvent, "sadd", words[1]);
  PushAsSent(context);
  context.reply.Integer(added);
}

// Takes members away, and the key with the last of them. Returns how many were there.
template <class Members>
std::int64_t EraseMembers(CommandContext& context, const Spot& spot, std::string_view key, const Members& members) {
  const SetView before(*spot);
  if (!std::ranges::any_of(members, [&before](std::string_view member) { return before.Contains(member); })) return 0;
  std::int64_t erased = 0;
  context.keyspace.Change(spot, key, ValueType::kSet, [&](Contents& contents) {
    SetEditor set(contents, context.keyspace);
    for (const std::string_view member : members) {
      erased += set.Erase(member) ? 1 : 0;
      if (!set.HasItems()) break;
    }
    return set.HasItems();
  });
  context.keyspace.CountChanges(static_cast<std::uint64_t>(erased - 1));
  return erased;
}

void SRem(CommandContext& context, const Words& words) {
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!SetOrNothing(context, spot)) return;
  if (!spot) return context.reply.Integer(0);
  const std::int64_t erased = EraseMembers(context, spot, words[1], std::span(words).subspan(2));
  if (erased > 0) {
    Notify(context, kSetEvent, "srem", words[1]);
    NotifyIfGone(context, words[1]);
    PushAsSent(context);
  }
  context.reply.Integer(erased);
}

void SIsMember(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindSet(context, words[1], spot)) return;
  context.reply.Integer(spot && SetView(*spot).Contains(words[2]) ? 1 : 0);
}

void SMIsMember(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindSet(context, words[1], spot)) return;
  context.reply.Array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    context.reply.Integer(spot && SetView(*spot).Contains(words[i]) ? 1 : 0);
  }
}

void SCard(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindSet(context, words[1], spot)) return;
  context.reply.Integer(spot ? static_cast<std::int64_t>(SetView(*spot).size()) : 0);
}

void SMembers(CommandContext& context, const Words& words) {
  Spot spot;
  if (!FindSet(context, words[1], spot)) return;
  spot ? Members(context, SetView(*spot)) : context.reply.Set(0);
}

void SMove(CommandContext& context, const Words& words) {
  const std::string_view from_key = words[1];
  const std::string_view to_key = words[2];
  const std::string_view member = words[3];
  Lookup(context, from_key, Use::kWrite);
  const Spot to = Lookup(context, to_key, Use::kWrite);
  const Spot from = context.keyspace.Find(context.db, from_key);  // the second look may have moved it
  if (!from) return context.reply.Integer(0);
  if (!SetOrNothing(context, from) || !SetOrNothing(context, to)) return;
  const bool held = SetView(*from).Contains(member);
  if (!held || from_key == to_key) return context.reply.Integer(held ? 1 : 0);
  const std::vector<std::string_view> one = {member};
  EraseMembers(context, from, from_key, one);
  Notify(context, kSetEvent, "srem", from_key);
  NotifyIfGone(context, from_key);
  const Spot target = context.keyspace.Find(context.db, to_key);
  if (!target || !SetView(*target).Contains(member)) {
    context.keyspace.Change(target, to_key, ValueType::kSet,
                            [&](Contents& contents) { return SetEditor(contents, context.keyspace).Add(member); });
    Notify(context, kSetEvent, "sadd", to_key);
  }
  PushAsSent(context);
  context.reply.Integer(1);
}

// --- At random

void SRandMember(CommandContext& context, const Words& words) {
  base::Random& random = context.keyspace.random();
  IntText buffer;
  if (words.size() == 2) {
    Spot spot;
    if (!FindSet(context, words[1], spot)) return;
    if (!spot) return context.reply.Null();
    const SetView set(*spot);
    return context.reply.Bulk(set.AtRank(random.Below(set.size()), buffer));
  }
  if (words.size() > 3) return context.reply.Error(kSyntaxError);  // before the count is looked at
  const auto pick = ReadRandomPick(context, words, {});
  if (!pick) return;
  Spot spot;
  if (!FindSet(context, words[1], spot)) return;
  if (!spot || pick->count == 0) return context.reply.Array(0);
  const SetView set(*spot);
  PickRanks(
      random, set.size(), pick->count, [&](std::uint64_t count) { context.reply.Array(count); },
      [&](std::uint64_t rank) { context.reply.Bulk(set.AtRank(rank, buffer)); });
}

void PopMany(CommandContext& context, const Words& words) {
  const auto count = base::ParseInt<std::int64_t>(words[2]);
  if (!count || *count < 0) return context.reply.Error("ERR value is out of range, must be positive");
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!SetOrNothing(context, spot)) return;
  if (!spot || *count == 0) return context.reply.Set(0);
  const SetView set(*spot);
  if (static_cast<std::uint64_t>(*count) >= set.size()) {
    Members(context, set);
    context.keyspace.CountChanges(set.size() - 1);
    context.keyspace.Erase(spot);
    Notify(context, kSetEvent, "spop", words[1]);
    Notify(context, kGenericEvent, "del", words[1]);
    return PushEffect(context, {context.keyspace.lazy().server_del ? "UNLINK" : "DEL", words[1]});
  }
  std::vector<std::string> popped;
  IntText buffer;
  for (const std::uint64_t rank :
       SampleRanks(context.keyspace.random(), set.size(), static_cast<std::uint64_t>(*count))) {
    popped.emplace_back(set.AtRank(rank, buffer));
  }
  EraseMembers(context, spot, words[1], popped);
  Notify(context, kSetEvent, "spop", words[1]);
  context.reply.Set(popped.size());
  for (const std::string& member : popped) {
    context.reply.Bulk(member);
    // Not what was asked for but what came of it: replicas must not choose for themselves.
    PushEffect(context, {"SREM", words[1], member});
  }
}

void SPop(CommandContext& context, const Words& words) {
  if (words.size() == 3) return PopMany(context, words);
  if (words.size() > 3) return context.reply.Error(kSyntaxError);
  const Spot spot = Lookup(context, words[1], Use::kWrite);
  if (!SetOrNothing(context, spot)) return;
  if (!spot) return context.reply.Null();
  const SetView set(*spot);
  IntText buffer;
  const std::string member(set.AtRank(context.keyspace.random().Below(set.size()), buffer));
  EraseMembers(context, spot, words[1], std::vector<std::string_view>{member});
  Notify(context, kSetEvent, "spop", words[1]);
  NotifyIfGone(context, words[1]);
  PushEffect(context, {"SREM", words[1], member});
  context.reply.Bulk(member);
}

// --- Several sets

// The sets at words[first] to words[first + count - 1], nothing where there is none. Nothing at all when an error has
// been answered. Valid until something is changed.
using Sets = std::vector<std::optional<SetView>>;
std::optional<Sets> FindSets(CommandContext& context, const Words& words, std::size_t first, std::size_t count) {
  // To look for one may delete it, which may move others.
  for (std::size_t i = first; i < first + count; ++i) {
    if (!SetOrNothing(context, Lookup(context, words[i], Use::kRead))) return std::nullopt;
  }
  Sets sets;
  for (std::size_t i = first; i < first + count; ++i) {
    const Spot spot = context.keyspace.Find(context.db, words[i]);
    sets.emplace_back();
    if (spot && !Hidden(context, *spot)) sets.back().emplace(*spot);
  }
  return sets;
}

std::vector<std::string> Intersection(Sets sets, std::size_t limit = std::numeric_limits<std::size_t>::max()) {
  std::vector<std::string> common;
  if (!std::ranges::all_of(sets, [](const auto& set) { return set.has_value(); })) return common;
  std::ranges::sort(sets, {}, [](const auto& set) { return set->size(); });
  std::uint64_t cursor = 0;
  do {
    cursor = sets[0]->Scan(cursor, 100, [&](std::string_view member) {
      if (common.size() == limit) return;
      const bool everywhere =
          std::all_of(sets.begin() + 1, sets.end(), [member](const auto& set) { return set->Contains(member); });
      if (everywhere) common.emplace_back(member);
    });
  } while (cursor != 0 && common.size() < limit);
  return common;
}

std::vector<std::string> Difference(const Sets& sets) {
  std::vector<std::string> rest;
  if (!sets[0]) return rest;
  sets[0]->ForEach([&](std::string_view member) {
    const bool elsewhere =
        std::any_of(sets.begin() + 1, sets.end(), [member](const auto& set) { return set && set->Contains(member); });
    if (!elsewhere) rest.emplace_back(member);
  });
  return rest;
}

// A set of its own, which is not in the keyspace.
Contents Union(const CommandContext& context, const Sets& sets) {
  Contents all;
  {
    SetEditor editor(all, context.keyspace);
    for (const auto& set : sets) {
      if (set) set->ForEach([&editor](std::string_view member) { editor.Add(member); });
    }
  }
  return all;
}

Contents SetOf(const CommandContext& context, const std::vector<std::string>& members) {
  Contents contents;
  {
    SetEditor editor(contents, context.keyspace);
    for (const std::string& member : members) editor.Add(member);
  }
  return contents;
}

SetView ViewOf(const Contents& contents) {
  if (contents.tree != nullptr) return SetView(static_cast<const FieldTree&>(*contents.tree));
  return SetView(contents.packing, contents.packed);
}

void Store(CommandContext& context, std::string_view event, std::string_view key, Contents contents) {
  const std::uint64_t size = ViewOf(contents).size();
  const Spot spot = size > 0 ? Lookup(context, key, Use::kWrite) : context.keyspace.Find(context.db, key);
  if (size > 0) {
    context.keyspace.SetContents(spot, key, ValueType::kSet, std::move(contents));
    Notify(context, kSetEvent, event, key);
  } else if (spot) {
    context.keyspace.Erase(spot);
    Notify(context, kGenericEvent, "del", key);
  }
  if (size > 0 || spot) PushAsSent(context);
  context.reply.Integer(static_cast<std::int64_t>(size));
}

void ReplySet(CommandContext& context, const std::vector<std::string>& members) {
  context.reply.Set(members.size());
  for (const std::string& member : members) context.reply.Bulk(member);
}

void SInter(CommandContext& context, const Words& words) {
  if (const auto sets = FindSets(context, words, 1, words.size() - 1)) ReplySet(context, Intersection(*sets));
}

void SInterStore(CommandContext& context, const Words& words) {
  const auto sets = FindSets(context, words, 2, words.size() - 2);
  if (sets) Store(context, "sinterstore", words[1], SetOf(context, Intersection(*sets)));
}

void SInterCard(CommandContext& context, const Words& words) {
  const auto keys = base::ParseInt<std::int64_t>(words[1]);
  if (!keys || *keys < 1) return context.reply.Error("ERR numkeys should be greater than 0");
  if (*keys > static_cast<std::int64_t>(words.size()) - 2) {
    return context.reply.Error("ERR Number of keys can't be greater than number of args");
  }
  const auto count = static_cast<std::size_t>(*keys);
  std::int64_t limit = 0;
  for (std::size_t i = 2 + count; i < words.size(); i += 2) {
    if (!base::EqualsIgnoreCase(words[i], "limit") || i + 1 == words.size()) return context.reply.Error(kSyntaxError);
    const auto parsed = base::ParseInt<std::int64_t>(words[i + 1]);
    if (!parsed || *parsed < 0) return context.reply.Error("ERR LIMIT can't be negative");
    limit = *parsed;
  }
  const auto sets = FindSets(context, words, 2, count);
  if (!sets) return;
  const std::size_t most = limit == 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  context.reply.Integer(static_cast<std::int64_t>(Intersection(*sets, most).size()));
}

void SUnion(CommandContext& context, const Words& words) {
  const auto sets = FindSets(context, words, 1, words.size() - 1);
  if (sets) Members(context, ViewOf(Union(context, *sets)));
}

void SUnionStore(CommandContext& context, const Words& words) {
  const auto sets = FindSets(context, words, 2, words.size() - 2);
  if (sets) Store(context, "sunionstore", words[1], Union(context, *sets));
}

void SDiff(CommandContext& context, const Words& words) {
  if (const auto sets = FindSets(context, words, 1, words.size() - 1)) ReplySet(context, Difference(*sets));
}

void SDiffStore(CommandContext& context, const Words& words) {
  const auto sets = FindSets(context, words, 2, words.size() - 2);
  if (sets) Store(context, "sdiffstore", words[1], SetOf(context, Difference(*sets)));
}

void SScan(CommandContext& context, const Words& words) {
  ScanElements(context, words, &FindSet,
               [](const Spot& spot, std::uint64_t cursor, std::size_t count, const auto& keep) {
                 return SetView(*spot).Scan(cursor, count, [&](std::string_view member) { keep(member); });
               });
}

using namespace serve;

// As COMMAND INFO and COMMAND DOCS of Redis 7.0 have them.
constexpr DataCommand kCommands[] = {
    {{"sadd",
      -3,
      kWrite | kDenyOom | kFast,
      {1, 1, 1},
      kCatSet,
      "set",
      "Add one or more members to a set",
      "<key> <member> [<member> ...]"},
     &SAdd},
    {{"scard", 2, kReadonly | kFast, {1, 1, 1}, kCatSet, "set", "Get the number of members in a set", "<key>"}, &SCard},
    {{"sdiff", -2, kReadonly, {1, -1, 1}, kCatSet, "set", "Subtract multiple sets", "<key> [<key> ...]"}, &SDiff},
    {{"sdiffstore",
      -3,
      kWrite | kDenyOom,
      {1, -1, 1},
      kCatSet,
      "set",
      "Subtract multiple sets and store the resulting set in a key",
      "<destination> <key> [<key> ...]"},
     &SDiffStore},
    {{"sinter", -2, kReadonly, {1, -1, 1}, kCatSet, "set", "Intersect multiple sets", "<key> [<key> ...]"}, &SInter},
    {{"sintercard",
      -3,
      kReadonly,
      {0, 0, 0, 1},
      kCatSet,
      "set",
      "Intersect multiple sets and return the cardinality of the result",
      "<numkeys> <key> [<key> ...] [LIMIT <limit>]"},
     &SInterCard},
    {{"sinterstore",
      -3,
      kWrite | kDenyOom,
      {1, -1, 1},
      kCatSet,
      "set",
      "Intersect multiple sets and store the resulting set in a key",
      "<destination> <key> [<key> ...]"},
     &SInterStore},
    {{"sismember",
      3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatSet,
      "set",
      "Determine if a given value is a member of a set",
      "<key> <member>"},
     &SIsMember},
    {{"smembers", 2, kReadonly, {1, 1, 1}, kCatSet, "set", "Get all the members in a set", "<key>"}, &SMembers},
    {{"smismember",
      -3,
      kReadonly | kFast,
      {1, 1, 1},
      kCatSet,
      "set",
      "Returns the membership associated with the given elements for a set",
      "<key> <member> [<member> ...]"},
     &SMIsMember},
    {{"smove",
      4,
      kWrite | kFast,
      {1, 2, 1},
      kCatSet,
      "set",
      "Move a member from one set to another",
      "<source> <destination> <member>"},
     &SMove},
    {{"spop",
      -2,
      kWrite | kFast,
      {1, 1, 1},
      kCatSet,
      "set",
      "Remove and return one or multiple random members from a set",
      "<key> [<count>]"},
     &SPop},
    {{"srandmember",
      -2,
      kReadonly,
      {1, 1, 1},
      kCatSet,
      "set",
      "Get one or multiple random members from a set",
      "<key> [<count>]"},
     &SRandMember},
    {{"srem",
      -3,
      kWrite | kFast,
      {1, 1, 1},
      kCatSet,
      "set",
      "Remove one or more members from a set",
      "<key> <member> [<member> ...]"},
     &SRem},
    {{"sscan",
      -3,
      kReadonly,
      {1, 1, 1},
      kCatSet,
      "set",
      "Incrementally iterate Set elements",
      "<key> <cursor> [MATCH <pattern>] [COUNT <count>]"},
     &SScan},
    {{"sunion", -2, kReadonly, {1, -1, 1}, kCatSet, "set", "Add multiple sets", "<key> [<key> ...]"}, &SUnion},
    {{"sunionstore",
      -3,
      kWrite | kDenyOom,
      {1, -1, 1},
      kCatSet,
      "set",
      "Add multiple sets and store the resulting set in a key",
      "<destination> <key> [<key> ...]"},
     &SUnionStore},
};

}  // namespace

std::span<const DataCommand> SetCommands() {
  return kCommands;
}

}  // namespace data
