// One socket that says and reads exactly the bytes that a test wants: a replica that takes nothing, or very little.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace support {

class RawPeer {
 public:
  // Connects to 127.0.0.1. The kernel is asked to keep few unread bytes, so that the other side soon finds it full.
  explicit RawPeer(int port);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void Send(const std::vector<std::string>& words);
  // The next line without its end, empty lines (signs of life) passed over; "" when none came in time.
  std::string Line(int timeout_ms = 20000);
  // Takes what comes until `text` has come (true), or nothing more does, or the other side closed.
  bool ReadUntil(const std::string& text, int timeout_ms = 20000);
  // Has the other side closed? What is unread before that is thrown away; waits for nothing.
  bool closed();
  std::size_t received() const { return received_; }

 private:
  bool Take(int timeout_ms);
  int socket_ = -1;
  std::size_t received_ = 0;
  bool closed_ = false;
  std::string buffer_;
};

}  // namespace support
