#include "replication/host/resolver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <system_error>
#include <thread>
#include <utility>

namespace host {

bool IsNumericAddress(std::string_view host) {
  const std::string text(host);
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), address) == 1 || inet_pton(AF_INET6, text.c_str(), address) == 1;
}

base::Result<std::string> ResolveNameNow(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    return base::Fail(base::ErrorCode::kIo, fmt::format("can't resolve '{}': {}", name, gai_strerror(failed)));
  }
  char text[NI_MAXHOST] = "";
  // An IPv4 address is preferred: that is where servers listen by default.
  const addrinfo* chosen = found;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  return std::string(text);
}

void ResolveName(const std::string& name, const std::shared_ptr<WayBack>& way_back,
                 std::function<void(base::Result<std::string>)> callback) {
  try {
    std::thread([name, way_back, callback] {
      way_back->Post([callback, result = ResolveNameNow(name)] { callback(result); });
    }).detach();
  } catch (const std::system_error& error) {  // no thread is to be had: no reason to end with it
    way_back->Post([callback, text = fmt::format("can't resolve '{}': {}", name, error.what())] {
      callback(base::Fail(base::ErrorCode::kIo, text));
    });
  }
}

}  // namespace host
