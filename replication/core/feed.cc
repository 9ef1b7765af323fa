#include "replication/core/feed.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "replication/core/state.h"
#include "replication/core/trailing.h"

namespace replication {
namespace {

// Is there anybody to write for?
// Nothing that is said while the data set is still being loaded belongs to its history: a PUBLISH is allowed then.
bool Feeds(const NodeState& state) {
  return state.is_master() && state.backlog && state.started_up;
}

// Puts one command behind the stream's end.
void Append(NodeState& state, std::span<const std::string_view> words) {
  state.scratch.clear();
  resp::AppendCommand(state.scratch, words);
  state.stream.Append(state.scratch);
  state.applied = state.stream.end() - 1;
}

void Select(NodeState& state, int db) {
  if (state.feed_db == db) return;
  const std::string number = fmt::format("{}", db);
  const std::string_view words[] = {"SELECT", number};
  Append(state, words);
  state.Selects(db);
  state.feed_db = db;
}

// True: it is data.
bool FeedOne(NodeState& state, const data::Effect& effect, const resp::Words& as_sent) {
  Select(state, effect.db);
  if (effect.as_sent) {
    Append(state, as_sent);
    return CarriesData(as_sent);
  }
  const std::vector<std::string_view> words(effect.words.begin(), effect.words.end());
  Append(state, words);
  return CarriesData(words);
}

}  // namespace

void Feed(NodeState& state, std::span<const data::Effect> effects, const resp::Words& as_sent) {
  if (!Feeds(state) || effects.empty()) return;
  const bool together = effects.size() > 1;
  if (together) FeedAlone(state, {"MULTI"});
  bool data = together;
  for (const data::Effect& effect : effects) data = FeedOne(state, effect, as_sent) || data;
  if (together) FeedAlone(state, {"EXEC"});
  if (data) state.DataEndsHere();
}

void FeedAlone(NodeState& state, std::initializer_list<std::string_view> words) {
  if (Feeds(state)) Append(state, std::span<const std::string_view>(words.begin(), words.size()));
}

void FeedEach(NodeState& state, std::span<const data::Effect> effects) {
  if (!Feeds(state)) return;
  for (const data::Effect& effect : effects) {
    if (FeedOne(state, effect, {})) state.DataEndsHere();
  }
}

}  // namespace replication
