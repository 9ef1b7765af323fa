#include "sentinel/core/info_report.h"

#include <algorithm>
#include <optional>

#include "replication/base/text.h"
#include "sentinel/core/numeric_host.h"

namespace sentinel {
namespace {

using base::ParseInt;
using base::Split;

// A host may come to stand in events and files: one that could not be a host is none.
std::string HostOf(std::string_view value) {
  if (value.size() > 253 || base::HasControlCharacters(value)) return {};
  return CanonicalHost(value);
}

// "ip=127.0.0.1,port=6380,state=online,..." or, from very old servers, "127.0.0.1,6380,online".
std::optional<base::Endpoint> ParseReplicaLine(std::string_view value) {
  base::Endpoint endpoint;
  const std::vector<std::string_view> fields = Split(value, ',');
  const bool named = value.find('=') != std::string_view::npos;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view field = fields[i];
    const std::size_t equals = field.find('=');
    const std::string_view key = named ? field.substr(0, equals) : (i == 0 ? "ip" : i == 1 ? "port" : "");
    if (named) field = equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
    if (key == "ip") endpoint.host = HostOf(field);
    if (key == "port") endpoint.port = base::ParsePort(field).value_or(0);
  }
  if (endpoint.host.empty() || endpoint.port == 0) return std::nullopt;
  return endpoint;
}

// "slave0", "slave17"; not "slave_priority".
bool IsReplicaKey(std::string_view key) {
  return key.size() > 5 && key.starts_with("slave") && key[5] >= '0' && key[5] <= '9';
}

// "db0" with "keys=5,expires=0,avg_ttl=0".
bool IsDatabaseKey(std::string_view key) {
  return key.size() > 2 && key.starts_with("db") && key[2] >= '0' && key[2] <= '9';
}

std::int64_t KeysOf(std::string_view value) {
  if (!value.starts_with("keys=")) return 0;
  // Sums over all databases that a report could name must fit.
  return std::clamp<std::int64_t>(ParseInt<std::int64_t>(Split(value.substr(5), ',')[0]).value_or(0), 0, 1LL << 40);
}

bool IsNoId(std::string_view hex) {
  return hex.find_first_not_of('0') == std::string_view::npos;
}

void TakeField(InfoReport& report, std::string_view key, std::string_view value) {
  const auto number = [&](base::Offset& field) {
    // Sums and differences of two must fit, whatever a node claims.
    const auto parsed = ParseInt<base::Offset>(value);
    if (parsed && *parsed >= -1 && *parsed <= (1LL << 61)) field = *parsed;
  };
  const auto id = [&](base::ReplicationId& field) {
    if (const auto parsed = base::ParseHexId<base::ReplicationId>(value); parsed && !IsNoId(value)) field = *parsed;
  };
  if (key == "run_id") {
    if (const auto parsed = base::ParseHexId<base::RunId>(value)) report.run_id = *parsed;
  } else if (key == "vigil_version") {
    report.vigil = true;
  } else if (key == "role") {
    if (value == "master") report.role = Role::kMaster;
    if (value == "slave") report.role = Role::kReplica;
  } else if (IsReplicaKey(key)) {
    if (report.replicas.size() >= kMaxReplicasPerInfo) return;
    if (auto replica = ParseReplicaLine(value)) report.replicas.push_back(std::move(*replica));
  } else if (key == "master_host") {
    report.master.host = HostOf(value);
  } else if (key == "master_port") {
    report.master.port = ParseInt<std::uint16_t>(value).value_or(0);
  } else if (key == "master_link_status") {
    report.master_link_up = value == "up";
  } else if (key == "master_link_down_since_seconds") {
    // A year in seconds times a thousand fits; a hostile number must not overflow.
    const auto seconds = ParseInt<std::int32_t>(value).value_or(0);
    report.master_link_down_for = base::Millis(static_cast<std::int64_t>(seconds) * 1000);
  } else if (key == "slave_priority") {
    report.priority = ParseInt<int>(value).value_or(report.priority);
  } else if (key == "replica_announced") {
    report.announced = value != "0";
  } else if (key == "slave_repl_offset") {
    number(report.offset);
  } else if (key == "slave_read_repl_offset") {
    number(report.read_offset);
  } else if (key == "master_repl_offset") {
    number(report.master_offset);
  } else if (key == "master_replid") {
    id(report.replid);
  } else if (key == "master_replid2") {
    id(report.replid2);
  } else if (key == "second_repl_offset") {
    number(report.second_offset);
  } else if (key == "loading") {
    report.loading = value != "0";
  } else if (key == "master_empty_refused") {
    report.empty_refused = value != "0";
  } else if (key == "slave_apply_delay_secs") {
    report.delayed = ParseInt<std::int64_t>(value).value_or(0) > 0;
  } else if (key == "master_failover_state") {
    if (value.size() <= 64 && !base::HasControlCharacters(value)) report.failover_state = std::string(value);
  } else if (IsDatabaseKey(key)) {
    report.keys = std::max<std::int64_t>(report.keys, 0) + KeysOf(value);
  }
}

}  // namespace

InfoReport ParseInfo(std::string_view text) {
  InfoReport report;
  for (std::string_view line : Split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "# Keyspace") report.keys = std::max<std::int64_t>(report.keys, 0);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || line[0] == '#') continue;
    TakeField(report, line.substr(0, colon), line.substr(colon + 1));
  }
  return report;
}

}  // namespace sentinel
