#include "tests/sim/node_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/core/invariants.h"
#include "replication/core/journal.h"
#include "replication/core/journal_format.h"
#include "replication/core/journal_scan.h"
#include "replication/resp/reply_writer.h"

namespace sim {

using base::Millis;
using replication::ClientId;
using replication::JournalReport;

namespace {

constexpr std::size_t kWorkPiece = 4096;
constexpr Millis kFsync{1};
constexpr Millis kGap{100};      // without a word from its master
constexpr Millis kFullAgain{2};  // when it is looked whether a socket has room again

// "REPLCONF ACK 100" becomes an acknowledgement of what is not there yet.
void AckMore(std::string& bytes) {
  static constexpr std::string_view kAck = "$3\r\nACK\r\n$";
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t found = bytes.find(kAck, at);
    if (found == std::string::npos) break;
    const std::size_t number = bytes.find("\r\n", found + kAck.size()) + 2;
    const std::size_t end = bytes.find("\r\n", number);
    const auto offset = base::ParseInt<std::int64_t>(std::string_view(bytes).substr(number, end - number)).value_or(0);
    const std::string more = fmt::format("{}", offset + 2000);
    out += fmt::format("{}{}{}\r\n{}", bytes.substr(at, found - at), kAck, more.size(), more);
    at = end;
  }
  bytes = out + bytes.substr(at);
}

// What a client's PSYNC asks for, by the mutation.
std::string SpoilPsync(NodeMutation mutation, const replication::NodeState& state, std::string_view bytes) {
  std::string text(bytes);
  const std::size_t found = text.find("PSYNC\r\n$40\r\n");
  if (found == std::string::npos) return text;
  const std::size_t id = found + 12;
  if (mutation == NodeMutation::kHistoryUnchecked) text.replace(id, 40, state.history.replid.hex);
  if (mutation == NodeMutation::kPartialTooFar) {
    const std::size_t size = id + 43;  // behind "$"
    const std::size_t number = text.find("\r\n", size) + 2;
    const std::size_t end = text.find("\r\n", number);
    if (number == 1 || end == std::string::npos) return text;
    const auto from = base::ParseInt<std::int64_t>(std::string_view(text).substr(number, end - number));
    if (!from || *from + 300 > state.applied) return text;
    const std::string more = fmt::format("{}", *from + 300);
    text.replace(size, end - size, fmt::format("{}\r\n{}", more.size(), more));
  }
  return text;
}

}  // namespace

NodeProcess::NodeProcess(EventQueue& queue, Network& network, base::Random& random, NodeWatcher& watcher,
                         std::string name)
    : queue_(queue), network_(network), random_(random), watcher_(watcher), name_(std::move(name)) {}

NodeProcess::~NodeProcess() = default;

base::Now NodeProcess::Clock() const {
  return {queue_.now(),
          base::FromUnixMillis(1'700'000'000'000 + queue_.now().time_since_epoch().count()) + wall_clock_off};
}

std::string NodeProcess::Folder() const {
  return saved_.dir + "/" + saved_.appenddirname;
}

// ---- Life and death.

void NodeProcess::Start(HostId self, replication::Settings settings) {
  self_ = self;
  saved_ = std::move(settings);
  saved_.port = kVigilNodePort;
  saved_.dir = "/data";
  Boot();
}

