#include "replication/core/master_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/core/apply.h"
#include "replication/core/delay.h"
#include "replication/core/execute.h"
#include "replication/core/journal.h"
#include "replication/core/loss.h"
#include "replication/core/psync.h"
#include "replication/core/roles.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

using base::LogLevel;
using Stage = MasterLink::Stage;
using Step = MasterLink::Step;

constexpr base::Millis kMinBackOff{50};
constexpr base::Millis kMaxBackOff{1000};
// A step of the handshake that the master answers at once must not take longer.
constexpr base::Millis kStepPatience = base::Seconds(5);
constexpr base::Millis kAckPeriod = base::Seconds(1);
constexpr std::size_t kMaxLine = 64 << 10;
constexpr std::size_t kMaxInfo = 1 << 20;
// Received but not loaded payload beyond this stops the reading of the socket.
constexpr std::size_t kMaxQueued = 8 << 20;

bool Is(const MasterLink& link, Stage stage) {
  return link.stage == stage;
}

// The next attempt after a failure: at once when the link was up, otherwise after a growing, jittered while.
void ScheduleRetry(NodeState& state, bool was_up, const Now& now) {
  MasterLink& link = state.master;
  link.stage = Stage::kWait;
  if (was_up) {
    link.failures = 0;
    link.retry_at = now.mono;
    return;
  }
  const base::Millis ceiling = std::min(kMaxBackOff, kMinBackOff * (1 << std::min(link.failures, 5)));
  ++link.failures;
  link.retry_at = now.mono + state.random.Between(ceiling / 2, ceiling);
}

// Forgets everything about the connection. Stream bytes that were received but not applied go, too: we ask again from
// applied + 1. On a delayed replica they stay, and go on being applied when they are due.
void ForgetLink(NodeState& state) {
  MasterLink& link = state.master;
  const bool keeps = KeepsReceived(state);
  if (state.backlog && !state.is_master() && !keeps) state.stream.CutFrom(state.applied + 1);
  link.stage = Stage::kWait;
  link.link = 0;
  link.out.clear();
  link.line.clear();
  link.awaited.clear();
  link.info_left = 0;
  link.info.clear();
  if (!keeps) link.client.reset();
  link.loss.reset();
  if (link.load != nullptr) {
    // Without the old data and without the new ones we are empty, and say so.
    if (link.load->alone) state.loading.active = false;
    DiscardAll(state, link.load->keyspace);
    link.load.reset();
  }
}

// We give the connection up, or it broke.
void LoseLink(NodeState& state, std::string_view reason, bool tell_edge, const Now& now) {
  MasterLink& link = state.master;
  const bool was_up = Is(link, Stage::kConnected);
  if (Is(link, Stage::kAskedPsync) && state.failover.stage == Failover::Stage::kInProgress) {
    state.failover.asked = true;
  }
  if (tell_edge && link.link != 0) state.wishes.push_back(DisconnectMaster{link.link});
  const bool was_loading = link.load != nullptr;
  const bool is_empty = was_loading && link.load->alone;
  ForgetLink(state);
  if (was_up) {
    link.down_since = now.mono;
    state.Say(LogLevel::kNotice, fmt::format("Connection with master lost: {}", reason));
  } else if (was_loading) {
    state.Say(LogLevel::kWarning, fmt::format("MASTER <-> REPLICA sync failed: {}; {}", reason,
                                              is_empty ? "the old data are gone" : "the old data stay"));
  } else {
    // Tried again within a second at most, perhaps for days: said ever more seldom.
    const bool is_seldom = std::has_single_bit(static_cast<unsigned>(link.failures) + 1U);
    state.Say(is_seldom ? LogLevel::kNotice : LogLevel::kVerbose,
              fmt::format("Cannot follow master {}: {}", state.settings.replicaof.ToString(), reason));
  }
  ScheduleRetry(state, was_up, now);
}

void GiveUp(NodeState& state, std::string_view reason, const Now& now) {
  LoseLink(state, reason, true, now);
}

void Send(NodeState& state, std::initializer_list<std::string_view> words) {
  resp::AppendCommand(state.master.out, words);
}

