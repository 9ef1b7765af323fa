#include "replication/edge/journal_undo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "replication/base/text.h"
#include "replication/core/journal_text.h"
#include "replication/edge/config_file.h"
#include "replication/edge/journal_copy.h"

namespace replication::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr int kInterrupted = 130;

volatile std::sig_atomic_t interrupted = 0;

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}
bool IsInterrupted() {
  return interrupted != 0;
}

int Complain(std::string_view text) {
  fmt::print(stderr, "vigil-node: {}\n", text);
  return kFailed;
}
int ComplainOfUsage(std::string_view text) {
  fmt::print(stderr, "vigil-node: {}. See vigil-node --journal --help\n", text);
  return kBadUsage;
}
int End(const base::Error& error, const std::string& nothing_left_of = "") {
  if (!IsInterrupted()) return Complain(error.text);
  Complain(nothing_left_of.empty() ? "interrupted"
                                   : fmt::format("interrupted: nothing of '{}' is left", nothing_left_of));
  return kInterrupted;
}
// fmt::print throws when its reader is gone.
void Out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}
// A full disk below a redirection is no success; a reader that has seen enough is.
int EndOutput() {
  if (std::fflush(stdout) == 0 || errno == EPIPE) return kDone;
  return Complain(fmt::format("cannot write the output: {}", std::strerror(errno)));
}

// What stands on the command line, verb by verb.
struct Words {
  std::vector<std::string> places;
  bool json = false;
  bool full = false;
  std::string from, to, match, count;
};

Result<Words> ReadWords(const std::vector<std::string>& arguments, std::vector<std::string_view> flags) {
  Words words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    if (!word.starts_with("--")) {
      words.places.push_back(word);
      continue;
    }
    std::optional<std::string> value;
    if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    if (std::ranges::find(flags, word) == flags.end()) {
      return Fail(ErrorCode::kInvalid, fmt::format("'{}' is no flag here", word));
    }
    if (word == "--json" || word == "--full") {
      (word == "--json" ? words.json : words.full) = true;
      continue;
    }
    if (!value) {
      if (++i == arguments.size()) return Fail(ErrorCode::kInvalid, fmt::format("{} lacks its value", word));
      value = arguments[i];
    }
    (word == "--from"    ? words.from
     : word == "--to"    ? words.to
     : word == "--match" ? words.match
                         : words.count) = *value;
  }
  for (std::string& place : words.places) {
    while (place.size() > 1 && place.ends_with('/')) place.pop_back();
  }
  return words;
}

// A time or an offset.
Result<WantedMoment> ReadMoment(const std::string& text) {
  if (auto offset = ParseWantedOffset(text)) return offset;
  const auto time = ParseMoment(text);
  if (!time) return tl::unexpected(time.error());
  WantedMoment moment;
  moment.time_ms = *time;
  return moment;
}

int List(const Words& words) {
  auto source = JournalSource::Open(words.places[0]);
  if (!source) return End(source.error());
  if (const auto measured = source->Measure(IsInterrupted); !measured) return End(measured.error());
  const auto chains = FindChains(source->parts());
  const std::string text = words.json ? RenderJournalListJson(source->parts(), chains)
                                      : RenderJournalList(words.places[0], source->parts(), chains);
  Out(text);
  return EndOutput();
}

// Which commands are shown.
struct Filter {
  std::optional<WantedMoment> from, to;
  std::string match;
  std::uint64_t count = UINT64_MAX;

  bool Behind(const JournalCommand& command) const {
    if (!to) return false;
    if (to->offset) return command.before != kNoOffset && command.before >= *to->offset;
    return command.time_ms != kNoTime && command.time_ms > *to->time_ms;
  }
  bool Shows(const JournalCommand& command) const {
    if (from && from->offset && command.through < *from->offset) return false;
    if (from && from->time_ms && command.time_ms < *from->time_ms) return false;
    if (Behind(command)) return false;
    if (match.empty()) return true;
    if (base::GlobMatch(match, command.words[0], true)) return true;
    return std::ranges::any_of(command.words, [&](std::string_view word) { return base::GlobMatch(match, word); });
  }
};

// The rest of it is not wanted, and that is no error.
constexpr std::string_view kEnough = "enough";

