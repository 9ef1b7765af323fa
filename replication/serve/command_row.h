// Commands are rows: what COMMAND reports, arity errors, HELP, access rules and tests are made from them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replication/base/result.h"
#include "replication/resp/reply_writer.h"
#include "replication/resp/request_parser.h"

namespace serve {

using resp::Words;

// What a command does and when it may run. Named as COMMAND prints them.
enum CommandFlag : std::uint32_t {
  kWrite = 1U << 0,
  kReadonly = 1U << 1,
  kDenyOom = 1U << 2,  // may grow the data: refused beyond maxmemory
  kAdmin = 1U << 3,
  kPubsub = 1U << 4,
  kNoScript = 1U << 5,
  kBlocking = 1U << 6,
  kLoading = 1U << 7,  // allowed while the data set is loading
  kStale = 1U << 8,    // allowed on a replica without its master and with replica-serve-stale-data no
  kSkipMonitor = 1U << 9,
  kFast = 1U << 10,
  kNoAuth = 1U << 11,        // allowed before AUTH
  kMayReplicate = 1U << 12,  // not a write, but may reach the stream (PUBLISH)
  kNoAsyncLoading = 1U << 13,
  kNoMulti = 1U << 14,          // refused inside MULTI
  kAllowBusy = 1U << 15,        // allowed while a script runs for too long
  kNoMandatoryKeys = 1U << 16,  // may be called with no keys (EVAL)
};

enum CommandCategory : std::uint32_t {
  kCatKeyspace = 1U << 0,
  kCatRead = 1U << 1,
  kCatWrite = 1U << 2,
  kCatSet = 1U << 3,
  kCatSortedset = 1U << 4,
  kCatList = 1U << 5,
  kCatHash = 1U << 6,
  kCatString = 1U << 7,
  kCatBitmap = 1U << 8,
  kCatHyperloglog = 1U << 9,
  kCatGeo = 1U << 10,
  kCatStream = 1U << 11,
  kCatPubsub = 1U << 12,
  kCatAdmin = 1U << 13,
  kCatFast = 1U << 14,
  kCatSlow = 1U << 15,
  kCatBlocking = 1U << 16,
  kCatDangerous = 1U << 17,
  kCatConnection = 1U << 18,
  kCatTransaction = 1U << 19,
  kCatScripting = 1U << 20,
};

// Where the keys stand among the words: first, last (negative counts from the end) and step. 0: no keys.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  // The word that says how many keys stand behind it ("LMPOP 2 a b LEFT"), besides those above; 0: none does.
  int counted_at = 0;
  // Of what stands behind this word the first half is keys ("XREAD COUNT 1 STREAMS a b 0 0"); looked for from
  // `behind_from` on. Empty: no such word.
  std::string_view behind = {};
  int behind_from = 0;

  bool any() const { return first != 0 || movable(); }
  // Where they stand depends on other words.
  bool movable() const { return counted_at != 0 || !behind.empty(); }
};

struct CommandRow {
  std::string_view name;  // lower case; a subcommand is "container|sub"
  int arity;              // words, the name included; -n means n or more
  std::uint32_t flags;
  KeyPositions keys;
  std::uint32_t categories;
  std::string_view group;       // "string", "connection" ...: COMMAND DOCS
  std::string_view summary;     // one sentence, without its full stop
  std::string_view usage = {};  // what stands behind the name, for HELP: "<pattern> [<pattern> ...]"
};

// The number that stands in words[row.keys.counted_at]; 0 without one, or when it is no number or more than there are
// words behind it: the command itself will complain then.
std::size_t CountedKeys(const CommandRow& row, const Words& words);

// The keys behind row.keys.behind: where the first one stands, and how many there are; 0 when there are none, or when
// their number is odd.
struct KeyRun {
  std::size_t first = 0;
  std::size_t count = 0;
};
KeyRun KeysBehind(const CommandRow& row, const Words& words);

// Every category, in the order in which ACL CAT lists them.
struct CategoryName {
  std::uint32_t bit;
  std::string_view name;
};
std::span<const CategoryName> Categories();
// By lower-case name; 0: there is none.
std::uint32_t CategoryNamed(std::string_view name);

// The row's categories and those that its flags imply: a write is @write, what is not fast is @slow ...
std::uint32_t CategoriesOf(const CommandRow& row);

// All rows of one program by name. Where the row's handler stands is the program's own matter: it gives each
// row a (group, index) and gets it back.
class CommandTable {
 public:
  struct Entry {
    const CommandRow* row = nullptr;
    int group = 0;
    std::size_t index = 0;
    std::size_t id = 0;      // the row's number in this table: rights are kept by it
    bool container = false;  // has subcommands
  };

  // Rows must outlive the table. A name may be added once.
  void Add(const CommandRow& row, int group, std::size_t index);
  // A further name for an existing row: rename-command, SLAVEOF for REPLICAOF.
  void AddAlias(std::string name, std::string_view of);
  // `from` becomes `to`, and unsayable when `to` is empty; both in lower case. Error kNotFound or kInvalid: the reason.
  // Source: rename-command in redis.conf.
  base::Result<void> Rename(const std::string& from, const std::string& to);
  // Removes a name (rename-command X ""). Its subcommands go with it.
  void Remove(std::string_view name);

  // By full lower-case name, "config|get" included; null when unknown.
  const Entry* Find(std::string_view name) const;
  bool IsContainer(std::string_view name) const;
  std::vector<const Entry*> SubcommandsOf(std::string_view container) const;

  // The row that `words` (at least one) asks for, after the checks that need nothing but the rows: is it known,
  // is the number of words right. Otherwise null, and `error` is the reply's text ("ERR unknown command ...").
  const Entry* Resolve(const Words& words, std::string& error) const;

  const std::map<std::string, Entry, std::less<>>& all() const { return entries_; }

  CommandTable() = default;
  // known_ leads into entries_: the elements of a map move with it, and copies would lead back.
  CommandTable(CommandTable&&) = default;
  CommandTable& operator=(CommandTable&&) = default;

 private:
  struct Known {
    const Entry* entry = nullptr;  // null: only its subcommands are rows
    bool container = false;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  Entry& Insert(std::string name, const Entry& entry);

  // In order, for lists and for the subcommands of a container.
  std::map<std::string, Entry, std::less<>> entries_;
  // The same names and those of all containers, for the question that every command asks.
  std::unordered_map<std::string, Known, NameHash, std::equal_to<>> known_;
  std::size_t next_id_ = 0;
};

// COMMAND, COMMAND COUNT|INFO|DOCS|LIST|GETKEYS|GETKEYSANDFLAGS|HELP, from the rows. `words` is the whole request.
// Source: the COMMAND documentation.
void ReplyCommand(const CommandTable& table, const Words& words, resp::ReplyWriter& reply);

// The text of "HELP" for a container, from its rows.
void ReplyHelp(const CommandTable& table, std::string_view container, resp::ReplyWriter& reply);

}  // namespace serve
