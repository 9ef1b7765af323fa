#include "replication/host/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "replication/base/text.h"
#include "replication/host/durable_file.h"

namespace host {
namespace {

constexpr char kRoleFlag = '&';
constexpr char kMarkFlag = '*';

class RoleFormatter : public spdlog::custom_flag_formatter {
 public:
  explicit RoleFormatter(std::function<char()> role) : role_(std::move(role)) {}
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    out.push_back(role_());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<RoleFormatter>(role_); }

 private:
  std::function<char()> role_;
};

class MarkFormatter : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    switch (message.level) {
      case spdlog::level::trace:
        return out.push_back('.');
      case spdlog::level::debug:
        return out.push_back('-');
      case spdlog::level::info:
        return out.push_back('*');
      default:
        return out.push_back('#');
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<MarkFormatter>(); }
};

spdlog::level::level_enum LevelOf(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::kDebug:
      return spdlog::level::trace;
    case base::LogLevel::kVerbose:
      return spdlog::level::debug;
    case base::LogLevel::kNotice:
      return spdlog::level::info;
    case base::LogLevel::kWarning:
      return spdlog::level::warn;
  }
  return spdlog::level::warn;
}

}  // namespace

LogFile::LogFile(std::function<char()> role) : role_(std::move(role)) {}
LogFile::~LogFile() = default;

base::Result<void> LogFile::Open(const std::string& path) {
  // Asked first, since the sink would try for a while, and make folders.
  if (!path.empty()) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return tl::unexpected(SystemError("can't open the log file", path));
    close(descriptor);
  }
  spdlog::sink_ptr sink;
  try {
    if (path.empty()) {
      sink = std::make_shared<spdlog::sinks::stdout_sink_st>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
    }
  } catch (const spdlog::spdlog_ex& failure) {
    return base::Fail(base::ErrorCode::kIo, failure.what());
  }
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<RoleFormatter>(kRoleFlag, role_);
  formatter->add_flag<MarkFormatter>(kMarkFlag);
  formatter->set_pattern(fmt::format("%P:%{} %d %b %Y %H:%M:%S.%e %{} %v", kRoleFlag, kMarkFlag));
  auto logger = std::make_unique<spdlog::logger>("node", std::move(sink));
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  // A full disk is nobody's business here: the line is lost, the node goes on.
  logger->set_error_handler([](const std::string&) {});
  logger_ = std::move(logger);
  path_ = path;
  struct stat facts {};
  if (!path.empty() && stat(path.c_str(), &facts) == 0) {
    device_ = facts.st_dev;
    inode_ = facts.st_ino;
  }
  return {};
}

void LogFile::SetLevel(std::string_view name) {
  if (name == "debug") least_ = base::LogLevel::kDebug;
  if (name == "verbose") least_ = base::LogLevel::kVerbose;
  if (name == "notice") least_ = base::LogLevel::kNotice;
  if (name == "warning") least_ = base::LogLevel::kWarning;
}

bool LogFile::WasMovedAway() const {
  struct stat facts {};
  if (path_.empty()) return false;
  if (stat(path_.c_str(), &facts) != 0) return errno == ENOENT;
  return facts.st_dev != device_ || facts.st_ino != inode_;
}

void LogFile::Write(base::LogLevel level, std::string_view line) {
  if (level < least_ || logger_ == nullptr) return;
  // As with stock, which opens its log for every line: whoever rotates logs need not tell us. Where a new file cannot
  // be made, the old one goes on.
  if (WasMovedAway()) static_cast<void>(Reopen());
  // One line stays one line, whatever a peer has put into it.
  if (!base::HasControlCharacters(line)) {
    logger_->log(LevelOf(level), spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  const std::string clean = base::Quoted(line);
  logger_->log(LevelOf(level), spdlog::string_view_t(clean.data(), clean.size()));
}

}  // namespace host
