#include "tests/sim/sentinel_process.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/resp/reply_writer.h"
#include "sentinel/core/extensions.h"

namespace sim {

using base::Millis;
using sentinel::Command;
using sentinel::ReplyValue;

namespace {

ReplyValue Convert(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STATUS:
      return ReplyValue::Status(std::string(reply.str, reply.len));
    case REDIS_REPLY_ERROR:
      return ReplyValue::Error(std::string(reply.str, reply.len));
    case REDIS_REPLY_INTEGER:
      return ReplyValue::Integer(reply.integer);
    case REDIS_REPLY_STRING:
      return ReplyValue::String(std::string(reply.str, reply.len));
    case REDIS_REPLY_ARRAY: {
      std::vector<ReplyValue> elements;
      for (std::size_t i = 0; i < reply.elements; ++i) elements.push_back(Convert(*reply.element[i]));
      return ReplyValue::Array(std::move(elements));
    }
    default:
      return ReplyValue::Nil();
  }
}

bool IsExtension(const std::string& word) {
  const auto words = sentinel::OwnWords();
  const std::string lower = base::ToLower(word);
  return lower == "vigil" || std::find(words.begin(), words.end(), lower) != words.end();
}

std::string Encode(const Command& command) {
  std::string out;
  const std::vector<std::string_view> words(command.words.begin(), command.words.end());
  resp::AppendCommand(out, words);
  return out;
}

}  // namespace

SentinelProcess::Outgoing::Outgoing() : reader(redisReaderCreate(), &redisReaderFree) {}

SentinelProcess::SentinelProcess(EventQueue& queue, Network& network, base::Random& random, Watcher& watcher, int index)
    : queue_(queue), network_(network), random_(random), watcher_(watcher), index_(index) {}

SentinelProcess::~SentinelProcess() = default;

base::Now SentinelProcess::Clock() const {
  return {queue_.now() + clock_offset_,
          base::FromUnixMillis(1'700'000'000'000 + queue_.now().time_since_epoch().count()) + wall_clock_off_};
}

void SentinelProcess::Start(HostId self, const std::string& config, const std::string& vigil) {
  self_ = self;
  durable_ = {config, vigil};
  clock_offset_ = random_.Between(Millis(0), Millis(100'000'000));
  Boot();
}

void SentinelProcess::Boot() {
  state_ = std::make_unique<sentinel::State>(random_.Next());
  state_->check_invariants = true;
  const auto settings = sentinel::LoadSettings(durable_.config, *state_, Clock());
  if (!settings) {
    fmt::print(stderr, "sentinel {} cannot read what it saved: {}\n{}\n", index_, settings.error().text,
               durable_.config);
  }
  VIGIL_CHECK(settings.has_value());
  const auto vigil = sentinel::LoadVigil(durable_.vigil, *state_, Clock());
  if (!vigil) {
    fmt::print(stderr, "sentinel {} cannot read what it saved: {}\n{}\n", index_, vigil.error().text, durable_.vigil);
  }
  VIGIL_CHECK(vigil.has_value());
  state_->started = Clock();
  sentinel::Actions actions;
  sentinel::Start(*state_, Clock(), actions);
  CarryOut(std::move(actions));
  Flush();
}

void SentinelProcess::Crash(bool silent) {
  // The rename may have happened before the power went.
  if (texts_in_flight_ && !disk.failing && random_.Chance(0.5)) {
    durable_.config = texts_in_flight_->config;
    if (random_.Chance(0.5)) durable_.vigil = texts_in_flight_->vigil;
    watcher_.OnDurable(index_, durable_);
  }
  network_.Crash(self_, silent);
  state_.reset();
  save_in_flight_ = false;
  texts_in_flight_.reset();
  wanted_.reset();
  outgoing_.clear();
  wire_of_link_.clear();
  incoming_.clear();
  wire_of_client_.clear();
  wake_at_.reset();
  frozen_at_.reset();
  ++wake_generation_;
}

void SentinelProcess::Restart() {
  network_.Restart(self_);
  SpoilTexts(mutation, durable_);
  clock_offset_ = random_.Between(Millis(0), Millis(100'000'000));
  Boot();
}

void SentinelProcess::Freeze() {
  frozen_at_ = queue_.now();
  network_.Freeze(self_);
}

void SentinelProcess::Thaw() {
  if (!frozen_at_) return;
  frozen_at_.reset();
  // As the daemon does it: the stall, then what the sockets hold, then the deadlines that have passed.
  if (state_ != nullptr && wake_at_ && Clock().mono - *wake_at_ > Millis(50)) {
    taking_ = true;
    Take(sentinel::Stalled{Clock().mono - *wake_at_});
    taking_ = false;
  }
  network_.Thaw(self_);
  if (state_ == nullptr || !wake_at_) return;
  if (wake_at_ && *wake_at_ <= Clock().mono) Take(sentinel::Deadline{});
}

void SentinelProcess::Operate(const std::vector<std::string>& words) {
  const serve::ClientId client = ++last_client_;
  Take(sentinel::ClientArrived{client, "10.1.0.1:40000",
                               fmt::format("{}:{}", Network::AddressOf(self_), kSentinelPort)});
  Take(sentinel::ClientCommand{client, words});
  Take(sentinel::ClientGone{client});
}

