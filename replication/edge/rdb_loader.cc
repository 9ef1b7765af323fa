#include "replication/edge/rdb_loader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "replication/host/durable_file.h"

namespace replication::edge {
namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr std::size_t kMostPieces = 64;  // read ahead

}  // namespace

struct RdbLoader::State {
  State(std::string of_path, int of_descriptor, std::uint64_t of_size, std::shared_ptr<host::WayBack> back,
        std::function<void()> more)
      : path(std::move(of_path)),
        descriptor(of_descriptor),
        size(of_size),
        way_back(std::move(back)),
        on_more(std::move(more)),
        thread([this] { Read(); }) {}
  ~State() {
    {
      const std::lock_guard lock(mutex);
      given_up = true;
    }
    room.notify_one();
    thread.join();
    close(descriptor);
  }

  void Read() {
    while (true) {
      std::string piece(kPiece, '\0');
      ssize_t count = 0;
      do {
        count = read(descriptor, piece.data(), piece.size());
      } while (count < 0 && errno == EINTR);
      std::optional<base::Error> failure;
      if (count < 0) failure = host::SystemError("can't read", path);
      piece.resize(count > 0 ? static_cast<std::size_t>(count) : 0);

      std::unique_lock lock(mutex);
      room.wait(lock, [this] { return given_up || pieces.size() < kMostPieces; });
      if (given_up) return;
      error = failure;
      at_end = count <= 0;
      if (count > 0) pieces.push_back(std::move(piece));
      if (std::exchange(starved, false)) way_back->Post(on_more);
      if (at_end) return;
    }
  }

  const std::string path;
  const int descriptor;
  const std::uint64_t size;
  const std::shared_ptr<host::WayBack> way_back;
  const std::function<void()> on_more;

  std::mutex mutex;
  std::condition_variable room;
  std::deque<std::string> pieces;
  std::optional<base::Error> error;
  bool at_end = false;
  bool starved = false;
  bool given_up = false;
  std::thread thread;  // last: it uses all of the above
};

base::Result<std::unique_ptr<RdbLoader>> RdbLoader::Open(const std::string& path,
                                                         std::shared_ptr<host::WayBack> way_back,
                                                         std::function<void()> on_more) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(host::SystemError("can't open", path));
  struct stat facts {};
  if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(descriptor);
    return base::Fail(base::ErrorCode::kIo, "can't load '" + path + "': not a regular file");
  }
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<RdbLoader>(new RdbLoader(std::make_unique<State>(
      path, descriptor, static_cast<std::uint64_t>(facts.st_size), std::move(way_back), std::move(on_more))));
}

RdbLoader::RdbLoader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RdbLoader::~RdbLoader() = default;

std::uint64_t RdbLoader::size() const {
  return state_->size;
}

base::Result<std::string> RdbLoader::Take() {
  std::string piece;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->pieces.empty()) {
      if (state_->error) return tl::unexpected(*state_->error);
      state_->starved = !state_->at_end;
      return piece;
    }
    piece = std::move(state_->pieces.front());
    state_->pieces.pop_front();
  }
  state_->room.notify_one();
  return piece;
}

bool RdbLoader::has_more() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->pieces.empty() || state_->error;
}

bool RdbLoader::ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->at_end && !state_->error && state_->pieces.empty();
}

}  // namespace replication::edge
