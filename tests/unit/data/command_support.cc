#include "tests/unit/data/command_support.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "replication/base/text.h"

namespace data {

std::string Runner::Run(std::string_view line) {
  const auto split = base::SplitWords(line);
  REQUIRE(split.has_value());
  const serve::Words words(split->begin(), split->end());
  serve::CommandTable table;
  const auto commands = DataCommands();
  for (std::size_t i = 0; i < commands.size(); ++i) table.Add(commands[i].row, 0, i);

  std::string out;
  resp::ReplyWriter reply(out, 2);
  std::string error;
  const auto* entry = table.Resolve(words, error);
  if (entry == nullptr) {
    reply.Error(error);
    return out;
  }
  std::vector<Effect> effects;
  CommandContext context{.keyspace = keyspace,
                         .db = db,
                         .now = {base::MonoTime(base::Millis(now_ms)), base::FromUnixMillis(now_ms)},
                         .caller = caller,
                         .replica = replica,
                         .reply = reply,
                         .effects = effects,
                         .hold_expiry = hold_expiry};
  commands[entry->index].handler(context, words);
  for (const Effect& effect : effects) {
    effects_.push_back(effect.as_sent ? fmt::format("{} {}", effect.db, fmt::join(words, " "))
                                      : fmt::format("{} {}", effect.db, fmt::join(effect.words, " ")));
  }
  return out;
}

std::string Runner::TakeEffects() {
  std::string joined = fmt::format("{}", fmt::join(effects_, " | "));
  effects_.clear();
  return joined;
}

}  // namespace data
