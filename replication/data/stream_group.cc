#include "replication/data/stream_group.h"

#include "replication/base/check.h"

namespace data {
namespace {

// The name twice, and the nodes of two maps.
std::size_t BytesOf(const std::string& name) {
  constexpr std::size_t kMapNode = 4 * sizeof(void*);
  return 2 * (kMapNode + sizeof name + (name.capacity() > 15 ? name.capacity() : 0)) + sizeof(StreamConsumer);
}

}  // namespace

const StreamConsumer* StreamGroup::Find(std::string_view consumer) const {
  const auto found = consumers_.find(consumer);
  return found == consumers_.end() ? nullptr : &found->second;
}

bool StreamGroup::AddConsumer(std::string_view name, std::int64_t now) {
  const auto [added, fresh] = consumers_.try_emplace(std::string(name));
  if (!fresh) return false;
  added->second.number = next_number_++;
  added->second.seen_at = now;
  names_[added->second.number] = added->first;
  consumer_bytes_ += BytesOf(added->first);
  return true;
}

void StreamGroup::SetSeen(std::string_view consumer, std::int64_t at) {
  const auto found = consumers_.find(consumer);
  VIGIL_CHECK(found != consumers_.end());
  found->second.seen_at = at;
}

std::optional<std::uint64_t> StreamGroup::RemoveConsumer(std::string_view name) {
  const auto found = consumers_.find(name);
  if (found == consumers_.end()) return std::nullopt;
  const StreamConsumer& consumer = found->second;
  const std::uint64_t pending = consumer.pending.size();
  consumer.pending.ForEachFrom(kLeastStreamId, [this](StreamId id) {
    pending_.Erase(id);
    return true;
  });
  consumer_bytes_ -= BytesOf(found->first) + consumer.pending.bytes();
  names_.erase(consumer.number);
  consumers_.erase(found);
  return pending;
}

template <class Change>
void StreamGroup::ChangePending(StreamConsumer& consumer, const Change& change) {
  consumer_bytes_ -= consumer.pending.bytes();
  change(consumer.pending);
  consumer_bytes_ += consumer.pending.bytes();
}

void StreamGroup::Give(std::string_view consumer, StreamId id, std::int64_t delivered_at, std::uint64_t deliveries) {
  const auto to = consumers_.find(consumer);
  VIGIL_CHECK(to != consumers_.end());
  const auto held = pending_.Find(id);
  if (!held || held->consumer != to->second.number) {
    if (held) ChangePending(ConsumerNumbered(held->consumer), [id](auto& pending) { pending.Erase(id); });
    ChangePending(to->second, [id](auto& pending) { pending.Put(id); });
  }
  pending_.Put({id, delivered_at, deliveries, to->second.number});
}

bool StreamGroup::Acknowledge(StreamId id) {
  const auto held = pending_.Find(id);
  if (!held) return false;
  ChangePending(ConsumerNumbered(held->consumer), [id](auto& pending) { pending.Erase(id); });
  pending_.Erase(id);
  return true;
}

}  // namespace data
