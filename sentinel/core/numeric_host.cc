#include "sentinel/core/numeric_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

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

// Of "fe80::1%eth0": the interface that the address belongs to, as it may come to stand in files and hellos.
bool IsZone(std::string_view zone) {
  return zone.size() <= 64 && IsHostName(zone);
}

bool IsIpv6(std::string_view host) {
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    if (!IsZone(host.substr(percent + 1))) return false;
    host = host.substr(0, percent);
  }
  const std::size_t gap = host.find("::");
  if (gap == std::string_view::npos) return !host.empty() && CountGroups(host, true) == 8;
  const int before = CountGroups(host.substr(0, gap), false);
  const int behind = CountGroups(host.substr(gap + 2), true);
  return before >= 0 && behind >= 0 && before + behind <= 7;
}

using Groups = std::vector<std::uint16_t>;

// `text` is such a list.
void AppendGroups(std::string_view text, Groups& groups) {
  if (text.empty()) return;
  for (const std::string_view part : base::Split(text, ':')) {
    if (part.find('.') == std::string_view::npos) {
      unsigned value = 0;
      for (const char c : part) value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      groups.push_back(static_cast<std::uint16_t>(value));
      continue;
    }
    std::array<unsigned, 4> bytes{};
    const auto numbers = base::Split(part, '.');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = base::ParseInt<unsigned>(numbers[i]).value_or(0);
    groups.push_back(static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]));
    groups.push_back(static_cast<std::uint16_t>(bytes[2] << 8 | bytes[3]));
  }
}

// `host` is an IPv6 address without a zone.
Groups GroupsOf(std::string_view host) {
  Groups groups;
  const std::size_t gap = host.find("::");
  AppendGroups(host.substr(0, gap), groups);
  if (gap == std::string_view::npos) return groups;
  Groups behind;
  AppendGroups(host.substr(gap + 2), behind);
  groups.resize(8 - behind.size());
  groups.insert(groups.end(), behind.begin(), behind.end());
  return groups;
}

std::string Spell(const Groups& groups) {
  std::size_t longest = 0;
  std::size_t longest_at = 8;
  for (std::size_t at = 0; at < 8; ++at) {
    std::size_t length = 0;
    while (at + length < 8 && groups[at + length] == 0) ++length;
    if (length > longest && length >= 2) {
      longest = length;
      longest_at = at;
    }
    if (length > 0) at += length - 1;
  }
  const bool dotted = longest_at == 0 && (longest == 6 || (longest == 5 && groups[5] == 0xffff));
  std::string out;
  for (std::size_t at = 0; at < (dotted ? 6U : 8U); ++at) {
    if (at == longest_at) {
      out += "::";
      at += longest - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", groups[at]);
  }
  if (!dotted) return out;
  if (out.back() != ':') out += ':';
  return out + fmt::format("{}.{}.{}.{}", groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255);
}

}  // namespace

std::string CanonicalHost(std::string_view host) {
  if (host.find(':') == std::string_view::npos || !IsIpv6(host)) return std::string(host);
  const std::size_t zone = std::min(host.find('%'), host.size());
  return Spell(GroupsOf(host.substr(0, zone))) + std::string(host.substr(zone));
}

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