// PING, AUTH and REPLCONF at once: their answers come in the same order.
void BeginHandshake(NodeState& state) {
  MasterLink& link = state.master;
  const Settings& settings = state.settings;
  const auto expect = [&](Step step) { link.awaited.push_back(step); };
  Send(state, {"PING"});
  expect(Step::kPing);
  if (!settings.masterauth.empty()) {
    if (settings.masteruser.empty()) {
      Send(state, {"AUTH", settings.masterauth});
    } else {
      Send(state, {"AUTH", settings.masteruser, settings.masterauth});
    }
    expect(Step::kAuth);
  }
  const std::uint16_t port = settings.replica_announce_port != 0 ? settings.replica_announce_port : settings.port;
  Send(state, {"REPLCONF", "listening-port", fmt::format("{}", port)});
  expect(Step::kReplconf);
  if (!settings.replica_announce_ip.empty()) {
    Send(state, {"REPLCONF", "ip-address", settings.replica_announce_ip});
    expect(Step::kReplconf);
  }
  // Masters ignore words that they do not know here; ours knows the last one.
  Send(state, {"REPLCONF", "capa", "eof", "capa", "psync2", "capa", "vigil"});
  expect(Step::kReplconf);
  // What it says decides what may be given up, and tells what is lost.
  if (HasTrailingBytes(state) || (state.resumable && state.history.is_own) || KeepsReceived(state)) {
    Send(state, {"INFO", "replication"});
    expect(Step::kInfo);
  }
  link.stage = Stage::kHandshake;
}

void AskPsync(NodeState& state) {
  MasterLink& link = state.master;
  const bool hands_over = state.failover.stage == Failover::Stage::kInProgress;
  if (const auto theirs = ParseOtherHistory(link.info); theirs && state.resumable && !KeepsReceived(state)) {
    const auto ground = WhereToGoOn(state.history, state.applied, state.data_end, *theirs);
    // Who is to take over does so for its own history only.
    if (ground && (!hands_over || ground->replid == state.history.replid)) GiveUpTrailing(state, *ground);
  }
  if (state.resumable) {
    link.partial_id = state.history.replid.hex;
    link.asked_from = AskFrom(state, link.info);
    const std::string from = fmt::format("{}", link.asked_from);
    if (hands_over) {
      Send(state, {"PSYNC", link.partial_id, from, "FAILOVER"});
    } else {
      Send(state, {"PSYNC", link.partial_id, from});
    }
    state.Say(LogLevel::kNotice,
              fmt::format("Trying a partial resynchronization (request {}:{})", link.partial_id, from));
  } else {
    link.partial_id.clear();
    Send(state, {"PSYNC", "?", "-1"});
  }
  link.stage = Stage::kAskedPsync;
}

void OnHandshakeLine(NodeState& state, std::string_view line, const Now& now) {
  MasterLink& link = state.master;
  if (line.empty()) return;
  if (line[0] == '$' && link.awaited.front() == Step::kInfo) {
    const auto length = base::ParseInt<std::uint64_t>(line.substr(1));
    if (!length || *length > kMaxInfo) return GiveUp(state, "an INFO without a sensible length", now);
    link.info_left = static_cast<std::size_t>(*length) + 2;
    return;
  }
  const Step step = link.awaited.front();
  link.awaited.pop_front();
  const bool is_error = line[0] == '-';
  if (step == Step::kPing && is_error && !line.starts_with("-NOAUTH") && !line.starts_with("-NOPERM") &&
      !line.starts_with("-ERR operation not permitted")) {
    return GiveUp(state, fmt::format("error reply to PING: '{}'", line), now);
  }
  if (step == Step::kAuth && is_error) {
    state.Say(LogLevel::kWarning, fmt::format("Unable to AUTH to MASTER: {}", line));
    return GiveUp(state, "authentication failed", now);
  }
  if (step == Step::kReplconf && is_error) {
    state.Say(LogLevel::kNotice, fmt::format("(Non critical) Master does not understand REPLCONF: {}", line));
  }
  if (link.awaited.empty()) AskPsync(state);
}

// Takes what belongs to the answer to INFO from the front of `bytes`.
void TakeInfoBytes(NodeState& state, std::string_view& bytes) {
  MasterLink& link = state.master;
  const std::size_t taken = std::min(bytes.size(), link.info_left);
  link.info.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  link.info_left -= taken;
  if (link.info_left > 0) return;
  link.awaited.pop_front();
  if (link.awaited.empty()) AskPsync(state);
}

