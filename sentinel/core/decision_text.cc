#include "sentinel/core/decision_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "replication/base/text.h"

namespace sentinel {
namespace {

using base::Millis;

constexpr std::array<std::string_view, kPhases> kPhaseWords = {"detection", "agreement", "election",    "selection",
                                                               "last-look", "promotion", "publication", "repointing"};
constexpr std::array<std::string_view, 6> kOutcomeWords = {"running",   "switched",    "master-back",
                                                           "abandoned", "interrupted", "noted"};
constexpr std::array<std::string_view, 3> kLossWords = {"unknown", "exact", "at-most"};

template <std::size_t N>
std::optional<std::size_t> IndexOf(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<std::size_t>(found - words.begin());
}

class Writer {
 public:
  void Text(std::string_view field, std::string_view value) {
    if (!value.empty()) words.push_back(fmt::format("{}={}", field, value));
  }
  void Number(std::string_view field, std::int64_t value) { words.push_back(fmt::format("{}={}", field, value)); }
  void Address(std::string_view field, const base::Endpoint& value) {
    if (!value.empty()) words.push_back(fmt::format("{}={} {}", field, value.host, value.port));
  }
  std::vector<std::string> words;
};

// What one word says, piece by piece; `ok` turns false with the first piece that is not what it should be.
struct Reader {
  std::string_view rest;
  bool ok = true;

