#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "replication/base/text.h"
#include "replication/serve/command_docs.h"
#include "replication/serve/command_names.h"
#include "replication/serve/command_row.h"
#include "replication/serve/permission.h"

namespace serve {
namespace {

using Entry = CommandTable::Entry;
using Entries = CommandEntries;

struct Named {
  std::uint32_t bit;
  std::string_view name;
};

// In the order in which COMMAND INFO of Redis 7.0 prints them. It does not print may_replicate.
constexpr std::array kFlagNames = {
    Named{kWrite, "write"},
    Named{kReadonly, "readonly"},
    Named{kDenyOom, "denyoom"},
    Named{kAdmin, "admin"},
    Named{kPubsub, "pubsub"},
    Named{kNoScript, "noscript"},
    Named{kBlocking, "blocking"},
    Named{kLoading, "loading"},
    Named{kStale, "stale"},
    Named{kSkipMonitor, "skip_monitor"},
    Named{kFast, "fast"},
    Named{kNoAuth, "no_auth"},
    Named{kNoAsyncLoading, "no_async_loading"},
    Named{kNoMulti, "no_multi"},
    Named{kAllowBusy, "allow_busy"},
    Named{kNoMandatoryKeys, "no_mandatory_keys"},
};

template <class Names>
void ReplyNames(std::uint32_t bits, const Names& names, std::string_view prefix, resp::ReplyWriter& reply) {
  std::size_t count = 0;
  for (const auto& named : names) count += (bits & named.bit) != 0 ? 1 : 0;
  reply.Set(count);
  for (const auto& named : names) {
    if ((bits & named.bit) != 0) reply.Simple(fmt::format("{}{}", prefix, named.name));
  }
}

// What a command does with its keys, as COMMAND INFO and GETKEYSANDFLAGS say it.
void ReplyKeyFlags(const CommandRow& row, resp::ReplyWriter& reply) {
  if ((row.flags & kPubsub) != 0) {
    reply.Set(1);
    return reply.Simple("not_key");
  }
  if ((row.flags & (kNoMandatoryKeys | kReadonly)) == kNoMandatoryKeys) {
    // A script may do anything.
    reply.Set(3);
    reply.Simple("RW");
    reply.Simple("access");
    return reply.Simple("update");
  }
  // XREADGROUP writes into groups, not into what it reads.
  const bool writes = (row.flags & kWrite) != 0 && row.keys.behind.empty();
  reply.Set(2);
  reply.Simple(writes ? "RW" : "RO");
  reply.Simple(writes ? "update" : "access");
}

void ReplySearch(const CommandRow& row, int begin, resp::ReplyWriter& reply) {
  // Said of these by stock, though not of EVALSHA.
  const bool noted = (row.flags & kNoMandatoryKeys) != 0 &&
                     (row.name.starts_with("eval") || row.name.starts_with("fcall")) &&
                     !row.name.starts_with("evalsha");
  reply.Map(noted ? 4 : 3);
  if (noted) {
    reply.Bulk("notes");
    reply.Bulk(fmt::format("We cannot tell how the keys will be used so we assume the worst, {}",
                           (row.flags & kReadonly) != 0 ? "RO and ACCESS" : "RW and UPDATE"));
  }
  reply.Bulk("flags");
  ReplyKeyFlags(row, reply);
  reply.Bulk("begin_search");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("index");
  reply.Bulk("spec");
  reply.Map(1);
  reply.Bulk("index");
  reply.Integer(begin);
  reply.Bulk("find_keys");
}

void ReplyRangeSpec(const CommandRow& row, resp::ReplyWriter& reply) {
  ReplySearch(row, row.keys.first, reply);
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("range");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk("lastkey");  // counted from the first key, or from the end when negative
  reply.Integer(row.keys.last < 0 ? row.keys.last : row.keys.last - row.keys.first);
  reply.Bulk("keystep");
  reply.Integer(row.keys.step);
  reply.Bulk("limit");
  reply.Integer(0);
}

// Counted from the word with the number.
void ReplyCountedSpec(const CommandRow& row, resp::ReplyWriter& reply) {
  ReplySearch(row, row.keys.counted_at, reply);
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("keynum");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk("keynumidx");
  reply.Integer(0);
  reply.Bulk("firstkey");
  reply.Integer(1);
  reply.Bulk("keystep");
  reply.Integer(1);
}

// Behind a word of its own.
void ReplyBehindSpec(const CommandRow& row, resp::ReplyWriter& reply) {
  reply.Map(3);
  reply.Bulk("flags");
  ReplyKeyFlags(row, reply);
  reply.Bulk("begin_search");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("keyword");
  reply.Bulk("spec");
  reply.Map(2);
  reply.Bulk("keyword");
  reply.Bulk(row.keys.behind);
  reply.Bulk("startfrom");
  reply.Integer(row.keys.behind_from);
  reply.Bulk("find_keys");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("range");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk("lastkey");
  reply.Integer(-1);
  reply.Bulk("keystep");
  reply.Integer(1);
  reply.Bulk("limit");  // one of so many parts of what follows
  reply.Integer(2);
}

// How the keys are found, in the newer form of COMMAND INFO: where the search begins, and which range follows.
void ReplyKeySpecs(const CommandRow& row, resp::ReplyWriter& reply) {
  reply.Set((row.keys.first != 0 ? 1 : 0) + (row.keys.counted_at != 0 ? 1 : 0) + (row.keys.behind.empty() ? 0 : 1));
  if (row.keys.first != 0) ReplyRangeSpec(row, reply);
  if (row.keys.counted_at != 0) ReplyCountedSpec(row, reply);
  if (!row.keys.behind.empty()) ReplyBehindSpec(row, reply);
}

// Are there keys that stand in no fixed place?
bool HasMovableKeys(const CommandRow& row) {
  constexpr std::array<std::string_view, 4> kWithOptions = {"georadius", "georadiusbymember", "sort", "sort_ro"};
  return row.keys.movable() || std::ranges::find(kWithOptions, row.name) != kWithOptions.end();
}

// What the row is to clients that look for keys themselves: with keys in a place of their own it is one flag more.
void ReplyFlags(const CommandRow& row, resp::ReplyWriter& reply) {
  const bool movable = HasMovableKeys(row);
  std::size_t count = movable ? 1 : 0;
  for (const Named& flag : kFlagNames) count += (row.flags & flag.bit) != 0 ? 1 : 0;
  reply.Set(count);
  for (const Named& flag : kFlagNames) {
    if ((row.flags & flag.bit) != 0) reply.Simple(flag.name);
  }
  if (movable) reply.Simple("movablekeys");
}

// What a client that speaks to a whole cluster should know; only what commands of ours have.
// Source: COMMAND INFO of redis-server 7.0.15; the documentation of command tips.
struct Tips {
  std::string_view name;
  std::array<std::string_view, 3> tips;
};
constexpr std::array kTips = {
    Tips{"client|info", {"nondeterministic_output"}},
    Tips{"client|list", {"nondeterministic_output"}},
    Tips{"command", {"nondeterministic_output_order"}},
    Tips{"command|docs", {"nondeterministic_output_order"}},
    Tips{"command|info", {"nondeterministic_output_order"}},
    Tips{"command|list", {"nondeterministic_output_order"}},
    Tips{"function|delete", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    Tips{"function|flush", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    Tips{"function|kill", {"request_policy:all_shards", "response_policy:one_succeeded"}},
    Tips{"function|list", {"nondeterministic_output_order"}},
    Tips{"function|load", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    Tips{"function|restore", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    Tips{"function|stats", {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    Tips{"info", {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    Tips{"ping", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    Tips{"script|exists", {"request_policy:all_shards", "response_policy:agg_logical_and"}},
    Tips{"script|flush", {"request_policy:all_nodes", "response_policy:all_succeeded"}},
    Tips{"script|kill", {"request_policy:all_shards", "response_policy:one_succeeded"}},
    Tips{"script|load", {"request_policy:all_nodes", "response_policy:all_succeeded"}},
};

void ReplyTips(std::string_view name, resp::ReplyWriter& reply) {
  const auto found = std::ranges::find(kTips, name, &Tips::name);
  if (found == kTips.end()) return reply.Set(0);
  const auto count = std::ranges::count_if(found->tips, [](std::string_view tip) { return !tip.empty(); });
  reply.Set(static_cast<std::size_t>(count));
  for (const std::string_view tip : found->tips) {
    if (!tip.empty()) reply.Bulk(tip);
  }
}

void ReplyInfo(const Entries& entries, const std::string& name, const Entry& entry, resp::ReplyWriter& reply) {
  const CommandRow& row = *entry.row;
  reply.Array(10);
  reply.Bulk(name);
  reply.Integer(row.arity);
  ReplyFlags(row, reply);
  reply.Integer(row.keys.first);
  reply.Integer(row.keys.last);
  reply.Integer(row.keys.step);
  ReplyNames(CategoriesOf(row), Categories(), "@", reply);
  ReplyTips(row.name, reply);
  ReplyKeySpecs(row, reply);
  const auto [begin, end] = Subcommands(entries, name);
  if (!entry.container) return reply.Set(0);
  reply.Array(static_cast<std::size_t>(std::distance(begin, end)));
  for (auto sub = begin; sub != end; ++sub) ReplyInfo(entries, sub->first, sub->second, reply);
}

void ReplyArguments(const std::vector<CommandArgument>& arguments, resp::ReplyWriter& reply);

void ReplyArgument(const CommandArgument& argument, resp::ReplyWriter& reply) {
  const bool pure = argument.type == "pure-token";
  const bool flags = argument.optional || argument.multiple;
  const bool key = argument.type == "key";
  const auto fields =
      2 + (key ? 1 : 0) + (argument.token.empty() ? 0 : 1) + (flags ? 1 : 0) + (argument.parts.empty() ? 0 : 1);
  reply.Map(static_cast<std::size_t>(fields));
  reply.Bulk("name");
  reply.Bulk(argument.name);
  reply.Bulk("type");
  reply.Bulk(argument.type);
  if (key) {
    reply.Bulk("key_spec_index");
    reply.Integer(0);
  }
  if (!argument.token.empty()) {
    reply.Bulk("token");
    reply.Bulk(argument.token);
  }
  if (flags) {
    const bool again = argument.multiple && argument.multiple_token && !pure;
    reply.Bulk("flags");
    reply.Set((argument.optional ? 1 : 0) + (argument.multiple ? 1 : 0) + (again ? 1 : 0));
    if (argument.optional) reply.Simple("optional");
    if (argument.multiple) reply.Simple("multiple");
    if (again) reply.Simple("multiple_token");
  }
  if (argument.parts.empty()) return;
  reply.Bulk("arguments");
  ReplyArguments(argument.parts, reply);
}

void ReplyArguments(const std::vector<CommandArgument>& arguments, resp::ReplyWriter& reply) {
  reply.Array(arguments.size());
  for (const CommandArgument& argument : arguments) ReplyArgument(argument, reply);
}

void ReplyDocs(const Entries& entries, const std::string& name, const Entry& entry, resp::ReplyWriter& reply) {
  const std::string_view since = SinceOf(entry.row->name);
  const auto arguments = ReadUsage(entry.row->usage);
  reply.Bulk(name);
  reply.Map(2 + (since.empty() ? 0 : 1) + (arguments.empty() ? 0 : 1) + (entry.container ? 1 : 0));
  reply.Bulk("summary");
  reply.Bulk(entry.row->summary);
  if (!since.empty()) {
    reply.Bulk("since");
    reply.Bulk(since);
  }
  reply.Bulk("group");
  reply.Bulk(entry.row->group);
  if (!arguments.empty()) {
    reply.Bulk("arguments");
    ReplyArguments(arguments, reply);
  }
  if (!entry.container) return;
  const auto [begin, end] = Subcommands(entries, name);
  reply.Bulk("subcommands");
  reply.Map(static_cast<std::size_t>(std::distance(begin, end)));
  for (auto sub = begin; sub != end; ++sub) ReplyDocs(entries, sub->first, sub->second, reply);
}

std::size_t CountTopLevel(const Entries& entries) {
  std::size_t count = 0;
  for (const auto& [name, entry] : entries) count += IsTopLevel(name) ? 1 : 0;
  return count;
}

// The entries named by words[2...].
std::vector<Entries::const_iterator> NamedEntries(const Entries& entries, const Words& words) {
  std::vector<Entries::const_iterator> found;
  for (std::size_t i = 2; i < words.size(); ++i) found.push_back(entries.find(base::ToLower(words[i])));
  return found;
}

void ReplyInfoOfAll(const Entries& entries, resp::ReplyWriter& reply) {
  reply.Array(CountTopLevel(entries));
  for (const auto& [name, entry] : entries) {
    if (IsTopLevel(name)) ReplyInfo(entries, name, entry, reply);
  }
}

void ReplyInfoOf(const Entries& entries, const Words& words, resp::ReplyWriter& reply) {
  reply.Array(words.size() - 2);
  for (const auto& found : NamedEntries(entries, words)) {
    if (found == entries.end()) {
      reply.Null();
    } else {
      ReplyInfo(entries, found->first, found->second, reply);
    }
  }
}

void ReplyDocsOf(const Entries& entries, const Words& words, resp::ReplyWriter& reply) {
  std::vector<Entries::const_iterator> wanted;
  if (words.size() > 2) {
    for (const auto& found : NamedEntries(entries, words)) {
      if (found != entries.end()) wanted.push_back(found);
    }
  } else {
    for (auto at = entries.begin(); at != entries.end(); ++at) {
      if (IsTopLevel(at->first)) wanted.push_back(at);
    }
  }
  reply.Map(wanted.size());
  for (const auto& at : wanted) ReplyDocs(entries, at->first, at->second, reply);
}

void ReplyList(const Entries& entries, const Words& words, resp::ReplyWriter& reply) {
  std::vector<std::string_view> names;
  if (words.size() == 2) {
    for (const auto& [name, entry] : entries) names.push_back(name);
  } else if (words.size() == 5 && base::EqualsIgnoreCase(words[2], "filterby")) {
    const std::string_view wanted = words[4];
    if (base::EqualsIgnoreCase(words[3], "pattern")) {
      for (const auto& [name, entry] : entries) {
        if (base::GlobMatch(wanted, name, true)) names.push_back(name);
      }
    } else if (base::EqualsIgnoreCase(words[3], "aclcat")) {
      std::uint32_t bit = 0;
      for (const CategoryName& named : Categories()) {
        if (base::EqualsIgnoreCase(named.name, wanted)) bit = named.bit;
      }
      for (const auto& [name, entry] : entries) {
        if ((CategoriesOf(*entry.row) & bit) != 0) names.push_back(name);
      }
    } else if (!base::EqualsIgnoreCase(words[3], "module")) {  // we have no modules: an empty list
      return reply.Error("ERR syntax error");
    }
  } else {
    return reply.Error("ERR syntax error");
  }
  reply.Array(names.size());
  for (const std::string_view name : names) reply.Bulk(name);
}

void ReplyKeys(const CommandTable& table, const Words& words, bool with_flags, resp::ReplyWriter& reply) {
  const Words request(words.begin() + 2, words.end());
  const Entry* entry = nullptr;
  if (IsTopLevel(request[0])) entry = table.Find(base::ToLower(request[0]));
  if (entry != nullptr && entry->container && request.size() > 1) {
    entry = table.Find(fmt::format("{}|{}", base::ToLower(request[0]), base::ToLower(request[1])));
  }
  if (entry == nullptr) return reply.Error("ERR Invalid command specified");
  const CommandRow& row = *entry->row;
  // A shard channel stands where a key stands, so that requests are routed by it, but is none.
  if (!row.keys.any() || (row.flags & kPubsub) != 0) {
    return reply.Error("ERR The command has no key arguments");
  }
  if (!ArityFits(row, request.size())) return reply.Error("ERR Invalid number of arguments specified for command");
  const bool may_lack = (row.flags & kNoMandatoryKeys) != 0;
  if (row.keys.counted_at != 0 && CountedKeys(row, request) == 0 && !may_lack) {
    return reply.Error("ERR Invalid arguments specified for command");
  }
  std::vector<std::string_view> keys;
  const KeyRun behind = KeysBehind(row, request);
  if (!row.keys.behind.empty() && behind.count == 0) return reply.Error("ERR Invalid arguments specified for command");
  ForEachKey(row, request, [&](std::size_t word, std::uint8_t) {
    keys.push_back(request[word]);
    return true;
  });
  reply.Array(keys.size());
  for (const std::string_view key : keys) {
    if (with_flags) reply.Array(2);
    reply.Bulk(key);
    if (with_flags) ReplyKeyFlags(row, reply);
  }
}

}  // namespace

void ReplyCommand(const CommandTable& table, const Words& words, resp::ReplyWriter& reply) {
  if (words.size() < 2) return ReplyInfoOfAll(table.all(), reply);
  const std::string sub = base::ToLower(words[1]);
  if (sub == "count") {
    reply.Integer(static_cast<std::int64_t>(CountTopLevel(table.all())));
  } else if (sub == "info") {
    if (words.size() == 2) return ReplyInfoOfAll(table.all(), reply);
    ReplyInfoOf(table.all(), words, reply);
  } else if (sub == "docs") {
    ReplyDocsOf(table.all(), words, reply);
  } else if (sub == "list") {
    ReplyList(table.all(), words, reply);
  } else if (sub == "getkeys") {
    if (words.size() < 3) return reply.Error(WrongArity("command|getkeys"));
    ReplyKeys(table, words, false, reply);
  } else if (sub == "getkeysandflags") {
    if (words.size() < 3) return reply.Error(WrongArity("command|getkeysandflags"));
    ReplyKeys(table, words, true, reply);
  } else if (sub == "help") {
    ReplyHelp(table, "command", reply);
  } else {
    reply.Error(fmt::format("ERR unknown subcommand '{}'. Try COMMAND HELP.", Repeated(words[1])));
  }
}

void ReplyHelp(const CommandTable& table, std::string_view container, resp::ReplyWriter& reply) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", UpperName(container)));
  const auto add = [&lines](std::string title, std::string_view usage, std::string_view summary) {
    if (!usage.empty()) title += fmt::format(" {}", usage);
    lines.push_back(std::move(title));
    lines.push_back(fmt::format("    {}.", summary));
  };
  if (const Entry* entry = table.Find(container); entry != nullptr && ArityFits(*entry->row, 1)) {
    add("(no subcommand)", "", entry->row->summary);
  }
  const auto [begin, end] = Subcommands(table.all(), container);
  for (auto sub = begin; sub != end; ++sub) {
    const std::string_view name = OwnName(sub->first);
    if (name != "help") add(UpperName(name), sub->second.row->usage, sub->second.row->summary);
  }
  add("HELP", "", "Prints this help");
  reply.Array(lines.size());
  for (const std::string& line : lines) reply.Simple(line);
}

}  // namespace serve
