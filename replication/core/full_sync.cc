#include "replication/core/full_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/roles.h"

namespace replication {
namespace {

using base::LogLevel;
using Stage = Replica::Stage;

// How far a snapshot may be ahead of its worker, and its payload ahead of the slowest socket. Beyond, the walk waits
// and the data set keeps copies of what is overwritten.
constexpr int kMaxBatchesInFlight = 8;
constexpr std::size_t kMaxPayloadAhead = 16 << 20;
// Copies of overwritten values that a snapshot may hold before its payload goes through a file, and before it is given
// up.
constexpr std::size_t kSpillPreImages = 16 << 20;
constexpr std::size_t kMaxPreImages = 256 << 20;
// So much of a payload's file is read ahead of the fastest socket.
constexpr std::size_t kReadAhead = 2 << 20;

// Must this replica be told the length first? Then the payload goes to a file before it is sent.
bool NeedsLength(const NodeState& state, const Replica& replica) {
  return !replica.announced.eof || !state.settings.repl_diskless_sync;
}

// When the snapshot for those who wait is to begin; empty when nobody waits.
// Stock masters wait a while so that several replicas share one snapshot. We give several at once, so ours ask not to
// wait; a replica that must be told the length first (a disk sync, for stock) does not wait either.
std::optional<MonoTime> SyncDue(const NodeState& state) {
  std::optional<MonoTime> due;
  std::uint32_t waiting = 0;
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.stage != Stage::kWaitSnapshot) continue;
    ++waiting;
    const bool delayed = !NeedsLength(state, replica) && !replica.announced.vigil;
    const MonoTime at =
        replica.since + (delayed ? base::Millis(state.settings.repl_diskless_sync_delay) : base::Millis(0));
    due = std::min(due.value_or(at), at);
  }
  const std::uint32_t enough = state.settings.repl_diskless_sync_max_replicas;
  if (due && enough > 0 && waiting >= enough) return MonoTime{};
  return due;
}

bool MayWalk(const SnapshotJob& job) {
  if (job.walked || job.in_flight >= kMaxBatchesInFlight) return false;
  return job.sync == nullptr || job.sync->spilled || job.sync->payload.size() < kMaxPayloadAhead;
}

// Asks for the next piece of a payload's file when it is wanted.
void ReadAhead(NodeState& state, FullSync& sync) {
  if (!sync.spilled || sync.complete || sync.reading || (sync.by_length && !sync.encoded)) return;
  if (sync.payload.size() >= kReadAhead) return;
  sync.reading = true;
  state.wishes.push_back(ReadSnapshot{sync.id});
}

void JoinFullSync(NodeState& state, Replica& replica, const std::shared_ptr<FullSync>& sync, const Now& now) {
  NodeClient& client = *state.Find(replica.client);
  replica.stage = Stage::kPayload;
  replica.since = replica.progress_at = replica.ack_at = now.mono;
  replica.sync = sync;
  replica.by_length = sync->by_length;
  replica.payload_cursor = sync->payload.begin();
  replica.cursor = sync->offset + 1;
  replica.ack = -1;  // it has nothing of this history before it says so
  if (!replica.plain_sync) client.out += fmt::format("+FULLRESYNC {} {}\r\n", state.history.replid.hex, sync->offset);
  if (!replica.by_length) {
    client.out += fmt::format("$EOF:{}\r\n", sync->mark);
    replica.header_sent = true;
  }
  state.server.clients.Wake(client);
}

// Those who want no keys need no snapshot: their payload is made on the spot.
void ServeFiltered(NodeState& state, const Now& now) {
  for (auto& [id, replica] : state.replicas.all()) {
    if (replica.stage != Stage::kWaitSnapshot || !replica.announced.no_data) continue;
    auto sync = std::make_shared<FullSync>();
    sync->offset = state.applied;
    sync->mark = state.random.Hex();
    std::string bytes;
    data::RdbEncoder encoder;
    const std::vector<std::string> none;
    encoder.Begin(data::RdbHead{.created_at = base::UnixMillis(now.wall) / 1000},
                  replica.announced.no_functions ? none : state.keyspace.functions(), {}, bytes);
    encoder.End(bytes);
    sync->payload.Append(bytes);
    sync->snapshot_end = sync->payload.end();
    sync->payload.Append(sync->mark);
    sync->complete = true;
    JoinFullSync(state, replica, sync, now);
    if (state.is_master()) state.feed_db = -1;
  }
}

}  // namespace

void WaitForFullSync(NodeState& state, Replica& replica, const Now& now) {
  replica.stage = Stage::kWaitSnapshot;
  replica.since = replica.progress_at = replica.ack_at = now.mono;
  ++state.stats.sync_full;
}

std::optional<MonoTime> FullSyncDeadline(const NodeState& state) {
  if (static_cast<int>(state.snapshots.running.size()) >= data::Snapshot::kMax) return std::nullopt;
  return SyncDue(state);
}