Result<void> ShowFile(const SourceFile& file, const Words& words, Filter& filter) {
  JournalWalk walk(file.head, std::string_view(file.index).substr(0, file.index_good));
  return ReadPieces(file, file.good, IsInterrupted, [&](std::string_view bytes) -> Result<void> {
    walk.Feed(bytes);
    JournalCommand command;
    while (true) {
      const auto outcome = walk.Next(command);
      if (outcome == JournalWalk::Outcome::kNeedMore) return {};
      if (outcome == JournalWalk::Outcome::kError) {
        return Fail(ErrorCode::kInvalid, fmt::format("'{}' at byte {}: {}", file.path, walk.position(), walk.error()));
      }
      if (outcome == JournalWalk::Outcome::kMark || !filter.Shows(command)) continue;
      if (filter.count == 0) return Fail(ErrorCode::kIncomplete, std::string(kEnough));
      --filter.count;
      const std::string line = words.json ? RenderCommandJson(command) : RenderCommand(command, words.full);
      Out(line);
      if (std::ferror(stdout) != 0) return Fail(ErrorCode::kIncomplete, std::string(kEnough));
    }
  });
}

int Show(const Words& words) {
  Filter filter;
  filter.match = words.match;
  for (auto [text, into] : {std::pair{&words.from, &filter.from}, std::pair{&words.to, &filter.to}}) {
    if (text->empty()) continue;
    auto moment = ReadMoment(*text);
    if (!moment) return ComplainOfUsage(moment.error().text);
    *into = std::move(*moment);
  }
  if (!words.count.empty()) {
    const auto count = base::ParseInt<std::uint64_t>(words.count);
    if (!count) return ComplainOfUsage(fmt::format("'{}' is no count", words.count));
    filter.count = *count;
  }
  auto source = JournalSource::Open(words.places[0]);
  if (!source) return End(source.error());
  if (const auto measured = source->Measure(IsInterrupted); !measured) return End(measured.error());
  std::vector<std::size_t> files;
  for (std::size_t i = 0; i < source->parts().size(); ++i) {
    if (source->parts()[i].file.type == JournalFile::Type::kIncr) files.push_back(i);
  }
  std::ranges::stable_sort(files, {}, [&](std::size_t i) { return source->parts()[i].file.seq; });
  if (!words.json) Out(RenderCommandTitle());
  for (const std::size_t i : files) {
    const JournalPart& part = source->parts()[i];
    if (part.last != kNoOffset && filter.from && filter.from->offset && part.last < *filter.from->offset) continue;
    if (part.last_ms != kNoTime && filter.from && filter.from->time_ms && part.last_ms < *filter.from->time_ms)
      continue;
    if (const auto judged = source->Judge(i, IsInterrupted); !judged) return End(judged.error());
    const SourceFile& file = source->file(i);
    const auto shown = ShowFile(file, words, filter);
    if (!shown && shown.error().text == kEnough) return EndOutput();
    if (!shown) return End(shown.error());
    if (file.damage) {
      EndOutput();
      return Complain(*file.damage);
    }
  }
  return EndOutput();
}

std::string Describe(const CopyReport& report) {
  std::string text;
  if (report.through != kNoOffset) {
    text = fmt::format("offset {}{}{}", report.replid, report.replid.empty() ? "" : ":", report.through);
  } else {
    text = "another server's files, without offsets";
  }
  if (report.time_ms != kNoTime) text += fmt::format(", last written {}", RenderMoment(report.time_ms));
  return text;
}

int Backup(const Words& words) {
  const std::string& into = words.places[1];
  auto source = JournalSource::Open(words.places[0]);
  if (!source) return End(source.error());
  const auto report = BackUp(*source, into, IsInterrupted);
  if (!report) return End(report.error(), into);
  Out(fmt::format("'{}' has the data through {}: {} bytes, checked.\n", into, Describe(*report), report->bytes));
  const std::filesystem::path path = std::filesystem::absolute(into);
  Out(fmt::format("To run a node on it: vigil-node --appendonly yes --dir {} --appenddirname {} --appendfilename {}\n",
                  base::QuoteWord(path.parent_path().string()), base::QuoteWord(path.filename().string()),
                  base::QuoteWord(source->filename())));
  return EndOutput();
}

