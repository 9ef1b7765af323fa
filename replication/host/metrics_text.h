// Figures for Prometheus, in its text format (prometheus-cpp renders it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace host {

class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  MetricsText();
  ~MetricsText();
  MetricsText(const MetricsText&) = delete;
  MetricsText& operator=(const MetricsText&) = delete;

  // Values of one name follow each other; `help` of the first counts. A counter's name ends in _total, but for names
  // that redis_exporter has given.
  void Gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  void Counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  // `bounds` ascend; `counts` has one more, for what lies beyond the last bound. Each count is of its own bucket.
  void Histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                 const std::vector<std::uint64_t>& counts, double sum, Labels labels = {});

  // `quantiles`: (0.5, value) ...
  void Summary(std::string_view name, std::string_view help, const std::vector<std::pair<double, double>>& quantiles,
               std::uint64_t count, double sum, Labels labels = {});

  // Everything, names in the order of their first use.
  std::string Text() const;

  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
