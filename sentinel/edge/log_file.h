// The log, in the line form that people grep: "<pid>:X <dd Mon YYYY HH:MM:SS.mmm> <mark> <text>".
#pragma once

#include <memory>
#include <string>

#include "replication/base/log.h"
#include "replication/base/result.h"

namespace spdlog {
class logger;
}

namespace sentinel::edge {

class LogFile : public base::Log {
 public:
  // `path` empty: standard output. Error kIo: the file cannot be opened.
  static base::Result<std::unique_ptr<LogFile>> Open(const std::string& path, base::LogLevel least);
  void Write(base::LogLevel level, std::string_view line) override;
  void set_least(base::LogLevel least) { least_ = least; }

 private:
  LogFile() = default;
  std::shared_ptr<spdlog::logger> logger_;
  base::LogLevel least_ = base::LogLevel::kNotice;
};

}  // namespace sentinel::edge
