// CHECK stops the program when an assumption of ours is wrong, in release builds too.
//
// For our own mistakes only. What comes from outside is a Result, never a CHECK.
#pragma once

namespace base {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace base

#define VIGIL_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::base::CheckFailed(__FILE__, __LINE__, #condition))
