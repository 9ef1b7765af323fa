#include "sentinel/cli/counter_client.h"

#include <algorithm>

#include "replication/base/text.h"

namespace cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A frozen node accepts connections and answers nothing; the sentinels may already name another.
constexpr milliseconds kPatience{500};
// How soon a client that lost its master asks again.
constexpr milliseconds kRetry{2};
// A client that fell behind by more than this does not catch up in a burst.
constexpr milliseconds kTolerance{50};

}  // namespace

long long CountAcknowledged(const Diary& diary) {
  long long count = 0;
  for (const Stay& stay : diary) count += static_cast<long long>(stay.acknowledged.size());
  return count;
}

long long CountLost(const Diary& diary) {
  // What a later master does not hold stays lost, even if a later one counts past it.
  long long lost = 0;
  std::vector<long long> held;
  for (const Stay& stay : diary) {
    const auto first_missing = std::ranges::upper_bound(held, stay.found);
    lost += held.end() - first_missing;
    held.erase(first_missing, held.end());
    for (const Acknowledged& write : stay.acknowledged) held.push_back(write.value);
  }
  return lost;
}

std::optional<Outage> LongestOutage(const Diary& diary) {
  std::optional<Outage> longest;
  std::optional<Instant> last;
  for (const Stay& stay : diary) {
    if (stay.acknowledged.empty()) continue;
    const Instant first = stay.acknowledged.front().at;
    if (last && (!longest || first - *last > longest->to - longest->from)) longest = Outage{*last, first};
    last = stay.acknowledged.back().at;
  }
  return longest;
}

CounterClient::CounterClient(Where where, std::string master, int rate)
    : where_(std::move(where)),
      master_(std::move(master)),
      interval_(std::chrono::nanoseconds(std::chrono::seconds(1)) / rate),
      thread_(&CounterClient::Run, this) {}

CounterClient::~CounterClient() {
  Stop();
}

void CounterClient::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

Diary CounterClient::Read() const {
  const std::lock_guard lock(mutex_);
  return diary_;
}

CounterClient::Position CounterClient::Now() const {
  const std::lock_guard lock(mutex_);
  if (diary_.empty()) return {};
  return {diary_.size(), diary_.back().acknowledged.size(), !diary_.back().ended_at};
}

std::optional<RedisClient> CounterClient::Arrive(std::vector<std::optional<RedisClient>>& sentinels) {
  for (std::size_t i = 0; i < sentinels.size() && !stop_; ++i) {
    if (!sentinels[i]) {
      auto connected = RedisClient::Connect(where_.sentinels[i], where_.credentials, kPatience);
      if (!connected) continue;
      sentinels[i] = std::move(*connected);
    }
    const auto reply = sentinels[i]->Command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_});
    if (!reply) sentinels[i].reset();
    if (!reply || reply->items.size() != 2) continue;
    const auto port = base::ParsePort(reply->items[1].text);
    if (!port) continue;
    auto node = RedisClient::Connect({reply->items[0].text, *port}, where_.credentials, kPatience);
    if (!node) continue;
    // Sentinels may still name the old master: whoever it is must say itself that it is one.
    const auto role = node->Ask({"ROLE"});
    if (role && !role->items.empty() && role->items[0].text == "master") return std::move(*node);
  }
  return std::nullopt;
}

bool CounterClient::Write(RedisClient& node, long long value) {
  const auto reply = node.Ask({"SET", kCounterKey, std::to_string(value)});
  const auto now = steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (reply) {
    diary_.back().acknowledged.push_back({value, now});
  } else {
    diary_.back().ended_at = now;
    diary_.back().why_ended = reply.error().text;
  }
  return reply.has_value();
}

void CounterClient::Run() {
  std::vector<std::optional<RedisClient>> sentinels(where_.sentinels.size());
  long long next = 1;
  auto due = steady_clock::now();
  while (!stop_) {
    auto node = Arrive(sentinels);
    const auto held = node ? node->Ask({"GET", kCounterKey}) : base::Result<Reply>(Reply{});
    if (!node || !held) {
      std::this_thread::sleep_for(kRetry);
      continue;
    }
    const long long found = base::ParseInt<long long>(held->text).value_or(0);
    // A write whose answer we never saw may be in there; its number is not used again.
    next = std::max(next, found + 1);
    {
      const std::lock_guard lock(mutex_);
      diary_.push_back({node->address(), found, {}, {}, {}});
    }
    due = steady_clock::now();
    while (!stop_ && Write(*node, next)) {
      ++next;
      due += interval_;
      if (steady_clock::now() > due + kTolerance) due = steady_clock::now();
      std::this_thread::sleep_until(due);
    }
  }
}

}  // namespace cli
