// The process as the system sees it: daemonize, pidfile, systemd, file descriptors.
#pragma once

#include <cstdint>
#include <string>

#include "replication/base/result.h"
#include "replication/base/time.h"

namespace host {

// Splits off a process of its own that goes on behind this call, in a session of its own; the one that was started
// waits until the other is ready or has ended, and ends with 0 or 1. Before any thread and any loop. Returns the
// descriptor for BecomeSilent().
int GoToBackground();
// Ready: the starting process may end. The standard streams lead nowhere from here on.
void BecomeSilent(int ready_descriptor);

// Notes how this process was started. First in main(): if StartAgain() began it, waits as long as that said.
void RememberStart(int argc, char** argv);
// Puts a new process of the same program, arguments and working directory in the place of this one; it begins after
// `delay`. Nothing is flushed, nobody's destructor runs, all descriptors but the standard three are closed. Returns
// only when that fails, with the reason.
base::Error StartAgain(base::Millis delay);

// Tells systemd that we are ready, if it wants to know (NOTIFY_SOCKET).
// Source: the sd_notify(3) manual page, "Notes": the datagram protocol.
void NotifySupervisor();

base::Result<void> WritePidFile(const std::string& path);

// Raises the limit of open files so that `clients` connections fit beside what we need ourselves. Returns how many
// clients really fit.
std::uint32_t MakeRoomForClients(std::uint32_t clients);

// The calling thread gives way from here on: where processors are short it has a third of what the loop has.
// Source: the setpriority(2) manual page, "C library/kernel differences": on Linux a nice value is a thread's own.
void GiveWay();

}  // namespace host
