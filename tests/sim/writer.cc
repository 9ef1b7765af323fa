#include "tests/sim/writer.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <utility>

#include "replication/resp/reply_writer.h"
#include "tests/sim/node_process.h"

namespace sim {

using base::Millis;

namespace {
constexpr Millis kPatience{3000};
}

Writer::Writer(EventQueue& queue, Network& network, base::Random& random, WriterWatcher& watcher, int index)
    : queue_(queue),
      network_(network),
      random_(random),
      watcher_(watcher),
      index_(index),
      reader_(nullptr, &redisReaderFree) {}

Writer::~Writer() = default;

std::string Writer::list() const {
  return fmt::format("list{}", index_);
}

void Writer::Start(HostId self) {
  self_ = self;
  network_.After(self_, random_.Between(Millis(0), Millis(50)), [this] { Begin(); });
}

void Writer::Begin() {
  if (stopped_) return;
  const NodeProcess* target = watcher_.Target();
  if (target == nullptr) {
    network_.After(self_, Millis(50), [this] { Begin(); });
    return;
  }
  to_ = target->self();
  reader_.reset(redisReaderCreate());
  open_ = true;
  wire_ = network_.Open(self_, Network::AddressOf(to_));
  network_.After(self_, kPatience, [this, attempt = ++attempt_] {
    if (attempt != attempt_) return;
    network_.Close(wire_, Side::kOpener);
    End();
  });
}

void Writer::End() {
  ++attempt_;
  open_ = false;
  network_.After(self_, random_.Between(Millis(1), Millis(60)), [this] { Begin(); });
}

std::string Writer::Draw() {
  std::string bytes;
  replies_before_ = 0;
  const auto say = [&](std::initializer_list<std::string_view> words) {
    resp::AppendCommand(bytes, words);
    ++replies_before_;
  };
  const bool together = random_.Chance(0.3);
  if (together) say({"MULTI"});
  for (std::uint64_t i = 0; i < random_.Below(12); ++i) {
    const std::string key = fmt::format("k{}", random_.Below(30));
    const std::string number = fmt::format("{}", random_.Below(100));
    switch (random_.Below(12)) {
      case 0:
        say({"INCR", "n" + number});
        break;
      case 1:
        say({"APPEND", key, random_.Hex(3)});
        break;
      case 2:
        say({"SET", key, random_.Hex(5), "PX", fmt::format("{}", 1 + random_.Below(3000))});
        break;
      case 3:
        say({"DEL", key});
        break;
      case 4:
        say({"SELECT", fmt::format("{}", random_.Below(3))});
        break;
      case 5:
        if (random_.Chance(0.05)) {
          say({"SELECT", "1"});
          say({"FLUSHDB"});
        } else {
          say({"PUBLISH", "c", random_.Hex(4)});
        }
        break;
      case 6:
        say({"HSET", "h" + number, key, number});
        break;
      case 7:
        say({"ZADD", "z", number, key});
        break;
      case 8:
        say({"SPOP", "s"});
        break;
      case 9:
        say({"SADD", "s", key, number});
        break;
      case 10:
        say({"XADD", "x", "MAXLEN", "20", "*", key, number});
        break;
      default:
        say({"SET", key, random_.Hex(random_.Below(900))});
        break;
    }
  }
  if (together) say({"EXEC"});
  say({"SELECT", fmt::format("{}", kListDatabase)});
  element_ = next_element_++;
  resp::AppendCommand(bytes, {"RPUSH", list(), fmt::format("{}", element_)});
  waits_ = random_.Chance(0.3);
  if (waits_) resp::AppendCommand(bytes, {"WAIT", fmt::format("{}", 1 + random_.Below(3)), "500"});
  return bytes;
}

void Writer::OnConnected(WireId wire, bool ok) {
  if (!open_ || wire != wire_) return network_.Close(wire, Side::kOpener);
  if (!ok) return End();
  acknowledged_ = false;
  std::string bytes = Draw();
  watcher_.OnSent(*this, element_);
  network_.Send(wire_, Side::kOpener, std::move(bytes));
}

void Writer::OnBytes(WireId wire, std::string_view bytes) {
  if (!open_ || wire != wire_) return;
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
  while (open_) {
    void* found = nullptr;
    if (redisReaderGetReply(reader_.get(), &found) != REDIS_OK) {
      network_.Close(wire_, Side::kOpener);
      return End();
    }
    if (found == nullptr) return;
    const std::unique_ptr<redisReply, void (*)(void*)> reply(static_cast<redisReply*>(found), &freeReplyObject);
    if (replies_before_-- > 0) continue;
    const bool integer = reply->type == REDIS_REPLY_INTEGER;
    if (!acknowledged_) {
      acknowledged_ = integer;
      if (integer) watcher_.OnAcknowledged(*this, to_, element_);
      if (integer && waits_) continue;
    } else if (integer && reply->integer > 0) {
      watcher_.OnWaited(*this, to_, element_, reply->integer);
    }
    network_.Close(wire_, Side::kOpener);
    End();
  }
}

void Writer::OnClosed(WireId wire) {
  if (open_ && wire == wire_) End();
}

}  // namespace sim
