// The node as a process: the loop, and everything that stands between the node and the world.
#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/core/node.h"
#include "replication/edge/client_port.h"
#include "replication/edge/config_file.h"
#include "replication/edge/host_facts.h"
#include "replication/edge/journal_loader.h"
#include "replication/edge/journal_writer.h"
#include "replication/edge/master_conn.h"
#include "replication/edge/rdb_loader.h"
#include "replication/edge/snapshot_writer.h"
#include "replication/host/log_file.h"
#include "replication/host/way_back.h"
#include "replication/net/http_server.h"
#include "replication/net/loop.h"

namespace replication::edge {

// One loop turn is: what arrived goes to the node; its work in slices; what it wants done; then replicas are sent
// their bytes, then clients their replies (node.h says why in that order).
class Daemon : private Host {
 public:
  explicit Daemon(Launch launch);
  ~Daemon() override;

  // Opens the log, binds the ports and looks for the data set. After an error nothing has been changed on disk.
  base::Result<void> Open();
  // Until somebody ends the node. The exit code.
  int Run();
  // After Run(): the process is to begin anew, after so long.
  std::optional<base::Millis> again() const { return again_; }

 private:
  HostFacts Facts() override;
  std::uint64_t Nanoseconds() override { return ticks_.Nanoseconds(); }
  void PurgeMemory() override { edge::PurgeMemory(); }
  std::string AllocatorReport() override { return edge::AllocatorReport(); }
  MonoTime ReadClock() override;
  base::Result<std::string> FindFolder(const std::string& folder) override;
  std::string ReadMasterNow(LinkId link) override { return master_.ReadNow(link); }

  // Lowers maxclients to what the limit of open files allows.
  void MakeRoom();
  base::Result<void> OpenUserFile();
  base::Result<void> OpenHttp();
  base::Result<void> OpenData();
  base::Result<void> OpenDataFile();
  // False: there is no journal yet, and other files may have the data.
  base::Result<bool> OpenJournal();
  void LoadSlice();
  // One piece of the file that is being read. False: nothing has arrived, or it was refused.
  bool LoadPiece();
  void BeginNextFile();
  void BeginService();
  bool loading() const { return loader_ != nullptr || journal_loader_ != nullptr; }
  void FailToLoad(const base::Error& error);

  void EndTurn();
  void WorkInSlices();
  void CarryOutWishes();
  void SleepUntilNextDeadline();

  void CarryOut(const ConnectMaster& wish) { master_.Connect(wish); }
  void CarryOut(const DisconnectMaster& wish) { master_.Disconnect(wish.link); }
  void CarryOut(BeginSnapshot& wish) { writer_.Begin(std::move(wish)); }
  void CarryOut(SpillSnapshot& wish) { writer_.Spill(wish.id, std::move(wish.folder)); }
  void CarryOut(const ReadSnapshot& wish) { writer_.Read(wish.id); }
  void CarryOut(const CancelSnapshot& wish) { writer_.Cancel(wish.id); }
  void CarryOut(const WriteConfig& wish);
  void CarryOut(Discard& wish);
  void CarryOut(const Freeze& wish);
  void CarryOut(const SettingsChanged& wish);
  void CarryOut(const Stop& wish);
  void CarryOut(const Crash& wish);
  void CarryOut(JournalStart& wish) { journal_.Do(std::move(wish)); }
  void CarryOut(JournalAppend& wish) { journal_.Do(std::move(wish)); }
  void CarryOut(JournalSync& wish) { journal_.Do(std::move(wish)); }
  void CarryOut(JournalAdopt& wish) { journal_.Do(std::move(wish)); }
  void CarryOut(JournalStop& wish) { journal_.Do(std::move(wish)); }

  void Shutdown(std::string_view signal);
  void StopWhenSent();

  uv_idle_t busy_{};  // active: the loop does not sleep. First: the loop closes it
  net::Loop loop_;
  const TickClock ticks_;
  const std::shared_ptr<host::WayBack> way_back_;
  const std::string config_file_;
  const std::vector<std::string> without_effect_;
  host::LogFile log_;
  Node node_;
  ClientPort port_;
  MasterConn master_;
  std::unique_ptr<RdbLoader> loader_;
  std::string loading_path_;
  std::unique_ptr<JournalLoader> journal_loader_;
  std::size_t next_part_ = 0;
  JournalWriter journal_;
  SnapshotWriter writer_;
  std::unique_ptr<net::HttpServer> http_;  // null: http-port is 0
  host::Worker disk_;                      // configuration
  host::Worker garbage_;                   // data sets that have been replaced
  net::Timer deadline_;
  std::optional<MonoTime> deadline_at_;
  net::Timer farewell_;

  std::vector<SnapshotBatch> batches_;
  std::uint64_t peak_memory_ = 0;
  int interrupts_ = 0;  // SIGINT
  std::optional<int> exit_code_;
  std::optional<base::Millis> again_;
};

}  // namespace replication::edge
