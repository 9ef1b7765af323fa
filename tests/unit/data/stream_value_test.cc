#include "replication/data/stream_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <map>
#include <string>
#include <vector>

using namespace data;

namespace {

using Pairs = std::vector<std::string>;

// What a stream ought to hold.
struct StreamModel {
  std::map<StreamId, Pairs> entries;
  StreamId last;
  std::uint64_t added = 0;
};

Pairs PairsOf(const StreamEntry& entry) {
  Pairs pairs;
  entry.ForEach([&pairs](std::string_view field, std::string_view value) {
    pairs.emplace_back(field);
    pairs.emplace_back(value);
  });
  return pairs;
}

std::map<StreamId, Pairs> EntriesOf(const Stream& stream, StreamId first = kLeastStreamId,
                                    StreamId last = kGreatestStreamId, bool reverse = false) {
  std::map<StreamId, Pairs> entries;
  std::optional<StreamId> before;
  stream.ForRange(first, last, reverse, [&](const StreamEntry& entry) {
    if (before) RC_ASSERT((reverse ? entry.id() < *before : entry.id() > *before));
    before = entry.id();
    entries[entry.id()] = PairsOf(entry);
    return true;
  });
  return entries;
}

void Append(Stream& stream, StreamId id, const Pairs& pairs, const PackingLimits& limits) {
  const std::vector<std::string_view> views(pairs.begin(), pairs.end());
  stream.Append(id, views, limits);
}

}  // namespace

TEST_CASE("stream: entries are added, found, deleted and trimmed as in a map; a copy keeps what it was") {
  CHECK(rc::check([] {
    PackingLimits limits;
    limits.stream_entries = *rc::gen::element<std::size_t>(0, 1, 3, 100);
    limits.stream_bytes = *rc::gen::element<std::size_t>(0, 60, 4096);
    Stream stream;
    StreamModel model;
    std::unique_ptr<Collection> copy;
    std::map<StreamId, Pairs> copied;
    for (int round = *rc::gen::inRange(1, 120); round > 0; --round) {
      const int what = *rc::gen::inRange(0, 10);
      if (what < 6) {
        StreamId id = model.last;
        if (*rc::gen::inRange(0, 2) == 0) id = {id.ms + static_cast<std::uint64_t>(*rc::gen::inRange(1, 300)), 0};
        id.seq += static_cast<std::uint64_t>(*rc::gen::inRange(1, 200));
        Pairs pairs;
        for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
          pairs.push_back(*rc::gen::element<std::string>("f", "g", "12", ""));
          pairs.push_back(*rc::gen::element<std::string>("v", "-1", "9223372036854775807", std::string(70, 'x')));
        }
        Append(stream, id, pairs, limits);
        model.entries[id] = pairs;
        model.last = id;
        ++model.added;
      } else if (what == 6 && !model.entries.empty()) {
        auto at = model.entries.begin();
        std::advance(at, *rc::gen::inRange<std::size_t>(0, model.entries.size()));
        const StreamId id = at->first;
        model.entries.erase(at);
        RC_ASSERT(stream.Erase(id));
        RC_ASSERT(!stream.Erase(id));
        RC_ASSERT(stream.max_deleted_id() >= id);
      } else if (what == 7) {
        const auto keep = *rc::gen::inRange<std::uint64_t>(0, 20);
        std::uint64_t gone = 0;
        for (; model.entries.size() > keep; ++gone) model.entries.erase(model.entries.begin());
        RC_ASSERT(stream.Trim({.max_length = keep}) == gone);
      } else if (what == 8 && !model.entries.empty()) {
        auto at = model.entries.begin();
        std::advance(at, *rc::gen::inRange<std::size_t>(0, model.entries.size()));
        const StreamId least = at->first;
        const auto gone = static_cast<std::uint64_t>(std::distance(model.entries.begin(), at));
        model.entries.erase(model.entries.begin(), at);
        RC_ASSERT(stream.Trim({.max_length = {}, .least_id = least}) == gone);
      } else if (what == 9) {
        copied = EntriesOf(stream);
        copy = stream.Copy();
      }
      stream.CheckShape();
      RC_ASSERT(stream.length() == model.entries.size());
      RC_ASSERT(stream.last_id() == model.last);
      RC_ASSERT(stream.entries_added() == model.added);
      RC_ASSERT(stream.first_id() == (model.entries.empty() ? StreamId{} : model.entries.begin()->first));
    }
    RC_ASSERT(EntriesOf(stream) == model.entries);
    RC_ASSERT(EntriesOf(stream, kLeastStreamId, kGreatestStreamId, true) == model.entries);
    const StreamId middle{model.last.ms / 2, 5};
    std::map<StreamId, Pairs> upper(model.entries.lower_bound(middle), model.entries.end());
    RC_ASSERT(EntriesOf(stream, middle) == upper);
    std::map<StreamId, Pairs> lower(model.entries.begin(), model.entries.upper_bound(middle));
    RC_ASSERT(EntriesOf(stream, kLeastStreamId, middle, true) == lower);
    if (copy != nullptr) RC_ASSERT(EntriesOf(static_cast<const Stream&>(*copy)) == copied);
  }));
}