// The stream follows from `applied` + 1 on; on a delayed replica that has kept what it received, behind that.
void BeginStream(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  if (link.client == nullptr || !KeepsReceived(state)) {
    link.client = std::make_unique<NodeClient>();
    link.client->kind = serve::ClientKind::kMaster;
    link.client->authenticated = true;
    link.client->db = state.stream_db;
    link.client->parser.set_limits(resp::RequestParser::kTrusted);
    link.stream_base = state.applied;
    OpenBacklog(state);
    state.stream.CutFrom(state.applied + 1);
    state.delay->fed = state.applied;
  }
  link.client->peer = state.settings.replicaof.ToString();
  link.stage = Stage::kConnected;
  link.failures = 0;
  link.down_since.reset();
  link.ever_connected = true;
  link.fed_by = state.settings.replicaof;
  link.refused_empty = false;
  link.ack_at = now.mono;
  state.resumable = !link.plain_sync;
}

void OnContinue(NodeState& state, std::string_view id_text, const Now& now) {
  if (state.master.partial_id.empty()) return GiveUp(state, "+CONTINUE, but we asked for everything", now);
  if (!id_text.empty()) {
    const auto id = base::ParseHexId<base::ReplicationId>(id_text);
    if (!id) return GiveUp(state, fmt::format("+CONTINUE with a malformed id '{}'", id_text), now);
    if (*id != state.history.replid) {
      state.history.Adopt(*id, state.master.asked_from - 1);
      state.Say(LogLevel::kNotice, fmt::format("Master replication ID changed to {}", id->hex));
      // They must learn the new name before they get a byte under it.
      DisconnectReplicas(state);
    }
  }
  state.master.plain_sync = false;
  OnGoesOn(state, now);
  state.Say(LogLevel::kNotice, "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
  BeginStream(state, now);
}

void OnFullResync(NodeState& state, std::string_view rest, const Now& now) {
  const std::size_t space = rest.find(' ');
  const auto id = base::ParseHexId<base::ReplicationId>(rest.substr(0, space));
  const auto offset =
      space == std::string_view::npos ? std::nullopt : base::ParseInt<Offset>(base::Trim(rest.substr(space + 1)));
  if (!id || !offset || *offset < 0) return GiveUp(state, fmt::format("malformed +FULLRESYNC '{}'", rest), now);
  MasterLink& link = state.master;
  if (PutsResyncOff(state, now)) return GiveUp(state, "its full resync is put off, for the delayed view", now);
  link.plain_sync = false;
  link.sync_id = *id;
  link.sync_offset = *offset;
  link.stage = Stage::kAskedSync;
  link.loss = WhatOnlyWeHold(state, ParseOtherHistory(link.info));
  state.Say(LogLevel::kNotice, fmt::format("Full resync from master: {}:{}", id->hex, *offset));
}

void OnPsyncLine(NodeState& state, std::string_view line, const Now& now) {
  if (line.empty()) return;  // the master is alive and thinks about it
  constexpr std::string_view kFull = "+FULLRESYNC ";
  constexpr std::string_view kContinue = "+CONTINUE";
  const bool accepted = line.starts_with(kFull) || line.starts_with(kContinue);
  if (state.failover.stage == Failover::Stage::kInProgress) {
    // It took over when it was asked before, and its answer was lost: then there is nothing to take back.
    const bool has_taken_over =
        state.failover.asked && line.starts_with("-ERR PSYNC FAILOVER can't be sent to a master");
    EndFailover(state, accepted || has_taken_over, now);
    if (has_taken_over) return GiveUp(state, "it has taken over, and is asked again as our master", now);
    if (!accepted) return;  // we are the master again
  }
  if (line.starts_with(kFull)) return OnFullResync(state, line.substr(kFull.size()), now);
  if (line.starts_with(kContinue)) return OnContinue(state, base::Trim(line.substr(kContinue.size())), now);
  if (line.starts_with("-NOMASTERLINK") || line.starts_with("-LOADING") || line[0] != '-') {
    return GiveUp(state, fmt::format("the master cannot serve us now: '{}'", line), now);
  }
  // A master that knows no PSYNC.
  state.Say(LogLevel::kNotice, fmt::format("Master does not support PSYNC or is in error state (reply: {})", line));
  MasterLink& link = state.master;
  link.plain_sync = true;
  link.sync_offset = -1;
  link.out += "SYNC\r\n";
  link.stage = Stage::kAskedSync;
}

void OnPayloadHeader(NodeState& state, std::string_view line, const Now& now) {
  if (line.empty()) return;
  if (line[0] == '-') return GiveUp(state, fmt::format("the master aborted the full sync: '{}'", line), now);
  if (line[0] != '$')
    return GiveUp(state, fmt::format("bad protocol: expected '$', got '{}'", line.substr(0, 64)), now);
  MasterLink& link = state.master;
  link.load = std::make_unique<PayloadLoad>(state.keyspace.databases(), state.random.Next());
  link.load->keyspace.set_limits(state.keyspace.limits());
  link.load->keyspace.set_usage(state.keyspace.usage());
  link.load->keyspace.set_clock(state.keyspace.clock());
  constexpr std::string_view kMarked = "$EOF:";
  if (line.starts_with(kMarked)) {
    link.load->mark = line.substr(kMarked.size());
    if (link.load->mark.size() != 40) return GiveUp(state, "the payload's mark has not 40 characters", now);
  } else {
    const auto length = base::ParseInt<std::uint64_t>(line.substr(1));
    if (!length) return GiveUp(state, fmt::format("bad payload length '{}'", line.substr(0, 64)), now);
    link.load->length = *length;
  }
  link.load->began_at = now.mono;
  link.load->newline_at = now.mono + kAckPeriod;
  link.stage = Stage::kPayload;
  state.Say(LogLevel::kNotice, "MASTER <-> REPLICA sync: receiving and loading the payload");
}

// A line of handshake or header. Which of them follow decides each line anew.
void OnLine(NodeState& state, std::string_view line, const Now& now) {
  switch (state.master.stage) {
    case Stage::kHandshake:
      return OnHandshakeLine(state, line, now);
    case Stage::kAskedPsync:
      return OnPsyncLine(state, line, now);
    case Stage::kAskedSync:
      return OnPayloadHeader(state, line, now);
    default:
      return;
  }
}

void TakeBytes(NodeState& state, std::string_view bytes, const Now& now) {
  MasterLink& link = state.master;
  const LinkId mine = link.link;
  while (!bytes.empty() && link.link == mine && mine != 0) {
    switch (link.stage) {
      case Stage::kHandshake:
      case Stage::kAskedPsync:
      case Stage::kAskedSync: {
        if (link.info_left > 0) {
          TakeInfoBytes(state, bytes);
          break;
        }
        const std::size_t end = bytes.find('\n');
        link.line.append(bytes.substr(0, end));
        if (link.line.size() > kMaxLine) return GiveUp(state, "an endless line in the handshake", now);
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        std::string line = std::exchange(link.line, {});
        if (!line.empty() && line.back() == '\r') line.pop_back();
        OnLine(state, line, now);
        break;
      }
      case Stage::kPayload:
        link.load->queue.emplace_back(bytes);
        link.load->queued += bytes.size();
        return;
      case Stage::kConnected:
        return ApplyStream(state, bytes, now);
      default:
        return;
    }
  }
}

// The old data go.
void SayWhatIsLost(NodeState& state) {
  const std::optional<Loss> loss = std::exchange(state.master.loss, std::nullopt);
  if (!loss) return;
  state.stats.repl_lost_writes += loss->writes.value_or(0);
  state.stats.repl_lost_bytes += static_cast<std::uint64_t>(loss->last - loss->first + 1);
  state.Say(LogLevel::kWarning, fmt::format("This full sync discards {}; it is at {}:{}", DescribeLoss(*loss),
                                            state.master.sync_id.hex, state.master.sync_offset));
}

// repl-diskless-load flush-before-load: room for the new data, from the first of them on. Until then a payload that is
// no payload, or that holds nothing, does no harm. Whoever asks meanwhile is told that we are loading.
void MakeRoomForLoad(NodeState& state, const Now& now) {
  PayloadLoad& load = *state.master.load;
  if (load.alone || load.reader.facts().keys_loaded == 0) return;
  load.alone = true;
  SayWhatIsLost(state);
  DisconnectReplicas(state);  // their history ends here
  DiscardAll(state, state.keyspace);
  state.history.Begin(state.random);
  state.history.is_own = false;  // nobody has written under it
  state.resumable = false;
  state.applied = 0;
  state.DataEndsHere();
  state.backlog = true;
  state.stream.Restart(1);
  state.master.client.reset();
  ForgetPending(state);
  state.loading.active = true;
  state.journal->replaced = true;
  state.loading.total_bytes = load.length.value_or(0);
  state.loading.began_at = now.wall;
  state.loading.began_mono = now.mono;
  state.Say(LogLevel::kNotice, "MASTER <-> REPLICA sync: the old data are discarded before the new ones are loaded");
}

// The payload is complete and in place of nothing yet: now it is.
void FinishLoad(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  if (const auto loaded = UseFunctions(state, link.load->keyspace.functions()); !loaded) {
    return GiveUp(state, fmt::format("a library of functions does not load: {}", loaded.error().text), now);
  }
  SayWhatIsLost(state);
  const std::unique_ptr<PayloadLoad> load = std::move(link.load);
  if (load->alone) state.loading.active = false;
  DisconnectReplicas(state);  // their history ends here
  state.journal->replaced = true;
  state.keyspace.SwapContents(load->keyspace);
  DiscardAll(state, load->keyspace);
  const data::RdbFacts& facts = load->reader.facts();
  if (link.plain_sync) {
    state.history.Begin(state.random);
  } else {
    state.history.Replace(link.sync_id);
    state.applied = link.sync_offset;
  }
  state.backlog = true;
  state.stream.Restart(state.applied + 1);
  link.client.reset();
  ForgetPending(state);
  const auto stream_db = facts.aux.find("repl-stream-db");
  const int db = stream_db == facts.aux.end() ? 0 : base::ParseInt<int>(stream_db->second).value_or(0);
  state.stream_db = std::clamp(db, 0, state.keyspace.databases() - 1);
  TakeDataEnd(state, facts);
  state.keyspace.set_dirty(state.keyspace.dirty() + 1);  // the file on disk is of another history
  if (!state.settings.save.empty()) state.saving.scheduled = true;
  state.Say(LogLevel::kNotice, fmt::format("MASTER <-> REPLICA sync: Finished with success: {} keys, offset {}",
                                           facts.keys_loaded, state.applied));
  BeginStream(state, now);
  SendAck(state, now);  // the master holds the stream until it hears from us
  const LinkId mine = link.link;
  for (const std::string& bytes : load->queue) {
    if (link.link == mine && Is(link, Stage::kConnected)) ApplyStream(state, bytes, now);
  }
}

// Takes up to `limit` bytes from the front of the queue.
std::string TakeQueued(PayloadLoad& load, std::size_t limit) {
  std::string bytes;
  if (!load.queue.empty() && load.queue.front().size() <= limit) {
    bytes = std::move(load.queue.front());
    load.queue.pop_front();
  } else if (!load.queue.empty()) {
    bytes = load.queue.front().substr(0, limit);
    load.queue.front().erase(0, limit);
  }
  load.queued -= bytes.size();
  return bytes;
}

void PutBack(PayloadLoad& load, std::string_view bytes) {
  if (bytes.empty()) return;
  load.queue.emplace_front(bytes);
  load.queued += bytes.size();
}

// After the last byte of the snapshot: what must come before the stream. False: more bytes are needed.
base::Result<bool> EndOfPayload(PayloadLoad& load) {
  if (load.length) {
    if (load.received != *load.length) {
      return base::Fail(base::ErrorCode::kInvalid,
                        fmt::format("the snapshot ends after {} of {} announced bytes", load.received, *load.length));
    }
    return true;
  }
  if (load.queued < load.mark.size()) return false;
  std::string mark;
  while (mark.size() < load.mark.size()) mark += TakeQueued(load, load.mark.size() - mark.size());
  if (mark != load.mark) return base::Fail(base::ErrorCode::kInvalid, "the payload does not end with its mark");
  return true;
}

// The payload is complete. True: it is not taken, and the link given up; it is tried again with growing pauses, until
// the master is another one or the operator allows it.
bool RefuseEmptyMaster(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  if (link.plain_sync || state.settings.replica_accept_empty_master) return false;
  const OfferedSync offer{link.sync_id.hex, link.sync_offset, link.load->reader.facts().keys_loaded,
                          state.settings.replicaof == link.fed_by};
  const auto why = WhyNotAcceptSync(state.history, state.applied, state.keyspace.TotalSize(), offer);
  if (!why) return false;
  if (!link.refused_empty) {
    state.Say(LogLevel::kWarning,
              fmt::format("Full resync refused: {}. Our data stay. Promote this node, or let them go with "
                          "CONFIG SET replica-accept-empty-master yes",
                          *why));
  }
  link.refused_empty = true;
  GiveUp(state, "its full resync was refused, since it is empty", now);
  return true;
}

bool MayRetry(const NodeState& state) {
  const bool strict = !state.master.stopped_by.empty() && state.settings.replica_strict_stream;
  const auto put_off = ResyncPutOffUntil(state);
  if (put_off && state.now.mono < *put_off) return false;
  return !strict && state.shutdown.stage == Shutdown::Stage::kNo;
}

std::optional<MonoTime> Patience(const NodeState& state) {
  const MasterLink& link = state.master;
  const base::Millis timeout = state.settings.repl_timeout;
  switch (link.stage) {
    case Stage::kNone:
    case Stage::kWait:
      return std::nullopt;
    case Stage::kConnecting:
    case Stage::kHandshake:
      return link.last_io_at + std::min(timeout, kStepPatience);
    case Stage::kPayload:
      // While we do not read, the master's silence is our own.
      if (PayloadWaits(state)) return std::nullopt;
      return link.last_io_at + timeout;
    case Stage::kAskedPsync:
    case Stage::kAskedSync:
    case Stage::kConnected:
      return link.last_io_at + timeout;
  }
  return std::nullopt;
}

}  // namespace

