// Who may speak to this server: its users, and the record of those who were refused.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/result.h"
#include "replication/base/time.h"
#include "replication/serve/user.h"

namespace serve {

// Somebody was refused. Alike ones within a minute are one entry with a count: ACL LOG.
struct Refusal {
  std::string_view reason;   // "auth", "command", "key", "channel"
  std::string_view context;  // "toplevel", "multi"
  std::string object;
  std::string user;
  std::string client;  // as CLIENT LIST describes it
  base::MonoTime at{};
  std::uint64_t count = 1;
};

class Access {
 public:
  using Users = std::map<std::string, std::shared_ptr<User>, std::less<>>;

  Access();

  // requirepass: the default user's only password. Empty: none is asked for.
  void set_password(std::string password);
  // As given to set_password: what we say ourselves to peers that share it.
  const std::string& password() const { return password_; }
  void set_all_channels_by_default(bool all) { options_.all_channels_by_default = all; }

  // Must a new client authenticate before it may do anything?
  bool required() const { return !default_user_->on || !default_user_->no_password; }

  // Does this pair let a client in? Null when not.
  std::shared_ptr<User> LogIn(std::string_view user, std::string_view password) const;

  const User& default_user() const { return *default_user_; }
  std::shared_ptr<User> Find(std::string_view name) const;
  const Users& users() const { return users_; }

  // ACL SETUSER: makes the user, or changes it where it is held. Error kInvalid: what is answered behind "ERR ";
  // nothing has changed then.
  base::Result<void> SetUser(const CommandTable& table, std::string_view name, const std::vector<std::string>& rules);
  // False when there is none. The default user stays.
  bool Delete(std::string_view name);

  // "user <name> <rules>", one a line, in order of names.
  std::string Describe() const;
  // Users as an ACL file holds them. Error kInvalid: one line for each mistake, "<number>: <reason>. ", in the words of
  // Redis, which at two places leaves out the colon or begins with WARNING.
  static base::Result<Users> ReadUsers(const CommandTable& table, std::string_view text, const UserOptions& options);
  // Puts these in the place of all users; users that stay stay the same objects. A missing default user gets all
  // rights.
  void Replace(Users users);
  const UserOptions& options() const { return options_; }

  void Log(Refusal refusal);
  const std::deque<Refusal>& log() const { return log_; }  // the newest first
  void ClearLog() { log_.clear(); }
  void set_max_log(std::size_t entries);

 private:
  std::string password_;
  UserOptions options_;
  Users users_;
  std::shared_ptr<User> default_user_;
  std::deque<Refusal> log_;
  std::size_t max_log_ = 128;
};

}  // namespace serve
