#include "sentinel/cli/instance_map.h"

#include <algorithm>

#include "replication/base/text.h"

namespace cli {

base::Result<Fields> Fields::FromReply(const Reply& reply) {
  if (reply.kind != Reply::Kind::kArray || reply.items.size() % 2 != 0) {
    return base::Fail(base::ErrorCode::kInvalid, "expected a list of names and values");
  }
  Fields fields;
  for (std::size_t i = 0; i < reply.items.size(); i += 2) fields.values_[reply.items[i].text] = reply.items[i + 1].text;
  return fields;
}

Fields Fields::FromInfo(std::string_view info) {
  Fields fields;
  for (const std::string_view raw : base::Split(info, '\n')) {
    const std::string_view line = base::Trim(raw);
    const std::size_t colon = line.find(':');
    if (line.empty() || line[0] == '#' || colon == std::string_view::npos) continue;
    fields.values_[std::string(line.substr(0, colon))] = std::string(line.substr(colon + 1));
  }
  return fields;
}

std::vector<std::string> Fields::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : values_) names.push_back(name);
  return names;
}

std::string Fields::Text(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second;
}

std::int64_t Fields::Number(const std::string& name, std::int64_t otherwise) const {
  return base::ParseInt<std::int64_t>(Text(name)).value_or(otherwise);
}

base::Endpoint Fields::Address(const std::string& host, const std::string& port) const {
  const auto number = base::ParsePort(Text(port));
  const std::string name = Text(host);
  if (!number || name.empty() || name == "?") return {};
  return {name, *number};
}

bool Fields::Flag(const std::string& name, std::string_view word) const {
  const std::string flags = Text(name);
  const auto words = base::Split(flags, ',');
  return std::ranges::find(words, word) != words.end();
}

base::Result<AttachedReplica> ParseAttachedReplica(std::string_view value) {
  AttachedReplica replica;
  std::string host;
  std::string port;
  for (const std::string_view pair : base::Split(value, ',')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = pair.substr(0, equals);
    const std::string_view text = pair.substr(equals + 1);
    if (name == "ip") host = text;
    if (name == "port") port = text;
    if (name == "state") replica.state = text;
    if (name == "offset") replica.offset = base::ParseInt<base::Offset>(text).value_or(-1);
    if (name == "lag") replica.lag_seconds = base::ParseInt<std::int64_t>(text).value_or(-1);
  }
  const auto number = base::ParsePort(port);
  if (host.empty() || !number) return base::Fail(base::ErrorCode::kInvalid, "a replica line without ip and port");
  replica.address = {host, *number};
  return replica;
}

}  // namespace cli
