// One number for a whole data set, equal to that of a Redis server which holds the same data.
#pragma once

#include <string>

#include "replication/data/keyspace.h"

namespace data {

// DEBUG DIGEST: 40 hexadecimal digits over all databases, forty zeros when they are empty. O(bytes of data).
// Source: the output of DEBUG DIGEST of a running redis-server 7.0.
std::string DataDigest(const Keyspace& keyspace);

// DEBUG DIGEST-VALUE: the same of one value, whatever its key is called; forty zeros for none. O(bytes of the value).
std::string ValueDigest(const Entry* entry);

}  // namespace data
