#include "replication/data/data_digest.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "replication/base/check.h"
#include "replication/base/digest.h"
#include "replication/data/hash_value.h"
#include "replication/data/list_value.h"
#include "replication/data/set_value.h"
#include "replication/data/stream_value.h"
#include "replication/data/zset_value.h"

namespace data {
namespace {

using Sum = std::array<std::uint8_t, 20>;

std::string_view Bytes(const Sum& sum) {
  return {reinterpret_cast<const char*>(sum.data()), sum.size()};
}

// Order does not matter to it: for keys among each other.
void Xor(Sum& sum, std::string_view bytes) {
  const Sum hash = base::Sha1(bytes);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= hash[i];
}

// Order matters to it.
void Mix(Sum& sum, std::string_view bytes) {
  Xor(sum, bytes);
  sum = base::Sha1(Bytes(sum));
}

void MixNumber(Sum& sum, std::uint32_t number) {
  const char bytes[4] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                         static_cast<char>(number >> 8), static_cast<char>(number)};
  Mix(sum, {bytes, sizeof bytes});
}

void MixValue(Sum& sum, const Entry& entry) {
  switch (entry.type()) {
    case ValueType::kString: {
      IntText buffer;
      Mix(sum, entry.Text(buffer));
      return;
    }
    case ValueType::kHash:
      HashView(entry).ForEach([&sum](std::string_view field, std::string_view value) {
        Sum item{};
        Mix(item, field);
        Mix(item, value);
        Xor(sum, Bytes(item));
      });
      return;
    case ValueType::kSet:
      SetView(entry).ForEach([&sum](std::string_view member) { Xor(sum, member); });
      return;
    case ValueType::kList: {
      IntText buffer;
      ListView(entry).Forward(0, [&](const PackedElement& element) {
        Mix(sum, element.Text(buffer));
        return true;
      });
      return;
    }
    case ValueType::kZset:
      ZsetView(entry).ForEach([&sum](std::string_view member, double score) {
        Sum item{};
        ScoreText buffer;
        Mix(item, member);
        Mix(item, TextOf(score, buffer));
        Xor(sum, Bytes(item));
      });
      return;
    case ValueType::kStream:
      StreamOf(entry).ForRange(kLeastStreamId, kGreatestStreamId, false, [&sum](const StreamEntry& item) {
        Mix(sum, fmt::format("{}.{}", item.id().ms, item.id().seq));
        item.ForEach([&sum](std::string_view field, std::string_view value) {
          Mix(sum, field);
          Mix(sum, value);
        });
        return true;
      });
      return;
  }
  VIGIL_CHECK(false);
}

// The type, the value and whether it expires, behind what `sum` has.
void MixEntry(Sum& sum, const Entry& entry) {
  MixNumber(sum, static_cast<std::uint32_t>(entry.type()));
  MixValue(sum, entry);
  if (entry.has_expiry()) Xor(sum, "!!expire!!");
}

std::string Hex(const Sum& sum) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : sum) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

}  // namespace

std::string ValueDigest(const Entry* entry) {
  Sum sum{};
  if (entry != nullptr) MixEntry(sum, *entry);
  return Hex(sum);
}

std::string DataDigest(const Keyspace& keyspace) {
  Sum total{};
  for (int db = 0; db < keyspace.databases(); ++db) {
    if (keyspace.Size(db) == 0) continue;
    MixNumber(total, static_cast<std::uint32_t>(db));
    keyspace.ForEach(db, [&total](const Entry& entry) {
      Sum sum{};
      Mix(sum, entry.key());
      MixEntry(sum, entry);
      Xor(total, Bytes(sum));
    });
  }
  return Hex(total);
}

}  // namespace data
