#include "sentinel/edge/state_file.h"

#include <unistd.h>

#include <cerrno>
#include <future>
#include <utility>

namespace sentinel::edge {

base::Result<host::DurableFile> PrepareFile(const std::string& path, std::string_view text) {
  if (access(path.c_str(), W_OK) != 0 && errno != ENOENT) return tl::unexpected(host::SystemError("can't write", path));
  auto file = host::DurableFile::Create(path);
  if (!file) return file;
  if (auto written = file->Write(text); !written) return tl::unexpected(written.error());
  if (auto synced = file->Sync(); !synced) return tl::unexpected(synced.error());
  return file;
}

StateFile::StateFile(std::shared_ptr<host::WayBack> way_back, std::string path, SavedTexts durable,
                     std::function<SavedTexts()> render, std::function<void(ChangeNumber, base::Result<void>)> on_saved)
    : way_back_(std::move(way_back)),
      path_(std::move(path)),
      vigil_path_(VigilPath(path_)),
      durable_(std::move(durable)),
      render_(std::move(render)),
      on_saved_(std::move(on_saved)) {}

void StateFile::Want(ChangeNumber newest) {
  wanted_ = newest;
  if (!in_flight_) Begin();
}

void StateFile::Begin() {
  in_flight_ = true;
  disk_.Do([this, texts = render_(), through = *std::exchange(wanted_, std::nullopt)]() mutable {
    base::Result<void> result = Write(texts);
    durable_ = result ? std::optional(std::move(texts)) : std::nullopt;
    way_back_->Post([this, through, result = std::move(result)] {
      in_flight_ = false;
      // The next write begins before the news is told: while the loop is busy with it, the disk works.
      if (wanted_) Begin();
      on_saved_(through, result);
    });
  });
}

base::Result<void> StateFile::Write(const SavedTexts& texts) {
  const bool config_changed = !durable_ || durable_->config != texts.config;
  const bool vigil_changed =
      durable_ ? durable_->vigil != texts.vigil : !texts.vigil.empty() || access(vigil_path_.c_str(), F_OK) == 0;
  using Prepared = base::Result<host::DurableFile>;
  std::promise<std::optional<Prepared>> vigil_promise;
  if (vigil_changed) {
    vigil_disk_.Do([&] {
      vigil_promise.set_value(std::optional<Prepared>(std::in_place, PrepareFile(vigil_path_, texts.vigil)));
    });
  } else {
    vigil_promise.set_value(std::nullopt);
  }
  std::optional<Prepared> config;
  if (config_changed) config.emplace(PrepareFile(path_, texts.config));
  std::optional<Prepared> vigil = vigil_promise.get_future().get();

  for (std::optional<Prepared>* file : {&config, &vigil}) {
    if (file->has_value() && !**file) return tl::unexpected((*file)->error());
  }
  // In this order, always.
  for (std::optional<Prepared>* file : {&config, &vigil}) {
    if (!file->has_value()) continue;
    if (auto renamed = (**file)->Rename(); !renamed) return renamed;
  }
  if (!config && !vigil) return {};
  return host::SyncFolderOf(path_);
}

}  // namespace sentinel::edge