void NodeProcess::Boot() {
  ++life_;
  loaded_ = false;
  node_ = std::make_unique<replication::Node>(saved_, random_.Next(), log_, *this, Clock());
  replication::Manifest manifest;
  std::uint64_t next_seq = 1;
  const std::string& text = disk.Read(Folder() + "/" + replication::ManifestName(saved_.appendfilename));
  if (!text.empty()) {
    const auto parsed = replication::ParseManifest(text);
    if (!parsed) return Refuse("the manifest: " + parsed.error().text);
    manifest = *parsed;
  }
  for (const std::string& file : disk.List(Folder())) {
    const std::string rest = file.substr(std::min(file.size(), saved_.appendfilename.size() + 1));
    if (const auto seq = base::ParseInt<std::uint64_t>(rest.substr(0, rest.find('.')))) {
      next_seq = std::max(next_seq, *seq + 1);
    }
  }
  (*node_).KnowJournalFolder(Folder(), manifest, next_seq);
  if (saved_.appendonly && !text.empty()) {
    LoadJournal(manifest, next_seq);
  } else if (disk.Has(saved_.dir + "/" + saved_.dbfilename)) {
    const std::string file = disk.Read(saved_.dir + "/" + saved_.dbfilename);
    node_->BeginLoading(file.size(), Clock());
    const auto taken = node_->OnLoadBytes(file, Clock());
    if (!taken) return Refuse("the data file: " + taken.error().text);
    ends_loading_ = [this] { return node_->EndLoading(Clock()); };
  } else if (saved_.appendonly) {
    // Begun, and never put to use.
    for (const std::string& file : disk.List(Folder())) disk.Remove(Folder() + "/" + file);
  }
  if (!running()) return;
  if (!ends_loading_) return FinishLoading();
  // Clients hear -LOADING until then.
  network_.After(self_, random_.Between(Millis(0), Millis(100)), [this] { FinishLoading(); });
}

void NodeProcess::Refuse(const std::string& why) {
  Forget();
  network_.Crash(self_, false);
  watcher_.OnRefusal(*this, why);
}

void NodeProcess::LoadJournal(const replication::Manifest& manifest, std::uint64_t next_seq) {
  replication::JournalFound found;
  found.manifest = manifest;
  found.next_seq = next_seq;
  std::vector<std::pair<std::string, std::optional<replication::IncrVerdict>>> parts;
  if (manifest.base) {
    parts.emplace_back(manifest.base->name, std::nullopt);
    found.base_bytes = disk.Size(Folder() + "/" + manifest.base->name);
    found.bytes += found.base_bytes;
  }
  for (const replication::JournalFile& file : manifest.incrs) {
    const std::string path = Folder() + "/" + file.name;
    const std::string index = replication::IndexName(path);
    replication::IncrScanner scanner(disk.Has(index) ? std::optional(disk.Read(index)) : std::nullopt);
    scanner.Feed(disk.Read(path));
    replication::IncrVerdict verdict = scanner.Finish();
    if (verdict.damage) return Refuse(fmt::format("'{}': {}", file.name, *verdict.damage));
    if (verdict.good < verdict.size && &file != &manifest.incrs.back()) {
      return Refuse(fmt::format("'{}' ends in the middle and is not the last file", file.name));
    }
    disk.Cut(path, verdict.good);
    if (verdict.head) disk.Cut(index, verdict.index_good);
    found.bytes += verdict.good;
    parts.emplace_back(file.name, std::move(verdict));
  }
  node_->BeginJournalLoading(found.bytes, Clock());
  for (const auto& [name, verdict] : parts) {
    node_->OnJournalFile(name, verdict ? &*verdict : nullptr);
    const auto taken = node_->OnJournalBytes(disk.Read(Folder() + "/" + name), Clock());
    if (!taken) return Refuse(fmt::format("'{}': {}", name, taken.error().text));
    if (const auto ended = node_->EndJournalFile(Clock()); !ended) {
      return Refuse(fmt::format("'{}': {}", name, ended.error().text));
    }
  }
  ends_loading_ = [this, found] { return node_->EndJournalLoading(found, Clock()); };
}

void NodeProcess::FinishLoading() {
  if (const auto end = std::exchange(ends_loading_, {})) {
    if (const auto ended = end(); !ended) return Refuse("what it loads: " + ended.error().text);
  }
  replication::NodeState& state = node_->state();
  if (saved_.appendonly && state.journal->stage == replication::Journal::Stage::kOff) node_->BeginJournal(Clock());
  if (mutation == NodeMutation::kNameKeptAtRestart && state.is_master() &&
      last_history_.replid.hex == state.history.replid2.hex) {
    state.history = last_history_;
  }
  loaded_ = true;
  node_->Start(Clock());
  was_master_ = state.is_master();
  promotions_ += was_master_;
  Turn();
}

void NodeProcess::Forget() {
  last_history_ = node_->state().history;
  node_.reset();
  loaded_ = false;
  ends_loading_ = {};
  hears_since_.reset();
  connections_.clear();
  wires_.clear();
  master_link_ = 0;
  master_unread_.clear();
  encodings_.clear();
  batches_.clear();
  journal_ = {};
  worker_free_at_ = journal_free_at_ = syncer_free_at_ = {};
  wake_at_.reset();
}

