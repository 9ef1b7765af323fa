#include "replication/core/journal_moments.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "replication/base/text.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::size_t kReplidLength = 40;

// `count` digits at `at`, which is moved behind them.
std::optional<int> Digits(std::string_view text, std::size_t& at, std::size_t count) {
  int value = 0;
  if (text.size() < at + count) return std::nullopt;
  for (const std::size_t end = at + count; at < end; ++at) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

bool Skip(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

// Minutes east of Greenwich.
std::optional<int> Zone(std::string_view text, std::size_t& at) {
  if (Skip(text, at, "Zz")) return 0;
  const bool west = at < text.size() && text[at] == '-';
  if (!Skip(text, at, "+-")) return std::nullopt;
  const auto hours = Digits(text, at, 2);
  if (!hours || *hours > 23 || !Skip(text, at, ":")) return std::nullopt;
  const auto minutes = Digits(text, at, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return (west ? -1 : 1) * (*hours * 60 + *minutes);
}

bool Joins(const JournalPart& before, const JournalPart& after) {
  return before.head && after.head && before.last != kNoOffset && after.head->first == before.last + 1;
}

void Measure(const std::vector<JournalPart>& parts, JournalChain& chain) {
  for (const std::size_t i : chain.incrs) {
    const JournalPart& part = parts[i];
    if (part.head && chain.from == kNoOffset && i == chain.incrs.front()) chain.from = part.head->first - 1;
    if (part.head) chain.to = part.last;
    if (chain.from_ms == kNoTime) chain.from_ms = part.first_ms;
    if (part.last_ms != kNoTime) chain.to_ms = std::max(chain.to_ms, part.last_ms);
  }
  if (!chain.base) return;
  const std::int64_t made = parts[*chain.base].made_ms;
  if (made == kNoTime) return;
  chain.from_ms = chain.from_ms == kNoTime ? made : std::min(chain.from_ms, made);
  chain.to_ms = std::max(chain.to_ms, chain.from_ms);
}

bool NamesHistory(const std::vector<JournalPart>& parts, const JournalChain& chain, const WantedMoment& wanted) {
  if (wanted.replid.empty()) return true;
  return std::ranges::any_of(chain.incrs, [&](std::size_t i) {
    const JournalPart& part = parts[i];
    return part.head && part.head->history.replid.hex == wanted.replid && part.head->first - 1 <= *wanted.offset &&
           *wanted.offset <= part.last;
  });
}

std::string Wanted(const WantedMoment& wanted) {
  return wanted.offset ? fmt::format("Offset {}", *wanted.offset)
                       : fmt::format("The time {}", RenderMoment(*wanted.time_ms));
}

}  // namespace

base::Result<std::int64_t> ParseMoment(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Fail(ErrorCode::kInvalid, fmt::format("'{}' is no time: {}; 2026-11-23T14:05:00Z and "
                                                 "2026-11-23T14:05:00.250+01:00 are",
                                                 text, why));
  };
  std::size_t at = 0;
  const auto year = Digits(text, at, 4);
  const bool dash1 = Skip(text, at, "-");
  const auto month = Digits(text, at, 2);
  const bool dash2 = Skip(text, at, "-");
  const auto day = Digits(text, at, 2);
  if (!year || !month || !day || !dash1 || !dash2) return bad("it does not begin with a date");
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970) return bad("there is no such day");
  if (!Skip(text, at, "Tt ")) return bad("no time of day follows the date");
  const auto hour = Digits(text, at, 2);
  const bool colon1 = Skip(text, at, ":");
  const auto minute = Digits(text, at, 2);
  const bool colon2 = Skip(text, at, ":");
  const auto second = Digits(text, at, 2);
  if (!hour || !minute || !second || !colon1 || !colon2) return bad("its time of day is not hh:mm:ss");
  if (*hour > 23 || *minute > 59 || *second > 59) return bad("there is no such time of day");
  std::int64_t ms = 0;
  if (Skip(text, at, ".")) {
    std::int64_t scale = 100;
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) ms += scale * (text[at] - '0');
    if (at == begin) return bad("no digits follow the point");
  }
  const auto zone = Zone(text, at);
  if (!zone || at != text.size()) return bad("its time zone is missing (Z, +01:00)");
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t unix_ms = (((days * 24 + *hour) * 60 + *minute - *zone) * 60 + *second) * 1000 + ms;
  if (unix_ms < 0) return bad("it lies before 1970");
  return unix_ms;
}

