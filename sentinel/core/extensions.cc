#include "sentinel/core/extensions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sentinel/core/election.h"
#include "sentinel/core/forget.h"
#include "sentinel/core/leave.h"
#include "sentinel/core/links.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/testimony.h"
#include "sentinel/core/vote.h"

namespace sentinel {
namespace {

constexpr std::array kWords = {kConfiguration, kDecision, kDownPush, kForgotten,  kGoodBye,
                               kLeading,       kPaused,   kPreVote,  kRefusedPush};
static_assert(std::is_sorted(kWords.begin(), kWords.end()));

constexpr base::Millis kLeadingLasts{3000};

std::vector<std::string> WordsFor(std::string_view word, const Master& master) {
  std::string upper(word);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return {"SENTINEL", upper, master.address.host, fmt::format("{}", master.address.port)};
}

// To one peer, if it speaks `word`.
void PushTo(Peer& peer, const Master& master, std::string_view word, const std::vector<std::string>& words,
            ChangeNumber change, Actions& out) {
  if (!peer.command.up() || !peer.words.contains(std::string(word)) || peer.command.pending >= kMaxPending) return;
  SendOne(peer.command, Command{Request::kPush, master.name, 0, words}, change, out);
}

// `<word> <ip> <port> <0|1> <id>`
std::vector<std::string> FindingWords(const State& state, const Master& master, std::string_view word, bool yes) {
  std::vector<std::string> words = WordsFor(word, master);
  words.emplace_back(yes ? "1" : "0");
  words.push_back(state.my_id.hex);
  return words;
}

}  // namespace

std::span<const std::string_view> OwnWords() {
  return kWords;
}

void AskWords(Peer& peer, Actions& out) {
  if (std::exchange(peer.words_asked, true)) return;
  Command command{Request::kWords, "", 0, {"SENTINEL", "VIGIL"}};
  for (const std::string_view word : kWords) command.words.emplace_back(word);
  SendOne(peer.command, std::move(command), 0, out);
}

void TakeWords(Peer& peer, const ReplyValue& reply) {
  peer.words.clear();
  peer.words_known = true;
  if (reply.kind != ReplyValue::Kind::kArray) return;
  for (const ReplyValue& word : reply.elements) {
    if (std::find(kWords.begin(), kWords.end(), word.text) != kWords.end()) peer.words.insert(word.text);
  }
}

void PushWords(State& state, const Master& master, std::string_view word, const std::vector<std::string>& words,
               ChangeNumber change, Actions& out) {
  for (const auto& [id, opinion] : master.sentinels) {
    if (Peer* peer = FindPeer(state, id)) PushTo(*peer, master, word, words, change, out);
  }
}

void PushDown(State& state, const Master& master, Actions& out) {
  PushWords(state, master, kDownPush, FindingWords(state, master, kDownPush, master.liveness.down()), 0, out);
}

void PushRefused(State& state, const Master& master, bool refused, Actions& out) {
  PushWords(state, master, kRefusedPush, FindingWords(state, master, kRefusedPush, refused), 0, out);
}

void TellStanding(State& state, Peer& peer, Actions& out) {
  for (const auto& [name, master] : state.masters) {
    if (!master.sentinels.contains(peer.run_id)) continue;
    if (master.liveness.down()) {
      PushTo(peer, master, kDownPush, FindingWords(state, master, kDownPush, true), 0, out);
    }
    if (master.refusal.told_at) {
      PushTo(peer, master, kRefusedPush, FindingWords(state, master, kRefusedPush, true), 0, out);
    }
  }
}

void ApplyDownPush(State& state, const base::Endpoint& address, bool down, const base::RunId& from,
                   const base::Now& now, Actions& out) {
  Master* master = FindMasterByAddress(state, address);
  if (master == nullptr) return;
  const auto opinion = master->sentinels.find(from);
  if (opinion != master->sentinels.end()) NoteOpinion(state, *master, opinion->second, down, now, out);
}

void PushLeading(State& state, const Master& master, const base::Endpoint& replica, Actions& out) {
  std::vector<std::string> words = WordsFor(kLeading, master);
  words.push_back(fmt::format("{}", master.failover.epoch.value));
  words.push_back(state.my_id.hex);
  words.push_back(replica.host);
  words.push_back(fmt::format("{}", replica.port));
  PushWords(state, master, kLeading, words, master.failover.change, out);
}

void ApplyLeading(State& state, const base::Endpoint& address, base::Epoch epoch, const base::RunId& leader,
                  const base::Endpoint& replica, const base::Now& now, Actions& out) {
  Master* master = FindMasterByAddress(state, address);
  if (master == nullptr || leader == state.my_id || !master->sentinels.contains(leader)) return;
  // An old leader's word is worth nothing once we have promised a newer epoch to somebody.
  if (epoch < master->vote.epoch || epoch < master->config_epoch) return;
  if (master->field && master->field->epoch > epoch) return;
  master->led_replica = replica;
  const bool same = master->field && master->field->leader == leader && master->field->epoch == epoch;
  if (!same) {
    LeaveFieldTo(state, *master, leader, epoch, now, out);
    return;
  }
  const base::MonoTime last = master->field->since + master->failover_timeout;
  master->field->until = std::max(master->field->until, std::min(now.mono + kLeadingLasts, last));
  ScheduleStand(state, *master, now, out);
}

void PushDecision(State& state, const Master& master, const std::vector<std::string>& decision, ChangeNumber change,
                  Actions& out) {
  std::vector<std::string> words = {"SENTINEL", "DECISION", master.name, state.my_id.hex};
  words.insert(words.end(), decision.begin(), decision.end());
  PushWords(state, master, kDecision, words, change, out);
}

void SendPreVote(State& state, const Master& master, Peer& peer, Actions& out) {
  std::vector<std::string> words = WordsFor(kPreVote, master);
  words.push_back(fmt::format("{}", master.pre_vote.epoch.value));
  words.push_back(state.my_id.hex);
  SendOne(peer.command, Command{Request::kPreVote, master.name, master.pre_vote.serial, std::move(words)}, 0, out);
}

PreVote AnswerPreVote(const State& state, const base::Endpoint& address, base::Epoch epoch,
                      const base::RunId& candidate, const base::Now& now) {
  const Master* master = FindMasterByAddress(state, address);
  if (master == nullptr || candidate.empty()) return PreVote::kNo;
  const bool led_by_other = FieldIsTaken(*master, now) && master->field->leader != candidate;
  const bool leading = master->failover.active();
  const bool held = IsHeldByTestimony(*master, now);
  // Who asks has not heard of the pause; only an operator's failover, which asks nobody, is wanted now.
  const bool granted =
      MayVoteIn(*master, epoch) && !led_by_other && !leading && !held && !state.save_failing && !IsPaused(*master, now);
  if (!granted) return PreVote::kNo;
  return IsTestimonyOpen(*master, now) ? PreVote::kNotYet : PreVote::kYes;
}

}  // namespace sentinel