void NodeProcess::Kill() {
  VIGIL_CHECK(!in_turn_);
  Forget();
  network_.Crash(self_, false);
}

void NodeProcess::LosePower() {
  VIGIL_CHECK(!in_turn_);
  Forget();
  network_.Crash(self_, true);
  disk.LosePower(random_);
}

void NodeProcess::Restart(bool with_data) {
  if (!with_data) disk = NodeDisk();
  network_.Restart(self_);
  Boot();
}

void NodeProcess::Tell(const std::vector<std::string>& words) {
  const ClientId client = node_->OnClient("127.0.0.1:1", "127.0.0.1:6379", Clock());
  std::string bytes;
  resp::AppendCommand(bytes, std::vector<std::string_view>(words.begin(), words.end()));
  node_->OnClientBytes(client, bytes, Clock());
  network_.After(self_, Millis(200), [this, client] {
    if (node_->clients().Find(client) == nullptr) return;
    node_->OnClientGone(client, Clock());
    Turn();
  });
  Turn();
}

std::string NodeProcess::Ask(int db, const std::vector<std::string>& words) {
  const ClientId client = node_->OnClient("127.0.0.1:2", "127.0.0.1:6379", Clock());
  std::string bytes;
  resp::AppendCommand(bytes, {"SELECT", fmt::format("{}", db)});
  resp::AppendCommand(bytes, std::vector<std::string_view>(words.begin(), words.end()));
  node_->OnClientBytes(client, bytes, Clock());
  std::string reply = node_->clients().Find(client)->out;
  node_->OnClientGone(client, Clock());
  return reply.starts_with("+OK\r\n") ? reply.substr(5) : reply;
}

// ---- What the network brings.

replication::HostFacts NodeProcess::Facts() {
  replication::HostFacts facts;
  facts.config_file = "/etc/node.conf";
  return facts;
}

HostId NodeProcess::master() const {
  constexpr HostId kNowhere = 1 << 20;  // one that nobody has
  const base::Endpoint& to = running() ? state().settings.replicaof : saved_.replicaof;
  if (to.empty()) return -1;
  const HostId host = to.port == kVigilNodePort ? network_.HostOf(to.host) : -1;
  return host < 0 ? kNowhere : host;
}

std::optional<base::MonoTime> NodeProcess::hears_since() const {
  if (!link_up() || queue_.now() - heard_at_ > kGap) return std::nullopt;
  return hears_since_;
}

void NodeProcess::OnAccepted(WireId wire, HostId from) {
  const ClientId client = node_->OnClient(fmt::format("{}:{}", Network::AddressOf(from), 10000 + wire % 50000),
                                          fmt::format("{}:{}", Network::AddressOf(self_), kVigilNodePort), Clock());
  connections_[wire].client = client;
  wires_[client] = wire;
  Turn();
}

void NodeProcess::OnConnected(WireId wire, bool ok) {
  if (master_link_ == 0 || wire != master_wire_) return network_.Close(wire, Side::kOpener);
  if (ok) {
    node_->OnMasterConnected(master_link_, Clock());
  } else {
    node_->OnMasterClosed(std::exchange(master_link_, 0), "connection refused", Clock());
  }
  Turn();
}

void NodeProcess::OnBytes(WireId wire, std::string_view bytes) {
  if (master_link_ != 0 && wire == master_wire_) {
    if (!hears_since_ || queue_.now() - heard_at_ > kGap) hears_since_ = queue_.now();
    heard_at_ = queue_.now();
    master_unread_ += bytes;
    ReadUnread();
    return Turn();
  }
  const auto found = connections_.find(wire);
  if (found == connections_.end()) return;
  const bool spoils = mutation == NodeMutation::kHistoryUnchecked || mutation == NodeMutation::kPartialTooFar;
  found->second.unread += spoils ? SpoilPsync(mutation, node_->state(), bytes) : std::string(bytes);
  ReadUnread();
  Turn();
}