std::string RenderMoment(std::int64_t unix_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(unix_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::size_t EditsBetween(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::int64_t MadeAt(std::string_view start_of_base) {
  // An auxiliary field: its name and value as strings, the value as 32 bits or as digits. Source: files of redis-server
  // 7.0.15.
  constexpr std::string_view kField =
      "\xfa\x05"
      "ctime";
  const std::size_t at = start_of_base.find(kField);
  if (!start_of_base.starts_with("REDIS") || at == std::string_view::npos) return kNoTime;
  const std::string_view value = start_of_base.substr(at + kField.size());
  if (value.size() >= 5 && value[0] == '\xc2') {
    std::uint32_t seconds = 0;
    for (std::size_t i = 4; i > 0; --i) seconds = seconds << 8 | static_cast<unsigned char>(value[i]);
    return std::int64_t{seconds} * 1000 + 999;
  }
  const auto length = value.empty() ? 0 : static_cast<std::size_t>(static_cast<unsigned char>(value[0]));
  if (length == 0 || length > 12 || value.size() < 1 + length) return kNoTime;
  const auto seconds = base::ParseInt<std::int64_t>(value.substr(1, length));
  return seconds && *seconds >= 0 ? *seconds * 1000 + 999 : kNoTime;
}

std::vector<JournalChain> FindChains(const std::vector<JournalPart>& parts) {
  std::vector<JournalChain> chains;
  std::vector<std::size_t> bases, incrs;
  JournalChain current;
  current.current = true;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool base = parts[i].file.type == JournalFile::Type::kBase;
    (base ? bases : incrs).push_back(i);
    if (parts[i].archived) continue;
    if (base) {
      current.base = i;
    } else {
      current.incrs.push_back(i);
    }
  }
  const auto by_seq = [&](std::size_t a, std::size_t b) { return parts[a].file.seq < parts[b].file.seq; };
  std::ranges::sort(bases, by_seq);
  std::ranges::sort(incrs, by_seq);
  for (const std::size_t base : bases) {
    if (!parts[base].archived) continue;
    JournalChain chain;
    chain.base = base;
    for (const std::size_t incr : incrs) {
      if (parts[incr].file.seq <= parts[base].file.seq) continue;
      if (!chain.incrs.empty() && !Joins(parts[chain.incrs.back()], parts[incr])) break;
      chain.incrs.push_back(incr);
    }
    Measure(parts, chain);
    chains.push_back(std::move(chain));
  }
  Measure(parts, current);
  chains.push_back(std::move(current));
  return chains;
}

base::Result<WantedMoment> ParseWantedOffset(std::string_view text) {
  WantedMoment wanted;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    wanted.replid = base::ToLower(text.substr(0, colon));
    const bool hex = wanted.replid.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (wanted.replid.size() != kReplidLength || !hex) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("'{}' is no offset: a replication id has 40 hexadecimal digits", text));
    }
  }
  const auto offset = base::ParseInt<Offset>(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (!offset || *offset < 0) {
    return Fail(ErrorCode::kInvalid, fmt::format("'{}' is no offset: 4711 and <replid>:4711 are", text));
  }
  wanted.offset = *offset;
  return wanted;
}

base::Result<std::size_t> ChooseChain(const std::vector<JournalPart>& parts, const std::vector<JournalChain>& chains,
                                      const WantedMoment& wanted) {
  const bool by_time = wanted.time_ms.has_value();
  const std::int64_t value = by_time ? *wanted.time_ms : *wanted.offset;
  std::int64_t below = -1;  // the end of the nearest chain before it, and the beginning of the one behind it
  std::int64_t above = -1;
  std::string other;
  for (std::size_t i = chains.size(); i-- > 0;) {
    const JournalChain& chain = chains[i];
    const std::int64_t from = by_time ? chain.from_ms : chain.from;
    const std::int64_t to = by_time ? chain.to_ms : chain.to;
    if (from < 0 || to < 0) continue;
    if (value < from) {
      above = above < 0 ? from : std::min(above, from);
    } else if (value > to) {
      below = std::max(below, to);
    } else if (by_time || NamesHistory(parts, chain, wanted)) {
      return i;
    } else {
      other = " in that history";
    }
  }
  const auto show = [&](std::int64_t at) { return by_time ? RenderMoment(at) : fmt::format("{}", at); };
  std::string text = fmt::format("{} cannot be had{}: ", Wanted(wanted), other);
  if (below < 0 && above < 0) {
    text += !other.empty() ? "other histories have that offset ('vigil journal list' shows them)"
            : by_time      ? "the files do not say when their commands were written"
                           : "the files were written by another server and have no offsets; a time may be asked for";
  } else if (below < 0) {
    text += fmt::format("the first moment of this journal is {}", show(above));
  } else if (above < 0) {
    text += fmt::format("the last moment of this journal is {}", show(below));
    if (by_time) text += ", and no node that runs vouches for more";
  } else {
    text += fmt::format("the nearest moments are {} before and {} behind it", show(below), show(above));
  }
  return Fail(ErrorCode::kOutOfRange, text);
}

bool MomentCut::Includes(const JournalCommand& command) {
  if (wanted_.offset) {
    if (past_ || reached_ == *wanted_.offset) return false;
    if (command.whole && command.through > *wanted_.offset) {
      // The end of the command or transaction that the offset lies in.
      next_whole_ = command.through;
      past_ = true;
      return false;
    }
  } else if (wanted_.time_ms) {
    if (past_ || (command.time_ms != kNoTime && command.time_ms > *wanted_.time_ms)) {
      past_ = true;
      return false;
    }
  }
  if (command.whole) {
    reached_ = command.through;
    if (command.time_ms != kNoTime) reached_ms_ = command.time_ms;
  }
  return true;
}

base::Result<void> MomentCut::Finish() const {
  if (!wanted_.offset || reached_ == *wanted_.offset) return {};
  std::string text = fmt::format("Offset {} lies inside a command or transaction", *wanted_.offset);
  if (next_whole_ == kNoOffset) {
    text = fmt::format("Offset {} cannot be had: the last moment before it is {}", *wanted_.offset, reached_);
  } else {
    text += fmt::format(": the nearest moments are {} before and {} behind it", reached_, next_whole_);
  }
  return Fail(ErrorCode::kOutOfRange, text);
}

}  // namespace replication
