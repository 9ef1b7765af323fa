#include "replication/serve/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace serve {
namespace {

constexpr base::Millis kSameRefusal{60000};

std::shared_ptr<User> AllPowerful() {
  auto user = std::make_shared<User>();
  user->name = "default";
  VIGIL_CHECK(ApplyRules({}, {"on", "nopass", "~*", "&*", "+@all"}, {}, *user).has_value());
  return user;
}

bool Alike(const Refusal& a, const Refusal& b) {
  return a.reason == b.reason && a.context == b.context && a.object == b.object && a.user == b.user &&
         b.at - a.at <= kSameRefusal;
}

}  // namespace

Access::Access() : default_user_(AllPowerful()) {
  users_.emplace("default", default_user_);
}

void Access::set_password(std::string password) {
  password_ = std::move(password);
  default_user_->passwords.clear();
  default_user_->no_password = password_.empty();
  if (!password_.empty()) default_user_->passwords.push_back(PasswordDigest(password_));
}

std::shared_ptr<User> Access::LogIn(std::string_view name, std::string_view password) const {
  std::shared_ptr<User> user = Find(name);
  if (user == nullptr || !user->on) return nullptr;
  return user->no_password || user->HasPassword(password) ? user : nullptr;
}

std::shared_ptr<User> Access::Find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

base::Result<void> Access::SetUser(const CommandTable& table, std::string_view name,
                                   const std::vector<std::string>& rules) {
  if (!IsUserName(name)) {
    return base::Fail(base::ErrorCode::kInvalid, "Usernames can't contain spaces or null characters");
  }
  const std::shared_ptr<User> old = Find(name);
  User changed;
  if (old != nullptr) {
    changed = *old;
  } else {
    changed.name = name;
    if (options_.all_channels_by_default) (void)changed.root.Apply(table, "allchannels", true);
  }
  if (auto applied = ApplyRules(table, rules, options_, changed); !applied) return applied;
  if (old != nullptr) {
    *old = std::move(changed);
  } else {
    users_.emplace(std::string(name), std::make_shared<User>(std::move(changed)));
  }
  return {};
}

bool Access::Delete(std::string_view name) {
  const auto found = users_.find(name);
  if (found == users_.end() || found->second == default_user_) return false;
  users_.erase(found);
  return true;
}

std::string Access::Describe() const {
  std::string text;
  for (const auto& [name, user] : users_) text += fmt::format("user {} {}\n", name, user->Describe());
  return text;
}

namespace {

// A selector, "(+get ~x)", may stand there as several words.
std::vector<std::string> WholeRules(const std::vector<std::string>& words) {
  std::vector<std::string> rules;
  bool open = false;
  for (const std::string& word : words) {
    if (open) {
      rules.back() += " " + word;
    } else {
      rules.push_back(word);
    }
    open = rules.back().starts_with('(') && !rules.back().ends_with(')');
  }
  return rules;
}

// What ApplyRules() says, without the rule, which a file's reader names in its own way.
std::string_view ReasonOf(std::string_view text, std::string_view rule) {
  const std::string prefix = fmt::format("Error in ACL SETUSER modifier '{}': ", rule);
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

}  // namespace

base::Result<Access::Users> Access::ReadUsers(const CommandTable& table, std::string_view text,
                                              const UserOptions& options) {
  Users users;
  std::string mistakes;
  std::size_t number = 0;
  for (const std::string_view raw : base::Split(text, '\n')) {
    ++number;
    const std::string_view line = base::Trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const auto refuse = [&](std::string_view reason) { mistakes += fmt::format("{}{}. \n", number, reason); };
    std::vector<std::string> words;
    for (const std::string_view word : base::Split(line, ' ')) {
      if (!word.empty()) words.emplace_back(word);
    }
    if (words[0] != "user" || words.size() < 2) {
      refuse(" should start with user keyword followed by the username");
      continue;
    }
    auto user = std::make_shared<User>();
    user->name = words[1];
    if (options.all_channels_by_default) (void)user->root.Apply(table, "allchannels", true);
    // All that names what is not there, but only the first of other mistakes: the next ones may follow from it.
    bool syntax_told = false;
    for (const std::string& rule : WholeRules({words.begin() + 2, words.end()})) {
      const auto applied = ApplyRules(table, {rule}, options, *user);
      if (applied) continue;
      const std::string_view reason = ReasonOf(applied.error().text, rule);
      if (reason.starts_with("Unknown command")) {
        refuse(fmt::format(": Error in applying operation '{}': {}", rule, reason));
      } else if (!std::exchange(syntax_told, true)) {
        refuse(fmt::format(": {}", reason));
      }
    }
    if (!users.emplace(words[1], std::move(user)).second) {
      mistakes += fmt::format("WARNING: Duplicate user '{}' found on line {}. \n", words[1], number);
    }
  }
  if (!mistakes.empty()) return base::Fail(base::ErrorCode::kInvalid, std::move(mistakes));
  return users;
}

void Access::Replace(Users users) {
  if (!users.contains("default")) users.emplace("default", AllPowerful());
  for (auto& [name, user] : users) {
    const std::shared_ptr<User> old = Find(name);
    if (old == nullptr) continue;
    *old = std::move(*user);
    user = old;
  }
  users_ = std::move(users);
}

void Access::Log(Refusal refusal) {
  const auto found = std::ranges::find_if(log_, [&](const Refusal& each) { return Alike(each, refusal); });
  if (found != log_.end()) {
    refusal.count += found->count;
    log_.erase(found);
  }
  log_.push_front(std::move(refusal));
  if (log_.size() > max_log_) log_.resize(max_log_);
}

void Access::set_max_log(std::size_t entries) {
  max_log_ = entries;
  if (log_.size() > max_log_) log_.resize(max_log_);
}

}  // namespace serve