void NodeProcess::OnClosed(WireId wire) {
  if (master_link_ != 0 && wire == master_wire_) {
    // What had arrived is read first.
    while (!master_unread_.empty() && master_link_ != 0 && node_->WantsMasterBytes()) ReadUnread();
    master_unread_.clear();
    if (master_link_ != 0) {
      node_->OnMasterClosed(std::exchange(master_link_, 0), "connection reset by peer", Clock());
    }
    return Turn();
  }
  const auto found = connections_.find(wire);
  if (found == connections_.end()) return;
  const ClientId client = found->second.client;
  connections_.erase(found);
  wires_.erase(client);
  node_->OnClientGone(client, Clock());
  Turn();
}

void NodeProcess::ReadUnread() {
  const replication::LinkId link = master_link_;
  while (!master_unread_.empty() && link != 0 && master_link_ == link && node_->WantsMasterBytes()) {
    const std::string piece = master_unread_.substr(0, read_piece);
    master_unread_.erase(0, piece.size());
    node_->OnMasterBytes(link, piece, Clock());
  }
  for (auto& [wire, connection] : connections_) {
    while (!connection.unread.empty() && node_->WantsBytes(connection.client)) {
      const std::string piece = connection.unread.substr(0, read_piece);
      connection.unread.erase(0, piece.size());
      node_->OnClientBytes(connection.client, piece, Clock());
    }
  }
}

// ---- Turns.

void NodeProcess::Turn() {
  if (in_turn_ || !running()) return;
  in_turn_ = true;
  // What wakes a turn again within it takes another round, as the edge's loop would.
  Work();
  node_->EndTurn(Clock());
  for (const replication::Wish& wish : node_->TakeWishes()) Obey(wish);
  for (replication::SnapshotBatch& batch : batches_) Encode(std::move(batch));
  batches_.clear();
  replication::NodeState& state = node_->state();
  if (mutation == NodeMutation::kNameKept && loaded_ && state.is_master() && !was_master_) {
    state.history.replid = last_history_.replid;
  }
  promotions_ += state.is_master() && !was_master_;
  was_master_ = state.is_master();
  last_history_ = state.history;
  SendToMaster();
  SendToReplicas();
  SendToClients();
  for (const replication::Wish& wish : node_->TakeWishes()) Obey(wish);
  in_turn_ = false;
  watcher_.OnTurn(*this);
  Sleep();
}

void NodeProcess::Work() {
  if (const auto deadline = node_->NextDeadline(); deadline && *deadline <= queue_.now()) node_->OnDeadline(Clock());
  if (node_->has_work()) node_->DoWork(kWorkPiece, batches_, Clock());
  ReadUnread();
}

void NodeProcess::Sleep() {
  std::optional<base::MonoTime> next = node_->NextDeadline();
  const auto by = [&next](base::MonoTime at) { next = std::min(next.value_or(at), at); };
  if (node_->has_work()) by(queue_.now() + Millis(1));
  for (const ClientId id : node_->ReplicasWithOutput()) {
    static_cast<void>(id);
    by(queue_.now() + kFullAgain);
  }
  if (!next || (wake_at_ && *wake_at_ <= *next && *wake_at_ > queue_.now())) return;
  wake_at_ = std::max(*next, queue_.now() + Millis(1));
  network_.After(self_, *wake_at_ - queue_.now(), [this] {
    wake_at_.reset();
    Turn();
  });
}

void NodeProcess::On(base::MonoTime& thread_free_at, Millis takes, std::function<void()> what) {
  thread_free_at = std::max(thread_free_at, queue_.now()) + takes;
  network_.After(self_, thread_free_at - queue_.now(), [this, what = std::move(what)] {
    what();
    Turn();
  });
}

