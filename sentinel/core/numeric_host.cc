#include "sentinel/core/numeric_host.h"

#include <algorithm>

#include "replication/base/text.h"

namespace sentinel {
namespace {

bool IsIpv4(std::string_view host) {
  int parts = 0;
  while (true) {
    const std::size_t dot = host.find('.');
    const auto value = base::ParseInt<int>(host.substr(0, dot));
    if (!value || *value < 0 || *value > 255) return false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

bool IsHexGroup(std::string_view group) {
  return !group.empty() && group.size() <= 4 && std::all_of(group.begin(), group.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// The 16-bit groups that `text` stands for, its last one possibly as dotted IPv4; -1 when it is not such a list.
int CountGroups(std::string_view text, bool ipv4_may_end) {
  if (text.empty()) return 0;
  const auto parts = base::Split(text, ':');
  int groups = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (IsHexGroup(parts[i])) {
      groups += 1;
    } else if (ipv4_may_end && i + 1 == parts.size() && IsIpv4(parts[i])) {
      groups += 2;
    } else {
      return -1;
    }
  }
  return groups;
}

bool IsIpv6(std::string_view host) {
  host = host.substr(0, host.find('%'));
  const std::size_t gap = host.find("::");
  if (gap == std::string_view::npos) return !host.empty() && CountGroups(host, true) == 8;
  const int before = CountGroups(host.substr(0, gap), false);
  const int behind = CountGroups(host.substr(gap + 2), true);
  return before >= 0 && behind >= 0 && before + behind <= 7;
}

}  // namespace

bool IsNumericHost(std::string_view host) {
  return host.find(':') == std::string_view::npos ? IsIpv4(host) : IsIpv6(host);
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace sentinel
