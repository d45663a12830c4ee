#include <algorithm>
#include <cstdio>

#include "queue_access.hpp"
#include "queues.hpp"
#include "queues/bodies.hpp"
#include "queues/inspection.hpp"
#include "queues/outbox.hpp"
#include "terminal.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

// As `forward` does: bytes go on unchanged, and where they mean something to both sides it must be the same.
std::optional<Error> check_encodings(const Config& config, plugins::Catalog& catalog, const QueueConfig& from,
                                     const QueueConfig& into) {
    const auto read = queues::encoding_of(config, catalog, from);
    if (!read) return read.error();
    const auto written = queues::encoding_of(config, catalog, into);
    if (!written) return written.error();
    if (*read == *written || *read == codec::Encoding::none || *written == codec::Encoding::none)
        return std::nullopt;
    return Error(ErrorCode::config,
                 "\"" + from.name + "\" and \"" + into.name +
                     "\" have different serializers: a component between them can convert");
}

queues::Outgoing outgoing_of(const volley_message& message) {
    queues::Outgoing out;
    if (!is_absent(message.body)) out.body = text_of(message.body);
    if (!is_absent(message.key)) out.key = text_of(message.key);
    for (std::uint32_t i = 0; i < message.header_count; ++i) {
        const volley_header& header = message.headers[i];
        auto& [name, value] = out.headers.emplace_back(text_of(header.name), std::nullopt);
        if (!is_absent(header.value)) value = text_of(header.value);
    }
    return out;
}

// What became of what was found.
struct Replayed {
    std::uint64_t found = 0;
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::string first_failure;
};

std::optional<Error> flush(queues::Outbox& outbox, Replayed& replayed) {
    const auto outcomes = outbox.flush();
    if (!outcomes) return outcomes.error();
    for (const auto& failure : *outcomes) {
        if (!failure)
            ++replayed.sent;
        else if (replayed.failed++ == 0)
            replayed.first_failure = failure->text;
    }
    return std::nullopt;
}

// Without an outbox it only counts.
std::optional<Error> run(queues::Inspection& inspection, queues::Outbox* outbox, std::uint64_t limit,
                         Replayed& replayed) {
    while (replayed.found < limit) {
        const auto page =
            inspection.peek(replayed.found, std::min(limit - replayed.found, queues::Inspection::usual_page));
        if (!page) return page.error();
        if ((*page)->empty()) break;
        replayed.found += (*page)->size();
        for (const volley_message& message : **page) {
            if (outbox == nullptr) break;
            outbox->add(outgoing_of(message));
            if (!outbox->is_full()) continue;
            if (auto error = flush(*outbox, replayed)) return error;
        }
    }
    if (outbox == nullptr || outbox->is_empty()) return std::nullopt;
    return flush(*outbox, replayed);
}

}  // namespace

int replay(const Config& config, plugins::Catalog& catalog, const Replay& options) {
    const auto times = read_window(options.window);
    if (!times) return exit_usage;
    const QueueConfig* from = require_queue(config, options.queue);
    const QueueConfig* into = options.into.empty() ? from : require_queue(config, options.into);
    if (from == nullptr || into == nullptr) return exit_usage;
    if (const auto error = check_encodings(config, catalog, *from, *into)) return report(*error);
    auto inspection = queues::Inspection::open(config, catalog, *from);
    if (!inspection) return report(inspection.error());
    if (auto chosen = inspection->between(*times); !chosen) return report(chosen.error());
    std::optional<queues::Outbox> outbox;
    if (!options.dry_run) {
        auto opened = queues::Outbox::open(config, catalog, *into);
        if (!opened) return report(opened.error());
        outbox.emplace(std::move(*opened));
    }
    const std::uint64_t limit = options.limit > 0 ? options.limit : ~std::uint64_t{0};
    Replayed replayed;
    const auto error = run(*inspection, outbox ? &*outbox : nullptr, limit, replayed);
    if (options.dry_run)
        std::printf("%llu would be sent to %s\n", static_cast<unsigned long long>(replayed.found),
                    into->name.c_str());
    else
        std::fprintf(stderr, "%llu sent to %s\n", static_cast<unsigned long long>(replayed.sent),
                     into->name.c_str());
    if (error) return report(*error);
    if (replayed.failed == 0) return exit_ok;
    say(std::to_string(replayed.failed) + " failed: " + replayed.first_failure);
    return exit_some_failed;
}

}  // namespace volley::cli