void NodeProcess::Obey(const replication::Wish& wish) {
  if (const auto* connect = std::get_if<replication::ConnectMaster>(&wish)) {
    VIGIL_CHECK(master_link_ == 0);
    master_link_ = connect->link;
    master_unread_.clear();
    master_wire_ = network_.Open(self_, connect->to.port == kVigilNodePort ? connect->to.host : "nowhere");
  } else if (const auto* disconnect = std::get_if<replication::DisconnectMaster>(&wish)) {
    if (master_link_ != disconnect->link) return;
    master_link_ = 0;
    master_unread_.clear();
    network_.Close(master_wire_, Side::kOpener);
  } else if (const auto* begin = std::get_if<replication::BeginSnapshot>(&wish)) {
    Encoding& encoding = encodings_
                             .emplace(begin->id, Encoding{.file = begin->spill ? std::string() : begin->file,
                                                          .encoder = data::RdbEncoder(begin->options),
                                                          .bytes = {},
                                                          .spill = begin->spill})
                             .first->second;
    encoding.encoder.Begin(begin->head, begin->functions, begin->databases, encoding.bytes);
  } else if (const auto* spill = std::get_if<replication::SpillSnapshot>(&wish)) {
    if (const auto found = encodings_.find(spill->id); found != encodings_.end()) found->second.spill = true;
  } else if (const auto* read = std::get_if<replication::ReadSnapshot>(&wish)) {
    if (const auto found = encodings_.find(read->id); found != encodings_.end()) ++found->second.asked;
    On(worker_free_at_, worker_takes, [this] { GiveSpilled(); });
  } else if (const auto* cancel = std::get_if<replication::CancelSnapshot>(&wish)) {
    encodings_.erase(cancel->id);
  } else if (const auto* write = std::get_if<replication::WriteConfig>(&wish)) {
    network_.After(self_, random_.Between(Millis(1), Millis(4)), [this, ticket = write->ticket] {
      base::Result<void> result;
      if (disk.full) {
        result = base::Fail(base::ErrorCode::kIo, "No space left on device");
      } else {
        saved_ = node_->settings();
      }
      node_->OnConfigWritten(ticket, result, Clock());
      Turn();
    });
  } else if (const auto* stop = std::get_if<replication::Stop>(&wish)) {
    static_cast<void>(stop);
    network_.After(self_, Millis(5), [this] { Kill(); });
  } else if (const auto* start = std::get_if<replication::JournalStart>(&wish)) {
    Journal(*start);
  } else if (const auto* append = std::get_if<replication::JournalAppend>(&wish)) {
    Journal(*append);
  } else if (const auto* sync = std::get_if<replication::JournalSync>(&wish)) {
    Journal(*sync);
  } else if (const auto* adopt = std::get_if<replication::JournalAdopt>(&wish)) {
    Journal(*adopt);
  } else if (const auto* end = std::get_if<replication::JournalStop>(&wish)) {
    Journal(*end);
  }
}

// ---- The worker of snapshots.

void NodeProcess::Encode(replication::SnapshotBatch batch) {
  const auto shared = std::make_shared<replication::SnapshotBatch>(std::move(batch));
  On(worker_free_at_, worker_takes, [this, shared] {
    const replication::SnapshotId id = shared->id;
    const auto found = encodings_.find(id);
    if (found == encodings_.end()) return;
    Encoding& encoding = found->second;
    if (mutation == NodeMutation::kSnapshotTorn && random_.Chance(0.2)) shared->batch.Clear();
    encoding.encoder.Append(shared->batch, encoding.bytes);
    const bool last = shared->last;
    if (last) encoding.encoder.End(encoding.bytes);
    node_->OnBatchDone(id);
    if (encoding.spill) {
      encoding.ended = last;
      if (!last) return;
      if (disk.full) {
        node_->OnSnapshotSpilled(id, base::Fail(base::ErrorCode::kIo, "No space left on device"), Clock());
        return;
      }
      node_->OnSnapshotSpilled(id, encoding.bytes.size(), Clock());
      return GiveSpilled();
    }
    if (encoding.file.empty()) {
      const std::string bytes = std::exchange(encoding.bytes, {});
      if (last) encodings_.erase(found);
      return node_->OnSnapshotChunk(id, bytes, last, Clock());
    }
    if (!last) return;
    base::Result<void> result;
    if (!disk.Replace(encoding.file, std::move(encoding.bytes))) {
      result = base::Fail(base::ErrorCode::kIo, "No space left on device");
    }
    encodings_.erase(found);
    node_->OnSaveDone(id, result, Clock());
  });
}

