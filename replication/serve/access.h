// Who may speak to this server: the default user's password.
#pragma once

#include <string>
#include <string_view>

namespace serve {

// TODO(when users arrive): the ACL of Redis 7.0; until then there is one user, `default`.
class Access {
 public:
  // Empty: no password is asked for.
  void set_password(std::string password) { password_ = std::move(password); }
  const std::string& password() const { return password_; }
  bool required() const { return !password_.empty(); }

  // Does this pair let a client in? Without a password set, the default user enters with any.
  bool Check(std::string_view user, std::string_view password) const;

 private:
  std::string password_;
};

}  // namespace serve
