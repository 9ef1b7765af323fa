#include "sentinel/core/leave.h"

#include "sentinel/core/election.h"
#include "sentinel/core/links.h"

namespace sentinel {
namespace {

constexpr base::Millis kGoodByeTime{200};

}  // namespace

void Leave(State& state, const base::Now& now, Actions& out) {
  if (state.good_byes) {
    out.push_back(Stop{0});
    return;
  }
  state.good_byes = 0;
  for (auto& [id, peer] : state.peers) {
    if (!peer.command.up() || !peer.words.contains(std::string(kGoodBye))) continue;
    SendOne(peer.command, Command{Request::kGoodBye, "", 0, {"SENTINEL", "GOOD-BYE", state.my_id.hex}}, 0, out);
    ++*state.good_byes;
  }
  if (*state.good_byes == 0) {
    out.push_back(Stop{0});
  } else {
    state.timers.Set(TimerKey{InstanceId::kNone, TimerKind::kLeave, 0}, now.mono + kGoodByeTime);
  }
}

void GoodByeHeard(State& state, Actions& out) {
  if (state.good_byes && --*state.good_byes <= 0) out.push_back(Stop{0});
}

void LeaveDue(State& state, Actions& out) {
  if (state.good_byes) out.push_back(Stop{0});
}

void TakeGoodBye(State& state, const base::RunId& from, const base::Now& now, Actions& out) {
  Peer* peer = FindPeer(state, from);
  if (peer == nullptr) return;
  peer->left_at = now.mono;
  LeaderIsDown(state, from, now, out);
}

void NoteAnswer(Peer& peer) {
  if (peer.left_at && peer.command.up_at && *peer.command.up_at > *peer.left_at) peer.left_at.reset();
}

}  // namespace sentinel
