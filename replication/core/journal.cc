#include "replication/core/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "replication/base/check.h"
#include "replication/core/full_sync.h"
#include "replication/core/master_link.h"
#include "replication/core/roles.h"
#include "replication/core/state.h"
#include "replication/data/crc64.h"

namespace replication {
namespace {

using base::LogLevel;
using Stage = Journal::Stage;

constexpr base::Millis kSyncEvery{1000};
constexpr base::Millis kRetryEvery{500};
constexpr base::Millis kRewriteRetry = base::Seconds(60);
// What is kept in memory while the disk refuses; beyond, everything is written anew when it takes again.
constexpr Offset kMaxKept = 256 << 20;
// Needed by a reply that waits for a job that is not asked for yet.
constexpr JobId kUnknown = std::numeric_limits<JobId>::max();

bool Always(const NodeState& state) {
  return state.settings.appendfsync == "always";
}
bool EverySecond(const NodeState& state) {
  return state.settings.appendfsync == "everysec";
}

bool SameHistory(const History& a, const History& b) {
  return a.replid == b.replid && a.replid2 == b.replid2 && a.second_offset == b.second_offset;
}

// Everything that was applied, in no file yet.
Journal::Mark MarkHere(const NodeState& state) {
  Journal::Mark here;
  here.through = state.applied;
  here.db = state.stream_db;
  return here;
}

// The stream's bytes (taken, applied], as a batch that begins at `position` of the file. False: they are not held.
bool MakeBatch(NodeState& state, std::uint64_t position, std::string& bytes, std::string& index, const Now& now) {
  Journal& journal = *state.journal;
  const std::size_t begin = bytes.size();
  const std::int64_t wall = base::UnixMillis(now.wall);
  IndexRecord record;
  record.position = position;
  record.offset = journal.taken.through + 1;
  record.time_ms = wall;
  if (wall / 1000 != journal.marked_second) {
    journal.marked_second = wall / 1000;
    bytes += TimeMark(wall / 1000);
    record.marks = static_cast<std::uint32_t>(bytes.size() - begin);
  }
  const auto views = state.stream.Read(journal.taken.through + 1, state.applied + 1, SIZE_MAX);
  if (!views) return false;
  for (const std::string_view view : *views) bytes += view;
  record.length = bytes.size() - begin;
  record.checksum = ChecksumOf(record, data::Crc64(0, std::string_view(bytes).substr(begin)));
  index += RenderIndexRecord(record);
  return true;
}

void NoteTaken(Journal& journal, JobId job, Offset through, int db) {
  journal.taken.job = job;
  journal.taken.through = through;
  journal.taken.db = db;
  journal.in_flight.push_back(journal.taken);
}

void Append(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  JournalAppend wish;
  if (!MakeBatch(state, journal.taken.size, wish.bytes, wish.index, now)) return;
  wish.job = ++journal.last_job;
  wish.sync = Always(state);
  journal.taken.size += wish.bytes.size();
  journal.taken.index_size += wish.index.size();
  NoteTaken(journal, wish.job, state.applied, state.stream_db);
  state.wishes.push_back(std::move(wish));
}

// A new file that begins behind `after`.
void StartFile(NodeState& state, const Journal::Mark& after, bool recovers, const Now& now) {
  Journal& journal = *state.journal;
  const bool in_use = journal.stage != Stage::kRebase;
  JournalFile file;
  file.seq = journal.next_seq++;
  file.name = IncrName(state.settings.appendfilename, file.seq);
  JournalStart wish;
  wish.job = ++journal.last_job;
  wish.file = file.name;
  wish.recovers = recovers;
  if (recovers && !after.file.empty()) wish.cut = JournalCut{after.file, after.size, after.index_size};
  journal.closed_bytes += recovers ? after.size : journal.taken.size;
  journal.head = IncrHead{state.history, after.through + 1, after.db};
  journal.marked_second = 0;
  wish.bytes = RenderIncrHead(journal.head);
  journal.taken = after;
  if (state.applied > after.through) {
    VIGIL_CHECK(MakeBatch(state, wish.bytes.size(), wish.bytes, wish.index, now));
  }
  journal.taken.file = file.name;
  journal.taken.size = wish.bytes.size();
  journal.taken.index_size = wish.index.size();
  if (in_use) {
    journal.manifest.incrs.push_back(file);
    if (journal.adopting != 0) journal.before_adopt.incrs.push_back(file);
    wish.manifest = RenderManifest(journal.manifest);
  }
  if (journal.rewrite) journal.rewrite->incrs.push_back(file);
  NoteTaken(journal, wish.job, state.applied, state.stream_db);
  state.wishes.push_back(std::move(wish));
}

// The whole data set as a base, at this moment; the file that is begun with it follows it.
bool BeginBase(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  JournalFile base;
  base.seq = journal.next_seq;
  base.name = BaseName(state.settings.appendfilename, base.seq);
  base.type = JournalFile::Type::kBase;
  SnapshotJob* job = StartSnapshot(state, journal.folder + "/" + base.name, now);
  if (job == nullptr) return false;
  ++journal.next_seq;
  journal.rewrite = Journal::Rewrite{job->id, base, {}, now.mono};
  return true;
}

void DropRewrite(NodeState& state) {
  Journal& journal = *state.journal;
  if (!journal.rewrite) return;
  if (journal.rewrite->snapshot != 0 && state.snapshots.running.erase(journal.rewrite->snapshot) > 0) {
    state.wishes.push_back(CancelSnapshot{journal.rewrite->snapshot});
  }
  journal.rewrite.reset();
}

// Everything anew: the files say something else than what we hold, or cannot be continued.
void Rebase(NodeState& state, bool recovers, const Now& now) {
  Journal& journal = *state.journal;
  DropRewrite(state);
  if (!recovers) journal.stage = Stage::kRebase;
  journal.retry_at = now.mono + kRetryEvery;
  if (!BeginBase(state, now)) return;  // too many snapshots run
  journal.stage = Stage::kRebase;
  journal.retry_at.reset();
  journal.replaced = false;
  journal.adopting = 0;
  journal.based = false;
  journal.synced = -1;
  const Journal::Mark here = MarkHere(state);
  journal.taken = here;
  StartFile(state, here, recovers, now);
  if (recovers) journal.recovering = journal.last_job;
}

void BeginRewrite(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  if (state.applied > journal.taken.through) Append(state, now);
  if (!BeginBase(state, now)) {
    journal.rewrite_scheduled = true;
    return;
  }
  journal.rewrite_scheduled = false;
  StartFile(state, journal.taken, false, now);
  state.Say(LogLevel::kNotice, "Background append only file rewriting started");
}

bool RewriteIsDue(const NodeState& state, const Now& now) {
  const Journal& journal = *state.journal;
  if (journal.rewrite || journal.adopting != 0 || state.scripts.turns.suspended) return false;
  if (state.shutdown.stage != Shutdown::Stage::kNo) return false;
  if (journal.rewrite_scheduled) return true;
  const Settings& settings = state.settings;
  if (settings.auto_aof_rewrite_percentage == 0 || journal.size() <= settings.auto_aof_rewrite_min_size) return false;
  if (journal.rewrite_not_before && now.mono < *journal.rewrite_not_before) return false;
  const std::uint64_t base = std::max<std::uint64_t>(journal.size_after_rewrite, 1);
  if (journal.size() < base) return false;
  return (journal.size() - base) * 100 / base >= settings.auto_aof_rewrite_percentage;
}

void RewriteEnded(NodeState& state, bool ok, const Now& now) {
  Journal& journal = *state.journal;
  if (journal.rewrite) journal.last_rewrite_sec = (now.mono - journal.rewrite->began_at).count() / 1000;
  journal.last_rewrite_ok = ok;
  if (ok) {
    ++journal.rewrites;
    journal.rewrites_failed = 0;
    journal.rewrite_not_before.reset();
  } else {
    ++journal.rewrites_failed;
    journal.rewrite_not_before = now.mono + kRewriteRetry;
  }
}

// Held replies whose job was not known need this one. All clients are looked at: one that was woken by a report, and
// has not had its turn since, is not in `held` and holds its replies all the same.
void ResolveUnknown(NodeState& state, JobId job) {
  for (const auto& [id, each] : state.server.clients.all()) {
    auto& client = static_cast<NodeClient&>(*each);
    for (NodeClient::ReplyMark& mark : client.reply_marks) {
      if (mark.needs == kUnknown) mark.needs = job;
    }
    if (!client.reply_marks.empty()) state.server.clients.Wake(client);
  }
}

void WakeHeld(NodeState& state) {
  for (const ClientId id : std::exchange(state.journal->held, {})) {
    if (NodeClient* client = state.Find(id)) state.server.clients.Wake(*client);
  }
}

// What only read something need not wait for a disk that refuses.
void ReleaseReads(NodeState& state) {
  for (const auto& [id, each] : state.server.clients.all()) {
    auto& client = static_cast<NodeClient&>(*each);
    const bool held = !client.reply_marks.empty();
    std::erase_if(client.reply_marks, [](const NodeClient::ReplyMark& mark) { return !mark.wrote; });
    if (held) state.server.clients.Wake(client);
  }
  WakeHeld(state);
}

void Break(NodeState& state, const std::string& why, const Now& now) {
  Journal& journal = *state.journal;
  if (journal.stage == Stage::kRebase) journal.replaced = true;  // there is no file to go on behind
  journal.stage = Stage::kBroken;
  journal.trouble = why;
  journal.recovering = 0;
  journal.adopting = 0;
  journal.in_flight.clear();
  journal.syncs.clear();
  journal.retry_at = now.mono + kRetryEvery;
  DropRewrite(state);
  if (!std::exchange(journal.warned, true)) {
    state.Say(LogLevel::kWarning,
              fmt::format("The journal cannot be written: {}. Writes are refused, and what was not written is not "
                          "acknowledged, until a new file could be begun",
                          why));
  }
  ReleaseReads(state);
}

void Recover(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  if (journal.recovering != 0 || now.mono < *journal.retry_at) return;
  auto& incrs = journal.manifest.incrs;
  const bool kept = !journal.replaced &&
                    std::ranges::find(incrs, journal.durable.file, &JournalFile::name) != incrs.end() &&
                    journal.durable.through <= state.applied && state.stream.begin() <= journal.durable.through + 1;
  if (!kept) {
    Rebase(state, true, now);
    return;
  }
  // Files behind the last durable one have nothing that counts.
  while (incrs.back().name != journal.durable.file) incrs.pop_back();
  StartFile(state, journal.durable, true, now);
  journal.recovering = journal.last_job;
}

void Recovered(NodeState& state) {
  Journal& journal = *state.journal;
  journal.recovering = 0;
  journal.retry_at.reset();
  if (journal.stage == Stage::kBroken) {
    journal.stage = Stage::kRunning;
    journal.promised = true;
    ResolveUnknown(state, journal.done_job);
  }
  if (std::exchange(journal.warned, false)) {
    state.Say(LogLevel::kWarning, "The journal can be written again: a new file is begun");
  }
}

// Everything up to `through` is on the disk.
void Synced(NodeState& state, Offset through, const Now& now) {
  Journal& journal = *state.journal;
  journal.synced = std::max(journal.synced, through);
  state.waiters.changed = state.waiters.changed || !state.waiters.waiting.empty();
  if (journal.ack_after < 0 || DurableThrough(state) < journal.ack_after) return;
  journal.ack_after = -1;
  SendAck(state, now);
}

void OnAdopted(NodeState& state, const JournalReport& report, const Now& now) {
  Journal& journal = *state.journal;
  journal.adopting = 0;
  journal.base_bytes = report.base_bytes;
  journal.size_after_rewrite = journal.size();
  journal.based = true;
  Synced(state, journal.synced, now);
  RewriteEnded(state, true, now);
  journal.rewrite.reset();
  ResolveUnknown(state, journal.done_job);
  if (!std::exchange(journal.promised, true)) {
    state.Say(LogLevel::kNotice, "The journal is complete: from now on what is acknowledged is in it");
  } else {
    state.Say(LogLevel::kNotice, "Background AOF rewrite finished successfully");
  }
}

void BeginHistoryOfOffsets(NodeState& state) {
  if (state.backlog) return;
  // Without a backlog offsets stood still while the data changed: the name that stood for them is used up.
  if (state.is_master()) state.history.Begin(state.random);
  OpenBacklog(state);
}

}  // namespace

void OpenJournal(NodeState& state, const JournalFound& found, const Now& now) {
  Journal& journal = *state.journal;
  VIGIL_CHECK(journal.stage == Stage::kOff);
  BeginHistoryOfOffsets(state);
  journal.promised = true;
  journal.manifest = found.manifest;
  journal.next_seq = found.next_seq;
  journal.base_bytes = found.base_bytes;
  journal.closed_bytes = found.bytes - std::min(found.bytes, found.base_bytes);
  journal.size_after_rewrite = found.bytes;
  journal.written = state.applied;
  if (found.manifest.incrs.empty() && !found.manifest.base) {
    journal.stage = Stage::kRebase;
    return Rebase(state, false, now);
  }
  journal.stage = Stage::kRunning;
  journal.based = true;
  journal.history_job = 1;
  const Journal::Mark here = MarkHere(state);
  journal.taken = here;
  StartFile(state, here, false, now);
}

void FollowAppendOnly(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  if (!state.started_up) return;
  if (state.settings.appendonly && journal.stage == Stage::kOff) {
    BeginHistoryOfOffsets(state);
    journal.written = state.applied;
    Rebase(state, false, now);
  } else if (!state.settings.appendonly && journal.stage != Stage::kOff) {
    if (journal.stage != Stage::kBroken) FlushJournal(state, now);
    DropRewrite(state);
    state.wishes.push_back(JournalStop{++journal.last_job});
    const JobId last = journal.last_job;
    const std::uint64_t seq = journal.next_seq;
    Journal ended = std::exchange(journal, Journal{});
    journal.last_job = journal.done_job = last;
    journal.next_seq = seq;
    journal.folder = std::move(ended.folder);
    journal.manifest = std::move(ended.manifest);  // its files go when there is a new base
    journal.held = std::move(ended.held);
    WakeHeld(state);
    state.waiters.changed = true;  // who waits for it waits in vain
    state.Say(LogLevel::kNotice, "The journal is ended: appendonly is no");
  }
}

void FlushJournal(NodeState& state, const Now& now) {
  Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff || !state.started_up) return;
  if (journal.stage == Stage::kBroken) {
    if (state.applied - journal.durable.through > kMaxKept) journal.replaced = true;
    return Recover(state, now);
  }
  // Inside a script the data are ahead of the offset. While a payload replaces the data, the files keep what they have.
  if (state.scripts.turns.suspended || state.loading.active) return;
  if (journal.stage == Stage::kRebase && !journal.rewrite && journal.adopting == 0) {
    if (!journal.retry_at || now.mono >= *journal.retry_at) Rebase(state, false, now);
    return;
  }
  if (journal.replaced || state.applied < journal.taken.through || state.stream.begin() > journal.taken.through + 1) {
    return Rebase(state, false, now);
  }
  if (!SameHistory(state.history, journal.head.history)) {
    StartFile(state, journal.taken, false, now);
    journal.history_job = journal.last_job;
  } else if (state.applied > journal.taken.through) {
    Append(state, now);
  }
  const bool is_wanted = !Always(state) && journal.wanted > journal.synced && journal.syncs.empty();
  if (is_wanted || (EverySecond(state) && now.mono >= journal.sync_at)) {
    if (!journal.syncs.empty()) {
      ++journal.delayed_syncs;
      journal.sync_at = now.mono + kSyncEvery;
    } else if (is_wanted || journal.taken.job > journal.durable.job) {
      JournalSync wish;
      wish.job = ++journal.last_job;
      // What is known to be durable already: this record may be on the disk before what is to be synced now.
      if (journal.durable.file == journal.taken.file) {
        IndexRecord record;
        record.kind = IndexRecord::Kind::kSynced;
        record.position = journal.durable.size;
        record.time_ms = base::UnixMillis(now.wall);
        record.checksum = ChecksumOf(record, 0);
        wish.index = RenderIndexRecord(record);
        journal.taken.index_size += wish.index.size();
      }
      Journal::Mark mark = journal.taken;
      mark.job = wish.job;
      journal.syncs.push_back(mark);
      journal.taken.job = wish.job;
      journal.sync_at = now.mono + kSyncEvery;
      state.wishes.push_back(std::move(wish));
    }
  }
  if (journal.stage == Stage::kRunning && RewriteIsDue(state, now)) BeginRewrite(state, now);
}

