// What stands at the end of a stream without being data: signs of life, questions, greetings of sentinels.
//
// A master goes on writing such bytes while somebody else is promoted, so that it holds a few more than its successor
// although nothing was lost. They are given up before it asks to go on: otherwise the successor could only send
// everything anew.
#pragma once

#include <optional>
#include <string_view>

#include "replication/core/history.h"
#include "replication/data/rdb_reader.h"
#include "replication/resp/request_parser.h"

namespace replication {

struct NodeState;

// Does this command of a stream change anything that could be missed? PING, REPLCONF, SELECT and a hello do not: the
// data set is the same with and without them. Any other PUBLISH was somebody's message.
bool CarriesData(const resp::Words& words);

// A snapshot was loaded, `applied` and `stream_db` are its: where its data end. Every byte, when it does not say.
void TakeDataEnd(NodeState& state, const data::RdbFacts& facts);

// The database that the stream has selected behind byte `last`, which is not before the end of the data. Empty: that
// is not known, because the snapshot did not say it, or because several were selected behind the data.
std::optional<int> DatabaseAt(const NodeState& state, Offset last);

// What another node said of its history, before it is asked to let us go on in it.
struct OtherHistory {
  History history;
  Offset last = 0;  // the last byte that it has
};
// Out of INFO replication. Empty: it does not say, or makes no sense.
std::optional<OtherHistory> ParseOtherHistory(std::string_view info);

// The last byte of `name` that `other` has; empty when it does not know that name.
std::optional<Offset> LastCommonOf(const ReplicationId& name, const OtherHistory& other);

// A name and the last byte of it that we hold in common with another node.
struct CommonGround {
  ReplicationId replid;
  Offset last = 0;
};
// The data of this node end with byte `data_end`, its stream with byte `applied`. Empty: it is to ask as it is, because
// nothing is in the way, or because more than trailing bytes is. Otherwise it may forget what lies behind `last`, which
// is at least `data_end`. A master that restarted goes by another name since; as long as it has written nothing under
// it, the former one will do. Pure.
// Source: spec/replication.md 5.2; redis#4819, #9847, #12113.
std::optional<CommonGround> WhereToGoOn(const History& ours, Offset applied, Offset data_end,
                                        const OtherHistory& theirs);

// Could WhereToGoOn() have an answer?
bool HasTrailingBytes(const NodeState& state);
// A replica forgets what lies behind `ground`; those who follow it are dropped, since they hold it, and no byte will
// ever be appended to that history here. False: it is not known in which database the stream goes on there; nothing
// was done.
bool GiveUpTrailing(NodeState& state, const CommonGround& ground);

}  // namespace replication
