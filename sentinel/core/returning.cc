#include "sentinel/core/returning.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/core/election.h"
#include "sentinel/core/events.h"
#include "sentinel/core/evidence.h"
#include "sentinel/core/inquiry.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/roles.h"
#include "sentinel/core/survey.h"
#include "sentinel/core/watched.h"

namespace sentinel {
namespace {

using base::Millis;
using base::MonoTime;

// A new process at an old address may be another cluster's: its sentinels speak every 2 s, and as soon as they connect.
// The time that we listen for them before we act.
constexpr Millis kListen{300};
constexpr Millis kRankStep{20};
constexpr Millis kAskAgain{1000};
constexpr Millis kLoadingPoll{100};
constexpr Millis kSanityPoll{100};

bool IsAnotherProcess(const Replica& replica) {
  const FormerMaster& former = *replica.former;
  if (former.was_new) return true;
  return !former.run_id.empty() && !replica.info.run_id.empty() && former.run_id != replica.info.run_id;
}

// It was away, or is another process than the one that was replaced.
bool WasAway(const Replica& replica) {
  return replica.former->was_down || IsAnotherProcess(replica);
}

}  // namespace

bool IsAwaited(const Master& master, const Replica& replica) {
  return replica.former && replica.former->epoch == master.config_epoch && !replica.former->seen_as_replica;
}

ReturnVerdict JudgeReturn(State& state, Master& master, Replica& replica, const base::Now& now, Actions& out) {
  if (replica.role_reported != Role::kMaster || !IsAwaited(master, replica) || !WasAway(replica)) return {};
  if (replica.info.loading) {
    // It would refuse the command, and takes no writes either.
    AskInfoWithin(state, WatchedOf(master, replica), kLoadingPoll, now);
    return {};
  }
  // One that does not obey (it may not permit us to order it) is told again at stock's pace.
  if (replica.former->ordered_at && *replica.former->ordered_at >= *replica.command.up_at) return {};
  if (FieldIsTaken(master, now) || master.vote.epoch > master.config_epoch) return {};
  if (!LooksSane(state, master, now)) return {false, now.mono + kSanityPoll};

  MonoTime from = replica.role_reported_at;
  if (IsAnotherProcess(replica)) {
    if (!replica.pubsub.up()) return {false, now.mono + kListen};
    from = std::max(from, *replica.pubsub.up_at + kListen);
  }
  // One of us is enough.
  from += RankOf(state, master) * kRankStep;
  if (now.mono < from) return {false, from};

  const Survey& survey = master.survey;
  if (survey.serial == 0 || survey.asked_at < from || now.mono - survey.asked_at >= kAskAgain) {
    BeginSurvey(state, master, now, out);
    // What it holds is read once more, so that the record is exact.
    AskInfo(state, WatchedOf(master, replica), now, out);
  }
  const AddressAgreement agreement = AgreementOn(state, master);
  const bool agreed = agreement.agree >= MajorityOf(master) && !agreement.newer_vote;
  const bool read = *replica.info_at >= survey.asked_at && !replica.info_asked_at;
  return {agreed && read, survey.asked_at + kAskAgain};
}

std::optional<base::Offset> BytesBeyond(const InfoReport& former, const InfoReport& master) {
  if (former.master_offset < 0 || former.replid.empty() || master.replid.empty()) return std::nullopt;
  if (former.replid == master.replid) return 0;
  if (master.second_offset < 0 || master.replid2.empty()) return std::nullopt;
  // The first byte that the two do not share.
  base::Offset fork = master.second_offset;
  if (former.replid != master.replid2) {
    // It went on under a new name after a restart with its data.
    if (former.replid2 != master.replid2 || former.second_offset < 0) return std::nullopt;
    fork = std::min(fork, former.second_offset);
  }
  return std::max<base::Offset>(0, former.master_offset + 1 - fork);
}

void RecordDivergence(State& state, Master& master, const Replica& replica, const base::Now& now, Actions& out) {
  Divergence divergence;
  divergence.node = replica.address;
  divergence.run_id = replica.info.run_id;
  divergence.config_epoch = master.config_epoch;
  divergence.bytes = BytesBeyond(replica.info, master.info);
  divergence.at = now.wall;
  const auto& known = master.divergence;
  const bool news = !known || known->node != divergence.node || known->run_id != divergence.run_id ||
                    known->config_epoch != divergence.config_epoch || known->bytes != divergence.bytes;
  if (!news) return;  // it is told to follow once more
  const std::string bytes = divergence.bytes ? fmt::format("{}", *divergence.bytes) : "unknown";
  master.divergence = std::move(divergence);
  NoteDecision(state, master, "former-master-demoted",
               fmt::format("{} was the master before config epoch {}; bytes that it holds beyond the new history: {}",
                           replica.address.ToString(), master.config_epoch.value, bytes),
               now, out);
  AnnounceEvent(state, &master, "+beyond-history", fmt::format("{} #bytes {}", Describe(state, master, replica), bytes),
                0, out);
}

}  // namespace sentinel
