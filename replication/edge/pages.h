// What the node answers by HTTP: figures, and health for load balancers and schedulers.
#pragma once

#include "replication/core/node.h"
#include "replication/net/http_server.h"

namespace replication::edge {

// GET and HEAD only; nothing here changes anything. 200 or 503, with a line of JSON that tells why:
//   /metrics            for Prometheus
//   /primary, /master   a master that takes writes now
//   /replica[?lag=N]    a replica whose link is up; N: seconds since it last heard its master, or bytes with a unit
//                       (64kb, 1mb): received and not applied yet
//   /read-only[?lag=N]  either of them
//   /liveness           the process answers
//   /readiness, /health the data set is there: a master, or a replica that has been fed
net::HttpResponse AnswerHttp(const Node& node, const net::HttpRequest& request, const base::Now& now);

}  // namespace replication::edge
