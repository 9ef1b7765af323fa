// Users: who may enter, and which commands, keys and channels each may touch.
//
// Source: the ACL documentation of Redis 7.0; texts of errors as a running redis-server 7.0.15 gives them. Rules about
// commands are shown as they were given, as Redis 7.2 shows them, where 7.0 guesses an equivalent.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/serve/command_row.h"

namespace serve {

// What a command does with a key, and what a key pattern allows.
inline constexpr std::uint8_t kKeyNone = 0;
inline constexpr std::uint8_t kKeyRead = 1;
inline constexpr std::uint8_t kKeyWrite = 2;

// One set of rights. What a user may do is what any one of its selectors allows.
class Selector {
 public:
  // Applies one rule: "+get", "-@dangerous", "~key:*", "%R~log:*", "&news", "allkeys" ... Error kInvalid: the reason
  // alone, without the rule; nothing has changed then.
  base::Result<void> Apply(const CommandTable& table, std::string_view rule, bool all_channels_by_default);

  bool everything() const { return all_commands_ && all_keys_ && all_channels_; }
  bool AllowsCommand(const CommandTable::Entry& entry, const Words& words) const;
  bool AllowsKey(std::string_view key, std::uint8_t access) const;
  // A pattern to subscribe to must be one of ours, word for word.
  bool AllowsChannel(std::string_view channel, bool is_pattern) const;
  bool all_keys() const { return all_keys_; }
  bool all_channels() const { return all_channels_; }

  // "-@all +get", "~a* %R~b*", "&news": as ACL GETUSER shows them.
  std::string DescribeCommands() const;
  std::string DescribeKeys() const;
  std::string DescribeChannels() const;
  // "~a* resetchannels &news -@all +get": as ACL LIST does.
  std::string Describe() const;

  bool operator==(const Selector&) const = default;

 private:
  struct KeyPattern {
    std::uint8_t access;
    std::string pattern;
    bool operator==(const KeyPattern&) const = default;
  };

  base::Result<void> ApplyCategory(const CommandTable& table, std::string_view category, bool allow);
  base::Result<void> ApplyCommand(const CommandTable& table, std::string_view name, bool allow);
  base::Result<void> AddKeys(std::string_view rule);
  base::Result<void> AddChannels(std::string_view pattern);
  void AllowAll(bool allow);
  // Something is about to be taken from "all": from now on, each command stands for itself.
  void NameAll(const CommandTable& table);
  void Allow(const CommandTable& table, std::string_view name, bool allow);
  void SetBit(std::size_t id, bool value);
  // Takes the place of earlier rules about the same thing.
  void Remember(char sign, std::string name);

  bool all_commands_ = false;
  bool all_keys_ = false;
  bool all_channels_ = false;
  std::vector<bool> allowed_;                                    // by CommandTable::Entry::id
  std::map<std::size_t, std::vector<std::string>> first_words_;  // "+select|0": allowed with this first argument only
  std::vector<std::string> rules_{"-@all"};
  std::vector<KeyPattern> keys_;
  std::vector<std::string> channels_;
};

struct User {
  std::string name;
  bool on = false;
  bool no_password = false;
  enum class Sanitize : std::uint8_t { kUnsaid, kYes, kNo };
  Sanitize sanitize = Sanitize::kUnsaid;  // of RESTORE's payloads: only shown, ours are always checked
  std::vector<std::string> passwords;     // SHA-256, lower-case hex
  Selector root;
  std::vector<Selector> selectors;

  // May do all there is: no check is needed.
  bool everything() const { return root.everything(); }
  bool HasPassword(std::string_view password) const;

  // "on nopass ~* &* +@all": what follows the name in ACL LIST, in files too.
  std::string Describe() const;
  // "on", "nopass" ...
  std::vector<std::string_view> Flags() const;

  bool operator==(const User&) const = default;
};

struct UserOptions {
  bool all_channels_by_default = false;  // acl-pubsub-default
};

// Applies the words behind the name of ACL SETUSER, one after the other. Error kInvalid: what ACL SETUSER answers
// behind "ERR "; `user` is half changed then, so give it a copy.
base::Result<void> ApplyRules(const CommandTable& table, const std::vector<std::string>& rules,
                              const UserOptions& options, User& user);

// Fit for a name: no spaces and no zero bytes.
bool IsUserName(std::string_view name);

// The lower-case hex that stands for a password.
std::string PasswordDigest(std::string_view password);

}  // namespace serve
