#include "replication/edge/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "replication/core/journal.h"
#include "replication/core/state.h"
#include "replication/edge/host_facts.h"
#include "replication/edge/pages.h"
#include "replication/host/background.h"
#include "replication/host/durable_file.h"
#include "replication/host/entropy.h"

namespace replication::edge {
namespace {

using base::LogLevel;

// One piece of work, and how long the pieces of one turn may take together: what a client waits at most for it.
constexpr std::size_t kWorkPiece = 64 << 10;
constexpr std::uint64_t kWorkSliceNs = 1'000'000;
// How long replies may still be sent after the end was decided.
constexpr base::Millis kFarewell{1000};

std::string DataFile(const Settings& settings) {
  return settings.dir + "/" + settings.dbfilename;
}

}  // namespace

Daemon::Daemon(Launch launch)
    : way_back_(std::make_shared<host::WayBack>(loop_)),
      config_file_(std::move(launch.config_file)),
      without_effect_(std::move(launch.without_effect)),
      log_([this] { return node_.settings().replicaof.empty() ? 'M' : 'S'; }),
      node_(std::move(launch.settings), RandomSeed(), log_, *this, net::Loop::ReadClocks()),
      port_(loop_, node_, log_),
      master_(loop_, node_, way_back_),
      journal_(way_back_,
               [this](const JournalReport& report) { node_.OnJournalReport(report, net::Loop::ReadClocks()); }),
      writer_(
          way_back_,
          {.batch_done = [this](SnapshotId id) { node_.OnBatchDone(id); },
           .chunk = [this](SnapshotId id, std::string bytes,
                           bool last) { node_.OnSnapshotChunk(id, std::move(bytes), last, net::Loop::ReadClocks()); },
           .spilled =
               [this](SnapshotId id, const base::Result<std::uint64_t>& bytes) {
                 node_.OnSnapshotSpilled(id, bytes, net::Loop::ReadClocks());
               },
           .saved = [this](
                        SnapshotId id,
                        const base::Result<void>& result) { node_.OnSaveDone(id, result, net::Loop::ReadClocks()); }}),
      deadline_(loop_,
                [this] {
                  deadline_at_.reset();
                  node_.OnDeadline(net::Loop::ReadClocks());
                }),
      farewell_(loop_, [this] { loop_.Stop(); }) {
  uv_idle_init(loop_.raw(), &busy_);
  loop_.OnTurnEnd([this] { EndTurn(); });
}

Daemon::~Daemon() {
  way_back_->Close();
}

base::Result<void> Daemon::Open() {
  const Settings& settings = node_.settings();
  log_.SetLevel(settings.loglevel);
  if (const auto opened = log_.Open(settings.logfile); !opened) return opened;
  log_.Write(LogLevel::kWarning,
             fmt::format("vigil-node {} is starting, pid {}, configuration {}", VIGIL_VERSION,
                         ReadHostFacts().process_id, config_file_.empty() ? "by default" : "file " + config_file_));
  if (!without_effect_.empty()) {
    log_.Write(LogLevel::kNotice, fmt::format("These directives are accepted and have no effect here: {}",
                                              fmt::join(without_effect_, ", ")));
  }
  if (const auto users = OpenUserFile(); !users) return users;
  if (const auto listening = port_.Listen(); !listening) return listening;
  if (const auto listening = OpenHttp(); !listening) return listening;
  MakeRoom();
  if (const auto data = OpenData(); !data) return data;
  if (!settings.pidfile.empty()) {
    if (const auto written = host::WritePidFile(settings.pidfile); !written) {
      log_.Write(LogLevel::kWarning, written.error().text);
    }
  }
  loop_.OnSignal(SIGTERM, [this] { Shutdown("SIGTERM"); });
  loop_.OnSignal(SIGINT, [this] {
    if (++interrupts_ == 1) return Shutdown("SIGINT");
    log_.Write(LogLevel::kWarning, "You insist... exiting now.");
    exit_code_ = 1;
    loop_.Stop();
  });
  loop_.OnSignal(SIGHUP, [this] {
    if (const auto opened = log_.Reopen(); !opened) log_.Write(LogLevel::kWarning, opened.error().text);
    log_.Write(LogLevel::kWarning, "Received SIGHUP: the log is reopened");
  });
  return {};
}

base::Result<void> Daemon::OpenHttp() {
  const Settings& settings = node_.settings();
  if (settings.http_port == 0) return {};
  auto server = net::HttpServer::Listen(
      loop_, {settings.http_bind, settings.http_port}, {},
      [this](const net::HttpRequest& request) { return AnswerHttp(node_, request, net::Loop::ReadClocks()); });
  if (!server) return base::Fail(server.error().code, "http: " + server.error().text);
  http_ = std::move(*server);
  return {};
}

void Daemon::MakeRoom() {
  Settings& settings = node_.state().settings;
  const std::uint32_t room = host::MakeRoomForClients(settings.maxclients);
  if (room >= settings.maxclients) return;
  log_.Write(LogLevel::kWarning, fmt::format("The limit of open files allows {} clients, not {}: maxclients is reduced",
                                             room, settings.maxclients));
  settings.maxclients = room;
}

base::Result<void> Daemon::OpenUserFile() {
  serve::Server& server = node_.state().server;
  server.entropy = &host::RandomBytes;
  std::string path = node_.settings().aclfile;
  if (path.empty()) return {};
  if (path[0] != '/') path = node_.settings().dir + "/" + path;
  server.user_file = {.path = path,
                      .read = [path] { return host::ReadWholeFile(path); },
                      .write = [path](std::string_view text) { return host::ReplaceFile(path, text); }};
  return serve::LoadUserFile(server, nullptr);
}

base::Result<void> Daemon::OpenData() {
  const auto journal = OpenJournal();
  if (!journal) return tl::unexpected(journal.error());
  return *journal ? base::Result<void>{} : OpenDataFile();
}

base::Result<bool> Daemon::OpenJournal() {
  const Settings& settings = node_.settings();
  const std::string folder = settings.dir + "/" + settings.appenddirname;
  journal_.SetFolder(folder, ManifestName(settings.appendfilename));
  if (settings.appendonly) {
    std::error_code failed;
    std::filesystem::create_directory(folder, failed);
    if (failed) return base::Fail(base::ErrorCode::kIo, fmt::format("can't make '{}': {}", folder, failed.message()));
    auto lock = FolderLock::Take(folder);
    if (!lock) return tl::unexpected(lock.error());
    journal_.UseLock(std::move(*lock));
  }
  const auto found = LookAtJournal(folder, settings.appendfilename);
  if (!found) {
    // Not in use now; CONFIG SET appendonly yes would need it.
    if (settings.appendonly) return tl::unexpected(found.error());
    log_.Write(LogLevel::kWarning, found.error().text);
    return false;
  }
  node_.KnowJournalFolder(folder, found->manifest.value_or(Manifest{}), found->next_seq);
  if (!settings.appendonly) return false;
  std::vector<JournalLoader::Part> parts;
  const auto add = [&](const std::string& name, bool base) {
    parts.push_back({name, folder + "/" + name, base ? std::nullopt : std::optional(IncrVerdict{})});
  };
  JournalFound what;
  what.next_seq = found->next_seq;
  if (found->manifest) {
    what.manifest = *found->manifest;
    if (what.manifest.base) add(what.manifest.base->name, true);
    for (const JournalFile& file : what.manifest.incrs) add(file.name, false);
  } else if (!found->files.empty() && !found->beginning) {
    return base::Fail(
        base::ErrorCode::kInvalid,
        fmt::format("'{}' holds '{}', but no manifest '{}' that says how it is to be used: refused, since "
                    "the data would be missing. Put the manifest back, or move the folder away",
                    folder, found->files.front(), ManifestName(settings.appendfilename)));
  } else {
    for (const std::string& name : found->files) std::remove((folder + "/" + name).c_str());
    // The one file of a server before Redis 7.
    const std::string old_file = settings.dir + "/" + settings.appendfilename;
    if (!std::filesystem::exists(old_file)) return false;
    parts.push_back({settings.appendfilename, old_file, std::nullopt});
  }
  journal_loader_ =
      std::make_unique<JournalLoader>(std::move(parts), std::move(what), settings.aof_load_truncated, way_back_, [] {});
  node_.BeginJournalLoading(journal_loader_->size(), net::Loop::ReadClocks());
  return true;
}

base::Result<void> Daemon::OpenDataFile() {
  const std::string path = DataFile(node_.settings());
  loading_path_ = path;
  host::RemoveLeftovers(path);
  auto loader = RdbLoader::Open(path, way_back_, [] {});  // the turn that this makes does the rest
  const base::Now now = net::Loop::ReadClocks();
  if (loader) {
    loader_ = std::move(*loader);
    node_.BeginLoading(loader_->size(), now);
    return {};
  }
  if (loader.error().code != base::ErrorCode::kNotFound) return tl::unexpected(loader.error());
  BeginService();
  return {};
}

void Daemon::BeginService() {
  if (node_.settings().appendonly && node_.state().journal->stage == Journal::Stage::kOff) {
    node_.BeginJournal(net::Loop::ReadClocks());
  }
  node_.Start(net::Loop::ReadClocks());
  log_.Write(LogLevel::kNotice, "Ready to accept connections");
  if (node_.settings().supervised == "systemd" || node_.settings().supervised == "auto") host::NotifySupervisor();
}

int Daemon::Run() {
  loop_.Run();
  if (!node_.settings().pidfile.empty()) std::remove(node_.settings().pidfile.c_str());
  return exit_code_.value_or(1);
}

// Steps of node.h, "One loop turn"; the first has happened in the callbacks of this turn.
void Daemon::EndTurn() {
  if (exit_code_) return StopWhenSent();
  LoadSlice();
  WorkInSlices();
  node_.EndTurn(net::Loop::ReadClocks());
  CarryOutWishes();
  for (SnapshotBatch& batch : batches_) writer_.Add(std::move(batch));
  batches_.clear();
  master_.Flush();
  port_.FlushReplicas();
  port_.FlushClients();
  // What has gone may have been wanted by nobody else: a payload, a save.
  CarryOutWishes();
  if (exit_code_) return StopWhenSent();
  SleepUntilNextDeadline();
}

void Daemon::LoadSlice() {
  if (journal_loader_ != nullptr && loader_ == nullptr) BeginNextFile();
  if (loader_ == nullptr) return;
  const std::uint64_t until = uv_hrtime() + kWorkSliceNs;
  while (LoadPiece() && uv_hrtime() < until) {
  }
  if (loader_ == nullptr || !loader_->ended()) return;
  if (journal_loader_ != nullptr) {
    if (const auto ended = node_.EndJournalFile(net::Loop::ReadClocks()); !ended) return FailToLoad(ended.error());
    loader_.reset();
    return BeginNextFile();
  }
  if (const auto loaded = node_.EndLoading(net::Loop::ReadClocks()); !loaded) return FailToLoad(loaded.error());
  loader_.reset();
  BeginService();
}

bool Daemon::LoadPiece() {
  const auto bytes = loader_->Take();
  if (!bytes) {
    FailToLoad(bytes.error());
    return false;
  }
  if (bytes->empty()) return false;
  const base::Now now = net::Loop::ReadClocks();
  const auto loaded = journal_loader_ == nullptr ? node_.OnLoadBytes(*bytes, now) : node_.OnJournalBytes(*bytes, now);
  if (!loaded) FailToLoad(loaded.error());
  return loaded.has_value();
}

// The next file of the journal, or its end.
void Daemon::BeginNextFile() {
  const base::Result<JournalLoader::Judged>* judged = journal_loader_->judged();
  if (judged == nullptr) return;
  loading_path_.clear();
  if (!*judged) return FailToLoad(judged->error());
  const JournalLoader::Judged& journal = **judged;
  if (next_part_ == 0) {
    for (const std::string& note : journal.notes) log_.Write(LogLevel::kWarning, note);
  }
  if (next_part_ < journal.parts.size()) {
    const JournalLoader::Part& part = journal.parts[next_part_++];
    loading_path_ = part.path;
    auto loader = RdbLoader::Open(part.path, way_back_, [] {});
    if (!loader) return FailToLoad(loader.error());
    node_.OnJournalFile(part.name, part.verdict ? &*part.verdict : nullptr);
    loader_ = std::move(*loader);
    return;
  }
  const auto loaded = node_.EndJournalLoading(journal.found, net::Loop::ReadClocks());
  if (!loaded) return FailToLoad(loaded.error());
  journal_loader_.reset();
  BeginService();
}

// Never an empty start beside data on disk: somebody must look at that file.
void Daemon::FailToLoad(const base::Error& error) {
  const std::string& path = loading_path_;
  const bool names_file = path.empty() || error.text.find(path) != std::string::npos;
  const std::string text = names_file ? error.text : fmt::format("can't load '{}': {}", path, error.text);
  log_.Write(LogLevel::kWarning, text);
  fmt::print(stderr, "vigil-node: {}\n", text);
  loader_.reset();
  journal_loader_.reset();
  exit_code_ = 1;
  loop_.Stop();
}

void Daemon::WorkInSlices() {
  if (!node_.has_work()) return;
  const std::uint64_t until = uv_hrtime() + kWorkSliceNs;
  do {
    node_.DoWork(kWorkPiece, batches_, net::Loop::ReadClocks());
  } while (node_.has_work() && uv_hrtime() < until);
}

void Daemon::CarryOutWishes() {
  for (Wish& wish : node_.TakeWishes()) {
    std::visit([this](auto& what) { CarryOut(what); }, wish);
  }
}

void Daemon::SleepUntilNextDeadline() {
  // Between two files of the journal nobody else wakes us.
  const bool next_file = journal_loader_ != nullptr && loader_ == nullptr && journal_loader_->judged() != nullptr;
  const bool awake = node_.has_work() || next_file || (loader_ != nullptr && (loader_->has_more() || loader_->ended()));
  if (awake) {
    uv_idle_start(&busy_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&busy_);
  }
  const std::optional<MonoTime> next = node_.NextDeadline();
  if (next == deadline_at_) return;
  deadline_at_ = next;
  if (next) {
    deadline_.StartAt(*next);
  } else {
    deadline_.Stop();
  }
}

void Daemon::CarryOut(const WriteConfig& wish) {
  // Jobs of the worker run one after the other: the last one writes the newest settings.
  disk_.Do([this, ticket = wish.ticket, path = config_file_, settings = node_.settings()] {
    way_back_->Post([this, ticket, result = RewriteConfigFile(path, settings)] {
      node_.OnConfigWritten(ticket, result, net::Loop::ReadClocks());
    });
  });
}

void Daemon::CarryOut(Discard& wish) {
  garbage_.Do([tables = std::make_shared<data::Discarded>(std::move(wish.tables))]() mutable { tables.reset(); });
}

void Daemon::CarryOut(const Freeze& wish) {
  std::this_thread::sleep_for(wish.how_long);
}

void Daemon::CarryOut(const SettingsChanged&) {
  log_.SetLevel(node_.settings().loglevel);
  MakeRoom();
  port_.ApplySettings();
}

void Daemon::CarryOut(const Stop& wish) {
  exit_code_ = wish.exit_code;
  again_ = wish.again;
  port_.StopListening();
  farewell_.StartAt(net::Loop::ReadClocks().mono + kFarewell);
}

void Daemon::CarryOut(const Crash& wish) {
  log_.Write(LogLevel::kWarning, host::StartAgain(wish.again_after).text);
}

// The last turns: what has been written down for others is sent, nothing new is begun.
void Daemon::StopWhenSent() {
  uv_idle_stop(&busy_);
  port_.FlushReplicas();
  port_.FlushClients();
  if (!port_.has_unsent() && !node_.HoldsReplies()) loop_.Stop();
}

void Daemon::Shutdown(std::string_view signal) {
  log_.Write(LogLevel::kWarning, fmt::format("Received {}, shutting down", signal));
  if (!loading()) return node_.RequestShutdown(net::Loop::ReadClocks());
  exit_code_ = 0;  // still loading: nothing has been changed
  loop_.Stop();
}

HostFacts Daemon::Facts() {
  HostFacts facts = ReadHostFacts();
  peak_memory_ = std::max(peak_memory_, facts.used_memory);
  facts.used_memory_peak = peak_memory_;
  facts.config_file = config_file_;
  return facts;
}

MonoTime Daemon::ReadClock() {
  return net::Loop::ReadClocks().mono;
}

base::Result<std::string> Daemon::FindFolder(const std::string& folder) {
  return edge::FindFolder(folder);
}

}  // namespace replication::edge
