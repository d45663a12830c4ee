#include "operations/openmetrics.hpp"

#include <charconv>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace volley::operations {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::string_view counter_ending = "_total";

std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, static_cast<std::size_t>(end - text)};
}

std::string escaped_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

std::string labels_text(const ClientMetric& metric, std::string_view le) {
    std::string text;
    for (const auto& label : metric.label)
        text += (text.empty() ? "" : ",") + label.name + "=\"" + escaped_text(label.value) + '"';
    if (!le.empty()) text += std::string(text.empty() ? "" : ",") + "le=\"" + std::string(le) + '"';
    return text.empty() ? text : "{" + text + "}";
}

std::string exemplar_suffix(const runtime::Exemplar& exemplar) {
    char text[160];
    std::snprintf(text, sizeof text,
                  " # {trace_id=\"%016" PRIx64 "%016" PRIx64 "\",span_id=\"%016" PRIx64 "\"} ",
                  exemplar.trace_high, exemplar.trace_low, exemplar.span_id);
    char at[32];
    std::snprintf(at, sizeof at, " %.3f", exemplar.unix_seconds);
    return text + number_text(exemplar.seconds) + at;
}

class OpenMetricsWriter {
public:
    explicit OpenMetricsWriter(const FindExemplar& exemplar) : exemplar_(exemplar) {}

    void write(const MetricFamily& family) {
        // A counter's family has the name without the ending that its samples have. What has no such name is
        // no counter here.
        const bool counts = family.type == MetricType::Counter && family.name.ends_with(counter_ending);
        const std::string name =
            counts ? family.name.substr(0, family.name.size() - counter_ending.size()) : family.name;
        out_ += "# TYPE " + name + " " + type_of(family, counts) + "\n";
        if (!family.help.empty()) out_ += "# HELP " + name + " " + escaped_text(family.help) + "\n";
        for (std::size_t i = 0; i < family.metric.size(); ++i) {
            const ClientMetric& metric = family.metric[i];
            if (family.type == MetricType::Histogram)
                histogram(family, i);
            else if (family.type == MetricType::Summary)
                sums(name, metric, metric.summary.sample_count, metric.summary.sample_sum);
            else
                line(family.name, labels_text(metric, {}),
                     number_text(family.type == MetricType::Counter ? metric.counter.value
                                                                    : metric.gauge.value));
        }
    }
    std::string take() { return std::move(out_) + "# EOF\n"; }

private:
    static const char* type_of(const MetricFamily& family, bool counts) {
        if (counts) return "counter";
        if (family.type == MetricType::Gauge) return "gauge";
        if (family.type == MetricType::Histogram) return "histogram";
        return family.type == MetricType::Summary ? "summary" : "unknown";
    }

    void line(const std::string& name, const std::string& labels, const std::string& value,
              const std::string& exemplar = {}) {
        out_ += name + labels + " " + value + exemplar + "\n";
    }

    void sums(const std::string& name, const ClientMetric& metric, std::uint64_t count, double sum) {
        const std::string labels = labels_text(metric, {});
        line(name + "_count", labels, std::to_string(count));
        line(name + "_sum", labels, number_text(sum));
    }

    void histogram(const MetricFamily& family, std::size_t index) {
        const ClientMetric& metric = family.metric[index];
        for (std::size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
            const auto& bucket = metric.histogram.bucket[i];
            const runtime::Exemplar* const exemplar = exemplar_(family, index, i);
            const bool is_noted = exemplar != nullptr && exemplar->unix_seconds > 0;
            line(family.name + "_bucket", labels_text(metric, number_text(bucket.upper_bound)),
                 std::to_string(bucket.cumulative_count), is_noted ? exemplar_suffix(*exemplar) : "");
        }
        sums(family.name, metric, metric.histogram.sample_count, metric.histogram.sample_sum);
    }

    const FindExemplar& exemplar_;
    std::string out_;
};

}  // namespace

std::string openmetrics_text(const std::vector<MetricFamily>& families, const FindExemplar& exemplar) {
    OpenMetricsWriter writer(exemplar);
    for (const MetricFamily& family : families) writer.write(family);
    return writer.take();
}

bool accepts_openmetrics(const std::string& accept) {
    const std::size_t at = accept.find("application/openmetrics-text");
    if (at == std::string::npos) return false;
    const std::string_view rest = std::string_view(accept).substr(at);
    const std::string_view range = rest.substr(0, rest.find(','));
    const std::size_t weight = range.find("q=");
    return weight == std::string_view::npos ||
           std::strtod(std::string(range.substr(weight + 2)).c_str(), nullptr) > 0;
}

}  // namespace volley::operations
