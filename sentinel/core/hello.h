// Hello messages: how sentinels find each other, and how the address of a master spreads.
//
// Source: spec/sentinel.md 2.6; spec/decisions.md A11.
#pragma once

#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/watched.h"

namespace sentinel {

struct Hello {
  base::Endpoint sentinel;
  base::RunId run_id;
  base::Epoch current_epoch;
  std::string master_name;
  base::Endpoint master;
  base::Epoch config_epoch;
};

inline constexpr std::string_view kHelloChannel = "__sentinel__:hello";
// A jump of the epoch beyond this is refused and announced.
inline constexpr std::uint64_t kMaxEpochJump = 1'000'000;

// Exactly eight fields, separated by commas. kInvalid otherwise.
base::Result<Hello> ParseHello(std::string_view payload);

// What we say of `master` on a connection whose local address is `local_host`. The text promises `change`.
struct OwnHello {
  std::string payload;
  ChangeNumber change = 0;
};
OwnHello MakeHello(const State& state, const Master& master, const std::string& local_host);

// Takes in one hello, wherever it came from: `via` is the node through which it was heard, kNone when a peer sent it
// to us with PUBLISH. Malformed ones are dropped and counted. Our own are a proof that the node's pub/sub works.
void ApplyHello(State& state, std::string_view payload, InstanceId via, const base::Now& now, Actions& out);

// Publishes one hello about `master` to one of its nodes or to a peer, when its link is up and not clogged. One that
// promises what is not durable yet is owed, and made afresh when the save has ended.
void SendHello(State& state, const Master& master, const Watched& to, const base::Now& now, Actions& out);
// The hello timer: to all nodes and peers of `master`.
void HelloDue(State& state, Master& master, const base::Now& now, Actions& out);
// A save has ended: the hellos that waited for it.
void SendOwedHellos(State& state, const base::Now& now, Actions& out);
// A node has acknowledged a hello of ours (an error does not).
void TakeHelloReply(State& state, const Watched& watched, const ReplyValue& reply, const base::Now& now);

// Is it no further ahead of ours than one sentinel alone may claim?
bool IsWithinReach(const State& state, base::Epoch epoch);

// Takes over the election clock that `from` names, unless it jumps too far for one sentinel alone (A11). False when it
// is refused: nothing else of that message is to be believed then.
bool BelieveEpoch(State& state, const base::RunId& from, base::Epoch epoch, const base::Now& now, Actions& out);

// What `hello` says of the master's address, its sender being one of the master's sentinels (`opinion`): a newer
// configuration is adopted, another address under the same one is a conflict (conflict.h).
void TakeConfiguration(State& state, Master& master, Opinion& opinion, const Hello& hello, const base::Now& now,
                       Actions& out);

// Publishes to all nodes and peers at once: the address has changed.
void HelloAtOnce(State& state, Master& master, const base::Now& now, Actions& out);

}  // namespace sentinel
