// Which history of writes this node holds: its name, and the one it grew out of.
#pragma once

#include "replication/base/ids.h"
#include "replication/base/random.h"

namespace replication {

using base::Offset;
using base::ReplicationId;

// `replid2` names the history that ours shares all bytes before `second_offset` with. Changes as in
// spec/replication.md 1.7.
struct History {
  ReplicationId replid;
  ReplicationId replid2 = NoId();
  Offset second_offset = -1;
  // Did we give this name ourselves? What nobody took from us then exists nowhere else.
  bool is_own = false;

  // How an unset second id is shown and sent.
  static ReplicationId NoId() { return ReplicationId{std::string(ReplicationId::kLength, '0')}; }

  // A history that shares nothing with an earlier one: a start, or a backlog that was missing for a while (without
  // it offsets stand still, so a partial resync could skip writes).
  void Begin(base::Random& random) {
    *this = History{ReplicationId{random.Hex()}};
    is_own = true;
  }
  // We go on writing after byte `applied` of the history so far: a promotion, or a master's restart.
  void Fork(Offset applied, base::Random& random) {
    Adopt(ReplicationId{random.Hex()}, applied);
    is_own = true;
  }
  // Somebody else went on writing under `id` after byte `applied`: +CONTINUE with a new id.
  void Adopt(ReplicationId id, Offset applied) {
    replid2 = replid;
    second_offset = applied + 1;
    replid = std::move(id);
    is_own = false;
  }
  // Our data are now exactly those of `id`: a full sync.
  void Replace(ReplicationId id) { *this = History{std::move(id)}; }
};

}  // namespace replication
