// Names into addresses, without making the loop wait.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "replication/host/way_back.h"

namespace host {

// Is this an IPv4 or IPv6 address in digits?
bool IsNumericAddress(std::string_view host);

// Asks the system, on a thread of its own which may outlive the caller: name servers may take their time. The answer,
// one numeric address, comes on the loop thread.
void ResolveName(const std::string& name, const std::shared_ptr<WayBack>& way_back,
                 std::function<void(base::Result<std::string>)> callback);

// The same, waiting: for the start of the program.
base::Result<std::string> ResolveNameNow(const std::string& name);

}  // namespace host