MasterLink::MasterLink() = default;
MasterLink::~MasterLink() = default;

std::string_view LinkStateName(const MasterLink& link) {
  switch (link.stage) {
    case Stage::kNone:
      return "none";
    case Stage::kWait:
      return "connect";
    case Stage::kConnecting:
      return "connecting";
    case Stage::kHandshake:
    case Stage::kAskedPsync:
      return "handshake";
    case Stage::kAskedSync:
    case Stage::kPayload:
      return "sync";
    case Stage::kConnected:
      return "connected";
  }
  return "none";
}

void ConnectToMaster(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  VIGIL_CHECK(link.link == 0);
  link.stopped_by.clear();
  link.link = ++link.last_link;
  link.stage = Stage::kConnecting;
  link.last_io_at = now.mono;
  state.wishes.push_back(ConnectMaster{link.link, state.settings.replicaof});
}

void OnLinkConnected(NodeState& state, LinkId id, const Now& now) {
  MasterLink& link = state.master;
  if (link.link != id || !Is(link, Stage::kConnecting)) return;
  link.last_io_at = now.mono;
  BeginHandshake(state);
}

void OnLinkBytes(NodeState& state, LinkId id, std::string_view bytes, const Now& now) {
  if (state.master.link != id || id == 0) return;
  state.master.last_io_at = now.mono;
  TakeBytes(state, bytes, now);
}

