#include "tests/unit/data/data_support.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "replication/data/hash_value.h"
#include "replication/data/list_value.h"
#include "replication/data/set_value.h"
#include "replication/data/zset_value.h"

namespace data {
namespace {

using Fields = std::map<std::string, std::string>;

Fields FieldsOf(const HashView& hash) {
  Fields fields;
  hash.ForEach([&fields](std::string_view field, std::string_view value) {
    const bool fresh = fields.try_emplace(std::string(field), value).second;
    REQUIRE(fresh);
  });
  REQUIRE(fields.size() == hash.size());
  return fields;
}

std::set<std::string> MembersOf(const SetView& set) {
  std::set<std::string> members;
  set.ForEach([&members](std::string_view member) {
    const bool fresh = members.emplace(member).second;
    REQUIRE(fresh);
  });
  REQUIRE(members.size() == set.size());
  return members;
}

std::vector<std::string> ElementsOf(const ListView& list) {
  std::vector<std::string> elements;
  IntText buffer;
  list.Forward(0, [&](const PackedElement& element) {
    elements.emplace_back(element.Text(buffer));
    return true;
  });
  REQUIRE(elements.size() == list.size());
  return elements;
}

Scores ScoresOf(const ZsetView& zset) {
  Scores scores;
  std::optional<std::pair<double, std::string>> last;
  zset.ForEach([&](std::string_view member, double score) {
    const bool fresh = scores.try_emplace(std::string(member), score).second;
    REQUIRE(fresh);
    const std::pair<double, std::string> item(score, member);
    const bool in_order = !last || *last < item;
    REQUIRE(in_order);
    last = item;
  });
  REQUIRE(scores.size() == zset.size());
  return scores;
}

}  // namespace

std::string ListText(const std::vector<std::string>& elements) {
  std::string text = "list";
  for (const std::string& element : elements) text += fmt::format(" {}", base::Quoted(element));
  return text;
}

std::string ZsetText(const Scores& scores) {
  std::string text = "zset";
  for (const auto& [member, score] : scores) text += fmt::format(" {}={}", base::Quoted(member), score);
  return text;
}

std::string SetText(const std::set<std::string>& members) {
  std::string text = "set";
  for (const std::string& member : members) text += fmt::format(" {}", base::Quoted(member));
  return text;
}

std::string HashText(const Fields& fields) {
  std::string text = "hash";
  for (const auto& [field, value] : fields) text += fmt::format(" {}={}", base::Quoted(field), base::Quoted(value));
  return text;
}

std::string ValueText(const Entry& entry) {
  if (entry.type() == ValueType::kHash) return HashText(FieldsOf(HashView(entry)));
  if (entry.type() == ValueType::kList) return ListText(ElementsOf(ListView(entry)));
  if (entry.type() == ValueType::kSet) return SetText(MembersOf(SetView(entry)));
  if (entry.type() == ValueType::kZset) return ZsetText(ScoresOf(ZsetView(entry)));
  IntText buffer;
  return std::string(entry.Text(buffer));
}

std::string ValueText(const Batch& batch, const Batch::Record& record) {
  if (record.type == ValueType::kHash) {
    return HashText(FieldsOf(record.encoding == Encoding::kTree
                                 ? HashView(static_cast<const FieldTree&>(batch.Tree(record)))
                                 : HashView(ListpackView(batch.Text(record)))));
  }
  if (record.type == ValueType::kList) {
    return ListText(ElementsOf(record.encoding == Encoding::kTree
                                   ? ListView(static_cast<const ListTree&>(batch.Tree(record)))
                                   : ListView(ListpackView(batch.Text(record)))));
  }
  if (record.type == ValueType::kSet) {
    return SetText(MembersOf(record.encoding == Encoding::kTree
                                 ? SetView(static_cast<const FieldTree&>(batch.Tree(record)))
                                 : SetView(record.packing, batch.Text(record))));
  }
  if (record.type == ValueType::kZset) {
    return ZsetText(ScoresOf(record.encoding == Encoding::kTree
                                 ? ZsetView(static_cast<const ScoreTree&>(batch.Tree(record)))
                                 : ZsetView(ListpackView(batch.Text(record)))));
  }
  return record.encoding == Encoding::kInt ? fmt::format("{}", record.integer) : std::string(batch.Text(record));
}

void Put(Keyspace& keyspace, int db, std::string_view key, std::string_view value, UnixMs expires_at) {
  keyspace.Set(keyspace.Find(db, key), key, value, expires_at);
}

std::string Get(const Keyspace& keyspace, int db, std::string_view key) {
  const Spot spot = keyspace.Find(db, key);
  REQUIRE(spot);
  IntText buffer;
  return std::string(spot->Text(buffer));
}

Model ContentsOf(const Keyspace& keyspace) {
  Model contents;
  for (int db = 0; db < keyspace.databases(); ++db) {
    keyspace.ForEach(db, [&contents, db](const Entry& entry) {
      const bool fresh =
          contents.try_emplace({db, std::string(entry.key())}, ValueText(entry), entry.expires_at()).second;
      REQUIRE(fresh);
    });
  }
  return contents;
}

namespace {

std::string SomeValue(base::Random& random) {
  switch (random.Below(6)) {
    case 0:
      return fmt::format("{}", static_cast<std::int64_t>(random.Next()));
    case 1:
      return fmt::format("{}", random.Below(100));
    case 2:
      return std::string(random.Below(4000), 'L');
    default:
      return random.Hex(random.Below(60));
  }
}

// Sets or erases some fields of a hash, small or large.
void ChangeSomeHash(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys) {
  const int db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
  const std::string key = fmt::format("hash:{}", random.Below(keys / 20 + 1));
  const Spot spot = keyspace.Find(db, key);
  const auto held = model.find({db, key});
  REQUIRE(static_cast<bool>(spot) == (held != model.end()));
  Fields fields = spot ? FieldsOf(HashView(*spot)) : Fields{};
  const bool erase = random.Chance(0.4);
  const std::uint64_t range = key.back() % 2 == 0 ? 20 : 400;
  keyspace.Change(spot, key, ValueType::kHash, [&](Contents& contents) {
    HashEditor hash(contents, keyspace);
    for (std::uint64_t n = random.Below(30) + 1; n > 0; --n) {
      const std::string field = fmt::format("{}", random.Below(range));
      if (erase) {
        CHECK(hash.Erase(field) == (fields.erase(field) > 0));
        if (!hash.HasItems()) break;
      } else {
        const std::string value = random.Hex(random.Below(range / 8));
        CHECK(hash.Set(field, value) == fields.insert_or_assign(field, value).second);
      }
    }
    CHECK(hash.HasItems() == !fields.empty());
    return hash.HasItems();
  });
  if (fields.empty()) {
    model.erase({db, key});
  } else {
    const UnixMs expires_at = held != model.end() ? held->second.second : kNever;
    model[{db, key}] = {HashText(fields), expires_at};
  }
}

// Adds or erases some members of a set: of integers, small or large.
void ChangeSomeSet(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys) {
  const int db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
  const std::string key = fmt::format("set:{}", random.Below(keys / 20 + 1));
  const Spot spot = keyspace.Find(db, key);
  const auto held = model.find({db, key});
  REQUIRE(static_cast<bool>(spot) == (held != model.end()));
  std::set<std::string> members = spot ? MembersOf(SetView(*spot)) : std::set<std::string>{};
  const bool erase = random.Chance(0.4);
  const std::uint64_t range = key.back() % 2 == 0 ? 20 : 400;
  const bool numbers = random.Chance(0.7);
  keyspace.Change(spot, key, ValueType::kSet, [&](Contents& contents) {
    SetEditor set(contents, keyspace);
    for (std::uint64_t n = random.Below(30) + 1; n > 0; --n) {
      const std::string member = fmt::format("{}{}", numbers ? "" : "m", random.Below(range));
      if (erase) {
        CHECK(set.Erase(member) == (members.erase(member) > 0));
        if (!set.HasItems()) break;
      } else {
        CHECK(set.Add(member) == members.insert(member).second);
      }
    }
    CHECK(set.HasItems() == !members.empty());
    return set.HasItems();
  });
  if (members.empty()) {
    model.erase({db, key});
  } else {
    const UnixMs expires_at = held != model.end() ? held->second.second : kNever;
    model[{db, key}] = {SetText(members), expires_at};
  }
}

// Inserts, replaces and erases some elements of a list, short or long.
void ChangeSomeList(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys) {
  const int db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
  const std::string key = fmt::format("list:{}", random.Below(keys / 20 + 1));
  const Spot spot = keyspace.Find(db, key);
  const auto held = model.find({db, key});
  REQUIRE(static_cast<bool>(spot) == (held != model.end()));
  std::vector<std::string> elements = spot ? ElementsOf(ListView(*spot)) : std::vector<std::string>{};
  const bool erase = random.Chance(0.4);
  const std::uint64_t size = key.back() % 2 == 0 ? 20 : 800;
  keyspace.Change(spot, key, ValueType::kList, [&](Contents& contents) {
    ListEditor list(contents, keyspace);
    for (std::uint64_t n = random.Below(20) + 1; n > 0; --n) {
      if (erase) {
        if (!list.HasItems()) break;
        const std::uint64_t at = random.Below(list.size());
        const std::uint64_t count = 1 + random.Below(std::min<std::uint64_t>(list.size() - at, 30));
        list.Erase(at, count);
        elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at),
                       elements.begin() + static_cast<std::ptrdiff_t>(at + count));
        continue;
      }
      const std::string text = random.Hex(random.Below(size));
      const std::uint64_t at = random.Below(list.size() + 1);
      if (at < list.size() && random.Chance(0.2)) {
        list.Replace(at, text);
        elements[at] = text;
      } else {
        list.Insert(at, text);
        elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(at), text);
      }
    }
    CHECK(list.HasItems() == !elements.empty());
    return list.HasItems();
  });
  if (elements.empty()) {
    model.erase({db, key});
  } else {
    const UnixMs expires_at = held != model.end() ? held->second.second : kNever;
    model[{db, key}] = {ListText(elements), expires_at};
  }
}

