// A client of data nodes on a machine of its own. It writes where it finds a master, appends numbers to a list of its
// own, one behind the other, and now and then waits for replicas.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replication/base/random.h"
#include "tests/sim/network.h"

struct redisReader;

namespace sim {

class NodeProcess;
class Writer;

// The database that holds the writers' lists, which nobody flushes.
inline constexpr int kListDatabase = 9;

class WriterWatcher {
 public:
  virtual ~WriterWatcher() = default;
  // Whom it writes to next; null: nobody now.
  virtual NodeProcess* Target() = 0;
  virtual void OnSent(const Writer& writer, std::int64_t element) = 0;
  virtual void OnAcknowledged(const Writer& writer, HostId by, std::int64_t element) = 0;
  virtual void OnWaited(const Writer& writer, HostId by, std::int64_t element, std::int64_t counted) = 0;
};

class Writer : public Host {
 public:
  Writer(EventQueue& queue, Network& network, base::Random& random, WriterWatcher& watcher, int index);
  ~Writer() override;
  void Start(HostId self);
  void Stop() { stopped_ = true; }
  int index() const { return index_; }
  HostId to() const { return to_; }
  std::string list() const;

  void OnAccepted(WireId, HostId) override {}
  void OnConnected(WireId wire, bool ok) override;
  void OnBytes(WireId wire, std::string_view bytes) override;
  void OnClosed(WireId wire) override;

 private:
  void Begin();
  // The attempt is over, with or without answers.
  void End();
  std::string Draw();

  EventQueue& queue_;
  Network& network_;
  base::Random& random_;
  WriterWatcher& watcher_;
  const int index_;
  HostId self_ = -1;
  bool stopped_ = false;

  std::int64_t next_element_ = 1;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  std::uint64_t attempt_ = 0;
  bool open_ = false;
  WireId wire_ = 0;
  HostId to_ = -1;
  int replies_before_ = 0;  // that come before the one to RPUSH
  bool waits_ = false;
  bool acknowledged_ = false;
  std::int64_t element_ = 0;
};

}  // namespace sim