void SentinelProcess::Take(const sentinel::Input& input) {
  if (state_ == nullptr) return;
  sentinel::Actions actions;
  sentinel::Step(*state_, Clock(), input, actions);
  watcher_.OnStep(index_, *state_);
  CarryOut(std::move(actions));
  if (!taking_) Flush();
}

void SentinelProcess::CarryOut(sentinel::Actions actions) {
  for (sentinel::Action& action : actions) {
    watcher_.OnAction(index_, *state_, action);
    if (auto* connect = std::get_if<sentinel::Connect>(&action)) {
      const WireId wire = network_.Open(self_, connect->to.host);
      outgoing_[wire].link = connect->link;
      wire_of_link_[connect->link] = wire;
    } else if (auto* disconnect = std::get_if<sentinel::Disconnect>(&action)) {
      if (const auto found = wire_of_link_.find(disconnect->link); found != wire_of_link_.end()) {
        network_.Close(found->second, Side::kOpener);
        outgoing_.erase(found->second);
        wire_of_link_.erase(found);
      }
    } else if (auto* send = std::get_if<sentinel::Send>(&action)) {
      if (const auto found = wire_of_link_.find(send->link); found != wire_of_link_.end()) {
        outgoing_[found->second].queue.Push(std::move(send->batch), send->change);
      }
    } else if (auto* reply = std::get_if<sentinel::Reply>(&action)) {
      if (const auto found = wire_of_client_.find(reply->client); found != wire_of_client_.end()) {
        incoming_[found->second].replies.Push(std::move(reply->bytes), reply->change);
      }
    } else if (auto* close = std::get_if<sentinel::CloseClient>(&action)) {
      if (const auto found = wire_of_client_.find(close->client); found != wire_of_client_.end()) {
        incoming_[found->second].closing = true;
        if (!close->after_replies) incoming_[found->second].replies = {};
      }
    } else if (auto* save = std::get_if<sentinel::SaveState>(&action)) {
      wanted_ = save->newest;
    } else if (auto* wake = std::get_if<sentinel::WakeAt>(&action)) {
      wake_at_ = wake->at;
      ArmDeadline();
    }
  }
}

void SentinelProcess::ArmDeadline() {
  const std::uint64_t generation = ++wake_generation_;
  // Timers are never early and a little late, as everywhere.
  const Millis delay = std::max(Millis(0), *wake_at_ - Clock().mono) + Millis(random_.Chance(0.1) ? 1 : 0);
  queue_.After(delay, [this, generation] {
    if (generation != wake_generation_ || state_ == nullptr || network_.IsFrozen(self_)) return;
    wake_at_.reset();
    Take(sentinel::Deadline{});
  });
}

void SentinelProcess::BeginSave() {
  save_in_flight_ = true;
  const sentinel::ChangeNumber through = *std::exchange(wanted_, std::nullopt);
  texts_in_flight_ = sentinel::SavedTexts{sentinel::RenderSettings(*state_, durable_.config),
                                          sentinel::RenderVigil(*state_, durable_.vigil)};
  const Millis takes =
      random_.Chance(0.02) ? random_.Between(Millis(20), Millis(300)) : random_.Between(disk.fastest, disk.slowest);
  network_.After(self_, takes, [this, through] {
    if (state_ == nullptr || !save_in_flight_) return;
    save_in_flight_ = false;
    const sentinel::SavedTexts texts = *std::exchange(texts_in_flight_, std::nullopt);
    if (mutation == Mutation::kSaveNotSynced) {
      network_.After(self_, Millis(300), [this, texts] {
        durable_ = texts;
        watcher_.OnDurable(index_, durable_);
      });
    } else if (!disk.failing) {
      durable_ = texts;
      watcher_.OnDurable(index_, durable_);
    }
    const bool ok = !disk.failing || mutation == Mutation::kFailedSaveIgnored;
    const auto covers = mutation == Mutation::kSaveCoversTooMuch ? state_->newest_change : through;
    Take(sentinel::StateSaved{covers, ok, ok ? "" : "No space left on device"});
  });
}

void SentinelProcess::Flush() {
  if (state_ == nullptr) return;
  if (wanted_ && !save_in_flight_) BeginSave();
  const sentinel::ChangeNumber durable = state_->durable_change;
  for (auto& [wire, out] : outgoing_) {
    if (!out.up || out.queue.empty()) continue;
    std::string bytes;
    for (Command& command : out.queue.Take(durable)) {
      watcher_.OnSent(index_, command);
      bytes += Encode(command);
      out.in_flight.push_back(std::move(command));
    }
    if (!bytes.empty()) network_.Send(wire, Side::kOpener, std::move(bytes));
  }
  std::vector<WireId> closed;
  for (auto& [wire, in] : incoming_) {
    if (in.replies.empty() && !in.closing) continue;
    std::string bytes = in.replies.Take(durable);
    Overhear(bytes);
    if (!bytes.empty()) network_.Send(wire, Side::kAcceptor, std::move(bytes));
    if (in.closing && in.replies.empty()) closed.push_back(wire);
  }
  for (const WireId wire : closed) {
    network_.Close(wire, Side::kAcceptor);
    OnClosed(wire);
  }
}

