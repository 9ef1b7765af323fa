#include "tests/sim/mutation.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"

namespace sim {

namespace {

void DropLines(std::string& text, std::string_view beginning) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (std::string_view(text).substr(at).starts_with(beginning)) {
      text.erase(at, end - at);
    } else {
      at = end;
    }
  }
}

// Gives the field another value, if it is there.
void SetField(std::string& info, const std::string& name, const std::string& value) {
  const std::size_t at = info.find("\n" + name + ":");
  if (at == std::string::npos) return;
  const std::size_t from = at + name.size() + 2;
  info.replace(from, info.find('\r', from) - from, value);
}

}  // namespace

void SpoilTexts(Mutation mutation, sentinel::SavedTexts& texts) {
  if (mutation == Mutation::kVoteForgotten) DropLines(texts.config, "sentinel leader-epoch ");
  if (mutation == Mutation::kConfigForgotten) DropLines(texts.config, "sentinel config-epoch ");
}

void SpoilReply(Mutation mutation, const sentinel::State& state, const sentinel::Command& command,
                std::string& first_info, sentinel::ReplyValue& reply) {
  if (command.words.empty() || state.masters.empty()) return;
  const sentinel::Master& master = state.masters.begin()->second;
  if (mutation == Mutation::kRefusalsCount && command.words.size() == 6 && command.words[5] == state.my_id.hex &&
      command.words[4] != "0" && reply.elements.size() == 3) {
    reply.elements[1].text = state.my_id.hex;
    reply.elements[2].integer = base::ParseInt<std::int64_t>(command.words[4]).value_or(0);
  }
  if (!base::EqualsIgnoreCase(command.words[0], "info") || reply.kind != sentinel::ReplyValue::Kind::kString) return;
  std::string& info = reply.text;
  if (mutation == Mutation::kStaleInfo) {
    if (first_info.empty()) first_info = info;
    info = first_info;
  }
  const bool of_replica = info.find("role:slave\r\n") != std::string::npos;
  if (mutation == Mutation::kOffsetsBelieved && of_replica && master.info.master_offset >= 0) {
    for (const char* field : {"slave_repl_offset", "slave_read_repl_offset", "master_repl_offset"}) {
      SetField(info, field, fmt::format("{}", master.info.master_offset));
    }
  }
  if (mutation == Mutation::kDeafToTestimony && of_replica && master.liveness.down()) {
    SetField(info, "master_link_status", "down");
  }
  if (mutation == Mutation::kReplicasUnread) {
    const std::size_t at = info.find("ip=10.9.9.9,");
    if (at == std::string::npos) return;
    const std::size_t line = info.rfind('\n', at) + 1;
    info.erase(line, info.find('\n', at) + 1 - line);
  }
}

}  // namespace sim