void BeginFullSyncs(NodeState& state, const Now& now) {
  if (state.scripts.turns.suspended) return;  // the data are ahead of the offset
  ServeFiltered(state, now);
  const std::optional<MonoTime> due = FullSyncDeadline(state);
  if (!due || now.mono < *due) return;
  // Those who are told the length and those who are told a mark cannot share one; the others come next.
  const Replica* first = nullptr;
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.stage == Stage::kWaitSnapshot && (first == nullptr || replica.since < first->since)) first = &replica;
  }
  const bool by_length = NeedsLength(state, *first);
  SnapshotJob* job = StartSnapshot(state, by_length ? state.settings.dir : "", now, by_length);
  if (job == nullptr) return;
  job->sync = std::make_shared<FullSync>();
  job->sync->by_length = job->sync->spilled = by_length;
  job->sync->id = job->id;
  job->sync->offset = state.applied;
  job->sync->mark = state.random.Hex();
  int joined = 0;
  for (auto& [id, replica] : state.replicas.all()) {
    if (replica.stage != Stage::kWaitSnapshot || NeedsLength(state, replica) != by_length) continue;
    JoinFullSync(state, replica, job->sync, now);
    ++joined;
  }
  // The snapshot does not say which database our stream has selected: the next write must.
  if (state.is_master()) state.feed_db = -1;
  state.Say(LogLevel::kNotice, fmt::format("Full sync of {} replica(s) begins at offset {}{}", joined, state.applied,
                                           by_length ? ", through a temporary file" : ""));
}

SnapshotJob* StartSnapshot(NodeState& state, std::string file, const Now& now, bool spill) {
  std::unique_ptr<data::Snapshot> source = data::Snapshot::Begin(state.keyspace);
  if (source == nullptr) return nullptr;
  SnapshotJob& job = state.snapshots.running[++state.snapshots.last_id];
  job.id = state.snapshots.last_id;
  job.source = std::move(source);
  job.began_at = now.mono;
  BeginSnapshot wish;
  wish.id = job.id;
  wish.file = std::move(file);
  wish.spill = spill;
  using Effort = data::Compressor::Effort;
  wish.options.compress = state.settings.rdbcompression ? Effort::kWorthwhile : Effort::kNone;
  wish.options.checksum = state.settings.rdbchecksum;
  wish.options.clock = state.keyspace.clock();
  const data::EvictionPolicy policy = data::EvictionPolicyNamed(state.settings.maxmemory_policy);
  if (data::ByIdleTime(policy)) wish.options.usage = data::RdbOptions::Usage::kIdle;
  if (data::ByFrequency(policy)) wish.options.usage = data::RdbOptions::Usage::kFrequency;
  wish.head.created_at = base::UnixMillis(now.wall) / 1000;
  wish.head.used_memory = state.keyspace.memory();
  // A name for the data is worth writing down only while offsets move with every change.
  if (state.backlog) {
    wish.head.replication = data::RdbReplication{state.stream_db, state.history.replid.hex, state.applied, state.data_end, {}};
    if (state.data_db >= 0) {
      wish.head.replication->selections = {state.data_db, state.first_select, state.last_select};
    }
  }
  wish.functions = job.source->functions();
  wish.databases = job.source->databases();
  state.wishes.push_back(std::move(wish));
  return &job;
}

void AbortSnapshot(NodeState& state, SnapshotId id, std::string_view reason) {
  const auto found = state.snapshots.running.find(id);
  if (found == state.snapshots.running.end()) return;
  const SnapshotJob job = std::move(found->second);
  state.snapshots.running.erase(found);
  state.wishes.push_back(CancelSnapshot{id});
  state.Say(LogLevel::kWarning, fmt::format("Snapshot {} is given up: {}", id, reason));
  for (auto& [client_id, replica] : state.replicas.all()) {
    if (job.sync == nullptr || replica.sync != job.sync) continue;
    replica.sync = nullptr;
    state.server.clients.Close(*state.Find(client_id), serve::Client::Closing::kNow);
  }
}

bool SnapshotsWait(const NodeState& state) {
  return std::ranges::any_of(state.snapshots.running, [](const auto& each) { return MayWalk(each.second); });
}

void WalkSnapshots(NodeState& state, std::size_t budget, std::vector<SnapshotBatch>& out, const Now&) {
  for (auto& [id, job] : state.snapshots.running) {
    if (!MayWalk(job)) continue;
    SnapshotBatch& batch = out.emplace_back();
    batch.id = id;
    job.walked = !job.source->Step(budget / 64 + 1, budget, batch.batch);
    batch.last = job.walked;
    ++job.in_flight;
  }
}

