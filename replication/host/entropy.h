// Unpredictable bytes from the system.
#pragma once

#include <cstddef>
#include <string>

namespace host {

std::string RandomBytes(std::size_t count);

}  // namespace host
