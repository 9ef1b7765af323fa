#include "tests/support/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace support {

Writer::Writer(WriterOptions options) : options_(std::move(options)) {
  thread_ = std::thread([this] { Run(); });
}

Writer::~Writer() {
  Stop();
}

void Writer::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

std::optional<std::pair<std::string, int>> Writer::AskSentinel(const std::pair<std::string, int>& sentinel) const {
  const Value address = Redis(sentinel.first, sentinel.second, options_.time_limit_ms)
                            .Do({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Cluster::kName});
  if (address.elements.size() != 2) return std::nullopt;
  return std::pair(address.elements[0].text, std::stoi(address.elements[1].text));
}

void Writer::Run() {
  const Inside inside(options_.space);
  const auto pace = std::chrono::microseconds(1'000'000 / options_.per_second);
  std::unique_ptr<Redis> redis;
  std::string host = options_.host;
  int port = options_.port;
  std::size_t asked = 0;
  std::int64_t number = 0;
  auto next = Clock::now();
  // Instead of a subscription to +switch-master, which real clients have beside asking.
  constexpr auto kAskEvery = std::chrono::milliseconds(100);
  auto ask_again = next;
  while (!stop_) {
    next = std::max(next + pace, Clock::now());
    std::this_thread::sleep_until(next);
    if (redis == nullptr || !redis->connected()) {
      redis.reset();
      if (!options_.sentinels.empty()) {
        const auto named = AskSentinel(options_.sentinels[asked++ % options_.sentinels.size()]);
        if (!named) continue;
        host = named->first;
        port = named->second;
      }
      redis = std::make_unique<Redis>(host, port, options_.time_limit_ms);
      if (!options_.sentinels.empty()) {
        const Value role = redis->Do({"ROLE"});
        if (role.elements.empty() || role.elements[0].text != "master") redis.reset();
      }
      if (redis == nullptr || !redis->connected()) continue;
    }
    if (!options_.sentinels.empty() && Clock::now() >= ask_again) {
      ask_again = Clock::now() + kAskEvery;
      const auto named = AskSentinel(options_.sentinels[asked % options_.sentinels.size()]);
      if (!named) ++asked;
      if (named && named->second != port) {
        redis.reset();
        continue;
      }
    }
    ++number;
    const Value reply = redis->Do({"SET", options_.prefix + std::to_string(number), "v"});
    if (reply.ok()) {
      acks_.push_back({Clock::now(), port, number});
      ++count_;
    } else if (reply.kind == Value::Kind::kNone || !options_.sentinels.empty()) {
      redis.reset();  // a naive client lives with -READONLY; an aware one asks where the master is
    }
  }
}

int Writer::LostOn(const Member& node) const {
  const Inside inside(node.space);
  Redis redis(node.host, node.port, 20000);
  int lost = 0;
  constexpr std::size_t kBatch = 500;
  for (std::size_t from = 0; from < acks_.size(); from += kBatch) {
    std::vector<std::string> words = {"EXISTS"};
    for (std::size_t i = from; i < std::min(from + kBatch, acks_.size()); ++i)
      words.push_back(options_.prefix + std::to_string(acks_[i].number));
    lost += static_cast<int>(words.size()) - 1 - static_cast<int>(redis.Do(words).integer);
  }
  return lost;
}

std::chrono::milliseconds TwoWritersFor(const std::vector<const Writer*>& writers, int old_port) {
  std::optional<Writer::Clock::time_point> first_elsewhere;
  std::optional<Writer::Clock::time_point> last_there;
  for (const Writer* writer : writers) {
    for (const Writer::Ack& ack : writer->acks()) {
      if (ack.port == old_port) {
        last_there = std::max(last_there.value_or(ack.at), ack.at);
      } else {
        first_elsewhere = std::min(first_elsewhere.value_or(ack.at), ack.at);
      }
    }
  }
  if (!first_elsewhere || !last_there || *last_there < *first_elsewhere) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(*last_there - *first_elsewhere);
}

}  // namespace support
