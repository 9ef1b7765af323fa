#include "tests/support/network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

#include "tests/support/process.h"

namespace support {
namespace {

int OpenCurrent() {
  return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

// A new namespace lives as long as something refers to it: here the file descriptor, which is -1 without the rights.
int NewSpace() {
  int fd = -1;
  std::thread([&fd] {
    if (unshare(CLONE_NEWNET) == 0) fd = OpenCurrent();
  }).join();
  return fd;
}

// Runs shell lines inside a namespace; what they said when they failed, or nothing.
std::string Run(int space, const std::string& lines) {
  const TempDir temp;
  Process shell({"/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin\n" + lines}, temp.path() + "/output", "", space);
  const auto code = shell.Wait(20000);
  if (code == 0) return "";
  shell.Kill();
  const std::string said = shell.log();
  return said.empty() ? fmt::format("exit code {}", code.value_or(-1)) : said;
}

void MustRun(int space, const std::string& lines) {
  const std::string said = Run(space, lines);
  if (!said.empty()) throw std::runtime_error(fmt::format("network: {}\n{}", said, lines));
}

constexpr const char* kSwitch = R"(
ip link set lo up
ip link add bridge type bridge
ip link set bridge up
nft -f - <<RULES
table bridge cut {
  set ways4 { type ipv4_addr . ipv4_addr; }
  set ways6 { type ipv6_addr . ipv6_addr; }
  chain forward {
    type filter hook forward priority 0;
    ip saddr . ip daddr @ways4 drop
    ip6 saddr . ip6 daddr @ways6 drop
  }
}
RULES
)";

}  // namespace

const std::string& Network::WhyNot() {
  static const std::string reason = []() -> std::string {
    const int space = NewSpace();
    if (space < 0) return "no right to make network namespaces (root is needed)";
    std::string said = Run(space, kSwitch);
    close(space);
    if (said.find("not found") != std::string::npos) said += "(packages iproute2 and nftables are needed)";
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return said;
  }();
  return reason;
}

Network::Network() {
  spaces_.push_back(NewSpace());
  if (spaces_[0] < 0) throw std::runtime_error("network: no right to make namespaces");
  MustRun(spaces_[0], kSwitch);
}

Network::~Network() {
  for (const int space : spaces_) close(space);
}

int Network::AddHost() {
  const int host = static_cast<int>(spaces_.size());
  spaces_.push_back(NewSpace());
  // Duplicate address detection would leave an IPv6 address unusable for a second.
  MustRun(spaces_[0], fmt::format(R"(
ip link add wire{0} type veth peer name eth0 netns /proc/{1}/fd/{2}
ip link set wire{0} master bridge
ip link set wire{0} up
)",
                                  host, getpid(), spaces_.back()));
  MustRun(spaces_.back(), fmt::format(R"(
ip link set lo up
ip addr add {}/24 dev eth0
ip addr add {}/64 dev eth0 nodad
ip link set eth0 up
)",
                                      Address(host), Address(host, Family::kIpv6)));
  return host;
}

std::string Network::Address(int host, Family family) const {
  return family == Family::kIpv4 ? fmt::format("10.77.0.{}", host) : fmt::format("fd77::{:x}", host);
}

void Network::Cut(const Ways& ways) {
  std::string four;
  std::string six;
  for (const auto& [from, to] : ways) {
    four += fmt::format("{}{} . {}", four.empty() ? "" : ", ", Address(from), Address(to));
    six += fmt::format("{}{} . {}", six.empty() ? "" : ", ", Address(from, Family::kIpv6), Address(to, Family::kIpv6));
  }
  MustRun(spaces_[0],
          fmt::format("nft 'add element bridge cut ways4 {{ {} }}; add element bridge cut ways6 {{ {} }}'", four, six));
}

void Network::Heal() {
  MustRun(spaces_[0], "nft 'flush set bridge cut ways4; flush set bridge cut ways6'");
}

Network::Ways Network::Between(const std::vector<int>& from, const std::vector<int>& to, bool both) {
  Ways ways;
  for (const int a : from) {
    for (const int b : to) {
      ways.emplace_back(a, b);
      if (both) ways.emplace_back(b, a);
    }
  }
  return ways;
}

Inside::Inside(int space) {
  if (space < 0) return;
  before_ = OpenCurrent();
  if (before_ < 0 || setns(space, CLONE_NEWNET) != 0) throw std::runtime_error("network: cannot enter a namespace");
}

Inside::~Inside() {
  if (before_ < 0) return;
  // Staying inside would silently turn every later test into another one.
  if (setns(before_, CLONE_NEWNET) != 0) std::terminate();
  close(before_);
}

}  // namespace support
