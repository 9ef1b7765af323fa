// Loading the journal: its base, then the commands of its incr files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/core/journal.h"
#include "replication/core/journal_scan.h"
#include "replication/core/state.h"

namespace replication {

// Brings `state` to where the files end: data, offset and history. The bytes of stream at the end stay in its log, as
// far as the backlog reaches, so that replicas go on from there.
struct JournalReplay {
  explicit JournalReplay(NodeState& of);

  void BeginFile(const std::string& file_name, const IncrVerdict* of_file);
  // kInvalid: it cannot be loaded; the text names file, place and reason.
  base::Result<void> Feed(std::string_view bytes, const Now& now);
  base::Result<void> EndFile(const Now& now);
  // All files are loaded. A replica goes on in the history of the last file, a master forks it; if that file is not
  // wholly ours, a history begins.
  void End(const Now& now);

 private:
  base::Result<void> Run(const std::vector<std::string_view>& words, const Now& now);
  base::Result<void> RunOne(const std::vector<std::string_view>& words, const Now& now);
  base::Result<void> FeedCommands(std::string_view bytes, const Now& now);
  base::Error Wrong(const std::string& reason) const;

  NodeState& state_;
  std::string name_;
  std::optional<IncrVerdict> verdict_;
  bool any_incr_ = false;
  std::string start_;  // of a base, until its kind is known
  bool is_base_ = false;
  bool kind_known_ = false;
  std::unique_ptr<data::RdbReader> rdb_;
  std::unique_ptr<CommandReader> reader_;
  std::uint64_t before_reader_ = 0;  // bytes of the file that the reader was not given
  bool in_head_ = false;
  std::unique_ptr<NodeClient> client_;
};

}  // namespace replication