TEST_CASE("stream: an approximate trim takes whole nodes, and not more than it may") {
  PackingLimits limits;
  limits.stream_entries = 10;
  Stream stream;
  for (std::uint64_t i = 1; i <= 100; ++i) Append(stream, {i, 0}, {"f", "v"}, limits);
  CHECK(stream.Trim({.max_length = 95, .least_id = {}, .approximate = true}) == 0);
  CHECK(stream.Trim({.max_length = 85, .least_id = {}, .approximate = true}) == 10);
  CHECK(stream.Trim({.max_length = 0, .least_id = {}, .approximate = true, .limit = 25}) == 20);
  CHECK(stream.length() == 70);
  CHECK(stream.Trim({.max_length = {}, .least_id = StreamId{45, 0}, .approximate = true}) == 10);
  CHECK(stream.first_id() == StreamId{41, 0});
}

TEST_CASE("id tree: as a map, and a copy is one of its own") {
  CHECK(rc::check([] {
    IdTree<PendingEntry> tree;
    std::map<StreamId, std::uint64_t> model;
    IdTree<PendingEntry> copy;
    std::map<StreamId, std::uint64_t> copied;
    for (int round = *rc::gen::inRange(1, 600); round > 0; --round) {
      const StreamId id{*rc::gen::inRange<std::uint64_t>(0, 200), *rc::gen::inRange<std::uint64_t>(0, 3)};
      if (*rc::gen::inRange(0, 3) > 0) {
        const auto count = *rc::gen::inRange<std::uint64_t>(0, 9);
        RC_ASSERT(tree.Put({id, 0, count, 0}) == !model.contains(id));
        model[id] = count;
      } else {
        RC_ASSERT(tree.Erase(id) == (model.erase(id) == 1));
      }
      if (round == 100) {
        copy = tree;
        copied = model;
      }
    }
    tree.CheckShape();
    RC_ASSERT(tree.size() == model.size());
    const auto all = [](const IdTree<PendingEntry>& from, StreamId first) {
      std::map<StreamId, std::uint64_t> found;
      from.ForEachFrom(first, [&found](const PendingEntry& entry) {
        found[entry.id] = entry.deliveries;
        return true;
      });
      return found;
    };
    RC_ASSERT(all(tree, kLeastStreamId) == model);
    RC_ASSERT(all(tree, {100, 1}) == (std::map<StreamId, std::uint64_t>(model.lower_bound({100, 1}), model.end())));
    RC_ASSERT(all(copy, kLeastStreamId) == copied);
  }));
}

TEST_CASE("stream group: an entry is pending with one consumer; memory is given back") {
  Stream stream;
  stream.AddGroup("g", {}, 0);
  const std::size_t empty = stream.bytes();
  stream.ChangeGroup("g", [](StreamGroup& group) {
    CHECK(group.AddConsumer("alice", 5));
    CHECK_FALSE(group.AddConsumer("alice", 6));
    CHECK(group.AddConsumer("bob", 5));
    for (std::uint64_t i = 1; i <= 500; ++i) group.Give("alice", {i, 0}, 7, 1);
    group.Give("bob", {3, 0}, 8, 2);
  });
  // A snapshot holds on to what it saw.
  const auto copy = stream.Copy();
  stream.ChangeGroup("g", [](StreamGroup& group) {
    CHECK(group.pending().size() == 500);
    CHECK(group.Find("alice")->pending.size() == 499);
    CHECK(group.NameOf(group.pending().Find({3, 0})->consumer) == "bob");
    CHECK(group.Acknowledge({3, 0}));
    CHECK_FALSE(group.Acknowledge({3, 0}));
    CHECK(group.Find("bob")->pending.empty());
    CHECK(group.RemoveConsumer("alice") == 499);
    CHECK_FALSE(group.RemoveConsumer("alice").has_value());
    CHECK(group.RemoveConsumer("bob") == 0);
    CHECK(group.pending().empty());
  });
  CHECK(stream.bytes() == empty);
  const StreamGroup* before = static_cast<const Stream&>(*copy).FindGroup("g");
  CHECK(before->pending().size() == 500);
  CHECK(before->consumers().size() == 2);
}
