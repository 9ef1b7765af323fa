#include "tests/unit/core/world.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/resp/reply_writer.h"

namespace replication {

struct Box::Pipe {
  LinkId link = 0;
  Box* master = nullptr;  // null: the attempt has not been answered yet
  std::uint16_t to_port = 0;
  ClientId client = 0;  // as the master knows us
  std::string down;     // on its way to us
  bool hold_down = false;
  std::size_t arrived = 0;
};

HostFacts Box::Facts() {
  HostFacts facts;
  if (has_config_file) facts.config_file = "/etc/node.conf";
  return facts;
}

std::string Box::ReadMasterNow(LinkId link) {
  if (pipe_ == nullptr || pipe_->link != link) return {};
  return std::exchange(pipe_->down, {});
}

bool Box::Said(std::string_view text) const {
  return std::ranges::any_of(log_.all, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void Box::Lines::Write(base::LogLevel, std::string_view line) {
  all.emplace_back(line);
}

World::World() : now{MonoTime(base::Millis(1'000'000)), base::FromUnixMillis(1'700'000'000'000)} {}
World::~World() = default;

Box& World::Add(std::string name, const std::function<void(Settings&)>& change, const std::string& file) {
  boxes_.push_back(std::make_unique<Box>());
  Box& box = *boxes_.back();
  box.name = std::move(name);
  box.port = static_cast<std::uint16_t>(7000 + boxes_.size());
  Settings settings;
  settings.port = box.port;
  settings.save.clear();
  settings.repl_diskless_sync_delay = base::Seconds(0);
  settings.enable_debug_command = DebugCommand::kYes;
  if (change) change(settings);
  if (!file.empty()) box.files[settings.dbfilename] = file;
  Boot(box, settings, file);
  return box;
}

void World::Boot(Box& box, Settings settings, const std::string& file) {
  box.settings = settings;
  box.node = std::make_unique<Node>(std::move(settings), next_seed_++, box.log_, box, now);
  if (!file.empty()) {
    box->BeginLoading(file.size(), now);
    REQUIRE(box->OnLoadBytes(file, now));
    REQUIRE(box->EndLoading(now));
  }
  box->Start(now);
  Settle();
}

void World::Kill(Box& box) {
  Break(box, false);
  for (const auto& other : boxes_) {
    if (other->pipe_ != nullptr && other->pipe_->master == &box) {
      other->pipe_->master = nullptr;
      other->pipe_->client = 0;
      const LinkId link = other->pipe_->link;
      other->pipe_.reset();
      (*other)->OnMasterClosed(link, "connection reset by peer", now);
    }
  }
  std::erase_if(received_, [&](const auto& each) { return each.first.first == &box; });
  box.encodings_.clear();
  box.settings = box->settings();
  box.node.reset();
  Settle();
}

void World::Restart(Box& box, const std::function<void(Settings&)>& change) {
  if (box.node != nullptr) Kill(box);
  Settings settings = box.settings;
  if (change) change(settings);
  box.stopped.reset();
  const auto file = box.files.find(settings.dbfilename);
  Boot(box, settings, file == box.files.end() ? "" : file->second);
}

ClientId World::Open(Box& box) {
  const ClientId id = box->OnClient(fmt::format("127.0.0.1:{}", 40000 + received_.size()), "127.0.0.1:1", now);
  received_[{&box, id}];
  return id;
}

void World::Hang(Box& box, ClientId client) {
  box->OnClientGone(client, now);
  received_.erase({&box, client});
}

void World::SendRaw(Box& box, ClientId client, std::string_view bytes) {
  while (!bytes.empty() && box->clients().Find(client) != nullptr) {
    box->OnClientBytes(client, bytes.substr(0, piece), now);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  Settle();
}

void World::Send(Box& box, ClientId client, std::initializer_list<std::string_view> words) {
  std::string bytes;
  resp::AppendCommand(bytes, words);
  SendRaw(box, client, bytes);
}

std::string World::Received(Box& box, ClientId client) {
  return std::exchange(received_[{&box, client}], {});
}

bool World::IsOpen(Box& box, ClientId client) const {
  return received_.contains({&box, client});
}

std::string World::Do(Box& box, std::initializer_list<std::string_view> words) {
  const ClientId client = Open(box);
  Send(box, client, words);
  std::string reply = std::exchange(received_[{&box, client}], {});
  if (box.node != nullptr && box->clients().Find(client) != nullptr) Hang(box, client);
  Settle();
  return reply;
}

void World::Cut(Box& replica) {
  Break(replica, true);
}

void World::Break(Box& replica, bool tell) {
  if (replica.pipe_ == nullptr) return;
  const std::unique_ptr<Box::Pipe> pipe = std::move(replica.pipe_);
  if (pipe->master != nullptr && pipe->master->node != nullptr) (*pipe->master)->OnClientGone(pipe->client, now);
  if (tell) replica->OnMasterClosed(pipe->link, "connection reset by peer", now);
}

void World::Isolate(Box& box, bool isolated) {
  isolated_[&box] = isolated;
  if (!isolated) return;
  Break(box, true);
  for (const auto& other : boxes_) {
    if (other->pipe_ != nullptr && other->pipe_->master == &box) Break(*other, true);
  }
}

void World::HoldDownstream(Box& replica, bool hold) {
  REQUIRE(replica.pipe_ != nullptr);
  replica.pipe_->hold_down = hold;
}

void World::HoldPayload(Box& replica, std::size_t bytes) {
  replica.down_limit_ = bytes;
}

void World::ChangeDownstream(Box& replica, std::function<void(std::string&)> change) {
  replica.change_down_ = std::move(change);
}

Box* World::Listening(std::uint16_t port) {
  for (const auto& box : boxes_) {
    if (box->port == port && box->node != nullptr && !isolated_[box.get()]) return box.get();
  }
  return nullptr;
}

void World::Obey(Box& box, const Wish& wish) {
  moved_ = true;
  if (const auto* connect = std::get_if<ConnectMaster>(&wish)) {
    REQUIRE(box.pipe_ == nullptr);
    box.pipe_ = std::make_unique<Box::Pipe>();
    box.pipe_->link = connect->link;
    box.pipe_->to_port = connect->to.port;
  } else if (const auto* disconnect = std::get_if<DisconnectMaster>(&wish)) {
    if (box.pipe_ != nullptr && box.pipe_->link == disconnect->link) Break(box, false);
  } else if (const auto* begin = std::get_if<BeginSnapshot>(&wish)) {
    Box::Encoding& encoding = box.encodings_
                                  .emplace(begin->id, Box::Encoding{.file = begin->spill ? std::string() : begin->file,
                                                                    .encoder = data::RdbEncoder(begin->options),
                                                                    .bytes = {},
                                                                    .spill = begin->spill})
                                  .first->second;
    encoding.encoder.Begin(begin->head, begin->functions, begin->databases, encoding.bytes);
  } else if (const auto* spill = std::get_if<SpillSnapshot>(&wish)) {
    if (const auto found = box.encodings_.find(spill->id); found != box.encodings_.end()) found->second.spill = true;
  } else if (const auto* read = std::get_if<ReadSnapshot>(&wish)) {
    if (const auto found = box.encodings_.find(read->id); found != box.encodings_.end()) ++found->second.asked;
  } else if (const auto* cancel = std::get_if<CancelSnapshot>(&wish)) {
    box.encodings_.erase(cancel->id);
  } else if (const auto* write = std::get_if<WriteConfig>(&wish)) {
    box.config_tickets.push_back(write->ticket);
    if (box.answers_config) {
      for (const std::uint64_t ticket : std::exchange(box.config_tickets, {})) box->OnConfigWritten(ticket, {}, now);
    }
  } else if (const auto* freeze = std::get_if<Freeze>(&wish)) {
    box.frozen = freeze->how_long;
  } else if (const auto* stop = std::get_if<Stop>(&wish)) {
    box.stopped = stop->exit_code;
  }
}

void World::Turn(Box& box) {
  if (const auto deadline = box->NextDeadline(); deadline && *deadline <= now.mono) box->OnDeadline(now);
  std::vector<SnapshotBatch> batches;
  for (int i = 0; i < 100 && box->has_work(); ++i) {
    const bool suspended = box->state().scripts.turns.suspended;
    box->DoWork(4096, batches, now);
    if (suspended && box->state().scripts.turns.suspended) break;
    moved_ = true;
  }
  box->EndTurn(now);
  for (const Wish& wish : box->TakeWishes()) Obey(box, wish);
  for (const SnapshotBatch& batch : batches) {
    moved_ = true;
    const auto found = box.encodings_.find(batch.id);
    if (found == box.encodings_.end()) continue;
    Box::Encoding& encoding = found->second;
    encoding.encoder.Append(batch.batch, encoding.bytes);
    if (batch.last) encoding.encoder.End(encoding.bytes);
    box->OnBatchDone(batch.id);
    if (encoding.spill) {
      encoding.ended = batch.last;
      if (!batch.last) continue;
      if (box.disk_fails) {
        box->OnSnapshotSpilled(batch.id, base::Fail(base::ErrorCode::kIo, "No space left on device"), now);
      } else {
        box->OnSnapshotSpilled(batch.id, encoding.bytes.size(), now);
      }
      continue;
    }
    if (encoding.file.empty()) {
      box->OnSnapshotChunk(batch.id, std::exchange(encoding.bytes, {}), batch.last, now);
    } else if (batch.last) {
      base::Result<void> result;
      if (box.disk_fails) {
        result = base::Fail(base::ErrorCode::kIo, "No space left on device");
      } else {
        box.files[encoding.file] = encoding.bytes;
      }
      box->OnSaveDone(batch.id, result, now);
    }
    if (batch.last) box.encodings_.erase(batch.id);
  }
  GiveSpilled(box);
  Carry(box);
  for (const std::string& broken : BrokenInvariants(box.state())) FAIL_CHECK(box.name << ": " << broken);
}

// What was asked of the temporary files.
void World::GiveSpilled(Box& box) {
  for (auto each = box.encodings_.begin(); each != box.encodings_.end();) {
    const SnapshotId id = each->first;
    Box::Encoding& encoding = each->second;
    ++each;
    while (encoding.asked > 0 && (encoding.told < encoding.bytes.size() || encoding.ended)) {
      moved_ = true;
      --encoding.asked;
      const std::string bytes = encoding.bytes.substr(encoding.told, 1000);
      encoding.told += bytes.size();
      const bool last = encoding.ended && encoding.told == encoding.bytes.size();
      box->OnSnapshotChunk(id, bytes, last, now);
      if (last) {
        box.encodings_.erase(id);
        break;
      }
    }
  }
  for (const Wish& wish : box->TakeWishes()) Obey(box, wish);
}

// Moves bytes between this node and everybody it talks to.
bool World::Carry(Box& box) {
  if (Box::Pipe* pipe = box.pipe_.get()) {
    if (pipe->master == nullptr) {
      moved_ = true;
      Box* master = Listening(pipe->to_port);
      if (master == nullptr || isolated_[&box]) {
        const LinkId link = pipe->link;
        box.pipe_.reset();
        box->OnMasterClosed(link, "connection refused", now);
        return true;
      }
      pipe->master = master;
      pipe->client = (*master)->OnClient(fmt::format("127.0.0.1:{}", box.port + 10000), "127.0.0.1:1", now);
      box->OnMasterConnected(pipe->link, now);
    }
    std::string up = std::exchange(box->MasterOutput(), {});
    for (std::string_view rest = up; !rest.empty() && box.pipe_.get() == pipe;) {
      moved_ = true;
      (*pipe->master)->OnClientBytes(pipe->client, rest.substr(0, piece), now);
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    const bool limited = box.down_limit_ > 0 && pipe->arrived >= box.down_limit_;
    if (box.pipe_.get() == pipe && !pipe->hold_down && !limited && box->WantsMasterBytes() && !pipe->down.empty()) {
      moved_ = true;
      std::string bytes = pipe->down.substr(0, piece);
      pipe->down.erase(0, bytes.size());
      if (box.change_down_) box.change_down_(bytes);
      pipe->arrived += bytes.size();
      box->OnMasterBytes(pipe->link, bytes, now);
    }
  }
  const auto pipe_of = [&](ClientId id) -> Box::Pipe* {
    for (const auto& other : boxes_) {
      if (other->pipe_ != nullptr && other->pipe_->master == &box && other->pipe_->client == id) {
        return other->pipe_.get();
      }
    }
    return nullptr;
  };
  const auto deliver = [&](ClientId id, std::string_view bytes) {
    if (bytes.empty()) return;
    moved_ = true;
    if (Box::Pipe* pipe = pipe_of(id)) {
      pipe->down += bytes;
    } else {
      received_[{&box, id}] += bytes;
    }
  };
  const auto takes = [&](ClientId id) {
    for (const auto& other : boxes_) {
      const Box::Pipe* pipe = other->pipe_.get();
      if (pipe == nullptr || pipe->master != &box || pipe->client != id) continue;
      return other->down_limit_ == 0 || pipe->arrived + pipe->down.size() < other->down_limit_ + piece;
    }
    return true;
  };
  for (const ClientId id : box->ReplicasWithOutput()) {
    if (!takes(id)) continue;
    std::size_t sent = 0;
    for (const std::string_view view : box->NextForReplica(id, piece)) {
      const std::string_view part = view.substr(0, piece - std::min(piece, sent));
      deliver(id, part);
      sent += part.size();
    }
    box->OnReplicaSent(id, sent, now);
  }
  for (const ClientId id : box->clients().TakeWoken()) {
    serve::Client* client = box->clients().Find(id);
    if (client == nullptr) continue;
    if (!box->IsReplica(id)) deliver(id, std::exchange(client->out, {}));
    if (client->closing == serve::Client::Closing::kNo) continue;
    moved_ = true;
    received_.erase({&box, id});
    for (const auto& other : boxes_) {
      Box::Pipe* pipe = other->pipe_.get();
      if (pipe == nullptr || pipe->master != &box || pipe->client != id) continue;
      // What was written before the connection was closed still arrives.
      const std::unique_ptr<Box::Pipe> closed = std::move(other->pipe_);
      if (!closed->down.empty() && !closed->hold_down) (*other)->OnMasterBytes(closed->link, closed->down, now);
      (*other)->OnMasterClosed(closed->link, "closed by the master", now);
    }
    box->OnClientGone(id, now);
  }
  return moved_;
}

void World::Settle() {
  for (int i = 0; i < 100'000; ++i) {
    moved_ = false;
    for (const auto& box : boxes_) {
      if (box->node != nullptr) Turn(*box);
    }
    if (!moved_) return;
  }
  FAIL("the world does not come to rest");
}

std::optional<MonoTime> World::NextDeadline() const {
  std::optional<MonoTime> next;
  for (const auto& box : boxes_) {
    if (box->node == nullptr) continue;
    if (const auto at = box->node->NextDeadline()) next = std::min(next.value_or(*at), *at);
  }
  return next;
}

void World::Pass(base::Millis time) {
  const MonoTime end = now.mono + time;
  Settle();
  while (now.mono < end) {
    const auto next = NextDeadline();
    // A deadline that is not gone after its turn would stop the clock.
    MonoTime to = next ? std::min(*next, end) : end;
    if (to <= now.mono) {
      FAIL_CHECK("a deadline has passed and is still there");
      to = now.mono + base::Millis(1);
    }
    now.wall += to - now.mono;
    now.mono = to;
    Settle();
  }
}

bool World::PassUntil(const std::function<bool()>& condition) {
  Settle();
  for (int i = 0; i < 10'000; ++i) {
    if (condition()) return true;
    Pass(base::Millis(10));
  }
  return condition();
}

}  // namespace replication
