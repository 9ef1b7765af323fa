#include "replication/core/saving.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/feed.h"
#include "replication/core/journal.h"

namespace replication {
namespace {

using base::LogLevel;

// After a failed save the next attempt for a save point waits that long; after one that found no room, less.
constexpr base::Millis kRetryDelay = base::Seconds(5);
constexpr base::Millis kRoomDelay = base::Seconds(1);

std::string FilePath(const Settings& settings) {
  return settings.dir.empty() ? settings.dbfilename : settings.dir + "/" + settings.dbfilename;
}

// When the next save point that has enough changes is due.
std::optional<MonoTime> SavePointDue(const NodeState& state) {
  std::optional<MonoTime> due;
  for (const SavePoint& point : state.settings.save) {
    if (state.keyspace.dirty() < std::max<std::uint64_t>(point.changes, 1)) continue;
    // The point is reached when more than `after` has passed.
    const MonoTime at = state.saving.last_saved_mono + point.after + base::Millis(1);
    due = std::min(due.value_or(at), at);
  }
  if (due && state.saving.not_before) due = std::max(*due, *state.saving.not_before);
  return due;
}

bool MaySaveNow(const NodeState& state) {
  return state.saving.running == 0 && !state.loading.active && state.shutdown.stage == Shutdown::Stage::kNo &&
         !state.scripts.turns.suspended;
}

// Replicas that have not acknowledged all of the stream.
std::size_t LaggingReplicas(const NodeState& state) {
  return static_cast<std::size_t>(std::ranges::count_if(state.replicas.all(), [&](const auto& each) {
    const Replica& replica = each.second;
    return !replica.plain_sync && replica.stage == Replica::Stage::kOnline && replica.ack < state.shutdown.offset;
  }));
}

void EndShutdown(NodeState& state) {
  state.shutdown.stage = Shutdown::Stage::kStopping;
  state.Say(LogLevel::kWarning, "The node is now ready to exit, bye bye...");
  state.wishes.push_back(Stop{0, state.shutdown.again});
}

// It will not happen: everybody goes on.
void CancelShutdown(NodeState& state, std::string_view error, const Now& now) {
  const Shutdown ended = std::exchange(state.shutdown, Shutdown{});
  for (const ClientId id : ended.asked_by) {
    NodeClient* client = state.Find(id);
    if (client == nullptr || client->blocked != Blocked::kShutdown) continue;
    resp::ReplyWriter(client->out, client->protocol).Error(error);
    state.server.clients.Wake(*client);
    Resume(state, *client);
  }
  state.pause.by_shutdown = false;
  CheckPause(state, now);
}

void SaveBeforeStop(NodeState& state, const Now& now) {
  Shutdown& shutdown = state.shutdown;
  if (shutdown.until && !state.replicas.empty()) {
    const std::size_t lagging = LaggingReplicas(state);
    state.Say(LogLevel::kNotice, fmt::format("{} of {} replicas are in sync when shutting down.",
                                             state.replicas.size() - lagging, state.replicas.size()));
  }
  shutdown.until.reset();
  const bool save = shutdown.save || (!shutdown.nosave && !state.settings.save.empty());
  if (!save || state.loading.active) return EndShutdown(state);
  shutdown.stage = Shutdown::Stage::kSaving;
  // A replica must not pass on more than it will remember: who follows it would be ahead of it afterwards.
  if (!state.is_master()) LeaveMaster(state, now);
  state.pause.by_shutdown = true;  // what is written from here on would not be in the file
  // A save that runs is of an older moment: another one follows it.
  if (state.saving.running != 0) return;
  state.Say(LogLevel::kNotice, "Saving the final RDB snapshot before exiting.");
  std::string error = BeginSave(state, now);
  if (!error.empty()) {
    // Full syncs take all places. Those replicas lose us anyway.
    AbortSnapshot(state, state.snapshots.running.begin()->first, "the node is shutting down");
    error = BeginSave(state, now);
  }
  shutdown.saving = state.saving.running;
}

void Save(NodeState& state, NodeClient& client, const resp::Words&, const Now& now, resp::ReplyWriter& reply) {
  if (state.saving.running != 0) return reply.Error("ERR Background save already in progress");
  if (const std::string error = BeginSave(state, now); !error.empty()) return reply.Error("ERR " + error);
  // Only this client waits: everybody else is served meanwhile.
  state.saving.waiting.push_back(client.id);
  client.blocked = Blocked::kSave;
}

void BgSave(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now, resp::ReplyWriter& reply) {
  const bool schedule = words.size() == 2 && base::EqualsIgnoreCase(words[1], "schedule");
  if (words.size() > 1 && !schedule) return reply.Error("ERR syntax error");
  // Inside EXEC the data are ahead of the offset that the file would name: it begins right after.
  if (state.saving.running != 0 || client.in_exec) {
    if (!schedule && !client.in_exec) return reply.Error("ERR Background save already in progress");
    state.saving.scheduled = true;
    return reply.Simple("Background saving scheduled");
  }
  if (const std::string error = BeginSave(state, now); !error.empty()) return reply.Error("ERR " + error);
  reply.Simple("Background saving started");
}

void LastSave(NodeState& state, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Integer(base::UnixMillis(state.saving.last_saved_at) / 1000);
}

void ShutdownCommand(NodeState& state, NodeClient& client, const resp::Words& words, const Now& now,
                     resp::ReplyWriter& reply) {
  Shutdown how;
  bool abort = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = base::ToLower(words[i]);
    if (word == "save") {
      how.save = true;
    } else if (word == "nosave") {
      how.nosave = true;
    } else if (word == "now") {
      how.now = true;
    } else if (word == "force") {
      how.force = true;
    } else if (word == "abort") {
      abort = true;
    } else {
      return reply.Error("ERR syntax error");
    }
  }
  if ((abort && words.size() > 2) || (how.save && how.nosave)) return reply.Error("ERR syntax error");
  if (abort) {
    if (state.shutdown.stage != Shutdown::Stage::kWaitReplicas) return reply.Error("ERR No shutdown in progress.");
    state.Say(LogLevel::kNotice, "Shutdown manually aborted.");
    CancelShutdown(state, "ERR Errors trying to SHUTDOWN. Check logs.", now);
    return reply.Ok();
  }
  if (!how.nosave && state.scripts.turns.suspended) return reply.Error(BusyText(state.scripts.turns));
  client.blocked = Blocked::kShutdown;
  if (state.shutdown.stage != Shutdown::Stage::kNo) {
    state.shutdown.asked_by.push_back(client.id);
    if (how.now && state.shutdown.stage == Shutdown::Stage::kWaitReplicas) SaveBeforeStop(state, now);
    return;
  }
  how.asked_by = {client.id};
  BeginShutdown(state, how, now);
}

using namespace serve;

constexpr std::array kRows = {
    NodeCommand{{"bgsave",
                 -1,
                 kAdmin | kNoScript | kNoAsyncLoading,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Saves the data set to disk in the background",
                 "[SCHEDULE]"},
                &BgSave},
    NodeCommand{{"lastsave",
                 1,
                 kLoading | kStale | kFast,
                 {},
                 kCatAdmin | kCatFast | kCatDangerous,
                 "server",
                 "Returns when the data set was last saved to disk"},
                &LastSave},
    NodeCommand{{"save",
                 1,
                 kAdmin | kNoScript | kNoAsyncLoading | kNoMulti,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Saves the data set to disk and answers when it is there"},
                &Save},
    NodeCommand{{"shutdown",
                 -1,
                 kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy,
                 {},
                 kCatAdmin | kCatSlow | kCatDangerous,
                 "server",
                 "Saves the data set and ends the server",
                 "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]"},
                &ShutdownCommand},
};

}  // namespace

std::span<const NodeCommand> SavingCommands() {
  return kRows;
}

std::string BeginSave(NodeState& state, const Now& now) {
  SnapshotJob* job = StartSnapshot(state, FilePath(state.settings), now);
  if (job == nullptr) return "too many snapshots are running, try again later";
  job->dirty_at_begin = state.keyspace.dirty();
  state.saving.running = job->id;
  state.saving.scheduled = false;
  state.Say(LogLevel::kNotice, "Background saving started");
  return {};
}

void OnSaved(NodeState& state, SnapshotId id, const base::Result<void>& result, const Now& now) {
  if (OnJournalBase(state, id, result, now)) return;
  if (state.saving.running != id) return;
  const auto found = state.snapshots.running.find(id);
  const SnapshotJob job = std::move(found->second);
  state.snapshots.running.erase(found);
  state.saving.running = 0;
  state.saving.last_ok = result.has_value();
  state.saving.last_took_sec = (now.mono - job.began_at).count() / 1000;
  if (result) {
    ++state.saving.saves;
    state.saving.last_saved_at = now.wall;
    state.saving.last_saved_mono = now.mono;
    state.saving.not_before.reset();
    const std::uint64_t dirty = state.keyspace.dirty();
    state.keyspace.set_dirty(dirty - std::min(dirty, job.dirty_at_begin));
    state.Say(LogLevel::kNotice, "Background saving terminated with success");
  } else {
    state.saving.not_before = now.mono + kRetryDelay;
    state.Say(LogLevel::kWarning, fmt::format("Background saving error: {}", result.error().text));
  }
  for (const ClientId client_id : std::exchange(state.saving.waiting, {})) {
    NodeClient* client = state.Find(client_id);
    if (client == nullptr) continue;
    resp::ReplyWriter reply(client->out, client->protocol);
    if (result) {
      reply.Ok();
    } else {
      reply.Error("ERR " + result.error().text);
    }
    state.server.clients.Wake(*client);
    Resume(state, *client);
  }
  if (state.shutdown.stage != Shutdown::Stage::kSaving) return;
  if (state.shutdown.saving != id) return SaveBeforeStop(state, now);
  if (result || state.shutdown.force) return EndShutdown(state);
  state.Say(LogLevel::kWarning, "Error trying to save the DB, can't exit.");
  CancelShutdown(state, "ERR Errors trying to SHUTDOWN. Check logs.", now);
}

std::optional<MonoTime> SavingDeadline(const NodeState& state) {
  if (state.shutdown.stage == Shutdown::Stage::kWaitReplicas) return state.shutdown.until;
  if (!MaySaveNow(state)) return std::nullopt;
  if (state.saving.scheduled) return state.saving.not_before.value_or(state.now.mono);
  return SavePointDue(state);
}

void CheckSavePoints(NodeState& state, const Now& now) {
  if (!MaySaveNow(state)) return;
  const std::optional<MonoTime> due = SavingDeadline(state);
  if (!due || now.mono < *due) return;
  if (!state.saving.scheduled) {
    state.Say(LogLevel::kNotice, fmt::format("{} changes since the last save. Saving...", state.keyspace.dirty()));
  }
  if (const std::string error = BeginSave(state, now); !error.empty()) {
    state.saving.not_before = now.mono + kRoomDelay;  // full syncs take all places
  }
}

void BeginShutdown(NodeState& state, const Shutdown& how, const Now& now) {
  state.shutdown = how;
  state.Say(LogLevel::kNotice, "User requested shutdown...");
  state.shutdown.offset = state.applied;
  const base::Millis patience = state.settings.shutdown_timeout;
  if (!how.now && state.is_master() && patience.count() > 0 && LaggingReplicas(state) > 0) {
    state.Say(LogLevel::kNotice, "Waiting for replicas before shutting down.");
    state.shutdown.stage = Shutdown::Stage::kWaitReplicas;
    state.shutdown.until = now.mono + patience;
    state.pause.by_shutdown = true;
    FeedAlone(state, {"REPLCONF", "GETACK", "*"});
    return;
  }
  SaveBeforeStop(state, now);
}

void CheckShutdown(NodeState& state, const Now& now) {
  if (state.shutdown.stage != Shutdown::Stage::kWaitReplicas) return;
  if (LaggingReplicas(state) == 0 || now.mono >= *state.shutdown.until) SaveBeforeStop(state, now);
}

}  // namespace replication
