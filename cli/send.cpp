#include <chrono>
#include <fstream>
#include <iostream>

#include "config/bind.hpp"
#include "config/diagnostics.hpp"
#include "interrupt.hpp"
#include "message_template.hpp"
#include "pace.hpp"
#include "queue_access.hpp"
#include "queues.hpp"
#include "queues/bodies.hpp"
#include "queues/outbox.hpp"
#include "saved_message.hpp"
#include "terminal.hpp"
#include "text/text.hpp"

namespace volley::cli {

namespace {

// What became of the messages.
struct Tally {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::uint64_t refused = 0;  // by the queue's own rules about bodies
    std::string first_failure;
};

void add_headers(const std::vector<std::string>& headers, queues::Outgoing& outgoing) {
    for (const std::string_view header : headers) {
        const std::size_t colon = header.find(':');
        outgoing.headers.emplace_back(header.substr(0, colon), colon == std::string_view::npos
                                                                   ? std::string_view()
                                                                   : header.substr(colon + 1));
    }
}

std::optional<Error> flush(queues::Outbox& outbox, Tally& tally) {
    auto outcomes = outbox.flush();
    if (!outcomes) return outcomes.error();
    for (const auto& failure : *outcomes) {
        ++(failure ? tally.failed : tally.sent);
        if (failure && tally.first_failure.empty()) tally.first_failure = failure->text;
    }
    return std::nullopt;
}

// Calls `take(body, line)` for every message until it returns false. Returns false if the file cannot be
// read.
template <typename Take>
bool for_each_body(const Send& options, Take&& take) {
    for (std::uint64_t round = 0; round < options.count; ++round) {
        for (std::size_t i = 0; i < options.bodies.size(); ++i) {
            if (!take(options.bodies[i], i + 1)) return true;
        }
        if (options.file.empty()) continue;
        std::ifstream opened;
        if (options.file != "-") {
            opened.open(options.file, std::ios::binary);
            if (!opened) return false;
        }
        std::istream& in = options.file == "-" ? std::cin : opened;
        std::string line;
        for (std::uint64_t number = 1; std::getline(in, line); ++number) {
            if (number == 1) line.erase(0, text::byte_order_mark(line));
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (!line.empty() && !take(line, number)) return true;
        }
        if (in.bad()) return false;  // a folder, too, can be opened
    }
    return true;
}

// Makes messages of what is given, as the queue wants them. Borrows the options.
class Maker {
public:
    static Result<Maker> make(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue,
                              const Send& options) {
        auto encoder = queues::encoder_for(config, catalog, queue);
        if (!encoder) return encoder.error();
        const auto encoding = queues::encoding_of(config, catalog, queue);
        if (!encoding) return encoding.error();
        auto decoder = codec::Decoder::make(*encoding, queue.schema, {}, {config.max_message_bytes});
        if (!decoder) return decoder.error();
        return Maker(options, std::move(*encoder), std::move(*decoder));
    }

    // Returns why `given` is no message, or nothing. The message is valid until the next call.
    std::optional<std::string> message(const std::string& given, queues::Outgoing& out) {
        if (options_.json) return saved_message(given, out);
        return options_.fills ? filled_message(given, out) : plain_message(given, out);
    }

private:
    Maker(const Send& options, codec::Encoder encoder, codec::Decoder decoder)
        : options_(options), encoder_(std::move(encoder)), decoder_(std::move(decoder)) {}

    std::optional<std::string> plain_message(const std::string& given, queues::Outgoing& out) {
        std::string_view encoded;
        if (auto failure = encoder_.encode(given, codec::Encoding::json, scratch_, encoded))
            return failure->text;
        out = {};
        out.body = encoded;
        add_headers(options_.fills ? filled_headers_ : options_.headers, out);
        if (!options_.key.empty()) out.key = options_.fills ? filled_key_ : options_.key;
        return std::nullopt;
    }

    std::optional<std::string> filled_message(const std::string& given, queues::Outgoing& out) {
        template_.next();
        if (auto wrong = template_.fill(given, filled_body_)) return wrong;
        if (auto wrong = template_.fill(options_.key, filled_key_)) return wrong;
        filled_headers_.resize(options_.headers.size());
        for (std::size_t i = 0; i < options_.headers.size(); ++i)
            if (auto wrong = template_.fill(options_.headers[i], filled_headers_[i])) return wrong;
        return plain_message(filled_body_, out);
    }

    std::optional<std::string> saved_message(const std::string& given, queues::Outgoing& out) {
        auto read = read_saved(given, saved_);
        if (read) return read;
        std::string_view seen;
        if (saved_.body) {
            if (auto failure = decoder_.decode(*saved_.body, scratch_, seen, nullptr)) return failure->text;
        }
        out = {};
        if (saved_.body) out.body = *saved_.body;
        if (saved_.key) out.key = *saved_.key;
        for (const codec::Header& header : saved_.headers)
            out.headers.emplace_back(header.name, header.value);
        return std::nullopt;
    }

    const Send& options_;
    codec::Encoder encoder_;
    codec::Decoder decoder_;
    std::string scratch_;
    SavedMessage saved_;
    MessageTemplate template_;
    std::string filled_body_;
    std::string filled_key_;
    std::vector<std::string> filled_headers_;
};

}  // namespace

int send(const Config& config, plugins::Catalog& catalog, const Send& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    auto maker = Maker::make(config, catalog, *queue, options);
    if (!maker) return report(maker.error());
    auto outbox = queues::Outbox::open(config, catalog, *queue);
    if (!outbox) return report(outbox.error());

    const auto delay =
        options.delay.empty() ? std::chrono::milliseconds(0) : config::parse_duration(options.delay);
    if (!delay) {
        say("--delay: " + config::in_quotes(options.delay) + " is no duration such as 30s");
        return exit_usage;
    }
    if (delay->count() > 0 && !outbox->can_delay())
        return report(
            Error(ErrorCode::unsupported, "queue \"" + queue->name + "\": its connector has no delays"));

    note_interrupts(options.file == "-");
    const auto begin = std::chrono::steady_clock::now();
    Pace pace(options.rate, 0);
    Tally tally;
    std::optional<Error> error;
    queues::Outgoing outgoing;
    std::uint64_t given = 0;
    const bool readable = for_each_body(options, [&](const std::string& body, std::uint64_t line) {
        if (const auto failure = maker->message(body, outgoing)) {
            say((options.file.empty() ? "message " : options.file + ":") + std::to_string(line) + ": " +
                *failure);
            ++tally.refused;
            return true;
        }
        const auto due = pace.due(given++);
        if (due > std::chrono::steady_clock::now()) {
            if (!outbox->is_empty()) error = flush(*outbox, tally);
            if (error || wait_until(due)) return false;
        }
        outgoing.delay_ms = static_cast<std::uint64_t>(delay->count());
        outbox->add(outgoing);
        if (outbox->is_full()) {
            error = flush(*outbox, tally);
            pace.show(tally.sent);
        }
        return !error && !is_interrupted();
    });
    if (!error && !outbox->is_empty()) error = flush(*outbox, tally);
    if (error) return report(*error);
    pace.erase();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "%llu sent to %s in %.2f s\n", static_cast<unsigned long long>(tally.sent),
                 queue->name.c_str(), seconds);
    if (tally.failed > 0) {
        say(std::to_string(tally.failed) + " failed: " + tally.first_failure);
        return exit_some_failed;
    }
    if (!readable) {
        say("cannot read " + options.file);
        return exit_usage;
    }
    if (is_interrupted()) return exit_interrupted;
    return tally.refused > 0 ? exit_data : exit_ok;
}

}  // namespace volley::cli
