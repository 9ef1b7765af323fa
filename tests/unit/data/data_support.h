// A data set and a plain map that ought to be equal.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "replication/base/random.h"
#include "replication/data/keyspace.h"

namespace data {

// (database, key) -> (value, expiry)
using Model = std::map<std::pair<int, std::string>, std::pair<std::string, UnixMs>>;

void Put(Keyspace& keyspace, int db, std::string_view key, std::string_view value, UnixMs expires_at = kNever);
std::string Get(const Keyspace& keyspace, int db, std::string_view key);
Model Contents(const Keyspace& keyspace);

// One random change to both, of about `keys` keys in all databases. Never a flush or a swap.
void ChangeSomething(Keyspace& keyspace, Model& model, base::Random& random, std::uint64_t keys);

}  // namespace data