// Sets or erases some members of a sorted set, small or large.
void ChangeSomeZset(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys) {
  const int db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
  const std::string key = fmt::format("zset:{}", random.Below(keys / 20 + 1));
  const Spot spot = keyspace.Find(db, key);
  const auto held = model.find({db, key});
  REQUIRE(static_cast<bool>(spot) == (held != model.end()));
  Scores scores = spot ? ScoresOf(ZsetView(*spot)) : Scores{};
  const bool erase = random.Chance(0.4);
  const std::uint64_t range = key.back() % 2 == 0 ? 20 : 400;
  keyspace.Change(spot, key, ValueType::kZset, [&](Contents& contents) {
    ZsetEditor zset(contents, keyspace);
    for (std::uint64_t n = random.Below(30) + 1; n > 0; --n) {
      const std::string member = fmt::format("m{}", random.Below(range));
      if (erase) {
        CHECK(zset.Erase(member) == (scores.erase(member) > 0));
        if (!zset.HasItems()) break;
      } else {
        const double score = static_cast<double>(random.Below(60)) / 4 - 5;
        CHECK(zset.Set(member, score) == scores.insert_or_assign(member, score).second);
      }
    }
    CHECK(zset.HasItems() == !scores.empty());
    return zset.HasItems();
  });
  if (scores.empty()) {
    model.erase({db, key});
  } else {
    const UnixMs expires_at = held != model.end() ? held->second.second : kNever;
    model[{db, key}] = {ZsetText(scores), expires_at};
  }
}

}  // namespace

