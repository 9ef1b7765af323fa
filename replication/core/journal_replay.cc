#include "replication/core/journal_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/functions.h"
#include "replication/core/roles.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::LogLevel;

constexpr std::string_view kRdbMagic = "REDIS";

}  // namespace

DiskLoad::DiskLoad() = default;
DiskLoad::~DiskLoad() = default;

JournalReplay::JournalReplay(NodeState& of) : state_(of), client_(std::make_unique<NodeClient>()) {
  client_->kind = serve::ClientKind::kMaster;
  client_->authenticated = true;
  client_->peer = "journal";
}

base::Error JournalReplay::Wrong(const std::string& reason) const {
  const std::uint64_t at = before_reader_ + (reader_ == nullptr ? 0 : reader_->consumed());
  return {ErrorCode::kInvalid, fmt::format("'{}' at byte {}: {}", name_, at, reason)};
}

void JournalReplay::BeginFile(const std::string& file_name, const IncrVerdict* of_file) {
  name_ = file_name;
  verdict_ = of_file == nullptr ? std::nullopt : std::optional(*of_file);
  start_.clear();
  is_base_ = of_file == nullptr;
  kind_known_ = !is_base_;
  rdb_.reset();
  reader_ = std::make_unique<CommandReader>();
  before_reader_ = 0;
  client_->db = 0;  // stock begins every file there
  client_->transaction = Transaction{};
  in_head_ = verdict_ && verdict_->head;
  if (!is_base_) any_incr_ = true;
  if (!in_head_) return;
  const IncrHead& head = verdict_->head->head;
  if (!state_.backlog || state_.stream.end() != head.first) state_.stream.Restart(head.first);
  state_.backlog = true;
  state_.applied = head.first - 1;
  state_.stream_db = head.db;
  state_.DataEndsHere();
}

base::Result<void> JournalReplay::Feed(std::string_view bytes, const Now& now) {
  if (!kind_known_) {
    start_.append(bytes);
    if (start_.size() < kRdbMagic.size()) return {};
    kind_known_ = true;
    if (start_.starts_with(kRdbMagic)) rdb_ = std::make_unique<data::RdbReader>(state_.keyspace);
    const std::string start = std::exchange(start_, {});
    return Feed(start, now);
  }
  if (rdb_ != nullptr && !rdb_->complete()) {
    const auto taken = rdb_->Feed(bytes);
    if (!taken) return tl::unexpected(Wrong(taken.error().text));
    before_reader_ += *taken;
    bytes.remove_prefix(*taken);
    if (!rdb_->complete()) return {};
    if (const auto loaded = UseFunctions(state_, state_.keyspace.functions()); !loaded) {
      return tl::unexpected(Wrong(fmt::format("a library of functions: {}", loaded.error().text)));
    }
  }
  return FeedCommands(bytes, now);
}

base::Result<void> JournalReplay::FeedCommands(std::string_view bytes, const Now& now) {
  if (in_head_) {
    const std::size_t head = std::min<std::size_t>(bytes.size(), verdict_->head->size - before_reader_);
    bytes.remove_prefix(head);
    before_reader_ += head;
    if (before_reader_ < verdict_->head->size) return {};
    in_head_ = false;
    client_->db = verdict_->head->head.db;
  }
  reader_->Feed(bytes);
  std::vector<std::string_view> words;
  while (true) {
    switch (reader_->Next(words)) {
      case CommandReader::Outcome::kMark:
        break;
      case CommandReader::Outcome::kCommand: {
        if (const auto run = Run(words, now); !run) return run;
        if (verdict_ && verdict_->head) {
          state_.stream.Append(reader_->raw());
          state_.applied = state_.stream.end() - 1;
          if (!client_->transaction.open) {
            state_.Selects(client_->db);
            if (CarriesData(words)) state_.DataEndsHere();
          }
        }
        break;
      }
      case CommandReader::Outcome::kNeedMore:
        state_.stream.TrimBefore(state_.applied + 1 - static_cast<Offset>(state_.settings.repl_backlog_size));
        return {};
      case CommandReader::Outcome::kError:
        return tl::unexpected(Wrong(reader_->error()));
    }
  }
}

base::Result<void> JournalReplay::Run(const std::vector<std::string_view>& words, const Now& now) {
  Transaction& transaction = client_->transaction;
  if (base::EqualsIgnoreCase(words[0], "multi")) {
    transaction.open = true;
    return {};
  }
  if (base::EqualsIgnoreCase(words[0], "exec")) {
    const Transaction done = std::exchange(transaction, Transaction{});
    for (const auto& request : done.queue) {
      if (const auto run = RunOne({request.begin(), request.end()}, now); !run) return run;
    }
    return {};
  }
  if (!transaction.open) return RunOne(words, now);
  transaction.queue.emplace_back(words.begin(), words.end());
  return {};
}

base::Result<void> JournalReplay::RunOne(const std::vector<std::string_view>& words, const Now& now) {
  std::string error;
  const resp::Words request(words.begin(), words.end());
  const serve::CommandTable::Entry* entry = state_.server.commands.Resolve(request, error);
  if (entry == nullptr || (entry->row->flags & serve::kNoMulti) != 0 || entry->row->name == "replicaof") {
    return tl::unexpected(Wrong(fmt::format("a command that this node cannot load: '{}'", words[0].substr(0, 128))));
  }
  // What failed when it was first executed fails again, and changes as little.
  static_cast<void>(CallForMaster(state_, *client_, request, now));
  return {};
}

base::Result<void> JournalReplay::EndFile(const Now& now) {
  if (!kind_known_ && !start_.empty()) {
    kind_known_ = true;
    if (const auto fed = Feed(std::exchange(start_, {}), now); !fed) return fed;
  }
  if (rdb_ != nullptr && !rdb_->complete()) {
    const auto complete = rdb_->Finish();
    return tl::unexpected(Wrong(complete ? "it is not complete" : complete.error().text));
  }
  if (reader_->has_rest() || client_->transaction.open) {
    return tl::unexpected(Wrong("it ends within a command or a transaction"));
  }
  return {};
}

void JournalReplay::End(const Now& now) {
  const bool ours = any_incr_ && verdict_ && verdict_->head && verdict_->ours;
  state_.stream_db = client_->db;
  state_.feed_db = -1;
  if (ours) {
    const IncrHead& head = verdict_->head->head;
    state_.history = head.history;
    state_.history.second_offset = std::min(state_.history.second_offset, state_.applied + 1);
    state_.resumable = true;
    if (state_.is_master()) {
      state_.history.Fork(state_.applied, state_.random);
      state_.no_replicas_since = now.mono;
    }
    state_.Say(LogLevel::kNotice, fmt::format("The journal ends at {}:{}", head.history.replid.hex, state_.applied));
    return;
  }
  // Somebody else's data, wholly or in part: nobody may go on from an offset in them.
  state_.history.Begin(state_.random);
  state_.resumable = false;
  state_.backlog = true;
  state_.DataEndsHere();
  state_.stream.Restart(state_.applied + 1);
  state_.Say(LogLevel::kNotice, "The append-only file was not written by this program alone: a new history begins");
}

}  // namespace replication
