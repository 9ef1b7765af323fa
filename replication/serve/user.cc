#include "replication/serve/user.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/digest.h"
#include "replication/base/text.h"

namespace serve {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kSyntax = "Syntax error";
constexpr std::string_view kUnknownName = "Unknown command or category name in ACL";

tl::unexpected<base::Error> Refuse(std::string_view reason) {
  return Fail(ErrorCode::kInvalid, std::string(reason));
}

bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool HasSpaces(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsSpace(c) || c == '\0'; });
}

bool IsDigest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void Append(std::string& text, std::string_view word) {
  if (!text.empty()) text += ' ';
  text += word;
}

}  // namespace

bool IsUserName(std::string_view name) {
  return !HasSpaces(name);
}

std::string PasswordDigest(std::string_view password) {
  std::string hex;
  for (const std::uint8_t byte : base::Sha256(password)) hex += fmt::format("{:02x}", byte);
  return hex;
}

// ---- what is allowed

bool Selector::AllowsCommand(const CommandTable::Entry& entry, const Words& words) const {
  if (all_commands_ || (entry.row->flags & kNoAuth) != 0) return true;
  if (entry.id < allowed_.size() && allowed_[entry.id]) return true;
  const auto found = first_words_.find(entry.id);
  if (found == first_words_.end() || words.size() < 2) return false;
  return std::ranges::any_of(found->second,
                             [&](const std::string& word) { return base::EqualsIgnoreCase(word, words[1]); });
}

bool Selector::AllowsKey(std::string_view key, std::uint8_t access) const {
  return all_keys_ || std::ranges::any_of(keys_, [&](const KeyPattern& each) {
           return (each.access & access) == access && base::GlobMatch(each.pattern, key);
         });
}

bool Selector::AllowsChannel(std::string_view channel, bool is_pattern) const {
  return all_channels_ || std::ranges::any_of(channels_, [&](const std::string& each) {
           return is_pattern ? each == channel : base::GlobMatch(each, channel);
         });
}

// ---- rules

base::Result<void> Selector::Apply(const CommandTable& table, std::string_view rule, bool all_channels_by_default) {
  const std::string lower = base::ToLower(rule);
  if (lower == "allkeys" || lower == "~*") {
    all_keys_ = true;
    keys_.clear();
  } else if (lower == "resetkeys") {
    all_keys_ = false;
    keys_.clear();
  } else if (lower == "allchannels" || lower == "&*") {
    all_channels_ = true;
    channels_.clear();
  } else if (lower == "resetchannels") {
    all_channels_ = false;
    channels_.clear();
  } else if (lower == "allcommands" || lower == "+@all") {
    AllowAll(true);
  } else if (lower == "nocommands" || lower == "-@all") {
    AllowAll(false);
  } else if (lower == "reset") {
    *this = Selector();
    all_channels_ = all_channels_by_default;
  } else if (rule.starts_with('~') || rule.starts_with('%')) {
    return AddKeys(rule);
  } else if (rule.starts_with('&')) {
    return AddChannels(rule.substr(1));
  } else if (rule.starts_with("+@") || rule.starts_with("-@")) {
    return ApplyCategory(table, std::string_view(lower).substr(2), rule[0] == '+');
  } else if (rule.starts_with('+') || rule.starts_with('-')) {
    return ApplyCommand(table, rule.substr(1), rule[0] == '+');
  } else {
    return Refuse(kSyntax);
  }
  return {};
}

void Selector::AllowAll(bool allow) {
  all_commands_ = allow;
  allowed_.clear();
  first_words_.clear();
  rules_ = {allow ? "+@all" : "-@all"};
}

void Selector::NameAll(const CommandTable& table) {
  if (!all_commands_) return;
  all_commands_ = false;
  for (const auto& [name, entry] : table.all()) SetBit(entry.id, true);
}

void Selector::SetBit(std::size_t id, bool value) {
  if (id >= allowed_.size()) {
    if (!value) return;
    allowed_.resize(id + 1, false);
  }
  allowed_[id] = value;
}

void Selector::Remember(char sign, std::string name) {
  std::erase_if(rules_, [&](const std::string& rule) {
    const std::string_view about = std::string_view(rule).substr(1);
    return about == name || (about.starts_with(name) && about.substr(name.size()).starts_with('|'));
  });
  rules_.push_back(sign + std::move(name));
}

void Selector::Allow(const CommandTable& table, std::string_view name, bool allow) {
  if (!allow) NameAll(table);
  const auto one = [&](const CommandTable::Entry& entry) {
    SetBit(entry.id, allow);
    first_words_.erase(entry.id);
  };
  if (const auto* entry = table.Find(name)) one(*entry);
  for (const auto* entry : table.SubcommandsOf(name)) one(*entry);
}

