#include "replication/data/rdb_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/data/crc64.h"
#include "replication/data/field_tree.h"
#include "replication/data/list_tree.h"
#include "replication/data/listpack.h"
#include "replication/data/rdb_format.h"
#include "replication/data/rdb_parts.h"
#include "replication/data/score_tree.h"
#include "replication/data/stream_value.h"

namespace data {
namespace {

using rdb::AppendBig;
using rdb::AppendLength;
using rdb::AppendLittle;
using rdb::AppendOpcode;
using rdb::AppendStringForm;

void AppendPlain(std::string& out, std::string_view text) {
  AppendLength(out, text.size());
  out += text;
}

template <class T>
bool Fits(std::int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

void AppendInteger(std::string& out, std::int64_t value) {
  if (Fits<std::int8_t>(value)) {
    AppendStringForm(out, rdb::kInt8);
    AppendLittle(out, static_cast<std::int8_t>(value));
  } else if (Fits<std::int16_t>(value)) {
    AppendStringForm(out, rdb::kInt16);
    AppendLittle(out, static_cast<std::int16_t>(value));
  } else if (Fits<std::int32_t>(value)) {
    AppendStringForm(out, rdb::kInt32);
    AppendLittle(out, static_cast<std::int32_t>(value));
  } else {
    const fmt::format_int digits(value);
    AppendPlain(out, std::string_view(digits.data(), digits.size()));
  }
}

// `compressor` may be null.
void AppendText(std::string& out, std::string_view text, Compressor* compressor) {
  // Ten digits and a sign: what fits into 32 bits.
  if (!text.empty() && text.size() <= 11) {
    if (const auto value = base::ParseInt<std::int32_t>(text)) return AppendInteger(out, *value);
  }
  if (compressor != nullptr && compressor->Append(out, text)) return;
  AppendPlain(out, text);
}

std::uint8_t TypeOf(const Batch::Record& record) {
  const bool tree = record.encoding == Encoding::kTree;
  switch (record.type) {
    case ValueType::kString:
      return rdb::kTypeString;
    case ValueType::kHash:
      return tree ? rdb::kTypeHash : rdb::kTypeHashListpack;
    case ValueType::kSet:
      return !tree && record.packing == Packing::kIntset ? rdb::kTypeSetIntset : rdb::kTypeSet;
    case ValueType::kList:
      return rdb::kTypeListPieces;
    case ValueType::kZset:
      return tree ? rdb::kTypeZset : rdb::kTypeZsetListpack;
    case ValueType::kStream:
      return rdb::kTypeStream2;
  }
  VIGIL_CHECK(false);
  return 0;
}

}  // namespace

void RdbEncoder::Account(std::string_view written) {
  if (options_.checksum) crc_ = Crc64(crc_, written);
  bytes_ += written.size();
}

void RdbEncoder::Begin(const RdbHead& head, std::span<const std::string> functions,
                       std::span<const DatabaseSize> databases, std::string& out) {
  const std::size_t begin = out.size();
  databases_.assign(databases.begin(), databases.end());
  out += fmt::format("REDIS{:04}", rdb::kWriteVersion);
  const auto aux = [this, &out](std::string_view name, std::string_view value) {
    AppendOpcode(out, rdb::kAux);
    AppendText(out, name, nullptr);
    AppendText(out, value, nullptr);
  };
  aux("redis-ver", "7.0.15");
  aux("redis-bits", "64");
  aux("ctime", std::to_string(head.created_at));
  aux("used-mem", std::to_string(head.used_memory));
  if (head.replication) {
    aux("repl-stream-db", std::to_string(head.replication->stream_db));
    aux("repl-id", head.replication->id);
    aux("repl-offset", std::to_string(head.replication->offset));
    if (head.replication->data_end && *head.replication->data_end != head.replication->offset) {
      aux("vigil-data-end", std::to_string(*head.replication->data_end));
      if (const auto& selected = head.replication->selections) {
        aux("vigil-data-db", fmt::format("{} {} {}", selected->db, selected->first, selected->last));
      }
    }
  }
  aux("aof-base", "0");
  for (const std::string& text : functions) {
    AppendOpcode(out, rdb::kFunction2);
    AppendText(out, text, &compressor_);
  }
  Account(std::string_view(out).substr(begin));
}

void RdbEncoder::SelectDb(int db, std::string& out) {
  if (db == selected_db_) return;
  selected_db_ = db;
  AppendOpcode(out, rdb::kSelectDb);
  AppendLength(out, static_cast<std::uint64_t>(db));
  // The sizes are a hint for whoever loads: once for each database is enough.
  for (DatabaseSize& size : databases_) {
    if (size.db != db || size.keys == 0) continue;
    AppendOpcode(out, rdb::kResizeDb);
    AppendLength(out, size.keys);
    AppendLength(out, size.expires);
    size.keys = 0;
  }
}

void RdbEncoder::AppendPiece(std::string_view packed, std::string& out) {
  AppendLength(out, rdb::kPacked);
  AppendText(out, packed, &compressor_);
}

void RdbEncoder::AppendTree(const Batch& batch, const Batch::Record& record, std::string& out,
                            const std::function<void()>& give) {
  if (record.type == ValueType::kList) {
    const auto& list = static_cast<const ListTree&>(batch.Tree(record));
    AppendLength(out, list.pieces());
    for (auto cursor = list.First(); cursor.valid(); cursor.Next()) {
      AppendPiece(cursor->view().bytes(), out);
      give();
    }
    return;
  }
  if (record.type == ValueType::kZset) {
    const auto& items = static_cast<const ScoreTree&>(batch.Tree(record));
    AppendLength(out, items.size());
    // From the end: whoever loads it finds the place of each at once, at the beginning.
    items.ForRange(items.size() - 1, items.size(), true, [&](std::string_view member, double score) {
      AppendText(out, member, &compressor_);
      AppendLittle(out, score);
      give();
    });
    return;
  }
  if (record.type == ValueType::kStream) return AppendStream(static_cast<const Stream&>(batch.Tree(record)), out, give);
  VIGIL_CHECK(record.type == ValueType::kHash || record.type == ValueType::kSet);
  const bool with_values = record.type == ValueType::kHash;
  const auto& fields = static_cast<const FieldTree&>(batch.Tree(record));
  AppendLength(out, fields.size());
  fields.ForEach([&](std::string_view field, std::string_view value) {
    AppendText(out, field, &compressor_);
    if (with_values) AppendText(out, value, &compressor_);
    give();
  });
}

void RdbEncoder::AppendStream(const Stream& stream, std::string& out, const std::function<void()>& give) {
  const auto append_id = [&out](StreamId id) {
    AppendLength(out, id.ms);
    AppendLength(out, id.seq);
  };
  const auto append_raw_id = [&out](StreamId id) {
    AppendBig(out, id.ms);
    AppendBig(out, id.seq);
  };
  std::uint64_t nodes = 0;
  stream.ForEachNode([&nodes](const StreamNode&) { ++nodes; });
  AppendLength(out, nodes);
  stream.ForEachNode([&](const StreamNode& node) {
    AppendLength(out, 16);
    append_raw_id(node.id());
    AppendText(out, node.packed(), &compressor_);
    give();
  });
  AppendLength(out, stream.length());
  append_id(stream.last_id());
  append_id(stream.first_id());
  append_id(stream.max_deleted_id());
  AppendLength(out, stream.entries_added());
  AppendLength(out, stream.groups().size());
  for (const auto& [name, group] : stream.groups()) {
    AppendText(out, name, &compressor_);
    append_id(group->last_id);
    AppendLength(out, static_cast<std::uint64_t>(group->entries_read));
    AppendLength(out, group->pending().size());
    group->pending().ForEachFrom(kLeastStreamId, [&](const PendingEntry& entry) {
      append_raw_id(entry.id);
      AppendLittle(out, entry.delivered_at);
      AppendLength(out, entry.deliveries);
      give();
      return true;
    });
    AppendLength(out, group->consumers().size());
    for (const auto& [consumer_name, consumer] : group->consumers()) {
      AppendText(out, consumer_name, &compressor_);
      AppendLittle(out, consumer.seen_at);
      AppendLength(out, consumer.pending.size());
      consumer.pending.ForEachFrom(kLeastStreamId, [&](StreamId id) {
        append_raw_id(id);
        give();
        return true;
      });
    }
  }
}

// Redis 7.0 knows no packed sets but those of integers.
void RdbEncoder::AppendMembers(std::string_view packed, std::string& out) {
  const ListpackView members(packed);
  AppendLength(out, members.size());
  IntText buffer;
  for (const PackedElement& member : members) AppendText(out, member.Text(buffer), &compressor_);
}

void RdbEncoder::Append(const Batch& batch, std::string& out, const std::function<void()>& full) {
  std::size_t begin = out.size();
  const auto give = [&] {
    if (!full || out.size() < kPiece) return;
    Account(std::string_view(out).substr(begin));
    full();
    begin = out.size();
  };
  for (const Batch::Record& record : batch.records()) {
    SelectDb(record.db, out);
    if (record.expires_at != kNever) {
      AppendOpcode(out, rdb::kExpireMs);
      AppendLittle(out, record.expires_at);
    }
    if (options_.usage == RdbOptions::Usage::kIdle) {
      AppendOpcode(out, rdb::kIdle);
      const auto idle = static_cast<std::int32_t>(options_.clock - record.used_at);  // used since: not idle at all
      AppendLength(out, static_cast<std::uint64_t>(std::max(idle, 0)));
    } else if (options_.usage == RdbOptions::Usage::kFrequency) {
      AppendOpcode(out, rdb::kFreq);
      out.push_back(static_cast<char>(record.used_at & 0xff));
    }
    AppendOpcode(out, TypeOf(record));
    AppendText(out, batch.Key(record), &compressor_);
    if (record.encoding == Encoding::kInt) {
      AppendInteger(out, record.integer);
    } else if (record.encoding == Encoding::kTree) {
      AppendTree(batch, record, out, give);
    } else if (record.type == ValueType::kList) {
      AppendLength(out, 1);
      AppendPiece(batch.Text(record), out);
    } else if (TypeOf(record) == rdb::kTypeSet) {
      AppendMembers(batch.Text(record), out);
    } else {
      AppendText(out, batch.Text(record), &compressor_);
    }
  }
  keys_ += batch.size();
  Account(std::string_view(out).substr(begin));
}

void RdbEncoder::End(std::string& out) {
  const std::size_t begin = out.size();
  AppendOpcode(out, rdb::kEnd);
  Account(std::string_view(out).substr(begin));
  AppendLittle(out, crc_);
  bytes_ += rdb::kChecksumBytes;
}

}  // namespace data
