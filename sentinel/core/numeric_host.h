// Is a host an address, or a name that somebody must resolve?
#pragma once

#include <string_view>

namespace sentinel {

// Dotted IPv4, or IPv6 without brackets (a zone behind '%' included). Anything else is a name, or nothing at all.
bool IsNumericHost(std::string_view host);

// Could this be a name to look up? Letters, digits, '-', '_' and '.', at most 253 of them: nothing that could break a
// hello, a line of the file or an event.
bool IsHostName(std::string_view host);

}  // namespace sentinel