void OnJournalReport(NodeState& state, const JournalReport& report, const Now& now) {
  Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff) return;
  if (report.what == JournalReport::What::kFailed) {
    if (report.job != 0 && report.job == journal.adopting) {
      journal.adopting = 0;
      RewriteEnded(state, false, now);
      state.Say(LogLevel::kWarning, fmt::format("The rewritten journal could not be put in place: {}", report.error));
      const bool rebase = journal.before_adopt.incrs.empty() && !journal.before_adopt.base;
      journal.manifest = journal.before_adopt;
      journal.rewrite.reset();
      if (rebase || journal.stage == Stage::kRebase) {
        journal.replaced = true;
        Break(state, report.error, now);
      }
      return;
    }
    if (journal.stage == Stage::kBroken && report.job < journal.recovering) return;
    return Break(state, report.error, now);
  }
  // After a failure nothing counts but what was begun since.
  if (journal.stage == Stage::kBroken && (journal.recovering == 0 || report.job < journal.recovering)) return;
  if (report.what == JournalReport::What::kSynced) {
    while (!journal.syncs.empty() && journal.syncs.front().job <= report.job) {
      if (journal.syncs.front().job > journal.durable.job) journal.durable = journal.syncs.front();
      Synced(state, journal.syncs.front().through, now);
      journal.syncs.pop_front();
    }
    return;
  }
  journal.done_job = std::max(journal.done_job, report.job);
  const bool all_durable = !EverySecond(state);  // by fsync, or because nobody asks for one
  while (!journal.in_flight.empty() && journal.in_flight.front().job <= report.job) {
    Journal::Mark mark = std::move(journal.in_flight.front());
    journal.in_flight.pop_front();
    journal.written = std::max(journal.written, mark.through);
    const bool begun = mark.file != journal.durable.file;  // the beginning of a file is durable
    if (begun || Always(state)) Synced(state, mark.through, now);
    if (all_durable || begun) journal.durable = std::move(mark);
  }
  if (journal.recovering != 0 && report.job >= journal.recovering) Recovered(state);
  if (journal.adopting != 0 && report.job >= journal.adopting) OnAdopted(state, report, now);
  WakeHeld(state);
}