void OnLinkClosed(NodeState& state, LinkId id, std::string_view reason, const Now& now) {
  if (state.master.link != id || id == 0) return;
  // The payload may have been complete without having been loaded.
  while (Is(state.master, Stage::kPayload) && PayloadWaits(state) && !state.scripts.turns.suspended) {
    LoadPayload(state, std::size_t{1} << 20, now);
  }
  if (state.master.link == id) LoseLink(state, reason, false, now);
}

void CutMasterLink(NodeState& state, std::string_view reason, const Now& now) {
  if (state.master.link != 0) GiveUp(state, reason, now);
}

// What was received behind `applied` cannot be applied.
static void GiveUpReceived(NodeState& state) {
  if (state.backlog) state.stream.CutFrom(state.applied + 1);
  ForgetPending(state);
}

void OnStreamBroken(NodeState& state, const Now& now) {
  GiveUpReceived(state);
  GiveUp(state, "its stream is not RESP", now);
}

void StopLink(NodeState& state, std::string_view command, const Now& now) {
  ++state.stats.repl_unknown_commands;
  std::string name(command.substr(0, 128));
  std::ranges::replace_if(
      name, [](char c) { return c < ' ' || c > '~'; }, '?');
  state.Say(
      LogLevel::kWarning,
      fmt::format("== CRITICAL == The master's stream holds a command that this node cannot apply: '{}'. It is not "
                  "left out (replica-strict-stream yes): the link stays down after offset {} until there is another "
                  "master, or CONFIG SET replica-strict-stream no",
                  name, state.applied));
  GiveUpReceived(state);
  GiveUp(state, "it sent an unknown command", now);
  state.master.stopped_by = name;
}

