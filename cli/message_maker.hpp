// Messages from a command line or a file, as their queue wants them: what the commands that send share.
// Thread: one at a time.
#pragma once

#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/codec.hpp"
#include "message_template.hpp"
#include "queues.hpp"
#include "queues/outbox.hpp"
#include "saved_message.hpp"
#include "text/text.hpp"

namespace volley::cli {

// Makes messages of what is given. Borrows the options.
class MessageMaker {
public:
    static Result<MessageMaker> make(const Config& config, plugins::Catalog& catalog,
                                     const QueueConfig& queue, const Send& options);

    // Returns why `given` is no message, or nothing. The message is valid until the next call.
    std::optional<std::string> message(const std::string& given, queues::Outgoing& out);

private:
    MessageMaker(const Send& options, codec::Encoder encoder, codec::Decoder decoder)
        : options_(options), encoder_(std::move(encoder)), decoder_(std::move(decoder)) {}
    std::optional<std::string> plain_message(const std::string& given, queues::Outgoing& out);
    std::optional<std::string> filled_message(const std::string& given, queues::Outgoing& out);
    std::optional<std::string> saved_message(const std::string& given, queues::Outgoing& out);

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

}  // namespace volley::cli
