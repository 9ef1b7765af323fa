// Hosts with a network between them, on this machine: network namespaces, wired to one bridge.
//
// Nothing of it has a name outside of this process: the kernel removes namespaces, wires and rules with the last
// process and file descriptor that use them, however the test ends.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace support {

enum class Family : std::uint8_t { kIpv4, kIpv6 };

class Network {
 public:
  // Why this caller cannot make one (rights, programs); empty when it can. Found out by trying, once.
  static const std::string& WhyNot();

  Network();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Adds a host, reachable from all others; the number by which it is named here, from 1 on.
  int AddHost();

  std::string Address(int host, Family family = Family::kIpv4) const;
  // The namespace as a file descriptor: for Process and Inside.
  int Space(int host) const { return spaces_.at(static_cast<std::size_t>(host)); }

  // Packets from `first` to `second` vanish, silently, from now on, those of open connections too. All pairs change
  // at the same instant. Adds to what is cut already.
  using Ways = std::vector<std::pair<int, int>>;
  void Cut(const Ways& ways);
  // Everything arrives again.
  void Heal();

  // Every way from one of `from` to one of `to`; with `both`, and back.
  static Ways Between(const std::vector<int>& from, const std::vector<int>& to, bool both);

 private:
  std::vector<int> spaces_;  // [0] is the switch
};

// While it lives, sockets that this thread opens are inside a namespace; -1: stays where it is.
class Inside {
 public:
  explicit Inside(int space);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int before_ = -1;
};

}  // namespace support