void LeaveMaster(NodeState& state, const Now& now) {
  if (state.master.link != 0) GiveUp(state, "this node shuts down", now);
}

void DropMasterLink(NodeState& state, const Now&) {
  MasterLink& link = state.master;
  if (link.link != 0) state.wishes.push_back(DisconnectMaster{link.link});
  ForgetLink(state);
  link.stage = Stage::kNone;
  link.down_since.reset();
  link.failures = 0;
}

void LoadPayload(NodeState& state, std::size_t budget, const Now& now) {
  if (!PayloadWaits(state) || state.scripts.turns.suspended) return;
  PayloadLoad& load = *state.master.load;
  if (!load.reader.complete()) {
    std::size_t limit = budget;
    if (load.length) limit = static_cast<std::size_t>(std::min<std::uint64_t>(limit, *load.length - load.received));
    if (limit == 0) return GiveUp(state, "the payload is longer than announced", now);
    const std::string bytes = TakeQueued(load, limit);
    const auto taken = load.reader.Feed(bytes);
    if (!taken) return GiveUp(state, fmt::format("the payload is damaged: {}", taken.error().text), now);
    load.received += *taken;
    PutBack(load, std::string_view(bytes).substr(*taken));
    if (state.settings.repl_diskless_load == "flush-before-load") MakeRoomForLoad(state, now);
  }
  if (!load.reader.complete()) return;
  const auto ended = EndOfPayload(load);
  if (!ended) return GiveUp(state, ended.error().text, now);
  if (*ended && !RefuseEmptyMaster(state, now)) FinishLoad(state, now);
}

