#include "replication/edge/config_file.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "replication/base/config_lines.h"
#include "replication/base/text.h"
#include "replication/host/durable_file.h"

namespace replication::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

// A file that includes itself would never end.
constexpr int kDeepestInclude = 16;

class Reader {
 public:
  // `mistakes` not null: they are put there, and reading goes on.
  explicit Reader(std::vector<std::string>* mistakes) : mistakes_(mistakes) {}

  Result<void> ReadFile(const std::string& path, int depth) {
    if (depth > kDeepestInclude) {
      return Refuse(ErrorCode::kInvalid, fmt::format("can't read '{}': too many nested includes", path));
    }
    const auto text = host::ReadWholeFile(path == "-" ? "/dev/stdin" : path);
    if (!text) return Refuse(text.error().code, text.error().text);
    return ReadText(path, *text, depth);
  }

  Result<void> ReadText(const std::string& origin, std::string_view text, int depth) {
    std::vector<std::string> bad;
    const std::vector<base::ConfigLine> lines = base::ParseConfig(text, bad);
    for (const std::string& each : bad) {
      if (const auto refused = Refuse(ErrorCode::kInvalid, origin + ":" + each); !refused) return refused;
    }
    for (const base::ConfigLine& line : lines) {
      const auto done = line.words[0] == "include" ? Include(line, depth) : loader_.Apply(line);
      if (done) continue;
      if (line.words[0] == "include" && line.words.size() > 1) return done;  // it says where already
      const auto refused = Refuse(done.error().code, origin + ":" + base::DescribeConfigError(line, done.error().text));
      if (!refused) return refused;
    }
    return {};
  }

  // "--port 7000 --save ''": each word that begins with two dashes begins a directive.
  Result<void> ReadArguments(std::span<const std::string> arguments) {
    base::ConfigLine line;
    for (std::size_t i = 0; i <= arguments.size(); ++i) {
      const bool begins = i < arguments.size() && arguments[i].starts_with("--") && arguments[i].size() > 2;
      if (begins || i == arguments.size()) {
        if (!line.words.empty()) {
          if (const auto applied = loader_.Apply(line); !applied) {
            const auto refused =
                Refuse(applied.error().code, fmt::format("command line: '{}': {}", line.text, applied.error().text));
            if (!refused) return refused;
          }
        }
        line = {};
      }
      if (i == arguments.size()) break;
      if (!begins && line.words.empty()) {
        return Refuse(ErrorCode::kInvalid, fmt::format("command line: '{}': expected --directive", arguments[i]));
      }
      line.words.push_back(begins ? base::ToLower(arguments[i].substr(2)) : arguments[i]);
      line.text += (line.text.empty() ? "" : " ") + (begins ? arguments[i] : base::QuoteWord(arguments[i]));
    }
    return {};
  }

  SettingsLoader& loader() { return loader_; }

 private:
  // An error, or, where mistakes are collected, one of them.
  Result<void> Refuse(ErrorCode code, std::string text) {
    if (mistakes_ == nullptr) return Fail(code, std::move(text));
    mistakes_->push_back(std::move(text));
    return {};
  }

  Result<void> Include(const base::ConfigLine& line, int depth) {
    if (line.words.size() != 2) return Fail(ErrorCode::kInvalid, "wrong number of arguments");
    const std::string& pattern = line.words[1];
    glob_t found{};
    const int failed = glob(pattern.c_str(), 0, nullptr, &found);
    std::vector<std::string> paths;
    if (failed == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    // A pattern may match nothing; a name must exist.
    if (paths.empty() && pattern.find_first_of("*?[") == std::string::npos) paths.push_back(pattern);
    for (const std::string& path : paths) {
      if (const auto read = ReadFile(path, depth + 1); !read) return read;
    }
    return {};
  }

  std::vector<std::string>* mistakes_;
  SettingsLoader loader_;
};

std::string SeenFrom(const std::string& folder, const std::string& path) {
  return path.empty() || path[0] == '/' ? path : folder + "/" + path;
}

}  // namespace

Result<std::string> FindFolder(const std::string& path) {
  char resolved[PATH_MAX];
  const char* real = realpath(path.empty() ? "." : path.c_str(), resolved);
  struct stat facts {};
  const auto refuse = [&] { return Fail(ErrorCode::kIo, std::strerror(errno)); };
  if (real == nullptr || stat(real, &facts) != 0) return refuse();
  if (!S_ISDIR(facts.st_mode)) {
    errno = ENOTDIR;
    return refuse();
  }
  if (access(real, R_OK | X_OK) != 0) return refuse();
  return std::string(real);
}

namespace {

Result<Launch> Read(std::span<const std::string> arguments, std::vector<std::string>* mistakes) {
  Launch launch;
  Reader reader(mistakes);
  if (!arguments.empty() && !arguments[0].starts_with("--")) {
    const std::string& path = arguments[0];
    if (const auto read = reader.ReadFile(path, 0); !read) return tl::unexpected(read.error());
    char resolved[PATH_MAX];
    if (path != "-" && realpath(path.c_str(), resolved) != nullptr) launch.config_file = resolved;
    arguments = arguments.subspan(1);
  }
  if (const auto read = reader.ReadArguments(arguments); !read) return tl::unexpected(read.error());

  auto settings = reader.loader().Finish();
  const std::string origin = launch.config_file.empty() ? "configuration" : launch.config_file;
  if (!settings) return Fail(settings.error().code, origin + ": " + settings.error().text);
  launch.settings = std::move(*settings);
  launch.without_effect = reader.loader().without_effect();

  const auto folder = FindFolder(launch.settings.dir);
  if (!folder)
    return Fail(ErrorCode::kIo, fmt::format("can't use dir '{}': {}", launch.settings.dir, folder.error().text));
  launch.settings.dir = *folder;
  launch.settings.logfile = SeenFrom(*folder, launch.settings.logfile);
  launch.settings.pidfile = SeenFrom(*folder, launch.settings.pidfile);
  return launch;
}

}  // namespace

Result<Launch> ReadLaunch(std::span<const std::string> arguments) {
  return Read(arguments, nullptr);
}

std::vector<std::string> CheckLaunch(std::span<const std::string> arguments) {
  std::vector<std::string> mistakes;
  const auto launch = Read(arguments, &mistakes);
  if (!launch) mistakes.push_back(launch.error().text);  // of the whole
  return mistakes;
}

Result<void> RewriteConfigFile(const std::string& path, const Settings& settings) {
  auto old_text = host::ReadWholeFile(path);
  if (!old_text && old_text.error().code != ErrorCode::kNotFound) return tl::unexpected(old_text.error());
  auto file = host::DurableFile::Create(path);
  if (!file) return tl::unexpected(file.error());
  const std::string text = RewriteSettings(settings, old_text ? *old_text : std::string());
  if (const auto written = file->Write(text); !written) return written;
  return file->Commit();
}

}  // namespace replication::edge