void NodeProcess::GiveSpilled() {
  for (auto each = encodings_.begin(); each != encodings_.end();) {
    const replication::SnapshotId id = each->first;
    Encoding& encoding = each->second;
    ++each;
    if (!encoding.spill || encoding.asked == 0) continue;
    if (encoding.told == encoding.bytes.size() && !encoding.ended) continue;
    --encoding.asked;
    const std::string bytes = encoding.bytes.substr(encoding.told, 2000);
    encoding.told += bytes.size();
    const bool last = encoding.ended && encoding.told == encoding.bytes.size();
    if (last) encodings_.erase(id);
    node_->OnSnapshotChunk(id, bytes, last, Clock());
  }
}

// ---- What leaves.

void NodeProcess::SendToMaster() {
  std::string bytes = std::exchange(node_->MasterOutput(), {});
  if (bytes.empty() || master_link_ == 0) return;
  if (mutation == NodeMutation::kAckTooMuch) AckMore(bytes);
  network_.Send(master_wire_, Side::kOpener, std::move(bytes));
}

void NodeProcess::SendToReplicas() {
  for (const ClientId id : node_->ReplicasWithOutput()) {
    const auto found = wires_.find(id);
    if (found == wires_.end()) continue;
    const std::size_t on_way = network_.InFlight(found->second, Side::kAcceptor);
    const std::size_t room = socket_room - std::min(socket_room, on_way);
    if (room == 0) continue;
    std::string bytes;
    for (const std::string_view view : node_->NextForReplica(id, room)) {
      bytes += view.substr(0, room - bytes.size());
      if (bytes.size() == room) break;
    }
    const std::size_t sent = bytes.size();
    const bool streams = node_->state().replicas.Find(id) != nullptr &&
                         node_->state().replicas.Find(id)->stage == replication::Replica::Stage::kOnline;
    if (mutation == NodeMutation::kStreamTorn && streams && random_.Chance(0.01)) bytes.resize(sent / 2);
    if (!bytes.empty()) network_.Send(found->second, Side::kAcceptor, std::move(bytes));
    node_->OnReplicaSent(id, sent, Clock());
  }
}

void NodeProcess::SendToClients() {
  for (const ClientId id : node_->clients().TakeWoken()) {
    serve::Client* client = node_->clients().Find(id);
    const auto found = wires_.find(id);
    if (client == nullptr || found == wires_.end()) continue;
    const WireId wire = found->second;
    const bool replica = node_->IsReplica(id);
    bool waits = false;
    if (!replica && client->closing != serve::Client::Closing::kNow && !client->out.empty()) {
      std::size_t sendable = node_->SendableBytes(id);
      if (mutation == NodeMutation::kRepliesFirst) sendable = client->out.size();
      waits = sendable < client->out.size();
      if (sendable > 0) network_.Send(wire, Side::kAcceptor, client->out.substr(0, sendable));
      const replication::NodeState& state = node_->state();
      if (!waits && state.is_master() && state.backlog) acknowledged_[state.history.replid.hex] = state.data_end;
      node_->OnClientSent(id, sendable);
      client->out.erase(0, sendable);
    }
    const bool ends = client->closing == serve::Client::Closing::kNow ||
                      (client->closing == serve::Client::Closing::kAfterReply && !waits);
    if (ends) Drop(wire);
  }
}

void NodeProcess::Drop(WireId wire) {
  const ClientId client = connections_.at(wire).client;
  connections_.erase(wire);
  wires_.erase(client);
  network_.Close(wire, Side::kAcceptor);
  node_->OnClientGone(client, Clock());
}

// ---- The journal's thread.

template <class Job>
void NodeProcess::Journal(Job job) {
  const bool waits_for_disk = !std::is_same_v<Job, replication::JournalAppend> || job.job == 0;
  const Millis takes = random_.Between(Millis(0), Millis(1)) + (waits_for_disk ? disk.sync_takes : Millis(0));
  On(journal_free_at_, takes, [this, job = std::move(job)] { Carry(job); });
}

void NodeProcess::ReportJournal(JournalReport report) {
  if (mutation == NodeMutation::kFailureUnheard && report.what == JournalReport::What::kFailed) {
    report.what = JournalReport::What::kDone;
    journal_.broken = false;
  }
  node_->OnJournalReport(report, Clock());
}

