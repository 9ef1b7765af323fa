// A data set and a plain map that ought to be equal.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/base/random.h"
#include "replication/data/keyspace.h"
#include "replication/data/snapshot.h"

namespace data {

// The text of a hash for models: its fields and values in order, quoted.
std::string HashText(const std::map<std::string, std::string>& fields);
std::string SetText(const std::set<std::string>& members);
std::string ListText(const std::vector<std::string>& elements);
// The same for a sorted set.
using Scores = std::map<std::string, double>;
std::string ZsetText(const Scores& scores);
// The value as it is in a model: the text of a string, HashText() of a hash ...
std::string ValueText(const Entry& entry);
std::string ValueText(const Batch& batch, const Batch::Record& record);

// (database, key) -> (value, expiry)
using Model = std::map<std::pair<int, std::string>, std::pair<std::string, UnixMs>>;

void Put(Keyspace& keyspace, int db, std::string_view key, std::string_view value, UnixMs expires_at = kNever);
std::string Get(const Keyspace& keyspace, int db, std::string_view key);
Model ContentsOf(const Keyspace& keyspace);

// One random change to both, of about `keys` keys in all databases: strings mostly, and collections. Never a flush or a
// swap.
void ChangeSomething(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys);

}  // namespace data
