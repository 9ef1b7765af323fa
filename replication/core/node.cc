#include "replication/core/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/check.h"
#include "replication/core/apply.h"
#include "replication/core/delay.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/full_sync.h"
#include "replication/core/journal.h"
#include "replication/core/journal_replay.h"
#include "replication/core/memory_limit.h"
#include "replication/core/observed.h"
#include "replication/core/roles.h"
#include "replication/core/server_commands.h"
#include "replication/core/state.h"
#include "replication/core/tracking.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

using base::LogLevel;
using serve::ClientKind;
using Stage = Replica::Stage;

// Keys that are deleted in one go because their time has come; a few microseconds each.
constexpr std::size_t kExpireAtOnce = 64;
// Replies that wait for the journal beyond this stop the reading of the client's socket.
constexpr std::size_t kMaxHeld = 4 << 20;
// A client that waits may have that much buffered before its socket is left alone.
constexpr std::size_t kMaxBufferedWhileBlocked = 1 << 20;

bool MayExpire(const NodeState& state) {
  return state.is_master() && state.active_expire && !state.loading.active && state.started_up &&
         !state.scripts.turns.suspended && state.pause.what(state.now.mono) == Pause::What::kNothing;
}

bool ExpiryIsDue(const NodeState& state, const Now& now) {
  return MayExpire(state) && state.keyspace.NextExpiry() <= base::UnixMillis(now.wall);
}

void Expire(NodeState& state, const Now& now) {
  if (!ExpiryIsDue(state, now)) return;
  std::vector<data::Effect> effects;
  const std::uint64_t began = state.host.Nanoseconds();
  state.keyspace.ActiveExpire(base::UnixMillis(now.wall), kExpireAtOnce, effects);
  NoteDelay(state, "expire-cycle", state.host.Nanoseconds() - began, now);
  FeedEach(state, effects);
}

