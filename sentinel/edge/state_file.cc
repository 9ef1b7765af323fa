#include "sentinel/edge/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sentinel::edge {
namespace {

tl::unexpected<base::Error> SystemError(const std::string& what) {
  return base::Fail(base::ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno)));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

base::Result<void> WriteAll(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return SystemError("write " + path);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

base::Result<std::string> ReadFile(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError(path);
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      return SystemError(path);
    }
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

base::Result<void> ReplaceFile(const std::string& path, std::string_view text) {
  // Redis replaces a file only when it may write it; a read-only sentinel.conf is the operator's word.
  if (access(path.c_str(), W_OK) != 0) return SystemError(path);
  struct stat old_file {};
  if (stat(path.c_str(), &old_file) != 0) return SystemError(path);

  std::string temporary = path + ".XXXXXX";
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return SystemError("cannot create a file beside " + path);
  const auto fail = [&](base::Result<void> error) {
    unlink(temporary.c_str());
    return error;
  };
  if (auto written = WriteAll(file.get(), text, temporary); !written) return fail(std::move(written));
  if (fchmod(file.get(), old_file.st_mode & 07777) != 0) return fail(SystemError("chmod " + temporary));
  // A file owned by somebody else stays theirs where we may do that; otherwise it becomes ours.
  if (fchown(file.get(), old_file.st_uid, old_file.st_gid) != 0) errno = 0;
  if (fsync(file.get()) != 0) return fail(SystemError("fsync " + temporary));
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail(SystemError("rename to " + path));

  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const FileDescriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || fsync(directory.get()) != 0) return SystemError("fsync " + folder);
  return {};
}

StateFile::StateFile(net::Loop& loop, std::string path, std::function<std::string()> render,
                     std::function<void(ChangeNumber, base::Result<void>)> on_saved)
    : loop_(loop), path_(std::move(path)), render_(std::move(render)), on_saved_(std::move(on_saved)) {
  thread_ = std::thread([this] { Work(); });
}

StateFile::~StateFile() {
  *self_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StateFile::Want(ChangeNumber newest) {
  wanted_ = newest;
  if (!in_flight_) Begin();
}

void StateFile::Begin() {
  in_flight_ = true;
  Job job{render_(), *std::exchange(wanted_, std::nullopt)};
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
  }
  wake_.notify_one();
}

void StateFile::Work() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return job_.has_value() || stopping_; });
      if (!job_) return;
      job = *std::exchange(job_, std::nullopt);
    }
    auto result = ReplaceFile(path_, job.text);
    loop_.Post([self = self_, through = job.through, result = std::move(result)] {
      if (*self == nullptr) return;
      StateFile& file = **self;
      file.in_flight_ = false;
      // The next write begins before the news is told: while the loop is busy with it, the disk works.
      if (file.wanted_) file.Begin();
      file.on_saved_(through, result);
    });
  }
}

}  // namespace sentinel::edge
