#include "sentinel/edge/resolver.h"

#include <netdb.h>
#include <uv.h>

#include <utility>

namespace sentinel::edge {

// Lives until libuv has called back, also when the resolver is gone by then.
struct Resolver::Query {
  uv_getaddrinfo_t request{};
  Resolver* resolver = nullptr;
  std::string name;

  static void OnDone(uv_getaddrinfo_t* request, int status, addrinfo* found) {
    const std::unique_ptr<Query> query(static_cast<Query*>(request->data));
    base::Result<std::string> address =
        base::Fail(base::ErrorCode::kIo, status < 0 ? uv_strerror(status) : "no address");
    for (const int family : {AF_INET, AF_INET6}) {
      for (const addrinfo* entry = found; entry != nullptr && !address; entry = entry->ai_next) {
        if (entry->ai_family != family) continue;
        char text[INET6_ADDRSTRLEN] = {};
        if (uv_ip_name(entry->ai_addr, text, sizeof text) == 0) address = std::string(text);
      }
    }
    uv_freeaddrinfo(found);
    if (query->resolver == nullptr) return;
    query->resolver->queries_.erase(query.get());
    query->resolver->done_(query->name, std::move(address));
  }
};

Resolver::Resolver(net::Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}

Resolver::~Resolver() {
  for (Query* query : queries_) {
    query->resolver = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&query->request));
  }
}

void Resolver::Resolve(const std::string& name) {
  auto query = std::make_unique<Query>();
  query->resolver = this;
  query->name = name;
  query->request.data = query.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int status = uv_getaddrinfo(loop_.raw(), &query->request, &Query::OnDone, query->name.c_str(), nullptr, &hints);
  if (status == 0) {
    queries_.insert(query.release());
    return;
  }
  loop_.Post([done = done_, name, text = std::string(uv_strerror(status))] {
    done(name, base::Fail(base::ErrorCode::kIo, text));
  });
}

}  // namespace sentinel::edge
