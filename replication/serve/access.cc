#include "replication/serve/access.h"

#include "replication/base/digest.h"

namespace serve {

bool Access::Check(std::string_view user, std::string_view password) const {
  if (user != "default") return false;
  if (!required()) return true;
  // Digests first, so that the time taken says nothing about the password's length either.
  const auto given = base::Sha256(password);
  const auto wanted = base::Sha256(password_);
  return base::EqualInConstantTime({reinterpret_cast<const char*>(given.data()), given.size()},
                                   {reinterpret_cast<const char*>(wanted.data()), wanted.size()});
}

}  // namespace serve
