// The node's figures for Prometheus.
#pragma once

#include <string>
#include <string_view>

namespace replication::edge {

// From the text of INFO everything. Names and labels are redis_exporter's where it has some, so that dashboards which
// were made for it show our nodes; what only we have begins with vigil_.
// Source: the metric names that redis_exporter 1.45 documents and serves.
std::string MetricsOf(std::string_view info);

}  // namespace replication::edge
