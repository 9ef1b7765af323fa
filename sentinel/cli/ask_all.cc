#include "sentinel/cli/ask_all.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace cli {
namespace {

// What the others may still take when one has answered.
constexpr std::chrono::milliseconds kGrace{200};

// Shared with threads that may outlive the question: nobody waits for a frozen sentinel's.
struct Probes {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::optional<base::Result<void>>> results;  // guarded by mutex
};

base::Result<void> Probe(const base::Endpoint& address, const Credentials& credentials) {
  auto client = RedisClient::Connect(address, credentials, kPatience);
  // A refused password is an answer too: whoever asks next will be told.
  if (!client)
    return client.error().code == base::ErrorCode::kIo ? tl::unexpected(client.error()) : base::Result<void>();
  const auto reply = client->Command({"PING"});
  if (!reply) return tl::unexpected(reply.error());
  return {};
}

}  // namespace

Responsive FindResponsive(const std::vector<base::Endpoint>& sentinels, const Credentials& credentials) {
  if (sentinels.size() < 2) return {sentinels, {}};
  const auto probes = std::make_shared<Probes>();
  probes->results.resize(sentinels.size());
  for (std::size_t i = 0; i < sentinels.size(); ++i) {
    std::thread([probes, i, address = sentinels[i], credentials] {
      auto result = Probe(address, credentials);
      const std::lock_guard lock(probes->mutex);
      probes->results[i] = std::move(result);
      probes->changed.notify_one();
    }).detach();
  }
  std::unique_lock lock(probes->mutex);
  auto deadline = std::chrono::steady_clock::now() + kPatience + kGrace;
  bool shortened = false;
  for (;;) {
    std::size_t done = 0;
    bool answered = false;
    for (const auto& result : probes->results) {
      done += result ? 1 : 0;
      answered = answered || (result && result->has_value());
    }
    if (done == sentinels.size()) break;
    if (answered && !shortened) {
      deadline = std::min(deadline, std::chrono::steady_clock::now() + kGrace);
      shortened = true;
    }
    if (probes->changed.wait_until(lock, deadline) == std::cv_status::timeout) break;
  }
  Responsive found;
  for (std::size_t i = 0; i < sentinels.size(); ++i) {
    const auto& result = probes->results[i];
    if (result && result->has_value()) {
      found.sentinels.push_back(sentinels[i]);
    } else {
      found.silent.push_back(result
                                 ? result->error()
                                 : base::Error{base::ErrorCode::kIo, sentinels[i].ToString() + ": no answer in time"});
    }
  }
  return found;
}

base::Error NobodyAnswers(const std::vector<base::Error>& tried) {
  if (tried.empty()) return {base::ErrorCode::kIo, "no sentinel is known"};
  base::Error all{base::ErrorCode::kIo, ""};
  for (const base::Error& error : tried) {
    // A sentinel that answers "unknown" or "not allowed" says more than one that cannot be reached.
    if (error.code != base::ErrorCode::kIo) return error;
    all.text += (all.text.empty() ? "" : "; ") + error.text;
  }
  return all;
}

}  // namespace cli
