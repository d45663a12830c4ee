#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

#include "inspection.hpp"
#include "queue_access.hpp"
#include "queues.hpp"
#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

void write_bytes(rapidjson::Writer<rapidjson::StringBuffer>& writer, const std::string& name,
                 const volley_view& bytes) {
    const bool utf8 = text::is_utf8(text_of(bytes));
    const std::string key = utf8 ? name : name + "_base64";
    writer.Key(key.c_str());
    const std::string value = utf8 ? std::string(text_of(bytes)) : text::base64(text_of(bytes));
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void print_json(const volley_message& m) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartObject();
    write_bytes(writer, "id", m.id);
    if (!is_absent(m.key)) write_bytes(writer, "key", m.key);
    if (m.header_count > 0) {
        writer.Key("headers");
        writer.StartObject();
        for (std::uint32_t i = 0; i < m.header_count; ++i) {
            write_bytes(writer, text::safe(text_of(m.headers[i].name)), m.headers[i].value);
        }
        writer.EndObject();
    }
    if (is_absent(m.body)) {
        writer.Key("body");
        writer.Null();
    } else {
        write_bytes(writer, "body", m.body);
    }
    writer.EndObject();
    std::printf("%.*s\n", static_cast<int>(buffer.GetSize()), buffer.GetString());
}

// The body alone, a line each: what `volley send --file` takes.
void print_body(const volley_message& m) {
    const std::string_view body = text_of(m.body);
    std::fwrite(body.data(), 1, body.size(), stdout);
    std::fputc('\n', stdout);
}

// What was stored in a window is read to be counted.
int print_count(Inspection& inspection, bool in_window) {
    if (in_window) {
        std::uint64_t count = 0;
        for (;;) {
            const auto page = inspection.peek(count, ~std::uint64_t{0});
            if (!page) return report(page.error());
            if ((*page)->empty()) break;
            count += (*page)->size();
        }
        std::printf("%llu\n", static_cast<unsigned long long>(count));
        return exit_ok;
    }
    const auto stats = inspection.stats();
    if (!stats) return report(stats.error());
    std::printf("%lld\n", static_cast<long long>(stats->ready));
    return exit_ok;
}

int print_messages(Inspection& inspection, const Peek& options) {
    for (std::uint64_t shown = 0; shown < options.limit;) {
        const auto page = inspection.peek(shown, options.limit - shown);
        if (!page) return report(page.error());
        if ((*page)->empty()) break;
        for (const volley_message& message : **page) options.json ? print_json(message) : print_body(message);
        shown += (*page)->size();
    }
    return exit_ok;
}

}  // namespace

int peek(const Config& config, plugins::Catalog& catalog, const Peek& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    const bool in_window = !options.window.from.empty();
    const auto times = in_window ? read_window(options.window) : Times{};
    if (!times) return exit_usage;
    auto inspection = Inspection::open(config, catalog, *queue);
    if (!inspection) return report(inspection.error());
    if (in_window) {
        if (auto chosen = inspection->between(*times); !chosen) return report(chosen.error());
    }
    return options.count ? print_count(*inspection, in_window) : print_messages(*inspection, options);
}

}  // namespace volley::cli
