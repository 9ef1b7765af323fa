// How earlier versions of Redis packed small collections: read, never written.
#pragma once

#include <functional>
#include <string_view>

#include "replication/base/result.h"
#include "replication/data/listpack.h"

namespace data {

using VisitElement = std::function<void(const PackedElement&)>;

// The ziplist of Redis up to 6.2: visits the elements in order. The bytes may come from a file or a client; kInvalid,
// with the position and the reason, when they are damaged, perhaps after some visits. O(bytes).
// Source: spec "Packed blobs".
base::Result<void> ReadZiplist(std::string_view bytes, const VisitElement& visit);

// The zipmap of Redis up to 2.4: field, value, field, value ...
base::Result<void> ReadZipmap(std::string_view bytes, const VisitElement& visit);

}  // namespace data
