// The log: lines in the form that Redis' log readers expect, to a file or to the standard output.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "replication/base/log.h"
#include "replication/base/result.h"

namespace spdlog {
class logger;
}

namespace host {

// `<pid>:<role> <dd Mon YYYY HH:MM:SS.mmm> <mark> <text>`. For the loop thread.
class LogFile : public base::Log {
 public:
  // `role` gives the letter at the moment of a line: M for a master, S for a replica, X for a sentinel.
  explicit LogFile(std::function<char()> role);
  ~LogFile() override;

  // Empty: the standard output. kIo: the file cannot be opened; what was open before stays.
  base::Result<void> Open(const std::string& path);
  // Begins the same path anew. Write() does so by itself when it finds the file moved away or removed.
  base::Result<void> Reopen() { return Open(path_); }
  // Lines below `least` are dropped.
  void SetLevel(base::LogLevel least) { least_ = least; }
  // By the names of `loglevel`.
  void SetLevel(std::string_view name);

  void Write(base::LogLevel level, std::string_view line) override;

 private:
  std::function<char()> role_;
  std::string path_;
  base::LogLevel least_ = base::LogLevel::kNotice;
  std::unique_ptr<spdlog::logger> logger_;
  // Which file is open: its device and inode.
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;

  bool WasMovedAway() const;
};

}  // namespace host
