// Where the cores write what happened. The edges stand behind it with spdlog, tests with a vector.
#pragma once

#include <string_view>

namespace base {

// The four levels of redis.conf's `loglevel`, and their marks in a log line: . - * #
enum class LogLevel { kDebug, kVerbose, kNotice, kWarning };

class Log {
 public:
  virtual ~Log() = default;
  // One line without newline. Never blocks on a disk for long; never fails visibly.
  virtual void Write(LogLevel level, std::string_view line) = 0;
};

}  // namespace base