// Everything that arrives goes through here: the time is noted before, and what it has set free is done after.
class Turn {
 public:
  Turn(NodeState& state, const Now& now) : state_(state), now_(now) { state.now = now; }
  ~Turn() {
    if (state_.waiters.changed) {
      CheckWaiters(state_, now_);
      CheckShutdown(state_, now_);
      CheckFailover(state_, now_);
    }
    ServeBlockedKeys(state_, now_);
    ProcessResumed(state_, now_);
    TellOfChanges(state_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  NodeState& state_;
  const Now& now_;
};

}  // namespace

void Rate::Count(MonoTime now, std::uint64_t n) {
  const std::int64_t this_second = now.time_since_epoch().count() / 1000;
  if (this_second != second) {
    previous = this_second == second + 1 ? current : 0;
    current = 0;
    second = this_second;
  }
  current += n;
}

std::uint64_t Rate::PerSecond(MonoTime now) const {
  const std::int64_t this_second = now.time_since_epoch().count() / 1000;
  if (this_second == second) return std::max(previous, current);
  return this_second == second + 1 ? current : 0;
}

data::PackingLimits PackingLimitsOf(const Settings& settings) {
  data::PackingLimits limits;
  limits.hash_entries = settings.hash_max_listpack_entries;
  limits.hash_value = settings.hash_max_listpack_value;
  limits.list_size = settings.list_max_listpack_size;
  limits.set_intset = settings.set_max_intset_entries;
  limits.zset_entries = settings.zset_max_listpack_entries;
  limits.zset_value = settings.zset_max_listpack_value;
  limits.stream_bytes = settings.stream_node_max_bytes;
  limits.stream_entries = settings.stream_node_max_entries;
  limits.hll_sparse = settings.hll_sparse_max_bytes;
  return limits;
}

void TellKeyspace(NodeState& state) {
  const Settings& settings = state.settings;
  data::Keyspace& keyspace = state.keyspace;
  keyspace.set_limits(PackingLimitsOf(settings));
  keyspace.set_lazy({.expire = settings.lazyfree_lazy_expire, .server_del = settings.lazyfree_lazy_server_del});
  keyspace.set_usage({.frequency = data::ByFrequency(data::EvictionPolicyNamed(settings.maxmemory_policy)),
                      .log_factor = settings.lfu_log_factor,
                      .decay_time = settings.lfu_decay_time});
  // Kinds without a place where they are told are told nowhere.
  constexpr std::uint32_t kPlaces = data::kTellKeyspace | data::kTellKeyevent;
  keyspace.set_events((settings.notify_keyspace_events & kPlaces) != 0 ? settings.notify_keyspace_events & ~kPlaces
                                                                       : 0);
}

NodeState::NodeState(Settings s, std::uint64_t seed, base::Log& l, Host& h, Now at)
    : settings(std::move(s)),
      random(seed),
      log(l),
      host(h),
      started(at),
      now(at),
      keyspace(settings.databases, random.Next()),
      tracking(std::make_unique<Tracking>()),
      changes(watches, blocked_keys, key_events, *tracking),
      journal(std::make_unique<Journal>()),
      delay(std::make_unique<Delay>()),
      observed(std::make_unique<Observed>()) {
  run_id.hex = random.Hex();
  history.Begin(random);
  TellKeyspace(*this);
  server.role = is_master() ? "master" : "replica";
  server.access.set_password(settings.requirepass);
  FillCommandTable(server.commands);
  server.access.set_all_channels_by_default(settings.acl_pubsub_default == "allchannels");
  server.access.set_max_log(settings.acllog_max_len);
  for (const auto& line : settings.users) VIGIL_CHECK(UseUserLine(line, server.commands, server.access).has_value());
  VIGIL_CHECK(RenameCommands(server.commands, settings.rename_command).has_value());  // judged when it was read
  saving.last_saved_at = at.wall;
  saving.last_saved_mono = at.mono;
}

NodeState::~NodeState() = default;

Node::Node(Settings settings, std::uint64_t seed, base::Log& log, Host& host, Now now)
    : state_(std::make_unique<NodeState>(std::move(settings), seed, log, host, now)) {}

Node::~Node() {
  AbandonScript(*state_);
}

void Node::BeginLoading(std::uint64_t total_bytes, Now now) {
  NodeState& state = *state_;
  state.now = now;
  state.loading.active = true;
  state.loading.total_bytes = total_bytes;
  state.loading.began_at = now.wall;
  state.loading.began_mono = now.mono;
  state.keyspace.set_clock(static_cast<std::uint32_t>(now.mono.time_since_epoch().count() / 1000));
  // Keys whose time has come are loaded, too: they are deleted in the stream like all others, so that replicas which
  // go on from the offset of this file hear of it.
  state.loading.reader = std::make_unique<data::RdbReader>(state.keyspace);
}

base::Result<void> Node::OnLoadBytes(std::string_view bytes, Now now) {
  state_->now = now;
  data::RdbReader& reader = *state_->loading.reader;
  if (reader.complete()) return {};  // what follows the end of the file is not ours
  const auto taken = reader.Feed(bytes);
  if (!taken) return tl::unexpected(taken.error());
  return {};
}

base::Result<void> Node::EndLoading(Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  if (const auto complete = state.loading.reader->Finish(); !complete) return complete;
  if (const auto loaded = UseFunctions(state, state.keyspace.functions()); !loaded) {
    return base::Fail(base::ErrorCode::kInvalid, fmt::format("a library of functions: {}", loaded.error().text));
  }
  const data::RdbFacts& facts = state.loading.reader->facts();
  if (facts.replication) {
    // The file says of which history it is. A replica goes on in it. A master may have written more before it
    // stopped, which others hold: it must not write other bytes under that name, so its history forks here.
    if (const auto id = base::ParseHexId<base::ReplicationId>(facts.replication->id)) {
      state.history.Replace(*id);
      state.applied = facts.replication->offset;
      state.stream_db = std::clamp(facts.replication->stream_db, 0, state.keyspace.databases() - 1);
      state.resumable = true;
      OpenBacklog(state);
      TakeDataEnd(state, facts);
      if (state.is_master()) {
        state.history.Fork(state.applied, state.random);
        state.no_replicas_since = now.mono;
      }
    }
  }
  state.Say(LogLevel::kNotice, fmt::format("DB loaded from disk: {} keys, {} ms", facts.keys_loaded,
                                           (now.mono - state.loading.began_mono).count()));
  state.loading.active = false;
  state.loading.reader.reset();
  return {};
}

void Node::KnowJournalFolder(std::string folder, const Manifest& manifest, std::uint64_t next_seq) {
  state_->journal->folder = std::move(folder);
  state_->journal->manifest = manifest;
  state_->journal->next_seq = std::max(state_->journal->next_seq, next_seq);
}

void Node::BeginJournalLoading(std::uint64_t total_bytes, Now now) {
  BeginLoading(total_bytes, now);
  state_->loading.reader.reset();
  state_->loading.replay = std::make_unique<JournalReplay>(*state_);
}

void Node::OnJournalFile(const std::string& name, const IncrVerdict* verdict) {
  state_->loading.replay->BeginFile(name, verdict);
}

base::Result<void> Node::OnJournalBytes(std::string_view bytes, Now now) {
  state_->now = now;
  return state_->loading.replay->Feed(bytes, now);
}

base::Result<void> Node::EndJournalFile(Now now) {
  return state_->loading.replay->EndFile(now);
}

base::Result<void> Node::EndJournalLoading(const JournalFound& found, Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  state.loading.replay->End(now);
  state.Say(LogLevel::kNotice, fmt::format("DB loaded from append only file: {} keys, {} ms",
                                           state.keyspace.TotalSize(), (now.mono - state.loading.began_mono).count()));
  state.loading.active = false;
  state.loading.replay.reset();
  state.stats.commands = 0;
  ForgetCounts(state);  // they count what clients asked for
  OpenJournal(state, found, now);
  return {};
}

void Node::BeginJournal(Now now) {
  Turn turn(*state_, now);
  JournalFound found;
  found.next_seq = state_->journal->next_seq;
  OpenJournal(*state_, found, now);
}

void Node::OnJournalReport(const JournalReport& report, Now now) {
  Turn turn(*state_, now);
  replication::OnJournalReport(*state_, report, now);
}

std::size_t Node::SendableBytes(ClientId id) {
  NodeClient* client = state_->Find(id);
  return client == nullptr ? 0 : replication::SendableBytes(*state_, *client);
}

void Node::OnClientSent(ClientId id, std::size_t bytes) {
  if (NodeClient* client = state_->Find(id)) OnBytesSent(*client, bytes);
}

bool Node::HoldsReplies() const {
  return !state_->journal->held.empty();
}

void Node::Start(Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  VIGIL_CHECK(!state.loading.active);
  state.started_up = true;
  state.keyspace.set_listener(&state.changes);
  state.keyspace.set_dirty(0);
  // What was on disk came from the master that the configuration names.
  state.master.fed_by = state.settings.replicaof;
  if (!state.is_master()) ConnectToMaster(state, now);
}

ClientId Node::OnClient(std::string peer, std::string local, Now now) {
  NodeState& state = *state_;
  state.now = now;
  auto client = std::make_unique<NodeClient>();
  client->peer = std::move(peer);
  client->local = std::move(local);
  client->connected_at = client->active_at = now.mono;
  serve::Welcome(state.server, *client);
  ++state.stats.connections;
  return state.server.clients.Add(std::move(client)).id;
}

void Node::OnClientBytes(ClientId id, std::string_view bytes, Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  NodeClient* client = state.Find(id);
  if (client == nullptr) return;
  state.stats.input_bytes += bytes.size();
  client->parser.Feed(bytes);
  ProcessRequests(state, *client, now);
}

void Node::OnClientGone(ClientId id, Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  NodeClient* client = state.Find(id);
  if (client == nullptr) return;
  if (client->blocked == Blocked::kScript) {
    state.scripts.turns.caller_gone = true;  // its script knows it to the end
    return;
  }
  ForgetClient(state, *client);
}

serve::Clients& Node::clients() {
  return state_->server.clients;
}
const serve::Clients& Node::clients() const {
  return state_->server.clients;
}

bool Node::WantsBytes(ClientId id) const {
  const NodeClient* client = state_->Find(id);
  if (client == nullptr) return true;
  if (!client->reply_marks.empty() && client->out.size() > kMaxHeld) return false;
  return client->blocked == Blocked::kNo || client->parser.buffered() < kMaxBufferedWhileBlocked;
}

bool Node::IsReplica(ClientId id) const {
  return state_->replicas.Find(id) != nullptr;
}

std::vector<ClientId> Node::ReplicasWithOutput() const {
  std::vector<ClientId> ids;
  for (const auto& [id, replica] : state_->replicas.all()) {
    if (state_->Find(id)->closing == serve::Client::Closing::kNow) continue;  // its cursor holds nothing any more
    const bool payload = replica.stage == Stage::kPayload && replica.payload_cursor < PayloadLimit(replica);
    if (HoldsReplicas(*state_)) continue;
    const bool stream = replica.stage == Stage::kOnline && !replica.held && replica.cursor <= SendLimit(*state_);
    if (payload || stream || !state_->Find(id)->out.empty()) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string_view> Node::NextForReplica(ClientId id, std::size_t max_bytes) const {
  std::vector<std::string_view> views;
  const Replica* replica = state_->replicas.Find(id);
  if (replica == nullptr) return views;
  const NodeClient& client = *state_->Find(id);
  if (client.closing == serve::Client::Closing::kNow || HoldsReplicas(*state_)) return views;
  if (!client.out.empty()) views.emplace_back(client.out);
  if (client.out.size() >= max_bytes) return views;
  const StreamLog* log = nullptr;
  Offset from = 0;
  Offset until = 0;
  if (replica->stage == Stage::kPayload) {
    log = &replica->sync->payload;
    from = replica->payload_cursor;
    until = PayloadLimit(*replica);
  } else if (replica->stage == Stage::kOnline && !replica->held && !replica->announced.rdb_only) {
    log = &state_->stream;
    from = replica->cursor;
    until = SendLimit(*state_) + 1;
  }
  if (log == nullptr || from >= until) return views;
  const auto bytes = log->Read(from, until, max_bytes - client.out.size());
  VIGIL_CHECK(bytes.has_value());  // a cursor holds the log
  views.insert(views.end(), bytes->begin(), bytes->end());
  return views;
}

void Node::OnReplicaSent(ClientId id, std::size_t bytes, Now now) {
  NodeState& state = *state_;
  state.now = now;
  Replica* replica = state.replicas.Find(id);
  if (replica == nullptr || bytes == 0) return;
  NodeClient& client = *state.Find(id);
  state.stats.repl_output_bytes += bytes;
  const std::size_t from_out = std::min(bytes, client.out.size());
  client.out.erase(0, from_out);
  bytes -= from_out;
  replica->progress_at = now.mono;
  if (replica->stage == Stage::kOnline) replica->cursor += static_cast<Offset>(bytes);
  if (replica->stage != Stage::kPayload) return;
  replica->payload_cursor += static_cast<Offset>(bytes);
  if (replica->sync->complete && client.out.empty() && replica->payload_cursor >= PayloadLimit(*replica)) {
    PutOnline(state, *replica, now);
  } else {
    TrimPayload(state, *replica->sync);
  }
}

void Node::OnMasterConnected(LinkId link, Now now) {
  Turn turn(*state_, now);
  OnLinkConnected(*state_, link, now);
}

void Node::OnMasterBytes(LinkId link, std::string_view bytes, Now now) {
  Turn turn(*state_, now);
  state_->stats.input_bytes += bytes.size();
  OnLinkBytes(*state_, link, bytes, now);
}

void Node::OnMasterClosed(LinkId link, std::string_view reason, Now now) {
  Turn turn(*state_, now);
  OnLinkClosed(*state_, link, reason, now);
}

std::string& Node::MasterOutput() {
  return state_->master.out;
}

bool Node::WantsMasterBytes() const {
  return LinkWantsBytes(*state_);
}

bool Node::has_work() const {
  return state_->scripts.turns.suspended || PayloadWaits(*state_) || SnapshotsWait(*state_) ||
         ExpiryIsDue(*state_, state_->now) || EvictionIsDue(*state_) || DelayWorkWaits(*state_, state_->now);
}

void Node::DoWork(std::size_t budget, std::vector<SnapshotBatch>& out, Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  ContinueScript(state);
  ApplyDue(state, budget, now);
  LoadPayload(state, budget, now);
  WalkSnapshots(state, budget, out, now);
  Expire(state, now);
  if (EvictionIsDue(state)) KeepMemoryWithinLimit(state, now);
}

void Node::OnBatchDone(SnapshotId id) {
  const auto found = state_->snapshots.running.find(id);
  if (found != state_->snapshots.running.end()) --found->second.in_flight;
}

void Node::OnSnapshotChunk(SnapshotId id, std::string bytes, bool last, Now now) {
  Turn turn(*state_, now);
  OnPayloadChunk(*state_, id, bytes, last, now);
}

void Node::OnSnapshotSpilled(SnapshotId id, const base::Result<std::uint64_t>& bytes, Now now) {
  Turn turn(*state_, now);
  OnPayloadSpilled(*state_, id, bytes, now);
}

void Node::OnSaveDone(SnapshotId id, const base::Result<void>& result, Now now) {
  Turn turn(*state_, now);
  OnSaved(*state_, id, result, now);
}

void Node::OnConfigWritten(std::uint64_t ticket, const base::Result<void>& result, Now now) {
  Turn turn(*state_, now);
  AnswerConfigRewrite(*state_, ticket, result);
}

void Node::RequestShutdown(Now now) {
  Turn turn(*state_, now);
  if (state_->scripts.turns.suspended) {
    // What it has done so far is no state to be saved.
    state_->scripts.turns.shutdown_asked = true;
    if (KillScript(*state_, state_->scripts.turns.running->function).empty()) {
      state_->Say(LogLevel::kWarning, "The script that runs is ended, since the node is to shut down.");
    }
    return;
  }
  if (state_->shutdown.stage == Shutdown::Stage::kNo) BeginShutdown(*state_, Shutdown{}, now);
}

std::optional<MonoTime> Node::NextDeadline() const {
  const NodeState& state = *state_;
  std::optional<MonoTime> next;
  const auto earlier = [&](std::optional<MonoTime> at) {
    if (at) next = std::min(next.value_or(*at), *at);
  };
  earlier(WaitDeadline(state));
  earlier(state.blocked_keys.Deadline());
  earlier(ClientsDeadline(state));
  earlier(SavingDeadline(state));
  earlier(JournalDeadline(state));
  if (state.failover.stage == Failover::Stage::kWaitForSync) earlier(state.failover.until);
  if (!state.started_up) return next;
  earlier(LinkDeadline(state));
  earlier(DelayDeadline(state));
  earlier(FullSyncDeadline(state));
  earlier(ReplicasDeadline(state));
  if (MayExpire(state) && state.keyspace.NextExpiry() != data::kNever) {
    // Expiry goes by the wall clock, which may jump: far ones are looked at again once in a while.
    const std::int64_t left = state.keyspace.NextExpiry() - base::UnixMillis(state.now.wall);
    earlier(state.now.mono + base::Millis(std::clamp<std::int64_t>(left, 0, 60'000)));
  }
  return next;
}

void Node::OnDeadline(Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  CheckWaiters(state, now);
  CheckBlockedKeys(state, now);
  if (state.pause.by_client != Pause::What::kNothing && now.mono >= state.pause.client_until) CheckPause(state, now);
  CheckShutdown(state, now);
  CheckFailover(state, now);
  if (!state.started_up) return;
  CheckSavePoints(state, now);
  OnLinkDeadline(state, now);
  OnReplicasDeadline(state, now);
  BeginFullSyncs(state, now);
  Expire(state, now);
}

void Node::EndTurn(Now now) {
  NodeState& state = *state_;
  Turn turn(state, now);
  if (state.started_up) {
    BeginFullSyncs(state, now);
    CheckSavePoints(state, now);
    // A limit that has been lowered, a replica that does not leave it to its master.
    if (state.settings.maxmemory > 0) KeepMemoryWithinLimit(state, now);
    if (std::exchange(state.waiters.ask, false)) AskReplicas(state);
    FlushJournal(state, now);
    KeepStreamWithinLimits(state, now);
    KeepSnapshotsWithinLimits(state, now);
  }
  KeepClientsWithinLimit(state, now);
  if (state.keyspace.has_discarded()) state.wishes.push_back(Discard{state.keyspace.TakeDiscarded()});
}

std::vector<Wish> Node::TakeWishes() {
  return std::exchange(state_->wishes, {});
}

const Settings& Node::settings() const {
  return state_->settings;
}

}  // namespace replication