int Export(const Words& words) {
  const std::string& into = words.places[1];
  WantedMoment wanted;
  if (!words.to.empty()) {
    const auto moment = ReadMoment(words.to);
    if (!moment) return ComplainOfUsage(moment.error().text);
    wanted = *moment;
  }
  auto source = JournalSource::Open(words.places[0]);
  if (!source) return End(source.error());
  const auto report = Extract(*source, wanted, into, "", IsInterrupted);
  if (!report) return End(report.error(), into);
  Out(fmt::format("'{}' has the data through {}: {} commands behind the base, {} bytes, checked.\n", into,
                  Describe(*report), report->commands, report->bytes));
  return EndOutput();
}

}  // namespace

int RunJournalUndo(const std::string& verb, std::vector<std::string> arguments) {
  CatchInterrupts();
  std::vector<std::string_view> flags;
  if (verb == "list") flags = {"--json"};
  if (verb == "show") flags = {"--json", "--full", "--from", "--to", "--match", "--count"};
  if (verb == "export") flags = {"--to"};
  const auto words = ReadWords(arguments, flags);
  if (!words) return ComplainOfUsage(words.error().text);
  const std::size_t wanted = verb == "backup" || verb == "export" ? 2 : 1;
  if (words->places.size() != wanted) {
    return ComplainOfUsage(fmt::format("{} takes {}", verb, wanted == 2 ? "FOLDER and NEW" : "one FOLDER"));
  }
  if (verb == "list") return List(*words);
  if (verb == "show") return Show(*words);
  return verb == "backup" ? Backup(*words) : Export(*words);
}

std::optional<Result<Restore>> TakeRestore(std::vector<std::string>& arguments) {
  std::optional<std::string> time, offset, into;
  bool any = false;
  std::string lacking;
  for (std::size_t i = 0; i < arguments.size();) {
    std::string word = arguments[i];
    const std::size_t equals = word.find('=');
    const std::string_view flag = std::string_view(word).substr(0, equals);
    std::optional<std::string>* const which = flag == "--restore-to-time"     ? &time
                                              : flag == "--restore-to-offset" ? &offset
                                              : flag == "--restore-into"      ? &into
                                                                              : nullptr;
    if (which == nullptr) {
      ++i;
      continue;
    }
    any = true;
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    if (equals != std::string::npos) {
      *which = word.substr(equals + 1);
      arguments.erase(at);
    } else if (i + 1 < arguments.size()) {
      *which = arguments[i + 1];
      arguments.erase(at, at + 2);
    } else {
      lacking = word;
      arguments.erase(at);
    }
  }
  if (!any) return std::nullopt;
  const auto bad = [](std::string why) { return std::optional<Result<Restore>>(Fail(ErrorCode::kInvalid, why)); };
  if (!lacking.empty()) return bad(lacking + " lacks its value");
  if (time.has_value() == offset.has_value()) return bad("one of --restore-to-time and --restore-to-offset is needed");
  if (!into || into->empty()) return bad("--restore-into DIR is needed: where the data are to be rebuilt");
  Restore restore;
  restore.into = *into;
  while (restore.into.size() > 1 && restore.into.ends_with('/')) restore.into.pop_back();
  if (offset) {
    auto moment = ParseWantedOffset(*offset);
    if (!moment) return bad(moment.error().text);
    restore.moment = std::move(*moment);
  } else {
    const auto moment = ParseMoment(*time);
    if (!moment) return bad(moment.error().text);
    restore.moment.time_ms = *moment;
  }
  return Result<Restore>(std::move(restore));
}

int RunRestore(const Restore& restore, const std::vector<std::string>& arguments) {
  const auto here = std::filesystem::current_path();
  const auto launch = ReadLaunch(arguments);
  if (!launch) return Complain(launch.error().text);
  CatchInterrupts();
  const Settings& settings = launch->settings;
  const std::string into = (here / restore.into).string();
  auto source = JournalSource::Open(settings.dir + "/" + settings.appenddirname);
  if (!source) return End(source.error());
  const auto report = Extract(*source, restore.moment, into, settings.appenddirname, IsInterrupted);
  if (!report) return End(report.error(), into);
  Out(fmt::format("'{}' has the data of {}: {} commands behind the base, {} bytes, checked.\n", into, Describe(*report),
                  report->commands, report->bytes));
  Out(fmt::format(
      "It is the beginning of a new history. To run a node on it: vigil-node {}{}--dir {} --appendonly yes{}\n",
      launch->config_file.empty() ? "" : base::QuoteWord(launch->config_file), launch->config_file.empty() ? "" : " ",
      base::QuoteWord(into), settings.replicaof.empty() ? "" : " --replicaof no one"));
  return EndOutput();
}

}  // namespace replication::edge
