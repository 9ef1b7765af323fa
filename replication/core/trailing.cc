#include "replication/core/trailing.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/core/roles.h"
#include "replication/core/state.h"

namespace replication {
namespace {

constexpr std::string_view kHelloChannel = "__sentinel__:hello";

}  // namespace

std::optional<Offset> LastCommonOf(const ReplicationId& name, const OtherHistory& other) {
  if (name == other.history.replid) return other.last;
  if (other.history.second_offset > 0 && name == other.history.replid2) return other.history.second_offset - 1;
  return std::nullopt;
}

bool CarriesData(const resp::Words& words) {
  if (words.empty()) return false;
  switch (words[0].size()) {
    case 4:
      return !base::EqualsIgnoreCase(words[0], "ping");
    case 6:
      return !base::EqualsIgnoreCase(words[0], "select");
    case 7:
      return words.size() != 3 || words[1] != kHelloChannel || !base::EqualsIgnoreCase(words[0], "publish");
    case 8:
      return !base::EqualsIgnoreCase(words[0], "replconf");
    default:
      return true;
  }
}

void TakeDataEnd(NodeState& state, const data::RdbFacts& facts) {
  state.DataEndsHere();
  if (!facts.replication || facts.replication->offset != state.applied || !facts.replication->data_end) return;
  state.data_end = std::clamp<Offset>(*facts.replication->data_end, 0, state.applied);
  if (state.data_end == state.applied) return;
  const auto& selections = facts.replication->selections;
  state.data_db = selections ? selections->db : -1;
  state.first_select = selections ? selections->first : 0;
  state.last_select = selections ? selections->last : 0;
}

std::optional<int> DatabaseAt(const NodeState& state, Offset last) {
  if (last == state.applied || (state.last_select > 0 && last >= state.last_select)) return state.stream_db;
  if (state.data_db < 0 || last < state.data_end) return std::nullopt;
  if (state.first_select == 0 || last < state.first_select) return state.data_db;
  return std::nullopt;
}

std::optional<OtherHistory> ParseOtherHistory(std::string_view info) {
  OtherHistory other;
  bool has_last = false;
  for (const std::string_view line : base::Split(info, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = base::Trim(line.substr(colon + 1));
    if (name == "master_replid" || name == "master_replid2") {
      auto id = base::ParseHexId<ReplicationId>(value);
      if (!id) return std::nullopt;
      (name == "master_replid" ? other.history.replid : other.history.replid2) = std::move(*id);
    } else if (name == "master_repl_offset" || name == "second_repl_offset") {
      const auto offset = base::ParseInt<Offset>(value);
      if (!offset) return std::nullopt;
      (name == "master_repl_offset" ? other.last : other.history.second_offset) = *offset;
      has_last = has_last || name == "master_repl_offset";
    }
  }
  if (other.history.replid.empty() || !has_last || other.last < 0) return std::nullopt;
  return other;
}

std::optional<CommonGround> WhereToGoOn(const History& ours, Offset applied, Offset data_end,
                                        const OtherHistory& theirs) {
  if (const auto last = LastCommonOf(ours.replid, theirs)) {
    if (*last >= applied) return std::nullopt;
    if (*last >= data_end) return CommonGround{ours.replid, *last};
  }
  if (ours.second_offset <= 0 || data_end >= ours.second_offset) return std::nullopt;
  const auto last = LastCommonOf(ours.replid2, theirs);
  if (!last) return std::nullopt;
  const Offset common = std::min(*last, ours.second_offset - 1);
  if (common < data_end) return std::nullopt;
  return CommonGround{ours.replid2, common};
}

bool HasTrailingBytes(const NodeState& state) {
  return state.resumable && (state.applied > state.data_end || state.data_end < state.history.second_offset);
}

bool GiveUpTrailing(NodeState& state, const CommonGround& ground) {
  VIGIL_CHECK(!state.is_master() && !state.link_up());
  VIGIL_CHECK(ground.last >= state.data_end && ground.last <= state.applied);
  // The master says no more SELECT than it has to: what follows is meant for the database that was selected there.
  const auto db = DatabaseAt(state, ground.last);
  if (!db) return false;
  state.Say(base::LogLevel::kNotice,
            fmt::format("Giving up {} bytes after {}:{} that the master does not have and that hold no data",
                        state.applied - ground.last, ground.replid.hex, ground.last));
  DisconnectReplicas(state);
  if (ground.replid != state.history.replid) {
    state.history.Replace(ground.replid);
  } else {
    state.history.second_offset = std::min(state.history.second_offset, ground.last + 1);
  }
  state.applied = ground.last;
  state.stream_db = *db;
  if (state.first_select > ground.last) state.first_select = state.last_select = 0;
  if (!state.backlog) return true;
  if (state.stream.begin() > state.applied + 1) {
    state.stream.Restart(state.applied + 1);
  } else {
    state.stream.CutFrom(state.applied + 1);
  }
  return true;
}

}  // namespace replication
