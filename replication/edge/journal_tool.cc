#include "replication/edge/journal_tool.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>

#include "replication/edge/journal_loader.h"
#include "replication/edge/journal_writer.h"

namespace replication::edge {
namespace {

constexpr std::string_view kManifestEnd = ".manifest";

int Complain(std::string_view text) {
  fmt::print(stderr, "vigil-node: {}\n", text);
  return 1;
}

// The `appendfilename` that the folder's one manifest is named for.
base::Result<std::string> FilenameIn(const std::string& folder) {
  std::error_code failed;
  std::optional<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(kManifestEnd)) continue;
    if (found) return base::Fail(base::ErrorCode::kInvalid, fmt::format("'{}' holds several manifests", folder));
    found = name.substr(0, name.size() - kManifestEnd.size());
  }
  if (failed) return base::Fail(base::ErrorCode::kIo, fmt::format("can't read '{}': {}", folder, failed.message()));
  if (!found) return base::Fail(base::ErrorCode::kNotFound, fmt::format("'{}' holds no manifest", folder));
  return *found;
}

std::string Describe(const JournalLoader::Part& part) {
  if (!part.verdict) return "base";
  const IncrVerdict& verdict = *part.verdict;
  if (!verdict.head) return "commands of another server";
  const IncrHead& head = verdict.head->head;
  const std::string from = fmt::format("{} from {}", head.history.replid.hex, head.first);
  return verdict.ours ? fmt::format("{} to {}", from, verdict.last) : from + ", continued by another server";
}

}  // namespace

int RunJournalTool(const std::vector<std::string>& arguments) {
  const bool repairs = !arguments.empty() && arguments[0] == "repair";
  if (arguments.size() != 2 || (!repairs && arguments[0] != "check")) {
    fmt::print(stderr, "Usage: vigil-node --journal check|repair FOLDER\n");
    return 2;
  }
  std::string folder = arguments[1];
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const auto filename = FilenameIn(folder);
  if (!filename) return Complain(filename.error().text);
  const auto lock = FolderLock::Take(folder);
  if (!lock) return Complain(lock.error().text);
  const auto found = LookAtJournal(folder, *filename);
  if (!found) return Complain(found.error().text);
  std::vector<JournalLoader::Part> parts;
  if (found->manifest->base) parts.push_back({found->manifest->base->name, {}, std::nullopt});
  for (const JournalFile& file : found->manifest->incrs) parts.push_back({file.name, {}, IncrVerdict{}});
  int troubles = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    JournalLoader::Part& part = parts[i];
    part.path = folder + "/" + part.name;
    if (const auto judged = JudgePart(part); !judged) return Complain(judged.error().text);
    fmt::print("{}: {}\n", part.name, Describe(part));
    if (!part.verdict) continue;
    IncrVerdict& verdict = *part.verdict;
    if (verdict.damage) {
      fmt::print("  damaged at byte {} of {}: {}\n", verdict.damage_at, verdict.size, *verdict.damage);
      verdict.good = verdict.damage_at;
    } else if (verdict.good < verdict.size) {
      fmt::print("  a torn tail of {} bytes, from byte {} on\n", verdict.size - verdict.good, verdict.good);
    } else {
      continue;
    }
    ++troubles;
    if (!repairs) continue;
    if (i + 1 < parts.size() || (!verdict.head && verdict.good == 0 && verdict.damage)) {
      return Complain(fmt::format("'{}' cannot be repaired: what follows it rests on what it lacks", part.path));
    }
    const auto kept = CutTail(part);
    if (!kept) return Complain(kept.error().text);
    fmt::print("  cut off; what stood there is kept in {}\n", *kept);
  }
  if (troubles == 0) fmt::print("The directory is whole.\n");
  return troubles == 0 || repairs ? 0 : 1;
}

}  // namespace replication::edge