  std::string_view Piece(char separator) {
    const std::size_t end = rest.find(separator);
    const std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return piece;
  }
  std::int64_t Number(char separator) {
    const auto value = base::ParseInt<std::int64_t>(Piece(separator));
    ok &= value.has_value();
    return value.value_or(0);
  }
  std::uint64_t Epoch() {
    const auto value = base::ParseInt<std::uint64_t>(Piece(' '));
    ok &= value.has_value();
    return value.value_or(0);
  }
  // Lengths and moments within what arithmetic and calendars can bear.
  Millis Length(char separator) { return std::clamp(Millis(Number(separator)), Millis(0), Millis(1'000'000'000'000)); }
  base::WallTime Moment() {
    constexpr std::int64_t kEndOf9999 = 253'402'300'799'999;
    return base::FromUnixMillis(std::clamp<std::int64_t>(Number(' '), 0, kEndOf9999));
  }
  template <class Id>
  Id Hex(char separator) {
    const std::string_view piece = Piece(separator);
    if (piece == "-") return {};
    auto id = base::ParseHexId<Id>(piece);
    ok &= id.has_value();
    return id ? *std::move(id) : Id{};
  }
  base::Endpoint Address() {
    base::Endpoint address;
    address.host = std::string(Piece(' '));
    const auto port = base::ParsePort(Piece(' '));
    ok &= port.has_value() && !address.host.empty() && address.host.size() <= 253 &&
          !base::HasControlCharacters(address.host);
    address.port = port.value_or(0);
    return address;
  }
  std::string Text() { return Clean(std::exchange(rest, {})); }
};

std::string HexOrDash(const std::string& hex) {
  return hex.empty() ? "-" : hex;
}

bool ReadField(std::string_view field, Reader& in, Decision& decision) {
  if (field == "number") {
    decision.number = in.Epoch();
  } else if (field == "kind") {
    decision.kind = in.Text();
  } else if (field == "outcome") {
    const auto index = IndexOf(kOutcomeWords, in.Text());
    if (!index) return false;
    decision.outcome = static_cast<Outcome>(*index);
  } else if (field == "began") {
    decision.began = in.Moment();
  } else if (field == "noticed") {
    decision.noticed = in.Moment();
  } else if (field == "epoch") {
    decision.epoch.value = in.Epoch();
  } else if (field == "led-by") {
    decision.led_by = in.Hex<base::RunId>(' ');
  } else if (field == "told-by") {
    decision.told_by = in.Hex<base::RunId>(' ');
  } else if (field == "from") {
    decision.from = in.Address();
  } else if (field == "to") {
    decision.to = in.Address();
  } else if (field == "cause") {
    decision.cause = in.Text();
  } else if (field == "detail") {
    decision.detail = in.Text();
  } else if (field == "quorum") {
    decision.quorum = static_cast<int>(std::clamp<std::int64_t>(in.Number(' '), 0, 1'000'000'000));
  } else if (field == "voters") {
    decision.voters = static_cast<int>(std::clamp<std::int64_t>(in.Number(' '), 0, 1'000'000'000));
  } else if (field == "agreed") {
    Agreement agreement;
    agreement.sentinel = in.Hex<base::RunId>(' ');
    agreement.down = in.Number(' ') == 1;
    if (!in.rest.empty()) agreement.age = in.Length(' ');
    if (decision.agreed.size() >= kListedPerDecision) return false;
    decision.agreed.push_back(std::move(agreement));
  } else if (field == "vote") {
    Ballot ballot;
    ballot.voter = in.Hex<base::RunId>(' ');
    ballot.candidate = in.Hex<base::RunId>(' ');
    if (decision.votes.size() >= kListedPerDecision) return false;
    decision.votes.push_back(std::move(ballot));
  } else if (field == "replica") {
    Considered replica;
    replica.address = in.Address();
    replica.rank = static_cast<int>(std::clamp<std::int64_t>(in.Number(' '), 0, 1'000'000));
    replica.priority = static_cast<int>(std::clamp<std::int64_t>(in.Number(' '), 0, 1'000'000'000));
    replica.offset = in.Number(' ');
    replica.replid = in.Hex<base::ReplicationId>(' ');
    replica.reason = in.Text();
    if (decision.replicas.size() >= kListedPerDecision) return false;
    decision.replicas.push_back(std::move(replica));
  } else if (field == "ended") {
    const auto index = IndexOf(kPhaseWords, in.Piece(' '));
    if (!index) return false;
    decision.ended[*index] = in.Length(' ');
  } else if (field == "remark") {
    if (decision.remarks.size() >= kRemarksPerDecision) return false;
    decision.remarks.push_back(in.Text());
  } else if (field == "loss") {
    const auto index = IndexOf(kLossWords, in.Piece(' '));
    if (!index) return false;
    decision.loss.kind = static_cast<LossKind>(*index);
    decision.loss.bytes = in.Number(' ');
    decision.loss.how = in.Text();
  } else if (field == "history") {
    decision.old_replid = in.Hex<base::ReplicationId>(' ');
    decision.kept = in.Number(' ');
    decision.last_known = in.Number(' ');
    decision.last_known_age = in.Length(' ');
  } else {
    return false;
  }
  return in.ok && in.rest.empty();
}

}  // namespace

std::string_view PhaseWord(Phase phase) {
  return kPhaseWords[static_cast<std::size_t>(phase)];
}

std::string_view OutcomeWord(Outcome outcome) {
  return kOutcomeWords[static_cast<std::size_t>(outcome)];
}

std::string_view LossWord(LossKind kind) {
  return kLossWords[static_cast<std::size_t>(kind)];
}

std::string Clean(std::string_view text) {
  std::string clean(text.substr(0, kRemarkLength));
  for (char& c : clean) {
    if (base::HasControlCharacters({&c, 1})) c = ' ';
  }
  return clean;
}

std::string TimeText(base::WallTime at) {
  using namespace std::chrono;
  const sys_time<milliseconds> moment{milliseconds(base::UnixMillis(at))};
  const sys_days day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::vector<std::string> EncodeDecision(const Decision& decision) {
  Writer out;
  out.words.push_back(fmt::format("number={}", decision.number));
  out.Text("kind", decision.kind);
  out.Text("outcome", OutcomeWord(decision.outcome));
  out.Number("began", base::UnixMillis(decision.began));
  out.Number("noticed", base::UnixMillis(decision.noticed));
  if (decision.epoch.value != 0) out.words.push_back(fmt::format("epoch={}", decision.epoch.value));
  out.Text("led-by", decision.led_by.hex);
  out.Text("told-by", decision.told_by.hex);
  out.Address("from", decision.from);
  out.Address("to", decision.to);
  out.Text("cause", decision.cause);
  out.Text("detail", decision.detail);
  if (decision.quorum != 0) out.Number("quorum", decision.quorum);
  if (decision.voters != 0) out.Number("voters", decision.voters);
  for (const Agreement& agreement : decision.agreed) {
    std::string text = fmt::format("{} {}", HexOrDash(agreement.sentinel.hex), agreement.down ? 1 : 0);
    if (agreement.age) text += fmt::format(" {}", agreement.age->count());
    out.Text("agreed", text);
  }
  for (const Ballot& ballot : decision.votes) {
    out.Text("vote", fmt::format("{} {}", HexOrDash(ballot.voter.hex), HexOrDash(ballot.candidate.hex)));
  }
  for (const Considered& replica : decision.replicas) {
    out.Text("replica", fmt::format("{} {} {} {} {} {} {}", replica.address.host, replica.address.port, replica.rank,
                                    replica.priority, replica.offset, HexOrDash(replica.replid.hex), replica.reason));
  }
  for (std::size_t i = 0; i < kPhases; ++i) {
    if (decision.ended[i]) out.Text("ended", fmt::format("{} {}", kPhaseWords[i], decision.ended[i]->count()));
  }
  for (const std::string& remark : decision.remarks) out.Text("remark", remark);
  if (decision.loss.kind != LossKind::kUnknown || !decision.loss.how.empty()) {
    out.Text("loss", fmt::format("{} {} {}", LossWord(decision.loss.kind), decision.loss.bytes, decision.loss.how));
  }
  if (!decision.old_replid.empty() || decision.kept >= 0) {
    out.Text("history", fmt::format("{} {} {} {}", HexOrDash(decision.old_replid.hex), decision.kept,
                                    decision.last_known, decision.last_known_age.count()));
  }
  return std::move(out.words);
}

base::Result<Decision> DecodeDecision(std::span<const std::string> words) {
  Decision decision;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    Reader in{equals == std::string::npos ? std::string_view{} : std::string_view(word).substr(equals + 1)};
    if (equals == std::string::npos || !ReadField(std::string_view(word).substr(0, equals), in, decision)) {
      return base::Fail(base::ErrorCode::kInvalid, fmt::format("'{}' is no field of a decision", Clean(word)));
    }
  }
  if (decision.kind.empty()) return base::Fail(base::ErrorCode::kInvalid, "a decision has a kind");
  return decision;
}

}  // namespace sentinel