void KeepSnapshotsWithinLimits(NodeState& state, const Now& now) {
  std::vector<std::pair<SnapshotId, bool>> failed;  // is it the file's?
  for (auto& [id, job] : state.snapshots.running) {
    const std::size_t kept = job.source->pre_image_bytes();
    if (kept > kMaxPreImages) failed.emplace_back(id, job.sync == nullptr);
    if (kept <= kSpillPreImages || job.walked || job.sync == nullptr || job.sync->spilled) continue;
    if (job.sync->payload.size() < kMaxPayloadAhead) continue;
    job.sync->spilled = true;
    state.wishes.push_back(SpillSnapshot{id, state.settings.dir});
    state.Say(LogLevel::kNotice, fmt::format("Snapshot {} goes through a temporary file: its replicas are slow", id));
  }
  for (const auto& [id, to_file] : failed) {
    constexpr std::string_view kReason = "too many values are overwritten while it is taken";
    if (to_file) {
      state.wishes.push_back(CancelSnapshot{id});
      OnSaved(state, id, base::Fail(base::ErrorCode::kOutOfRange, std::string(kReason)), now);
    } else {
      AbortSnapshot(state, id, kReason);
    }
  }
}

void OnPayloadChunk(NodeState& state, SnapshotId id, std::string_view bytes, bool last, const Now& now) {
  const auto found = state.snapshots.running.find(id);
  if (found == state.snapshots.running.end() || found->second.sync == nullptr) return;
  const std::shared_ptr<FullSync> sync = found->second.sync;
  for (auto& [client_id, replica] : state.replicas.all()) {
    // Until now there was nothing that its socket could have taken.
    if (replica.sync == sync && replica.payload_cursor >= PayloadLimit(replica)) replica.progress_at = now.mono;
  }
  sync->payload.Append(bytes);
  sync->reading = false;
  if (!last) return ReadAhead(state, *sync);
  sync->snapshot_end = sync->payload.end();
  sync->payload.Append(sync->mark);
  sync->complete = true;
  state.snapshots.last_full_sync_ms = (now.mono - found->second.began_at).count();
  state.snapshots.running.erase(found);
}

void OnPayloadSpilled(NodeState& state, SnapshotId id, const base::Result<std::uint64_t>& bytes, const Now& now) {
  const auto found = state.snapshots.running.find(id);
  if (found == state.snapshots.running.end() || found->second.sync == nullptr) return;
  if (!bytes) return AbortSnapshot(state, id, bytes.error().text);
  FullSync& sync = *found->second.sync;
  sync.encoded = *bytes;
  if (!sync.by_length) return ReadAhead(state, sync);
  sync.snapshot_end = sync.payload.begin() + static_cast<Offset>(*bytes);
  for (auto& [client_id, replica] : state.replicas.all()) {
    if (replica.sync.get() != &sync) continue;
    NodeClient& client = *state.Find(client_id);
    client.out += fmt::format("${}\r\n", *bytes);
    replica.header_sent = true;
    replica.progress_at = now.mono;
  }
  ReadAhead(state, sync);
}

std::uint64_t PayloadMemory(const NodeState& state) {
  std::uint64_t total = 0;
  std::vector<const FullSync*> seen;
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.sync == nullptr || std::ranges::find(seen, replica.sync.get()) != seen.end()) continue;
    seen.push_back(replica.sync.get());
    total += replica.sync->payload.memory();
  }
  return total;
}

Offset PayloadLimit(const Replica& replica) {
  if (replica.sync == nullptr || !replica.header_sent) return replica.payload_cursor;
  return replica.by_length ? replica.sync->snapshot_end : replica.sync->payload.end();
}

void TrimPayload(NodeState& state, FullSync& sync) {
  Offset oldest = sync.payload.end();
  for (const auto& [id, replica] : state.replicas.all()) {
    if (replica.sync.get() == &sync) oldest = std::min(oldest, replica.payload_cursor);
  }
  sync.payload.TrimBefore(oldest);
  ReadAhead(state, sync);
}

void PutOnline(NodeState& state, Replica& replica, const Now& now) {
  const std::shared_ptr<FullSync> sync = std::exchange(replica.sync, nullptr);
  NodeClient& client = *state.Find(replica.client);
  TrimPayload(state, *sync);
  replica.stage = Stage::kOnline;
  replica.since = replica.ack_at = now.mono;
  // Its payload had no length: it must tell us where it ended before stream bytes may follow.
  replica.held = !replica.by_length && !replica.plain_sync;
  if (replica.announced.rdb_only) state.server.clients.Close(client, serve::Client::Closing::kAfterReply);
  state.Say(LogLevel::kNotice, fmt::format("Synchronization with replica {} succeeded", client.peer));
}

void LeaveFullSync(NodeState& state, Replica& replica) {
  const std::shared_ptr<FullSync> sync = std::exchange(replica.sync, nullptr);
  if (sync == nullptr) return;
  const bool wanted =
      std::ranges::any_of(state.replicas.all(), [&](const auto& each) { return each.second.sync == sync; });
  if (wanted) return TrimPayload(state, *sync);
  if (!sync->complete) AbortSnapshot(state, sync->id, "no replica waits for it any more");
}

}  // namespace replication