base::Result<void> Selector::ApplyCategory(const CommandTable& table, std::string_view category, bool allow) {
  const std::uint32_t bit = CategoryNamed(category);
  if (bit == 0) return Refuse(kUnknownName);
  if (!allow) NameAll(table);
  for (const auto& [name, entry] : table.all()) {
    if ((CategoriesOf(*entry.row) & bit) != 0) Allow(table, name, allow);
  }
  Remember(allow ? '+' : '-', fmt::format("@{}", category));
  return {};
}

base::Result<void> Selector::ApplyCommand(const CommandTable& table, std::string_view rule, bool allow) {
  const std::string name = base::ToLower(rule);
  const bool known = table.Find(name) != nullptr || table.IsContainer(name);
  if (known) {
    Allow(table, name, allow);
    Remember(allow ? '+' : '-', name);
    return {};
  }
  const std::size_t bar = name.find('|');
  if (bar == std::string::npos) return Refuse(kUnknownName);
  const std::string container = name.substr(0, bar);
  const std::string word = name.substr(bar + 1);
  if (word.empty()) return Refuse(kSyntax);
  const CommandTable::Entry* entry = table.Find(container);
  if (!allow || (entry == nullptr && !table.IsContainer(container))) return Refuse(kUnknownName);
  if (word.find('|') != std::string::npos) return Refuse("Allowing first-arg of a subcommand is not supported");
  if (table.IsContainer(container)) return Refuse(kUnknownName);
  if (all_commands_ || (entry->id < allowed_.size() && allowed_[entry->id])) return {};  // allowed with any
  std::vector<std::string>& words = first_words_[entry->id];
  if (std::ranges::find(words, word) == words.end()) words.push_back(word);
  Remember('+', name);
  return {};
}

base::Result<void> Selector::AddKeys(std::string_view rule) {
  std::uint8_t access = kKeyRead | kKeyWrite;
  std::size_t start = 1;
  if (all_keys_) {
    return Refuse(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try "
        "'resetkeys' to start with an empty list of patterns");
  }
  if (rule[0] == '%') {
    access = kKeyNone;
    while (start < rule.size() && rule[start] != '~') {
      const char kind = static_cast<char>(rule[start] & ~0x20);
      if (kind == 'R' && (access & kKeyRead) == 0) {
        access |= kKeyRead;
      } else if (kind == 'W' && (access & kKeyWrite) == 0) {
        access |= kKeyWrite;
      } else {
        return Refuse(kSyntax);
      }
      ++start;
    }
    if (start == rule.size() || access == kKeyNone) return Refuse(kSyntax);
    ++start;
  }
  const std::string_view pattern = rule.substr(start);
  if (HasSpaces(pattern)) return Refuse(kSyntax);
  const auto found = std::ranges::find(keys_, pattern, &KeyPattern::pattern);
  if (found != keys_.end()) {
    found->access |= access;
  } else {
    keys_.push_back({access, std::string(pattern)});
  }
  return {};
}

base::Result<void> Selector::AddChannels(std::string_view pattern) {
  if (HasSpaces(pattern)) return Refuse(kSyntax);
  if (all_channels_) {
    return Refuse(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
        "Try 'resetchannels' to start with an empty list of channels");
  }
  if (std::ranges::find(channels_, pattern) == channels_.end()) channels_.emplace_back(pattern);
  return {};
}

// ---- descriptions

std::string Selector::DescribeCommands() const {
  std::string text;
  for (const std::string& rule : rules_) Append(text, rule);
  return text;
}

std::string Selector::DescribeKeys() const {
  if (all_keys_) return "~*";
  std::string text;
  for (const KeyPattern& each : keys_) {
    const std::string_view mark = each.access == kKeyRead ? "%R" : each.access == kKeyWrite ? "%W" : "";
    Append(text, fmt::format("{}~{}", mark, each.pattern));
  }
  return text;
}

std::string Selector::DescribeChannels() const {
  if (all_channels_) return "&*";
  std::string text;
  for (const std::string& pattern : channels_) Append(text, "&" + pattern);
  return text;
}

std::string Selector::Describe() const {
  std::string text = DescribeKeys();
  if (!all_channels_) Append(text, "resetchannels");
  if (const std::string channels = DescribeChannels(); !channels.empty()) Append(text, channels);
  Append(text, DescribeCommands());
  return text;
}

std::vector<std::string_view> User::Flags() const {
  std::vector<std::string_view> flags{on ? "on" : "off"};
  if (no_password) flags.push_back("nopass");
  if (sanitize == Sanitize::kNo) flags.push_back("skip-sanitize-payload");
  if (sanitize == Sanitize::kYes) flags.push_back("sanitize-payload");
  return flags;
}