bool OnJournalBase(NodeState& state, SnapshotId id, const base::Result<void>& result, const Now& now) {
  Journal& journal = *state.journal;
  if (!journal.rewrite || journal.rewrite->snapshot != id) return false;
  state.snapshots.running.erase(id);
  journal.rewrite->snapshot = 0;
  if (!result) {
    RewriteEnded(state, false, now);
    state.Say(LogLevel::kWarning, fmt::format("Background AOF rewrite failed: {}", result.error().text));
    journal.rewrite.reset();
    if (journal.stage == Stage::kRebase) {
      journal.replaced = true;
      Break(state, result.error().text, now);
    }
    return true;
  }
  Manifest next;
  next.base = journal.rewrite->base;
  next.incrs = journal.rewrite->incrs;
  JournalAdopt wish;
  wish.job = ++journal.last_job;
  wish.base = next.base->name;
  wish.manifest = RenderManifest(next);
  wish.filename = state.settings.appendfilename;
  wish.retention = ParseRetention(state.settings.journal_retention).value_or(Retention{});
  const auto drop = [&](const JournalFile& file) {
    if (std::ranges::find(next.incrs, file.name, &JournalFile::name) != next.incrs.end()) return;
    wish.remove.push_back(file.name);
    if (file.type == JournalFile::Type::kIncr) wish.remove.push_back(IndexName(file.name));
  };
  if (journal.manifest.base) drop(*journal.manifest.base);
  for (const JournalFile& file : journal.manifest.incrs) drop(file);
  for (const JournalFile& file : journal.manifest.history) drop(file);
  journal.before_adopt = std::exchange(journal.manifest, next);
  journal.closed_bytes = 0;
  journal.adopting = wish.job;
  journal.stage = Stage::kRunning;
  state.wishes.push_back(std::move(wish));
  return true;
}