void ChangeSomething(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys) {
  if (random.Chance(0.05)) return ChangeSomeHash(keyspace, model, random, keys);
  if (random.Chance(0.05)) return ChangeSomeSet(keyspace, model, random, keys);
  if (random.Chance(0.05)) return ChangeSomeList(keyspace, model, random, keys);
  if (random.Chance(0.05)) return ChangeSomeZset(keyspace, model, random, keys);
  const int db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
  const std::string key = fmt::format("key:{}", random.Below(keys));
  const Spot spot = keyspace.Find(db, key);
  const auto held = model.find({db, key});
  REQUIRE(static_cast<bool>(spot) == (held != model.end()));
  const std::uint64_t dice = random.Below(10);
  if (!spot || dice < 4) {
    const UnixMs at = random.Chance(0.3) ? static_cast<UnixMs>(random.Below(1'000'000)) : kNever;
    const std::string value = SomeValue(random);
    keyspace.Set(spot, key, value, at);
    model[{db, key}] = {value, at};
    // Also what the small range of keys leaves over is erased in time.
    if (!model.empty() && keys < model.size()) {
      const auto victim = model.begin();
      keyspace.Erase(keyspace.Find(victim->first.first, victim->first.second));
      model.erase(victim);
    }
  } else if (dice < 5) {
    keyspace.Erase(spot);
    model.erase(held);
  } else if (dice < 6) {
    keyspace.Append(spot, "tail");
    held->second.first += "tail";
  } else if (dice < 7) {
    const std::size_t at = random.Below(30);
    keyspace.Overwrite(spot, at, "over");
    std::string& text = held->second.first;
    if (text.size() < at + 4) text.resize(at + 4, '\0');
    text.replace(at, 4, "over");
  } else if (dice < 8) {
    const UnixMs at = random.Chance(0.7) ? static_cast<UnixMs>(random.Below(1'000'000)) : kNever;
    keyspace.SetExpiry(spot, at);
    held->second.second = at;
  } else {
    const int to_db = static_cast<int>(random.Below(static_cast<std::uint64_t>(keyspace.databases())));
    const std::string to = fmt::format("key:{}", random.Below(keys));
    if (to_db == db && to == key) return;
    const auto value = held->second;
    if (dice < 9) {
      keyspace.CopyTo(spot, to_db, to);
    } else {
      keyspace.MoveTo(spot, to_db, to);
      model.erase(held);
    }
    model[{to_db, to}] = value;
  }
}

}  // namespace data
