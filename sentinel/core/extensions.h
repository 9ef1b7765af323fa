// What sentinels of ours tell each other beyond the stock protocol. Used only towards peers that said that they speak
// the word; spec/decisions.md A1.
//
// On the wire these are SENTINEL subcommands; the replies are noted here, the arguments in README.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"

namespace sentinel {

inline constexpr std::string_view kConfiguration = "configuration";
inline constexpr std::string_view kDecision = "decision";
inline constexpr std::string_view kDownPush = "down-push";
inline constexpr std::string_view kLeading = "leading";
inline constexpr std::string_view kPreVote = "pre-vote";
inline constexpr std::string_view kRefusedPush = "refused-push";

// The words we speak, sorted. Answered to `SENTINEL VIGIL <theirs> ...` as an array of bulk strings, whatever the
// asker speaks.
std::span<const std::string_view> OwnWords();
// Once on every connection, when it has answered to PING: to one that does not know us yet, a request of so many words
// is a reason to hang up.
void AskWords(Peer& peer, Actions& out);
// An error means a stock sentinel. Words that we do not speak ourselves are of no use to us.
void TakeWords(Peer& peer, const ReplyValue& reply);

// `SENTINEL DOWN-PUSH <ip> <port> <down 0|1> <id>`: the peer `id` says that it sees (or no longer sees) the master at
// that address down. Reply: +OK, also when master or peer are unknown.
void ApplyDownPush(State& state, const base::Endpoint& master, bool down, const base::RunId& from, const base::Now& now,
                   Actions& out);

// Tells a peer whose words we have just learned what we see of the masters that are down: what we pushed before did
// not reach it.
void TellStanding(State& state, Peer& peer, Actions& out);

// Tells our peers that the master's port refuses us, or no longer: fast_fail.h.
void PushRefused(State& state, const Master& master, bool refused, Actions& out);

// Tells our peers what we see of `master` now.
void PushDown(State& state, const Master& master, Actions& out);

// `SENTINEL LEADING <ip> <port> <epoch> <id> <replica-ip> <replica-port>`: the leader `id` of `epoch` has sent
// SLAVEOF NO ONE and keeps the field (A3). Reply: +OK, always.
void ApplyLeading(State& state, const base::Endpoint& master, base::Epoch epoch, const base::RunId& leader,
                  const base::Endpoint& replica, const base::Now& now, Actions& out);

// To every peer of `master` that speaks `word` and can be reached now. Leaves when `change` is durable.
void PushWords(State& state, const Master& master, std::string_view word, const std::vector<std::string>& words,
               ChangeNumber change, Actions& out);

void PushLeading(State& state, const Master& master, const base::Endpoint& replica, Actions& out);

// `SENTINEL DECISION <master> <id> <word> ...`: what a failover that we led looked like (evidence.h). Sent to peers
// that have the word, when `change` is durable.
void PushDecision(State& state, const Master& master, const std::vector<std::string>& decision, ChangeNumber change,
                  Actions& out);

// The numbers are those of the reply.
enum class PreVote : std::uint8_t {
  kNo = 0,
  kYes = 1,
  kNotYet = 2,  // the read that decides about testimony is under way: worth asking again
};
// `SENTINEL PRE-VOTE <ip> <port> <epoch> <id>`: would we vote for `id` in `epoch`, and do we see no testimony for the
// master? Changes nothing. Reply: integer 1, 0, or 2.
PreVote AnswerPreVote(const State& state, const base::Endpoint& master, base::Epoch epoch, const base::RunId& candidate,
                      const base::Now& now);

void SendPreVote(State& state, const Master& master, Peer& peer, Actions& out);

}  // namespace sentinel
