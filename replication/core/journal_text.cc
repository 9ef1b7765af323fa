#include "replication/core/journal_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "replication/base/text.h"

namespace replication {
namespace {

constexpr std::size_t kLongWord = 64;
constexpr std::size_t kShownOfWord = 48;
constexpr std::size_t kShownWords = 16;

std::string PathOf(const JournalPart& part) {
  return (part.archived ? "archive/" : "") + part.file.name;
}

std::string Range(std::int64_t from, std::int64_t to) {
  return from < 0 || to < 0 ? "unknown" : fmt::format("{} to {}", from, to);
}
std::string Times(std::int64_t from, std::int64_t to) {
  return from < 0 || to < 0 ? "unknown" : fmt::format("{} to {}", RenderMoment(from), RenderMoment(to));
}

// Its histories with the offset from which each counts, one behind the other.
std::vector<std::string> Histories(const std::vector<JournalPart>& parts, const JournalChain& chain) {
  std::vector<std::string> found;
  std::string last;
  for (const std::size_t i : chain.incrs) {
    const JournalPart& part = parts[i];
    if (!part.head || part.head->history.replid.hex == last) continue;
    last = part.head->history.replid.hex;
    found.push_back(fmt::format("{} from {} on", last, part.head->first));
  }
  return found;
}

void AddFile(std::string& out, const JournalPart& part) {
  const bool base = part.file.type == JournalFile::Type::kBase;
  const std::string what = base        ? "data"
                           : part.head ? fmt::format("offsets {}", Range(part.head->first, part.last))
                                       : "commands of another server";
  out += fmt::format("    {}: {}, {} bytes\n", PathOf(part), what, part.size);
}

std::uint64_t SizeOf(const std::vector<JournalPart>& parts, const JournalChain& chain) {
  std::uint64_t size = chain.base ? parts[*chain.base].size : 0;
  for (const std::size_t i : chain.incrs) size += parts[i].size;
  return size;
}

std::string OrNull(std::int64_t value) {
  return value < 0 ? "null" : fmt::format("{}", value);
}
std::string TimeOrNull(std::int64_t ms) {
  return ms < 0 ? "null" : fmt::format("\"{}\"", RenderMoment(ms));
}

std::string ShortWord(std::string_view word) {
  if (word.size() <= kLongWord) return base::QuoteWord(word);
  return fmt::format("{}...({} bytes)", base::Quoted(word.substr(0, kShownOfWord)), word.size());
}

std::string OrDash(std::int64_t value) {
  return value < 0 ? "-" : fmt::format("{}", value);
}

std::string Columns(std::string_view time, std::string_view before, std::string_view after, std::string_view db,
                    std::string_view words) {
  return fmt::format("{:<24} {:>12} {:>12} {:>3} {}\n", time, before, after, db, words);
}

}  // namespace

std::string RenderJournalList(const std::string& folder, const std::vector<JournalPart>& parts,
                              const std::vector<JournalChain>& chains) {
  std::string out = fmt::format("'{}' has {} {}, oldest first.\n", folder, chains.size(),
                                chains.size() == 1 ? "generation" : "generations");
  std::size_t number = 0;
  for (const JournalChain& chain : chains) {
    out += fmt::format("\nGeneration {}{}\n", ++number, chain.current ? ", in use" : ", archived");
    out += fmt::format("  offsets: {}\n", Range(chain.from, chain.to));
    out += fmt::format("  times:   {}\n", Times(chain.from_ms, chain.to_ms));
    for (const std::string& history : Histories(parts, chain)) out += fmt::format("  history: {}\n", history);
    out += fmt::format("  size:    {} bytes\n", SizeOf(parts, chain));
    if (chain.base) AddFile(out, parts[*chain.base]);
    for (const std::size_t i : chain.incrs) AddFile(out, parts[i]);
  }
  return out;
}

std::string RenderJournalListJson(const std::vector<JournalPart>& parts, const std::vector<JournalChain>& chains) {
  std::string out = "{\"generations\":[";
  for (std::size_t number = 0; number < chains.size(); ++number) {
    const JournalChain& chain = chains[number];
    out += fmt::format(
        "{}{{\"in_use\":{},\"from_offset\":{},\"to_offset\":{},\"from_time\":{},\"to_time\":{},"
        "\"size\":{},\"files\":[",
        number == 0 ? "" : ",", chain.current, OrNull(chain.from), OrNull(chain.to), TimeOrNull(chain.from_ms),
        TimeOrNull(chain.to_ms), SizeOf(parts, chain));
    std::vector<std::size_t> files = chain.incrs;
    if (chain.base) files.insert(files.begin(), *chain.base);
    for (std::size_t i = 0; i < files.size(); ++i) {
      const JournalPart& part = parts[files[i]];
      out += fmt::format("{}{{\"name\":{},\"type\":\"{}\",\"size\":{}", i == 0 ? "" : ",", JsonBytes(PathOf(part)),
                         part.file.type == JournalFile::Type::kBase ? "base" : "incr", part.size);
      if (part.head) {
        out += fmt::format(",\"replid\":\"{}\",\"first_offset\":{},\"last_offset\":{}", part.head->history.replid.hex,
                           part.head->first, OrNull(part.last));
      }
      out += "}";
    }
    out += "]}";
  }
  return out + "]}\n";
}

std::string RenderCommandTitle() {
  return Columns("TIME", "BEFORE", "AFTER", "DB", "COMMAND");
}

std::string RenderCommand(const JournalCommand& command, bool full) {
  std::string words;
  const std::size_t shown = full ? command.words.size() : std::min(command.words.size(), kShownWords);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) words += ' ';
    words += full ? base::QuoteWord(command.words[i]) : ShortWord(command.words[i]);
  }
  if (shown < command.words.size()) words += fmt::format(" ...({} more words)", command.words.size() - shown);
  return Columns(command.time_ms < 0 ? "-" : RenderMoment(command.time_ms), OrDash(command.undo),
                 OrDash(command.whole ? command.through : kNoOffset), fmt::format("{}", command.db), words);
}

std::string RenderCommandJson(const JournalCommand& command) {
  std::string words;
  for (const std::string_view word : command.words) {
    if (!words.empty()) words += ',';
    words += JsonBytes(word);
  }
  return fmt::format("{{\"time\":{},\"before\":{},\"after\":{},\"db\":{},\"command\":[{}]}}\n",
                     TimeOrNull(command.time_ms), OrNull(command.undo),
                     OrNull(command.whole ? command.through : kNoOffset), command.db, words);
}

std::string JsonBytes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace replication
