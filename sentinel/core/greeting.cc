#include "sentinel/core/greeting.h"

#include "sentinel/core/forget.h"
#include "sentinel/core/links.h"
#include "sentinel/core/pause.h"

namespace sentinel {

void GreetPeer(State& state, Peer& peer, const ReplyValue& reply, Actions& out) {
  if (peer.ours()) {
    peer.make = Peer::Make::kOurs;
  } else if (!reply.StartsWith("NOAUTH") && !reply.StartsWith("NOPERM")) {
    peer.make = Peer::Make::kStock;
  }
  for (auto& [name, master] : state.masters) {
    if (!master.sentinels.contains(peer.run_id)) continue;
    CountSilentVoters(state, master);
    if (!peer.ours()) AskVotersThere(state, master, out);
  }
  const auto ask = [&](std::string_view word, Request request, const char* verb) {
    if (!peer.words.contains(std::string(word))) return;
    SendOne(peer.command, Command{request, "", 0, {"SENTINEL", verb}}, 0, out);
  };
  ask(kPaused, Request::kPauses, "PAUSED");
  ask(kForgotten, Request::kForgets, "FORGOTTEN");
}

}  // namespace sentinel
