#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "codec/message_json.hpp"
#include "queue_access.hpp"
#include "queues.hpp"
#include "queues/inspection.hpp"
#include "terminal.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

// What `volley send --json` takes.
std::string as_json(const volley_message& m) {
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    writer.StartObject();
    codec::write_bytes(writer, "id", text_of(m.id));
    if (!is_absent(m.key)) codec::write_bytes(writer, "key", text_of(m.key));
    if (m.header_count > 0) {
        writer.Key("headers");
        codec::write_headers(writer, {m.headers, m.headers + m.header_count});
    }
    if (is_absent(m.body)) {
        writer.Key("body");
        writer.Null();
    } else {
        codec::write_bytes(writer, "body", text_of(m.body));
    }
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

// The bodies alone, a line each: what `volley send --file` takes. What does not come through that is counted.
class PlainList {
public:
    void print(const volley_message& m) {
        const std::string_view body = text_of(m.body);
        print_bytes(body);
        const bool is_line =
            !body.empty() && body.find('\n') == std::string_view::npos && body.back() != '\r';
        ++(is_line ? fitting_ : unfit_);
        if (!is_absent(m.key) || m.header_count > 0) has_more_ = true;
    }

    // On a terminal nobody saves it.
    void tell_what_is_missing() const {
        if (isatty(STDOUT_FILENO) != 0) return;
        if (unfit_ > 0) {
            say(std::to_string(unfit_) + " of " + std::to_string(unfit_ + fitting_) +
                " messages are no line of text (line breaks, or no body) and do not come through `volley "
                "send "
                "--file`; --json carries all, to `volley send --json --file`");
        } else if (has_more_) {
            say("keys and headers are left out; --json carries them, to `volley send --json --file`");
        }
    }

private:
    std::uint64_t fitting_ = 0;
    std::uint64_t unfit_ = 0;
    bool has_more_ = false;
};

// What was stored in a window is read to be counted.
int print_count(queues::Inspection& inspection, bool in_window) {
    if (in_window) {
        std::uint64_t count = 0;
        for (;;) {
            const auto page = inspection.peek(count, queues::Inspection::usual_page);
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

int print_messages(queues::Inspection& inspection, const Peek& options) {
    PlainList list;
    for (std::uint64_t shown = 0; shown < options.limit;) {
        const auto page =
            inspection.peek(shown, std::min(options.limit - shown, queues::Inspection::usual_page));
        if (!page) return report(page.error());
        if ((*page)->empty()) break;
        for (const volley_message& message : **page)
            options.json ? print_json(as_json(message)) : list.print(message);
        shown += (*page)->size();
    }
    list.tell_what_is_missing();
    return exit_ok;
}

}  // namespace

int peek(const Config& config, plugins::Catalog& catalog, const Peek& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    const bool in_window = !options.window.from.empty();
    const auto times = in_window ? read_window(options.window) : queues::Times{};
    if (!times) return exit_usage;
    auto inspection = queues::Inspection::open(config, catalog, *queue);
    if (!inspection) return report(inspection.error());
    if (in_window) {
        if (auto chosen = inspection->between(*times); !chosen) return report(chosen.error());
    }
    return options.count ? print_count(*inspection, in_window) : print_messages(*inspection, options);
}

}  // namespace volley::cli