std::optional<MonoTime> JournalDeadline(const NodeState& state) {
  const Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff) return std::nullopt;
  if (journal.stage == Stage::kBroken) return journal.recovering == 0 ? journal.retry_at : std::nullopt;
  std::optional<MonoTime> next;
  if (journal.stage == Stage::kRebase && !journal.rewrite && journal.adopting == 0) return journal.retry_at;
  if (EverySecond(state) && journal.taken.job > journal.durable.job) next = journal.sync_at;
  return next;
}

Offset DurableThrough(const NodeState& state) {
  const Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff || !journal.based || journal.replaced) return -1;
  return std::min(journal.synced, state.applied);
}

void WantDurable(NodeState& state, Offset offset) {
  state.journal->wanted = std::max(state.journal->wanted, offset);
}

void AckWhenDurable(NodeState& state) {
  if (state.journal->stage == Stage::kOff) return;
  WantDurable(state, state.applied);
  state.journal->ack_after = state.applied;
}

Offset SendLimit(const NodeState& state) {
  const Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff || !journal.promised) return state.applied;
  return std::min(state.applied, journal.written);
}

bool HoldsReplicas(const NodeState& state) {
  const Journal& journal = *state.journal;
  return journal.stage == Stage::kRunning && journal.promised && journal.history_job > journal.done_job;
}