bool NodeProcess::Sync(const std::string& path) {
  return mutation == NodeMutation::kSyncSkipped || disk.Sync(path);
}

void NodeProcess::Carry(const replication::JournalStart& job) {
  if (journal_.broken && !job.recovers) return;
  journal_.broken = false;
  const auto fail = [&](const std::string& why) {
    journal_.broken = true;
    journal_.path.clear();
    ReportJournal({.job = job.job, .what = JournalReport::What::kFailed, .error = why});
  };
  if (!journal_.path.empty() && !job.recovers) {
    if (!Sync(replication::IndexName(journal_.path)) || !Sync(journal_.path)) return fail("can't sync");
  }
  const std::string path = Folder() + "/" + job.file;
  const std::string index = replication::IndexName(path);
  const bool written = disk.Append(index, job.index, random_) && disk.Append(path, job.bytes, random_) && Sync(index) &&
                       Sync(path) && !disk.full && !disk.sync_fails;
  if (!written) {
    disk.Remove(path);
    disk.Remove(index);
    return fail("No space left on device");
  }
  if (job.cut) {
    disk.Cut(Folder() + "/" + job.cut->file, job.cut->size);
    disk.Cut(replication::IndexName(Folder() + "/" + job.cut->file), job.cut->index_size);
  }
  if (!job.manifest.empty()) {
    disk.Replace(Folder() + "/" + replication::ManifestName(saved_.appendfilename), job.manifest);
  }
  journal_.path = path;
  ReportJournal({.job = job.job});
}

void NodeProcess::Carry(const replication::JournalAppend& job) {
  if (journal_.broken || journal_.path.empty()) return;
  const std::string index = replication::IndexName(journal_.path);
  if (mutation == NodeMutation::kIndexLate) {
    // Whoever looks between the two finds bytes that the index does not know.
    const bool appended = disk.Append(journal_.path, job.bytes, random_);
    if (appended) {
      network_.After(self_, Millis(30), [this, index, bytes = job.index] { disk.Append(index, bytes, random_); });
    }
    return ReportJournal({.job = job.job, .what = JournalReport::What::kDone});
  }
  bool done = disk.Append(index, job.index, random_) && disk.Append(journal_.path, job.bytes, random_);
  if (done && job.sync) done = Sync(journal_.path);
  if (!done) {
    journal_.broken = true;
    return ReportJournal({.job = job.job, .what = JournalReport::What::kFailed, .error = "No space left on device"});
  }
  ReportJournal({.job = job.job});
}

void NodeProcess::Carry(const replication::JournalSync& job) {
  if (journal_.broken || journal_.path.empty()) return;
  const std::string path = journal_.path;
  if (!disk.Append(replication::IndexName(path), job.index, random_)) {
    journal_.broken = true;
    return ReportJournal({.job = job.job, .what = JournalReport::What::kFailed, .error = "No space left on device"});
  }
  ReportJournal({.job = job.job});
  On(syncer_free_at_, kFsync + disk.sync_takes, [this, path, number = job.job] {
    if (Sync(replication::IndexName(path)) && Sync(path)) {
      return ReportJournal({.job = number, .what = JournalReport::What::kSynced});
    }
    ReportJournal({.job = number, .what = JournalReport::What::kFailed, .error = "can't sync: Input/output error"});
  });
}

void NodeProcess::Carry(const replication::JournalAdopt& job) {
  if (journal_.broken) return;
  const std::string base = Folder() + "/" + job.base;
  if (!disk.Has(base) ||
      !disk.Replace(Folder() + "/" + replication::ManifestName(saved_.appendfilename), job.manifest)) {
    return ReportJournal({.job = job.job, .what = JournalReport::What::kFailed, .error = "can't put the manifest"});
  }
  for (const std::string& name : job.remove) disk.Remove(Folder() + "/" + name);
  ReportJournal({.job = job.job, .base_bytes = disk.Size(base)});
}

void NodeProcess::Carry(const replication::JournalStop& job) {
  static_cast<void>(job);
  if (!journal_.path.empty() && !journal_.broken) {
    Sync(replication::IndexName(journal_.path));
    Sync(journal_.path);
  }
  journal_ = {};
}

}  // namespace sim
