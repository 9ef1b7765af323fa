// The handlers of the commands on data; commands.cc gives each its row.
#pragma once

#include "replication/data/command.h"

namespace data {

using serve::Words;

// string_commands.cc
void Get(CommandContext& context, const Words& words);
void Set(CommandContext& context, const Words& words);
void SetNx(CommandContext& context, const Words& words);
void SetEx(CommandContext& context, const Words& words);
void PSetEx(CommandContext& context, const Words& words);
void GetSet(CommandContext& context, const Words& words);
void GetDel(CommandContext& context, const Words& words);
void GetEx(CommandContext& context, const Words& words);
void MGet(CommandContext& context, const Words& words);
void MSet(CommandContext& context, const Words& words);
void MSetNx(CommandContext& context, const Words& words);

// edit_commands.cc
void Append(CommandContext& context, const Words& words);
void StrLen(CommandContext& context, const Words& words);
void GetRange(CommandContext& context, const Words& words);
void SetRange(CommandContext& context, const Words& words);

// number_commands.cc
void Incr(CommandContext& context, const Words& words);
void Decr(CommandContext& context, const Words& words);
void IncrBy(CommandContext& context, const Words& words);
void DecrBy(CommandContext& context, const Words& words);
void IncrByFloat(CommandContext& context, const Words& words);

// lcs_commands.cc
void Lcs(CommandContext& context, const Words& words);

// key_commands.cc
void Del(CommandContext& context, const Words& words);
void Exists(CommandContext& context, const Words& words);
void Touch(CommandContext& context, const Words& words);
void Type(CommandContext& context, const Words& words);
void Rename(CommandContext& context, const Words& words);
void RenameNx(CommandContext& context, const Words& words);
void Copy(CommandContext& context, const Words& words);
void Move(CommandContext& context, const Words& words);
void ObjectEncoding(CommandContext& context, const Words& words);
void ObjectFreq(CommandContext& context, const Words& words);
void ObjectHelp(CommandContext& context, const Words& words);
void ObjectIdleTime(CommandContext& context, const Words& words);
void ObjectRefCount(CommandContext& context, const Words& words);

// expiry_commands.cc
void Expire(CommandContext& context, const Words& words);
void PExpire(CommandContext& context, const Words& words);
void ExpireAt(CommandContext& context, const Words& words);
void PExpireAt(CommandContext& context, const Words& words);
void Ttl(CommandContext& context, const Words& words);
void PTtl(CommandContext& context, const Words& words);
void ExpireTime(CommandContext& context, const Words& words);
void PExpireTime(CommandContext& context, const Words& words);
void Persist(CommandContext& context, const Words& words);

// Groups that keep handlers and rows together.
std::span<const DataCommand> BitCommands();
std::span<const DataCommand> BitFieldCommands();
std::span<const DataCommand> DumpCommands();
std::span<const DataCommand> GeoCommands();
std::span<const DataCommand> GeoSearchCommands();
std::span<const DataCommand> HashCommands();
std::span<const DataCommand> HyperLogLogCommands();
std::span<const DataCommand> SetCommands();
std::span<const DataCommand> BlockingListCommands();
std::span<const DataCommand> ListCommands();
std::span<const DataCommand> StreamCommands();
std::span<const DataCommand> StreamGroupCommands();
std::span<const DataCommand> StreamInfoCommands();
std::span<const DataCommand> StreamPendingCommands();
std::span<const DataCommand> StreamReadCommands();
std::span<const DataCommand> SortCommands();
std::span<const DataCommand> ZsetBlockingCommands();
std::span<const DataCommand> ZsetCombineCommands();
std::span<const DataCommand> ZsetCommands();
std::span<const DataCommand> ZsetRangeCommands();

// zset_commands.cc
void ZAdd(CommandContext& context, const Words& words);

// database_commands.cc
void Keys(CommandContext& context, const Words& words);
void Scan(CommandContext& context, const Words& words);
void DbSize(CommandContext& context, const Words& words);
void RandomKey(CommandContext& context, const Words& words);
void FlushDb(CommandContext& context, const Words& words);
void FlushAll(CommandContext& context, const Words& words);
void SwapDb(CommandContext& context, const Words& words);

}  // namespace data
