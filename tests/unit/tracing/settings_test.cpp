#include "tracing/settings.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <string>

namespace volley::tracing {

namespace {

using Variables = std::map<std::string, std::string>;

Settings read(const Variables& variables) {
    return read_settings(
        [&](const char* name) {
            const auto found = variables.find(name);
            return found == variables.end() ? std::string() : found->second;
        },
        "shop");
}

Settings with(Variables more) {
    more.emplace("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    return read(more);
}

std::string attribute(const Settings& settings, const std::string& name) {
    std::string all;
    for (const auto& [key, value] : settings.resource)
        if (key == name) all += value + ";";
    return all;
}

}  // namespace

TEST_CASE("without an endpoint there is no tracing") {
    CHECK_FALSE(read({}).is_on);
    CHECK_FALSE(read({{"OTEL_TRACES_SAMPLER", "nonsense"}, {"OTEL_SERVICE_NAME", "x"}}).is_on);
    CHECK(read({{"OTEL_TRACES_SAMPLER", "nonsense"}}).warnings.empty());
}

TEST_CASE("the endpoint, general or of traces") {
    CHECK(with({}).is_on);
    CHECK(with({}).endpoint.path == "/v1/traces");
    CHECK(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/otlp/"}}).endpoint.path == "/otlp/v1/traces");
    const Settings own = with({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://[::1]:1/in?key=a"}});
    CHECK(own.endpoint.tls);
    CHECK(own.endpoint.host == "::1");
    CHECK(own.endpoint.port == "1");
    CHECK(own.endpoint.path == "/in?key=a");
    CHECK(own.endpoint.shown() == "https://[::1]:1");
    CHECK(read({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c"}}).endpoint.port == "443");
    CHECK(read({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c"}}).endpoint.path == "/");
}

TEST_CASE("an endpoint that is no URL turns tracing off, and is not shown") {
    for (const char* url :
         {"collector:4318", "ftp://c", "http://", "http://c:0", "http://c:65536", "http://c:x",
          "http://u:secret@c", "http://a b", "http://[::1", "http://[::1]x", "http://c/\r\nX: y"}) {
        const Settings settings = read({{"OTEL_EXPORTER_OTLP_ENDPOINT", url}});
        CHECK_FALSE(settings.is_on);
        REQUIRE(settings.warnings.size() == 1);
        CHECK(settings.warnings.front().find("secret") == std::string::npos);
    }
}

TEST_CASE("variables that turn tracing off") {
    CHECK_FALSE(with({{"OTEL_SDK_DISABLED", "TRUE"}}).is_on);
    CHECK(with({{"OTEL_SDK_DISABLED", "no"}}).is_on);
    CHECK_FALSE(with({{"OTEL_TRACES_EXPORTER", "none"}}).is_on);
    CHECK(with({{"OTEL_TRACES_EXPORTER", "none"}}).warnings.empty());
    CHECK(with({{"OTEL_TRACES_EXPORTER", "otlp"}}).is_on);
    CHECK_FALSE(with({{"OTEL_TRACES_EXPORTER", "zipkin"}}).is_on);
    const Settings grpc = with({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}});
    CHECK_FALSE(grpc.is_on);
    CHECK(grpc.warnings.size() == 1);
    CHECK(with({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"}})
              .is_on);
}

TEST_CASE("headers and attributes are percent-encoded lists") {
    const Settings settings =
        with({{"OTEL_EXPORTER_OTLP_HEADERS", "api-key = a%20b , x=1=2,,"},
              {"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod,service.name=old"},
              {"OTEL_SERVICE_NAME", "new"}});
    CHECK(settings.headers == Pairs{{"api-key", "a b"}, {"x", "1=2"}});
    CHECK(attribute(settings, "deployment.environment") == "prod;");
    CHECK(attribute(settings, "service.name") == "new;");
    CHECK(attribute(settings, "telemetry.sdk.language") == "cpp;");
    CHECK(settings.warnings.empty());
    CHECK(attribute(with({}), "service.name") == "shop;");
    CHECK(attribute(with({{"OTEL_RESOURCE_ATTRIBUTES", "service.name=old"}}), "service.name") == "old;");
}

TEST_CASE("what could end a header's line is no header") {
    for (const char* list : {"a=b%0d%0aX: y", "a%0a=b", "a b=c", "novalue", "a=%zz", "a=%0"}) {
        const Settings settings = with({{"OTEL_EXPORTER_OTLP_HEADERS", list}});
        CHECK(settings.is_on);
        CHECK(settings.headers.empty());
        CHECK(settings.warnings.size() == 1);
    }
}

TEST_CASE("numbers within their limits") {
    const Settings settings = with({{"OTEL_EXPORTER_OTLP_TIMEOUT", "250"},
                                    {"OTEL_BSP_SCHEDULE_DELAY", "0"},
                                    {"OTEL_BSP_MAX_QUEUE_SIZE", "10"},
                                    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "500"}});
    CHECK(settings.timeout == std::chrono::milliseconds(250));
    CHECK(settings.schedule_delay == std::chrono::milliseconds(0));
    CHECK(settings.queue_size == 10);
    CHECK(settings.batch_size == 10);
    const Settings wrong = with({{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"},
                                 {"OTEL_BSP_SCHEDULE_DELAY", "-1"},
                                 {"OTEL_BSP_MAX_QUEUE_SIZE", "0"},
                                 {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999999999999999999"},
                                 {"OTEL_TRACES_SAMPLER", "traceidratio"},
                                 {"OTEL_TRACES_SAMPLER_ARG", "many"}});
    CHECK(wrong.warnings.size() == 5);
    CHECK(wrong.timeout == std::chrono::milliseconds(10'000));
    CHECK(wrong.queue_size == 2048);
    CHECK(wrong.batch_size == 512);
}

}  // namespace volley::tracing
