#include "sentinel/edge/state_file.h"

#include <unistd.h>

#include <utility>

#include "replication/host/durable_file.h"

namespace sentinel::edge {

base::Result<void> ReplaceFile(const std::string& path, std::string_view text) {
  if (access(path.c_str(), W_OK) != 0) return tl::unexpected(host::SystemError("can't write", path));
  auto file = host::DurableFile::Create(path);
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->Write(text); !written) return written;
  return file->Commit();
}

StateFile::StateFile(std::shared_ptr<host::WayBack> way_back, std::string path, std::function<std::string()> render,
                     std::function<void(ChangeNumber, base::Result<void>)> on_saved)
    : way_back_(std::move(way_back)),
      path_(std::move(path)),
      render_(std::move(render)),
      on_saved_(std::move(on_saved)) {}

void StateFile::Want(ChangeNumber newest) {
  wanted_ = newest;
  if (!in_flight_) Begin();
}

void StateFile::Begin() {
  in_flight_ = true;
  disk_.Do([this, text = render_(), through = *std::exchange(wanted_, std::nullopt)] {
    way_back_->Post([this, through, result = ReplaceFile(path_, text)] {
      in_flight_ = false;
      // The next write begins before the news is told: while the loop is busy with it, the disk works.
      if (wanted_) Begin();
      on_saved_(through, result);
    });
  });
}

}  // namespace sentinel::edge
