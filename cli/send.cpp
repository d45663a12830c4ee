#include <chrono>
#include <fstream>
#include <iostream>

#include "bodies.hpp"
#include "outbox.hpp"
#include "queue_access.hpp"
#include "queues.hpp"

namespace volley::cli {

namespace {

// What became of the messages.
struct Tally {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::uint64_t refused = 0;  // by the queue's own rules about bodies
    std::string first_failure;
};

std::vector<std::pair<std::string_view, std::string_view>> split(const std::vector<std::string>& headers) {
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    for (const std::string_view header : headers) {
        const std::size_t colon = header.find(':');
        pairs.emplace_back(header.substr(0, colon),
                           colon == std::string_view::npos ? std::string_view() : header.substr(colon + 1));
    }
    return pairs;
}

std::optional<Error> flush(Outbox& outbox, Tally& tally) {
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
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (!line.empty() && !take(line, number)) return true;
        }
    }
    return true;
}

}  // namespace

int send(const Config& config, plugins::Catalog& catalog, const Send& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    const auto encoder = encoder_for(config, catalog, *queue);
    if (!encoder) return report(encoder.error());
    auto outbox = Outbox::open(config, catalog, *queue);
    if (!outbox) return report(outbox.error());

    const auto begin = std::chrono::steady_clock::now();
    Tally tally;
    std::optional<Error> error;
    std::string scratch;
    Outgoing outgoing;
    outgoing.headers = split(options.headers);
    if (!options.key.empty()) outgoing.key = options.key;
    const bool readable = for_each_body(options, [&](const std::string& body, std::uint64_t line) {
        std::string_view encoded;
        if (const auto failure = encoder->encode(body, codec::Encoding::json, scratch, encoded)) {
            std::fprintf(stderr, "volley: %s%llu: %s\n",
                         options.file.empty() ? "message " : (options.file + ":").c_str(),
                         static_cast<unsigned long long>(line), failure->text.c_str());
            ++tally.refused;
            return true;
        }
        outgoing.body = encoded;
        outbox->add(outgoing);
        if (outbox->is_full()) error = flush(*outbox, tally);
        return !error;
    });
    if (!readable) {
        std::fprintf(stderr, "volley: cannot read %s\n", options.file.c_str());
        return exit_usage;
    }
    if (!error && !outbox->is_empty()) error = flush(*outbox, tally);
    if (error) return report(*error);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "%llu sent to %s in %.2f s\n", static_cast<unsigned long long>(tally.sent),
                 queue->name.c_str(), seconds);
    if (tally.failed > 0) {
        std::fprintf(stderr, "volley: %llu failed: %s\n", static_cast<unsigned long long>(tally.failed),
                     tally.first_failure.c_str());
        return exit_some_failed;
    }
    return tally.refused > 0 ? exit_data : exit_ok;
}

}  // namespace volley::cli