std::size_t SendableBytes(NodeState& state, NodeClient& client) {
  Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff || !journal.promised) {
    client.reply_marks.clear();
    client.marked_to = client.out.size();
    client.touched = client.wrote = false;
    return client.out.size();
  }
  if (client.out.size() > client.marked_to) {
    const bool waits = client.wrote || (client.touched && journal.stage != Stage::kBroken);
    const JobId needs = journal.stage == Stage::kRunning ? journal.last_job : kUnknown;
    if (waits && needs > journal.done_job) {
      if (client.reply_marks.empty() || client.reply_marks.back().needs != needs) {
        client.reply_marks.push_back({client.marked_to, needs, client.wrote});
      } else {
        client.reply_marks.back().wrote |= client.wrote;
      }
    }
    client.touched = client.wrote = false;
    client.marked_to = client.out.size();
  }
  while (!client.reply_marks.empty() && client.reply_marks.front().needs <= journal.done_job) {
    client.reply_marks.erase(client.reply_marks.begin());
  }
  if (client.reply_marks.empty()) return client.out.size();
  journal.held.insert(client.id);
  return client.reply_marks.front().at;
}

void OnBytesSent(NodeClient& client, std::size_t bytes) {
  client.marked_to -= std::min(bytes, client.marked_to);
  for (NodeClient::ReplyMark& mark : client.reply_marks) mark.at -= std::min(bytes, mark.at);
}

Offset JournalNeeds(const NodeState& state) {
  const Journal& journal = *state.journal;
  if (journal.stage == Stage::kOff || journal.replaced) return state.applied + 1;
  // In a rebase a failure begins everything anew; only what was not given to the edge is needed.
  const bool begun = !journal.durable.file.empty() && journal.stage != Stage::kRebase;
  return 1 + std::min(begun ? journal.durable.through : journal.taken.through, journal.taken.through);
}

std::string WhyJournalRefuses(const NodeState& state) {
  const Journal& journal = *state.journal;
  if (journal.stage != Stage::kBroken || !journal.promised) return {};
  return fmt::format("MISCONF Errors writing to the AOF file: {}", journal.trouble);
}

}  // namespace replication
