// The bytes of a file, read ahead by a thread, so that the loop never waits for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "replication/base/result.h"
#include "replication/host/way_back.h"

namespace replication::edge {

class RdbLoader {
 public:
  // kNotFound: there is no such file. kIo: it is there and cannot be read. `on_more` is called on the loop thread
  // after Take() has given nothing and there is something again.
  static base::Result<std::unique_ptr<RdbLoader>> Open(const std::string& path, std::shared_ptr<host::WayBack> way_back,
                                                       std::function<void()> on_more);
  ~RdbLoader();
  RdbLoader(const RdbLoader&) = delete;
  RdbLoader& operator=(const RdbLoader&) = delete;

  // When the file was opened.
  std::uint64_t size() const;

  // The next bytes, at most 64 KiB; empty: none have arrived yet, or ended(). kIo when the disk refuses.
  base::Result<std::string> Take();
  // Would Take() give something?
  bool has_more() const;
  // All bytes were taken.
  bool ended() const;

 private:
  struct State;
  explicit RdbLoader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace replication::edge