void SentinelProcess::Overhear(std::string_view replies) {
  if (replies.find("*3\r\n:") == std::string_view::npos) return;
  const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreate(), &redisReaderFree);
  VIGIL_CHECK(redisReaderFeed(reader.get(), replies.data(), replies.size()) == REDIS_OK);
  while (true) {
    void* raw = nullptr;
    VIGIL_CHECK(redisReaderGetReply(reader.get(), &raw) == REDIS_OK);
    if (raw == nullptr) return;
    const ReplyValue reply = Convert(*static_cast<redisReply*>(raw));
    freeReplyObject(raw);
    // is-master-down-by-addr: down, whom we voted for, in which epoch.
    if (reply.elements.size() == 3 && base::IsHexId(reply.elements[1].text)) {
      watcher_.OnVote(index_, static_cast<std::uint64_t>(reply.elements[2].integer), reply.elements[1].text);
    }
  }
}

void SentinelProcess::OnAccepted(WireId wire, HostId from) {
  Incoming& in = incoming_[wire];
  in.client = ++last_client_;
  wire_of_client_[in.client] = wire;
  Take(sentinel::ClientArrived{in.client, Network::AddressOf(from) + ":40000",
                               fmt::format("{}:{}", Network::AddressOf(self_), kSentinelPort)});
}

void SentinelProcess::OnConnected(WireId wire, bool ok) {
  const auto found = outgoing_.find(wire);
  if (found == outgoing_.end()) return;
  const sentinel::LinkId link = found->second.link;
  if (!ok) {
    outgoing_.erase(found);
    wire_of_link_.erase(link);
    return Take(sentinel::LinkDown{link, sentinel::LinkDown::Reason::kRefused, "connection refused"});
  }
  found->second.up = true;
  Take(sentinel::LinkUp{link, Network::AddressOf(self_)});
}

void SentinelProcess::Deliver(WireId wire, ReplyValue reply) {
  Outgoing& out = outgoing_.at(wire);
  if (reply.kind == ReplyValue::Kind::kArray && reply.elements.size() == 3 && reply.elements[0].text == "message") {
    if (mutation == Mutation::kReplicasUnread && reply.elements[2].text.find(",other,") != std::string::npos) return;
    return Take(sentinel::HelloReceived{out.link, reply.elements[2].text});
  }
  VIGIL_CHECK(!out.in_flight.empty());
  Command command = std::move(out.in_flight.front());
  out.in_flight.erase(out.in_flight.begin());
  if (mutation != Mutation::kNone) SpoilReply(mutation, *state_, command, out.first_info, reply);
  // A stock sentinel would not have asked.
  if (stock && command.request == sentinel::Request::kWords) reply = ReplyValue::Error("ERR unknown subcommand");
  Take(sentinel::ReplyArrived{out.link, std::move(command), std::move(reply)});
}

void SentinelProcess::OnBytes(WireId wire, std::string_view bytes) {
  taking_ = true;  // one flush for all that one arrival brings
  if (const auto out = outgoing_.find(wire); out != outgoing_.end()) {
    redisReader* reader = out->second.reader.get();
    VIGIL_CHECK(redisReaderFeed(reader, bytes.data(), bytes.size()) == REDIS_OK);
    while (outgoing_.contains(wire)) {
      void* raw = nullptr;
      VIGIL_CHECK(redisReaderGetReply(reader, &raw) == REDIS_OK);
      if (raw == nullptr) break;
      ReplyValue reply = Convert(*static_cast<redisReply*>(raw));
      freeReplyObject(raw);
      Deliver(wire, std::move(reply));
    }
  } else if (const auto in = incoming_.find(wire); in != incoming_.end()) {
    in->second.parser.Feed(bytes);
    resp::Words words;
    while (incoming_.contains(wire) &&
           incoming_.at(wire).parser.Next(words) == resp::RequestParser::Outcome::kRequest) {
      std::vector<std::string> command(words.begin(), words.end());
      if (stock && command.size() > 1 && base::EqualsIgnoreCase(command[0], "sentinel") && IsExtension(command[1])) {
        command = {"SENTINEL", "nothing-of-that-kind"};
      }
      Take(sentinel::ClientCommand{incoming_.at(wire).client, std::move(command)});
    }
  }
  taking_ = false;
  Flush();
}

void SentinelProcess::OnClosed(WireId wire) {
  if (const auto out = outgoing_.find(wire); out != outgoing_.end()) {
    const sentinel::LinkId link = out->second.link;
    outgoing_.erase(out);
    wire_of_link_.erase(link);
    Take(sentinel::LinkDown{link, sentinel::LinkDown::Reason::kClosed, "connection reset by peer"});
  } else if (const auto in = incoming_.find(wire); in != incoming_.end()) {
    const serve::ClientId client = in->second.client;
    incoming_.erase(in);
    wire_of_client_.erase(client);
    Take(sentinel::ClientGone{client});
  }
}

}  // namespace sim
