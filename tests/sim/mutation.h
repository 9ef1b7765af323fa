// Bugs on purpose, switched on for all sentinels of a world: whether the checkers bite. They sit around the core, where
// its promises meet a disk and where it learns what others say; the core itself is always the one of production.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sentinel/core/link.h"
#include "sentinel/core/reply.h"
#include "sentinel/core/state.h"
#include "sentinel/core/vigil_file.h"

namespace sim {

enum class Mutation {
  kNone,
  kSaveNotSynced,      // what was "saved" reaches the disk a third of a second later
  kFailedSaveIgnored,  // a full disk goes unnoticed
  kSaveCoversTooMuch,  // a save stands for what has changed since its text was rendered, too
  kVoteForgotten,      // a restart forgets votes
  kConfigForgotten,    // a restart forgets the version of the address
  kRefusalsCount,      // whoever answers a question for its vote is counted, whomever it names
  kOffsetsBelieved,    // a replica is taken to have all that its master wrote
  kDeafToTestimony,    // replicas are taken to have lost their master
  kReplicasUnread,     // whose replicas a master has is not looked at, nor who speaks through it
  kStaleInfo,          // the first INFO of a connection is believed for good
};

struct MutationRow {
  Mutation mutation;
  std::string_view name;
};
inline constexpr std::array kMutations = {
    MutationRow{Mutation::kSaveNotSynced, "a save is not synced"},
    MutationRow{Mutation::kFailedSaveIgnored, "a save that failed counts as done"},
    MutationRow{Mutation::kSaveCoversTooMuch, "a save counts for what changed during it"},
    MutationRow{Mutation::kVoteForgotten, "a restart forgets the votes"},
    MutationRow{Mutation::kConfigForgotten, "a restart forgets the config epoch"},
    MutationRow{Mutation::kRefusalsCount, "a vote for another one is counted"},
    MutationRow{Mutation::kOffsetsBelieved, "a hand-over does not compare offsets"},
    MutationRow{Mutation::kDeafToTestimony, "what replicas testify is not heard"},
    MutationRow{Mutation::kReplicasUnread, "another cluster's master is not recognised"},
    MutationRow{Mutation::kStaleInfo, "an old INFO is trusted"},
};

// What a restarting sentinel finds in its files.
void SpoilTexts(Mutation mutation, sentinel::SavedTexts& texts);
// What arrives as the answer to `command`; `first_info` is kept for the connection.
void SpoilReply(Mutation mutation, const sentinel::State& state, const sentinel::Command& command,
                std::string& first_info, sentinel::ReplyValue& reply);

}  // namespace sim
