#include "replication/edge/journal_tool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "replication/base/text.h"
#include "replication/core/journal_moments.h"
#include "replication/edge/journal_loader.h"
#include "replication/edge/journal_undo.h"
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

int CheckJournal(std::string folder, bool repairs) {
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

constexpr std::string_view kUsage =
    "Usage: vigil-node --journal VERB FOLDER ...   (or: vigil journal VERB FOLDER ...)\n"
    "\n"
    "FOLDER is a node's append-only directory, <dir>/<appenddirname> of its configuration, a backup of it, or a stock\n"
    "server's; `vigil journal` also takes the HOST:PORT of a node on this machine (password: VIGILCLI_AUTH).\n"
    "The node may be running, except for check and repair. Only repair changes anything in it.\n"
    "\n"
    "  check  FOLDER         Is every file whole? Names what is damaged and where.\n"
    "  repair FOLDER         Cuts a damaged or torn end off the last file; what is cut off is kept in archive/.\n"
    "  list   FOLDER         Which moments can be had: generations with offsets, times, sizes and histories,\n"
    "                        those in archive/ included.\n"
    "                          --json        for programs\n"
    "  show   FOLDER         The commands, one a line: time, the last moment before it, the moment behind it\n"
    "                        ('-' inside a transaction), database, words.\n"
    "                          --from X      only from this time or offset on\n"
    "                          --to X        only up to this time or offset\n"
    "                          --match GLOB  only where the command's name or one of its words matches\n"
    "                          --count N     only the first N of them\n"
    "                          --full        long words are not shortened\n"
    "                          --json        one object a line; each byte of a word is one character\n"
    "  backup FOLDER NEW     A consistent copy of the generation in use, with its history, offsets and times,\n"
    "                        into the new directory NEW. Read again before it counts.\n"
    "  export FOLDER NEW     The same data as a plain append-only directory of Redis 7.\n"
    "                          --to X        as they were at this time or offset\n"
    "\n"
    "A time is as in RFC 3339: 2026-11-23T14:05:00Z, 2026-11-23T14:05:00.250+01:00. The data \"at\" a time are what "
    "was\n"
    "written up to the last command before the first one that is younger than it. A command's time is that of its\n"
    "batch, in milliseconds; where only a #TS mark tells it (files of a stock server), it is the beginning of that\n"
    "second. An offset is the last byte of the replication stream that counts: 4711, or <replid>:4711 where several\n"
    "histories have it. A moment is never inside a transaction.\n"
    "\n"
    "NEW must not exist, or be empty. It appears whole or not at all; Ctrl-C leaves nothing behind.\n"
    "\n"
    "Exit codes: 0 done, or whole; 1 failed, or damaged; 2 bad usage; 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  vigil-node --journal list /var/lib/vigil/appendonlydir\n"
    "  vigil-node --journal show /var/lib/vigil/appendonlydir --match 'FLUSH*'\n"
    "  vigil-node --journal show /var/lib/vigil/appendonlydir --from 2026-11-23T14:00:00Z --match 'user:*'\n"
    "  vigil-node --journal backup /var/lib/vigil/appendonlydir /backup/monday\n"
    "  vigil-node --journal export /var/lib/vigil/appendonlydir /tmp/for-redis\n"
    "  vigil-node node.conf --restore-to-offset 4711 --restore-into /var/lib/vigil-restored\n";

constexpr std::string_view kVerbs[] = {"check", "repair", "list", "show", "backup", "export"};

int UnknownVerb(std::string_view verb) {
  const std::string_view* nearest = std::ranges::min_element(
      kVerbs, {}, [&](std::string_view known) { return EditsBetween(base::ToLower(verb), known); });
  if (EditsBetween(base::ToLower(verb), *nearest) <= 2) {
    fmt::print(stderr, "vigil-node: there is no verb '{}'; did you mean '{}'? See vigil-node --journal --help\n", verb,
               *nearest);
  } else {
    fmt::print(stderr, "vigil-node: there is no verb '{}'. See vigil-node --journal --help\n", verb);
  }
  return 2;
}

}  // namespace

int RunJournalTool(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const bool help = std::ranges::any_of(arguments, [](const std::string& word) { return word == "--help"; });
  if (help || arguments[0] == "-h" || arguments[0] == "help") {
    fmt::print("{}", kUsage);
    return 0;
  }
  const std::string& verb = arguments[0];
  if (std::ranges::find(kVerbs, verb) == std::end(kVerbs)) return UnknownVerb(verb);
  if (verb != "check" && verb != "repair") return RunJournalUndo(verb, {arguments.begin() + 1, arguments.end()});
  if (arguments.size() != 2) {
    fmt::print(stderr, "vigil-node: {} takes one FOLDER. See vigil-node --journal --help\n", verb);
    return 2;
  }
  return CheckJournal(arguments[1], verb == "repair");
}

}  // namespace replication::edge
