// SIGHUP: passwords are taken from the configuration file again, without a restart.
#pragma once

#include "replication/base/time.h"
#include "sentinel/core/action.h"
#include "sentinel/core/input.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Takes requirepass, `user` lines (or the aclfile), sentinel-user and sentinel-pass, auth-user and auth-pass of the
// masters that the file names. Links whose password has changed are made anew; clients of users that have changed or
// gone are closed. Everything else waits for a restart. A file that cannot be read changes nothing and is announced in
// the log.
void TakeReread(State& state, const ConfigReread& reread, const base::Now& now, Actions& out);

}  // namespace sentinel
