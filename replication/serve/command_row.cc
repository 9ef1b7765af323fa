#include "replication/serve/command_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"
#include "replication/serve/command_names.h"

namespace serve {
namespace {

// No command of ours has a longer name; longer words are not looked up.
constexpr std::size_t kMaxName = 64;

constexpr std::array kCategoryNames = {
    CategoryName{kCatKeyspace, "keyspace"},
    CategoryName{kCatRead, "read"},
    CategoryName{kCatWrite, "write"},
    CategoryName{kCatSet, "set"},
    CategoryName{kCatSortedset, "sortedset"},
    CategoryName{kCatList, "list"},
    CategoryName{kCatHash, "hash"},
    CategoryName{kCatString, "string"},
    CategoryName{kCatBitmap, "bitmap"},
    CategoryName{kCatHyperloglog, "hyperloglog"},
    CategoryName{kCatGeo, "geo"},
    CategoryName{kCatStream, "stream"},
    CategoryName{kCatPubsub, "pubsub"},
    CategoryName{kCatAdmin, "admin"},
    CategoryName{kCatFast, "fast"},
    CategoryName{kCatSlow, "slow"},
    CategoryName{kCatBlocking, "blocking"},
    CategoryName{kCatDangerous, "dangerous"},
    CategoryName{kCatConnection, "connection"},
    CategoryName{kCatTransaction, "transaction"},
    CategoryName{kCatScripting, "scripting"},
};

std::string UnknownCommand(const Words& words) {
  std::string arguments;
  for (std::size_t i = 1; i < words.size() && arguments.size() < kMaxQuoted; ++i) {
    arguments += fmt::format("'{}' ", Repeated(words[i], kMaxQuoted - arguments.size()));
  }
  return fmt::format("ERR unknown command '{}', with args beginning with: {}", Repeated(words[0]), arguments);
}

// A lower-case name on the stack: every request is looked up.
class LowerName {
 public:
  // Returns false when it does not fit, in which case no command has that name.
  bool Append(std::string_view word) {
    if (word.size() > buffer_.size() - size_) return false;
    for (const char c : word) buffer_[size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return true;
  }
  std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, 2 * kMaxName> buffer_;
  std::size_t size_ = 0;
};

}  // namespace

std::size_t CountedKeys(const CommandRow& row, const Words& words) {
  const auto at = static_cast<std::size_t>(row.keys.counted_at);
  if (at == 0 || at >= words.size()) return 0;
  const auto count = base::ParseInt<std::int64_t>(words[at]);
  if (!count || *count < 1 || *count >= static_cast<std::int64_t>(words.size() - at)) return 0;
  return static_cast<std::size_t>(*count);
}

KeyRun KeysBehind(const CommandRow& row, const Words& words) {
  if (row.keys.behind.empty()) return {};
  for (auto at = static_cast<std::size_t>(row.keys.behind_from); at < words.size(); ++at) {
    if (!base::EqualsIgnoreCase(words[at], row.keys.behind)) continue;
    const std::size_t more = words.size() - 1 - at;
    return more % 2 == 0 ? KeyRun{at + 1, more / 2} : KeyRun{};
  }
  return {};
}

std::span<const CategoryName> Categories() {
  return kCategoryNames;
}

std::uint32_t CategoryNamed(std::string_view name) {
  const auto found = std::ranges::find(kCategoryNames, name, &CategoryName::name);
  return found == kCategoryNames.end() ? 0 : found->bit;
}

std::uint32_t CategoriesOf(const CommandRow& row) {
  std::uint32_t categories = row.categories;
  if ((row.flags & kWrite) != 0) categories |= kCatWrite;
  if ((row.flags & kReadonly) != 0 && (categories & kCatScripting) == 0) categories |= kCatRead;
  if ((row.flags & kAdmin) != 0) categories |= kCatAdmin | kCatDangerous;
  if ((row.flags & kPubsub) != 0) categories |= kCatPubsub;
  if ((row.flags & kBlocking) != 0) categories |= kCatBlocking;
  return categories | ((row.flags & kFast) != 0 ? kCatFast : kCatSlow);
}

CommandTable::Entry& CommandTable::Insert(std::string name, const Entry& entry) {
  const auto [added, is_new] = entries_.emplace(std::move(name), entry);
  VIGIL_CHECK(is_new);
  known_[added->first].entry = &added->second;
  if (const std::size_t bar = added->first.find('|'); bar != std::string::npos) {
    known_[added->first.substr(0, bar)].container = true;
  }
  return added->second;
}

void CommandTable::Add(const CommandRow& row, int group, std::size_t index) {
  VIGIL_CHECK(row.name.size() <= kMaxName);
  Entry& added = Insert(std::string(row.name), Entry{&row, group, index, next_id_++});
  added.container = IsContainer(row.name);
  if (const std::size_t bar = row.name.find('|'); bar != std::string_view::npos) {
    if (const auto container = entries_.find(row.name.substr(0, bar)); container != entries_.end()) {
      container->second.container = true;
    }
  }
}

void CommandTable::AddAlias(std::string name, std::string_view of) {
  const auto found = entries_.find(of);
  VIGIL_CHECK(found != entries_.end() || IsContainer(of));
  std::vector<std::pair<std::string, Entry>> added;
  const auto [begin, end] = Subcommands(entries_, of);
  for (auto sub = begin; sub != end; ++sub) {
    added.emplace_back(fmt::format("{}|{}", name, OwnName(sub->first)), sub->second);
  }
  if (found != entries_.end()) added.emplace_back(std::move(name), found->second);
  for (auto& [key, entry] : added) Insert(std::move(key), entry);
}

base::Result<void> CommandTable::Rename(const std::string& from, const std::string& to) {
  const auto is_there = [this](const std::string& name) { return Find(name) != nullptr || IsContainer(name); };
  const bool sayable = IsTopLevel(to) && !base::HasControlCharacters(to);
  if (!IsTopLevel(from) || !is_there(from)) {
    return base::Fail(base::ErrorCode::kNotFound, "No such command in rename-command");
  }
  if (is_there(to) || !sayable) return base::Fail(base::ErrorCode::kInvalid, "Target command name already exists");
  if (!to.empty()) AddAlias(to, from);
  Remove(from);
  return {};
}

void CommandTable::Remove(std::string_view name) {
  const auto [begin, end] = Subcommands(entries_, name);
  for (auto sub = begin; sub != end; ++sub) known_.erase(sub->first);
  entries_.erase(begin, end);
  if (const auto found = entries_.find(name); found != entries_.end()) entries_.erase(found);
  if (const auto found = known_.find(name); found != known_.end()) known_.erase(found);
}

const CommandTable::Entry* CommandTable::Find(std::string_view name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second.entry;
}

bool CommandTable::IsContainer(std::string_view name) const {
  const auto found = known_.find(name);
  return found != known_.end() && found->second.container;
}

std::vector<const CommandTable::Entry*> CommandTable::SubcommandsOf(std::string_view container) const {
  std::vector<const Entry*> found;
  const auto [begin, end] = Subcommands(entries_, container);
  for (auto sub = begin; sub != end; ++sub) found.push_back(&sub->second);
  return found;
}

const CommandTable::Entry* CommandTable::Resolve(const Words& words, std::string& error) const {
  VIGIL_CHECK(!words.empty());
  LowerName name;
  // "config|get" is a name of ours, not a word that a client may say.
  const bool sayable = name.Append(words[0]) && IsTopLevel(words[0]);
  const Entry* entry = sayable ? Find(name.view()) : nullptr;
  const bool container = entry != nullptr ? entry->container : sayable && IsContainer(name.view());
  if (entry == nullptr && !container) {
    error = UnknownCommand(words);
    return nullptr;
  }
  if (container && words.size() > 1) {
    const std::size_t length = name.view().size();
    const bool fits = name.Append("|") && name.Append(words[1]);
    entry = fits ? Find(name.view()) : nullptr;
    if (entry == nullptr) {
      error = fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", Repeated(words[1]),
                          UpperName(name.view().substr(0, length)));
      return nullptr;
    }
  }
  if (entry == nullptr || !ArityFits(*entry->row, words.size())) {
    error = WrongArity(name.view());
    return nullptr;
  }
  return entry;
}

}  // namespace serve
