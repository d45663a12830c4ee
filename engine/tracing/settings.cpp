#include "tracing/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <optional>
#include <string_view>
#include <system_error>

#include "text/text.hpp"

namespace volley::tracing {

namespace {

constexpr std::uint64_t most_spans = 1'000'000;
constexpr std::uint64_t longest_ms = 24ULL * 60 * 60 * 1000;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t";
    const std::size_t begin = std::min(text.find_first_not_of(blank), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(blank) + 1);
}

std::string lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A % that no two hexadecimal digits follow is an error.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
        out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
        i += 2;
    }
    return out;
}

// key1=value1,key2=value2, percent-encoded.
std::optional<Pairs> read_pairs(std::string_view list) {
    Pairs pairs;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view one = trimmed(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        if (one.empty()) continue;
        const std::size_t equals = one.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        auto key = percent_decoded(trimmed(one.substr(0, equals)));
        auto value = percent_decoded(trimmed(one.substr(equals + 1)));
        if (!key || key->empty() || !value) return std::nullopt;
        pairs.emplace_back(std::move(*key), std::move(*value));
    }
    return pairs;
}

// Nothing in a header may end its line.
bool are_headers(const Pairs& pairs) {
    return std::all_of(pairs.begin(), pairs.end(), [](const auto& pair) {
        const auto is_in_name = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
        };
        const auto is_in_value = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; };
        return std::all_of(pair.first.begin(), pair.first.end(), is_in_name) &&
               std::all_of(pair.second.begin(), pair.second.end(), is_in_value);
    });
}

class Reader {
public:
    Reader(const Variable& variable, Settings& settings) : variable_(variable), settings_(settings) {}

    std::string text(const char* name) const { return std::string(trimmed(variable_(name))); }
    // The value of the first variable that is set.
    std::string first(const char* name, const char* general) const {
        std::string value = text(name);
        return value.empty() ? text(general) : value;
    }
    void warn(std::string text) { settings_.warnings.push_back(std::move(text)); }

    void number(const char* name, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
        const std::string value = text(name);
        if (value.empty()) return;
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size() || number < least || number > most) {
            return warn(std::string(name) + " is \"" + text::safe(value) + "\"; it must be a number from " +
                        std::to_string(least) + " to " + std::to_string(most) + ", and " +
                        std::to_string(out) + " is used");
        }
        out = number;
    }

    // Returns false if there is no collector to send to.
    bool endpoint() {
        const std::string own = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        const std::string general = text("OTEL_EXPORTER_OTLP_ENDPOINT");
        if (own.empty() && general.empty()) return false;
        auto endpoint = parse_endpoint(own.empty() ? general : own);
        if (!endpoint) {
            warn(std::string(own.empty() ? "OTEL_EXPORTER_OTLP_ENDPOINT"
                                         : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") +
                 " is not a URL like http://localhost:4318; no spans are sent");
            return false;
        }
        if (own.empty()) endpoint->path += endpoint->path.back() == '/' ? "v1/traces" : "/v1/traces";
        endpoint->ca_file = first("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE");
        settings_.endpoint = std::move(*endpoint);
        return true;
    }

    bool protocol() {
        const std::string protocol =
            lower(first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"));
        if (protocol.empty() || protocol == "http/json" || protocol == "http/protobuf") return true;
        warn("OTEL_EXPORTER_OTLP_PROTOCOL is \"" + text::safe(protocol) +
             "\", which is not supported; no spans are sent. Use http/json, and the collector's port for "
             "HTTP, by default 4318");
        return false;
    }

    void headers() {
        auto pairs = read_pairs(first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"));
        if (pairs && are_headers(*pairs))
            settings_.headers = std::move(*pairs);
        else
            warn("OTEL_EXPORTER_OTLP_HEADERS is not a list like key1=value1,key2=value2; it is ignored");
    }

    void sampler() {
        const std::string name = lower(text("OTEL_TRACES_SAMPLER"));
        if (name.empty()) return;
        bool is_argument_wrong = false;
        const auto sampler = sampler_named(name, text("OTEL_TRACES_SAMPLER_ARG"), &is_argument_wrong);
        if (sampler)
            settings_.sampler = *sampler;
        else
            warn("OTEL_TRACES_SAMPLER is \"" + text::safe(name) +
                 "\", which is not supported; parentbased_always_on is used");
        if (is_argument_wrong)
            warn("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; every trace is sampled");
    }

    void resource(const std::string& app) {
        Pairs& attributes = settings_.resource;
        auto pairs = read_pairs(text("OTEL_RESOURCE_ATTRIBUTES"));
        if (pairs)
            attributes = std::move(*pairs);
        else
            warn("OTEL_RESOURCE_ATTRIBUTES is not a list like key1=value1,key2=value2; it is ignored");
        const auto add_unless_given = [&](const char* key, const std::string& value) {
            const bool is_given = std::any_of(attributes.begin(), attributes.end(),
                                              [&](const auto& pair) { return pair.first == key; });
            if (!is_given && !value.empty()) attributes.emplace_back(key, value);
        };
        const std::string service = text("OTEL_SERVICE_NAME");
        if (!service.empty()) {
            attributes.erase(std::remove_if(attributes.begin(), attributes.end(),
                                            [](const auto& pair) { return pair.first == "service.name"; }),
                             attributes.end());
        }
        add_unless_given("service.name", service.empty() ? app : service);
        add_unless_given("service.name", "volley");
        char host[HOST_NAME_MAX + 1] = {};
        if (::gethostname(host, HOST_NAME_MAX) == 0) add_unless_given("host.name", host);
        add_unless_given("telemetry.sdk.name", "volley");
        add_unless_given("telemetry.sdk.language", "cpp");
        add_unless_given("telemetry.sdk.version", VOLLEY_VERSION);
    }

private:
    const Variable& variable_;
    Settings& settings_;
};

}  // namespace

Settings read_settings(const Variable& variable, const std::string& app) {
    Settings settings;
    Reader reader(variable, settings);
    if (lower(reader.text("OTEL_SDK_DISABLED")) == "true") return settings;
    const std::string exporter = lower(reader.text("OTEL_TRACES_EXPORTER"));
    if (exporter == "none") return settings;
    if (!reader.endpoint() || !reader.protocol()) return settings;
    if (!exporter.empty() && exporter != "otlp") {
        reader.warn("OTEL_TRACES_EXPORTER is \"" + text::safe(exporter) +
                    "\"; Volley has otlp and none. No spans are sent");
        return settings;
    }
    settings.is_on = true;
    reader.headers();
    reader.sampler();
    reader.resource(app);
    const auto milliseconds = [&](const char* name, std::uint64_t least, std::chrono::milliseconds& out) {
        auto number = static_cast<std::uint64_t>(out.count());
        reader.number(name, least, longest_ms, number);
        out = std::chrono::milliseconds(number);
    };
    const bool has_own_timeout = !reader.text("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT").empty();
    milliseconds(has_own_timeout ? "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" : "OTEL_EXPORTER_OTLP_TIMEOUT", 1,
                 settings.timeout);
    milliseconds("OTEL_BSP_SCHEDULE_DELAY", 0, settings.schedule_delay);
    std::uint64_t queue = settings.queue_size, batch = settings.batch_size;
    reader.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, most_spans, queue);
    reader.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, most_spans, batch);
    settings.queue_size = queue;
    settings.batch_size = std::min(queue, batch);
    return settings;
}

}  // namespace volley::tracing
