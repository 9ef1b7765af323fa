// Is a host an address, or a name that somebody must resolve? And how an address is spelled.
#pragma once

#include <string>
#include <string_view>

namespace sentinel {

// Dotted IPv4, or IPv6 without brackets (a zone behind '%' included). Anything else is a name, or nothing at all.
bool IsNumericHost(std::string_view host);

// The one spelling of an IPv6 address (RFC 5952, as inet_ntop writes it: lower case, no leading zeros, the longest run
// of zero groups as "::", IPv4-mapped ones with a dotted end; a zone is kept). Everything else is returned as it is.
// Addresses are compared as text, so whatever comes in from outside passes through here first.
std::string CanonicalHost(std::string_view host);

// Could this be a name to look up? Letters, digits, '-', '_' and '.', at most 253 of them: nothing that could break a
// hello, a line of the file or an event.
bool IsHostName(std::string_view host);

}  // namespace sentinel
