#include "replication/core/psync.h"

#include <doctest/doctest.h>

#include "replication/base/random.h"

using namespace replication;

namespace {

constexpr StreamWindow kWindow{.active = true, .begin = 100, .end = 201};  // bytes 100 .. 200

History SomeHistory() {
  base::Random random(7);
  History history;
  history.Begin(random);
  history.Fork(150, random);  // replid2 is valid for bytes 1 .. 150
  return history;
}

bool Continues(const History& history, const StreamWindow& window, std::string_view id, Offset offset) {
  return !WhyNotContinue(history, window, PsyncRequest{id, offset}).has_value();
}

}  // namespace

TEST_CASE("psync: our own id goes on from any byte of the window, and from the one behind it") {
  const History history = SomeHistory();
  const std::string& id = history.replid.hex;
  CHECK_FALSE(Continues(history, kWindow, id, 99));
  CHECK(Continues(history, kWindow, id, 100));
  CHECK(Continues(history, kWindow, id, 201));
  CHECK_FALSE(Continues(history, kWindow, id, 202));
}

TEST_CASE("psync: an id in upper case is the same id") {
  const History history = SomeHistory();
  std::string id = history.replid.hex;
  for (char& c : id) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  CHECK(Continues(history, kWindow, id, 150));
}

TEST_CASE("psync: the former id goes on up to the fork, and not one byte further") {
  const History history = SomeHistory();
  const std::string& id = history.replid2.hex;
  CHECK(Continues(history, kWindow, id, 151));
  CHECK_FALSE(Continues(history, kWindow, id, 152));
}

TEST_CASE("psync: without a former id its forty zeros are nobody's") {
  base::Random random(7);
  History history;
  history.Begin(random);
  CHECK_FALSE(Continues(history, kWindow, History::NoId().hex, 150));
}

TEST_CASE("psync: strangers, newcomers and a missing backlog mean a full sync") {
  const History history = SomeHistory();
  CHECK_FALSE(Continues(history, kWindow, "?", -1));
  CHECK_FALSE(Continues(history, kWindow, std::string(40, 'a'), 150));
  CHECK_FALSE(Continues(history, StreamWindow{}, history.replid.hex, 150));
}

TEST_CASE("psync: only an empty master at the same address, under an unknown name and behind us, is refused") {
  History history{ReplicationId{std::string(40, 'a')}, ReplicationId{std::string(40, 'b')}, 50};
  const std::string other(40, 'c');
  const OfferedSync empty{other, 0, 0, true};
  CHECK(WhyNotAcceptSync(history, 100, 7, empty).has_value());
  const auto accepted = [&](auto change) {
    OfferedSync offer = empty;
    change(offer);
    return !WhyNotAcceptSync(history, 100, 7, offer).has_value();
  };
  CHECK(accepted([](OfferedSync& offer) { offer.keys = 1; }));
  CHECK(accepted([](OfferedSync& offer) { offer.offset = 100; }));
  CHECK(accepted([](OfferedSync& offer) { offer.from_same_master = false; }));
  CHECK(accepted([&](OfferedSync& offer) { offer.replid = history.replid.hex; }));
  CHECK(accepted([&](OfferedSync& offer) { offer.replid = history.replid2.hex; }));
  CHECK_FALSE(WhyNotAcceptSync(history, 100, 0, empty).has_value());  // we hold nothing ourselves
}
