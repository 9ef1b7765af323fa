// A node without sockets, files or threads: what a loop does for it, in the order that node.h asks for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "replication/core/invariants.h"
#include "replication/core/node.h"
#include "replication/core/state.h"
#include "replication/data/rdb_writer.h"
#include "tests/fuzz/fuzz.h"

namespace fuzz {

class QuietLog : public base::Log {
 public:
  void Write(base::LogLevel, std::string_view) override {}
};

// Each look at the clock takes 10 ms: a script that never ends is soon found slow.
class TickingHost : public replication::Host {
 public:
  replication::MonoTime ReadClock() override { return clock += base::Millis(10); }
  replication::MonoTime clock{};
};

class Driver {
 public:
  explicit Driver(replication::Settings settings) : node(std::move(settings), 1, log_, host_, now) { node.Start(now); }

  // Everything that follows from what came, without time passing. False: a script runs for ever, the input is over.
  bool Settle() {
    for (int i = 0; i < 200; ++i) {
      host_.clock = now.mono;
      if (const auto due = node.NextDeadline(); due && *due <= now.mono) node.OnDeadline(now);
      std::vector<replication::SnapshotBatch> batches;
      bool moved = false;
      for (int slice = 0; slice < 50 && node.has_work(); ++slice) {
        node.DoWork(4096, batches, now);
        moved = true;
        if (node.state().scripts.turns.suspended) return false;
      }
      node.EndTurn(now);
      moved = Obey() || moved;
      moved = Encode(batches) || moved;
      moved = Obey() || moved;
      for (const auto id : node.ReplicasWithOutput()) {
        std::string bytes;
        for (const std::string_view view : node.NextForReplica(id, 1 << 16)) bytes += view;
        sent[id] += bytes;
        node.OnReplicaSent(id, bytes.size(), now);
        moved = moved || !bytes.empty();
      }
      for (const auto id : node.clients().TakeWoken()) {
        auto* client = node.clients().Find(id);
        if (client == nullptr) continue;
        if (!node.IsReplica(id)) sent[id] += std::exchange(client->out, {});
        if (client->closing == serve::Client::Closing::kNo) continue;
        node.OnClientGone(id, now);
        moved = true;
      }
      const auto broken = replication::BrokenInvariants(node.state());
      Require(broken.empty(), broken.empty() ? "" : broken[0].c_str());
      if (!moved) return true;
    }
    return true;
  }

  void Pass(base::Millis time) {
    now.mono += time;
    now.wall += time;
  }

  base::Now now{replication::MonoTime(base::Millis(1'000'000)), base::FromUnixMillis(1'700'000'000'000)};
  QuietLog log_;
  TickingHost host_;
  replication::Node node;
  std::map<serve::ClientId, std::string> sent;
  std::optional<replication::LinkId> link;  // the latest connection to the master that was asked for

 private:
  bool Obey() {
    bool any = false;
    for (const replication::Wish& wish : node.TakeWishes()) {
      any = true;
      if (const auto* connect = std::get_if<replication::ConnectMaster>(&wish)) {
        link = connect->link;
      } else if (const auto* disconnect = std::get_if<replication::DisconnectMaster>(&wish)) {
        if (link == disconnect->link) link.reset();
      } else if (const auto* begin = std::get_if<replication::BeginSnapshot>(&wish)) {
        Encoding& encoding = encodings_[begin->id];
        encoding.encoder = data::RdbEncoder(begin->options);
        encoding.to_disk = !begin->file.empty() && !begin->spill;
        encoding.spill = begin->spill;
        encoding.encoder.Begin(begin->head, begin->functions, begin->databases, encoding.bytes);
      } else if (const auto* spill = std::get_if<replication::SpillSnapshot>(&wish)) {
        if (encodings_.contains(spill->id)) encodings_[spill->id].spill = true;
      } else if (const auto* read = std::get_if<replication::ReadSnapshot>(&wish)) {
        const auto found = encodings_.find(read->id);
        if (found == encodings_.end() || !found->second.ended) continue;
        const std::string bytes = std::move(found->second.bytes);
        encodings_.erase(found);
        node.OnSnapshotChunk(read->id, bytes, true, now);
      } else if (const auto* cancel = std::get_if<replication::CancelSnapshot>(&wish)) {
        encodings_.erase(cancel->id);
      } else if (const auto* write = std::get_if<replication::WriteConfig>(&wish)) {
        node.OnConfigWritten(write->ticket, {}, now);
      }
    }
    return any;
  }

  bool Encode(const std::vector<replication::SnapshotBatch>& batches) {
    for (const auto& batch : batches) {
      const auto found = encodings_.find(batch.id);
      if (found == encodings_.end()) continue;
      Encoding& encoding = found->second;
      encoding.encoder.Append(batch.batch, encoding.bytes);
      if (batch.last) encoding.encoder.End(encoding.bytes);
      node.OnBatchDone(batch.id);
      encoding.ended = batch.last;
      if (encoding.spill) {
        if (batch.last) node.OnSnapshotSpilled(batch.id, encoding.bytes.size(), now);
        continue;
      }
      if (!encoding.to_disk) node.OnSnapshotChunk(batch.id, std::exchange(encoding.bytes, {}), batch.last, now);
      if (encoding.to_disk && batch.last) node.OnSaveDone(batch.id, {}, now);
      if (batch.last) encodings_.erase(batch.id);
    }
    return !batches.empty();
  }

  struct Encoding {
    data::RdbEncoder encoder{data::RdbOptions{}};
    std::string bytes;
    bool to_disk = false;
    bool spill = false;
    bool ended = false;
  };
  std::map<replication::SnapshotId, Encoding> encodings_;
};

// Numbers so large that the command they stand in would take all memory, and rightly so: not what is looked for.
inline bool HasHugeNumber(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > 7) return true;
  }
  return false;
}

}  // namespace fuzz
