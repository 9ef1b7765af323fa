#include "replication/host/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <map>

namespace host {

struct MetricsText::Impl {
  std::vector<prometheus::MetricFamily> families;
  std::map<std::string, std::size_t, std::less<>> by_name;

  prometheus::ClientMetric& Add(std::string_view name, std::string_view help, prometheus::MetricType type,
                                Labels&& labels) {
    auto [found, is_new] = by_name.try_emplace(std::string(name), families.size());
    if (is_new) families.push_back({std::string(name), std::string(help), type, {}});
    prometheus::ClientMetric& metric = families[found->second].metric.emplace_back();
    for (auto& [label, value] : labels) metric.label.push_back({std::move(label), std::move(value)});
    return metric;
  }
};

MetricsText::MetricsText() : impl_(std::make_unique<Impl>()) {}
MetricsText::~MetricsText() = default;

void MetricsText::Gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  impl_->Add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void MetricsText::Counter(std::string_view name, std::string_view help, double value, Labels labels) {
  impl_->Add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void MetricsText::Histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                            const std::vector<std::uint64_t>& counts, double sum, Labels labels) {
  auto& histogram = impl_->Add(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    so_far += counts[i];
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({so_far, bound});
  }
  histogram.sample_count = so_far;
  histogram.sample_sum = sum;
}

void MetricsText::Summary(std::string_view name, std::string_view help,
                          const std::vector<std::pair<double, double>>& quantiles, std::uint64_t count, double sum,
                          Labels labels) {
  auto& summary = impl_->Add(name, help, prometheus::MetricType::Summary, std::move(labels)).summary;
  for (const auto& [quantile, value] : quantiles) summary.quantile.push_back({quantile, value});
  summary.sample_count = count;
  summary.sample_sum = sum;
}

std::string MetricsText::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->families);
}

}  // namespace host