bool PayloadWaits(const NodeState& state) {
  const MasterLink& link = state.master;
  if (!Is(link, Stage::kPayload)) return false;
  if (!link.load->reader.complete()) return link.load->queued > 0;
  return link.load->length || link.load->queued >= link.load->mark.size();
}

void SendAck(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  if (!Is(link, Stage::kConnected) || link.plain_sync) return;
  const std::string applied = fmt::format("{}", state.applied);
  const Offset durable = DurableThrough(state);
  if (durable < 0) {
    Send(state, {"REPLCONF", "ACK", applied});
  } else {
    // Masters before Redis 7.2 do not look at what follows.
    Send(state, {"REPLCONF", "ACK", applied, "FACK", fmt::format("{}", durable)});
  }
  link.ack_at = now.mono + kAckPeriod;
}

bool LinkWantsBytes(const NodeState& state) {
  if (state.master.deaf) return false;
  return !Is(state.master, Stage::kPayload) || state.master.load->queued < kMaxQueued;
}

std::optional<MonoTime> LinkDeadline(const NodeState& state) {
  const MasterLink& link = state.master;
  std::optional<MonoTime> next = Patience(state);
  const auto earlier = [&](MonoTime at) { next = std::min(next.value_or(at), at); };
  if (Is(link, Stage::kWait) && MayRetry(state)) earlier(link.retry_at);
  if (const auto until = ResyncPutOffUntil(state); until && *until != MonoTime::max()) earlier(*until);
  if (Is(link, Stage::kConnected) && !link.plain_sync) earlier(link.ack_at);
  if (Is(link, Stage::kPayload)) earlier(link.load->newline_at);
  return next;
}

void OnLinkDeadline(NodeState& state, const Now& now) {
  MasterLink& link = state.master;
  if (Is(link, Stage::kWait)) {
    if (MayRetry(state) && now.mono >= link.retry_at) ConnectToMaster(state, now);
    return;
  }
  if (const auto patience = Patience(state); patience && now.mono >= *patience) {
    return GiveUp(state,
                  Is(link, Stage::kConnected) ? "MASTER timeout: no data nor PING received..."
                                              : "timeout: the master does not answer",
                  now);
  }
  if (Is(link, Stage::kConnected) && now.mono >= link.ack_at) SendAck(state, now);
  if (Is(link, Stage::kPayload) && now.mono >= link.load->newline_at) {
    link.out += "\n";
    link.load->newline_at = now.mono + kAckPeriod;
  }
}

}  // namespace replication
