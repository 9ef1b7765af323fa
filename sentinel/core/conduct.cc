#include "sentinel/core/conduct.h"

#include <fmt/format.h>

#include "sentinel/core/events.h"

namespace sentinel {
namespace {

constexpr base::Millis kLastingConnection{10000};
constexpr std::size_t kLongestQuote = 200;  // of what others say, in events

Conduct& ConductOf(const Watched& watched) {
  return watched.node != nullptr ? watched.node->conduct : watched.peer->conduct;
}

// Fit for an event: one line, not too long.
std::string Quote(std::string_view text) {
  std::string out(text.substr(0, kLongestQuote));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

bool RefusesUs(const ReplyValue& reply) {
  return reply.is_error() &&
         (reply.StartsWith("NOAUTH") || reply.StartsWith("WRONGPASS") || reply.StartsWith("NOPERM"));
}

void SetAuthFailed(State& state, const Watched& watched, const ReplyValue& reply, Actions& out) {
  Conduct& conduct = ConductOf(watched);
  const bool first = conduct.auth_failed.empty();
  conduct.auth_failed = Quote(reply.text);
  if (!first) return;
  ++state.auth_failures;
  AnnounceEvent(state, watched.master, "-auth-failed",
                fmt::format("{} #auth failed: {}", DescribeAny(state, watched), conduct.auth_failed), 0, out);
}

void ClearAuthFailed(State& state, const Watched& watched, Actions& out) {
  Conduct& conduct = ConductOf(watched);
  if (conduct.auth_failed.empty()) return;
  conduct.auth_failed.clear();
  AnnounceEvent(state, watched.master, "+auth-ok", DescribeAny(state, watched), 0, out);
}

}  // namespace

std::string DescribeAny(const State& state, const Watched& watched) {
  if (watched.replica != nullptr) return Describe(state, *watched.master, *watched.replica);
  if (watched.master != nullptr) return Describe(state, *watched.master);
  for (const auto& [name, master] : state.masters) {
    if (master.sentinels.contains(watched.peer->run_id)) return Describe(state, master, *watched.peer);
  }
  return "sentinel " + watched.peer->run_id.hex;
}

void NoteAuth(State& state, const Watched& watched, const ReplyValue& reply, Actions& out) {
  if (!reply.is_error()) return ClearAuthFailed(state, watched, out);
  // One that wants no password does not mind that we have one.
  if (reply.text.find("without any password configured") != std::string::npos ||
      reply.text.find("no password is set") != std::string::npos) {
    return;
  }
  SetAuthFailed(state, watched, reply, out);
}

void NoteRefusal(State& state, const Watched& watched, const ReplyValue& reply, Actions& out) {
  const std::string& noted = ConductOf(watched).auth_failed;
  if (RefusesUs(reply)) {
    if (noted.empty()) SetAuthFailed(state, watched, reply, out);
  } else if (!reply.is_error() && (noted.starts_with("NOAUTH") || noted.starts_with("NOPERM"))) {
    ClearAuthFailed(state, watched, out);
  }
}

void NoteOffence(State& state, const Watched& watched, std::string_view what, Actions& out) {
  Conduct& conduct = ConductOf(watched);
  ++state.bad_replies;
  ++conduct.offences;
  if (conduct.offence_told) return;
  conduct.offence_told = true;
  AnnounceEvent(state, watched.master, "-bad-reply", fmt::format("{} #{}", DescribeAny(state, watched), Quote(what)), 0,
                out);
}

void NoteGoodConduct(const Watched& watched, const base::Now& now) {
  const Link& link = *watched.command;
  if (link.up() && now.mono - *link.up_at >= kLastingConnection) ConductOf(watched).offence_told = false;
}

bool TooManyReplicas(State& state, Master& master, Actions& out) {
  if (master.replicas.size() < kMaxReplicas) return false;
  ++state.replicas_refused;
  if (!master.replica_limit_told) {
    master.replica_limit_told = true;
    AnnounceEvent(state, &master, "-replica-limit",
                  fmt::format("{} #more than {} are not watched", Describe(state, master), kMaxReplicas), 0, out);
  }
  return true;
}

bool TooManySentinels(State& state, Master& master, Actions& out) {
  if (master.sentinels.size() < kMaxSentinels) return false;
  ++state.sentinels_refused;
  if (!master.sentinel_limit_told) {
    master.sentinel_limit_told = true;
    AnnounceEvent(state, &master, "-sentinel-limit",
                  fmt::format("{} #more than {} are not counted", Describe(state, master), kMaxSentinels), 0, out);
  }
  return true;
}

}  // namespace sentinel
