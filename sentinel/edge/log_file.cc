#include "sentinel/edge/log_file.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace sentinel::edge {
namespace {

// debug . verbose - notice * warning #, as Redis marks them.
class MarkFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    char mark = '#';
    if (message.level == spdlog::level::trace) mark = '.';
    if (message.level == spdlog::level::debug) mark = '-';
    if (message.level == spdlog::level::info) mark = '*';
    out.push_back(mark);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<MarkFlag>(); }
};

spdlog::level::level_enum ToSpdlog(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::kDebug:
      return spdlog::level::trace;
    case base::LogLevel::kVerbose:
      return spdlog::level::debug;
    case base::LogLevel::kNotice:
      return spdlog::level::info;
    case base::LogLevel::kWarning:
      break;
  }
  return spdlog::level::warn;
}

}  // namespace

base::Result<std::unique_ptr<LogFile>> LogFile::Open(const std::string& path, base::LogLevel least) {
  std::unique_ptr<LogFile> log(new LogFile);
  log->least_ = least;
  spdlog::sink_ptr sink;
  try {
    if (path.empty()) {
      sink = std::make_shared<spdlog::sinks::stdout_sink_st>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
    }
  } catch (const spdlog::spdlog_ex& error) {
    return base::Fail(base::ErrorCode::kIo, error.what());
  }
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<MarkFlag>('*').set_pattern("%P:X %d %b %Y %H:%M:%S.%e %* %v");
  sink->set_formatter(std::move(formatter));
  log->logger_ = std::make_shared<spdlog::logger>("vigil", std::move(sink));
  log->logger_->set_level(spdlog::level::trace);
  // What is logged explains what happens next: it must be there after a crash.
  log->logger_->flush_on(spdlog::level::trace);
  log->logger_->set_error_handler([](const std::string&) {});  // a full disk under the log stops nothing
  return log;
}

void LogFile::Write(base::LogLevel level, std::string_view line) {
  if (level < least_) return;
  logger_->log(ToSpdlog(level), line);
}

}  // namespace sentinel::edge