std::string User::Describe() const {
  std::string text;
  for (const std::string_view flag : Flags()) Append(text, flag);
  for (const std::string& digest : passwords) Append(text, "#" + digest);
  Append(text, root.Describe());
  for (const Selector& selector : selectors) Append(text, fmt::format("({})", selector.Describe()));
  return text;
}

bool User::HasPassword(std::string_view password) const {
  const std::string given = PasswordDigest(password);
  bool found = false;
  // All are compared, so that the time taken tells nothing.
  for (const std::string& digest : passwords) found |= base::EqualInConstantTime(given, digest);
  return found;
}

// ---- users

namespace {

base::Result<std::string> ReadDigest(std::string_view text) {
  if (IsDigest(text)) return std::string(text);
  return Refuse("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters");
}

base::Result<void> ChangePassword(std::string_view rule, User& user) {
  std::string digest;
  if (rule[0] == '>' || rule[0] == '<') {
    digest = PasswordDigest(rule.substr(1));
  } else if (auto read = ReadDigest(rule.substr(1))) {
    digest = std::move(*read);
  } else {
    return tl::unexpected(read.error());
  }
  const auto found = std::ranges::find(user.passwords, digest);
  if (rule[0] == '>' || rule[0] == '#') {
    if (found == user.passwords.end()) user.passwords.push_back(std::move(digest));
    user.no_password = false;
    return {};
  }
  if (found == user.passwords.end()) {
    return Refuse("The password you are trying to remove from the user does not exist");
  }
  user.passwords.erase(found);
  return {};
}

void ResetUser(const UserOptions& options, User& user) {
  User fresh;
  fresh.name = std::move(user.name);
  fresh.sanitize = User::Sanitize::kYes;
  if (options.all_channels_by_default) (void)fresh.root.Apply({}, "allchannels", true);
  user = std::move(fresh);
}

base::Result<Selector> ReadSelector(const CommandTable& table, std::string_view text, const UserOptions& options) {
  Selector selector;
  if (options.all_channels_by_default) (void)selector.Apply(table, "allchannels", true);
  while (true) {
    while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
    if (text.empty()) return selector;
    const std::string_view rule = text.substr(0, text.find(' '));
    text.remove_prefix(rule.size());
    if (base::EqualsIgnoreCase(rule, "reset")) return Refuse(kSyntax);  // a user's word
    if (auto applied = selector.Apply(table, rule, options.all_channels_by_default); !applied) {
      return tl::unexpected(applied.error());
    }
  }
}

base::Result<void> ApplyRule(const CommandTable& table, std::string_view rule, const UserOptions& options, User& user) {
  const std::string lower = base::ToLower(rule);
  if (lower == "on" || lower == "off") {
    user.on = lower == "on";
  } else if (lower == "nopass") {
    user.no_password = true;
    user.passwords.clear();
  } else if (lower == "resetpass") {
    user.no_password = false;
    user.passwords.clear();
  } else if (lower == "sanitize-payload") {
    user.sanitize = User::Sanitize::kYes;
  } else if (lower == "skip-sanitize-payload") {
    user.sanitize = User::Sanitize::kNo;
  } else if (lower == "reset") {
    ResetUser(options, user);
  } else if (lower == "clearselectors") {
    user.selectors.clear();
  } else if (rule.starts_with('(')) {
    auto selector = ReadSelector(table, rule.substr(1, rule.size() - 2), options);
    if (!selector) return tl::unexpected(selector.error());
    user.selectors.push_back(std::move(*selector));
  } else if (!rule.empty() && std::string_view("><#!").find(rule[0]) != std::string_view::npos) {
    return ChangePassword(rule, user);
  } else {
    return user.root.Apply(table, rule, options.all_channels_by_default);
  }
  return {};
}

}  // namespace

base::Result<void> ApplyRules(const CommandTable& table, const std::vector<std::string>& rules,
                              const UserOptions& options, User& user) {
  // "(+get ~x)" may come as one word or as several; that one is not closed is told before anything else.
  std::vector<std::string> whole;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    std::string rule = rules[i];
    if (rule.starts_with('(')) {
      const std::string opening = rule;
      while (!rule.ends_with(')')) {
        if (++i == rules.size()) {
          return Refuse(fmt::format("Unmatched parenthesis in acl selector starting at '{}'.", opening));
        }
        rule += " " + rules[i];
      }
    }
    whole.push_back(std::move(rule));
  }
  for (const std::string& rule : whole) {
    if (const auto applied = ApplyRule(table, rule, options, user); !applied) {
      return Refuse(fmt::format("Error in ACL SETUSER modifier '{}': {}", rule, applied.error().text));
    }
  }
  return {};
}

}  // namespace serve
