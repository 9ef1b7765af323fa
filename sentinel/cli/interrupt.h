// Ctrl-C, asked for politely: a verb looks here in every turn of its waits and ends what it began.
#pragma once

#include <chrono>

namespace cli {

// From now on SIGINT, SIGTERM and SIGHUP only set a flag, and a closed pipe is an error of write(), not a death.
void CatchInterrupts();
bool Interrupted();
// What a shell expects from a program that ended on Ctrl-C.
constexpr int kInterruptedExit = 130;

// Sleeps, but returns at once on an interrupt. False when interrupted.
bool Pause(std::chrono::milliseconds length);

}  // namespace cli
