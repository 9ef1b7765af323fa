// The flat name-value lists of SENTINEL replies and the lines of INFO, as maps.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/ids.h"
#include "replication/base/result.h"
#include "sentinel/cli/redis_client.h"

namespace cli {

class Fields {
 public:
  // A flat array name, value, name, value ... Error kInvalid: anything else.
  static base::Result<Fields> FromReply(const Reply& reply);
  // "name:value" lines; headings and blank lines are left out.
  static Fields FromInfo(std::string_view info);

  bool Has(const std::string& name) const { return values_.contains(name); }
  // In the order of the alphabet.
  std::vector<std::string> Names() const;
  // Empty when absent.
  std::string Text(const std::string& name) const;
  // `otherwise` when absent or no integer.
  std::int64_t Number(const std::string& name, std::int64_t otherwise = 0) const;
  // From two fields; empty when they are absent or wrong ("?" and 0 are what sentinels say for unknown).
  base::Endpoint Address(const std::string& host, const std::string& port) const;
  // Is `word` in a comma list such as flags?
  bool Flag(const std::string& name, std::string_view word) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// One line of a master's INFO: slave0:ip=127.0.0.1,port=7002,state=online,offset=14,lag=0
struct AttachedReplica {
  base::Endpoint address;
  std::string state;
  base::Offset offset = -1;
  std::int64_t lag_seconds = -1;  // since its last acknowledgement; -1: unknown
};
base::Result<AttachedReplica> ParseAttachedReplica(std::string_view value);

}  // namespace cli
