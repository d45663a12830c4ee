#include "message_maker.hpp"

#include "queues/bodies.hpp"

namespace volley::cli {

namespace {

void add_headers(const std::vector<std::string>& headers, queues::Outgoing& outgoing) {
    for (const std::string_view header : headers) {
        const std::size_t colon = header.find(':');
        outgoing.headers.emplace_back(header.substr(0, colon), colon == std::string_view::npos
                                                                   ? std::string_view()
                                                                   : header.substr(colon + 1));
    }
}

}  // namespace

Result<MessageMaker> MessageMaker::make(const Config& config, plugins::Catalog& catalog,
                                        const QueueConfig& queue, const Send& options) {
    auto encoder = queues::encoder_for(config, catalog, queue);
    if (!encoder) return encoder.error();
    const auto encoding = queues::encoding_of(config, catalog, queue);
    if (!encoding) return encoding.error();
    auto decoder = codec::Decoder::make(*encoding, queue.schema, {}, {config.max_message_bytes});
    if (!decoder) return decoder.error();
    return MessageMaker(options, std::move(*encoder), std::move(*decoder));
}

std::optional<std::string> MessageMaker::message(const std::string& given, queues::Outgoing& out) {
    if (options_.json) return saved_message(given, out);
    return options_.fills ? filled_message(given, out) : plain_message(given, out);
}

std::optional<std::string> MessageMaker::plain_message(const std::string& given, queues::Outgoing& out) {
    std::string_view encoded;
    if (auto failure = encoder_.encode(given, codec::Encoding::json, scratch_, encoded)) return failure->text;
    out = {};
    out.body = encoded;
    add_headers(options_.fills ? filled_headers_ : options_.headers, out);
    if (!options_.key.empty()) out.key = options_.fills ? filled_key_ : options_.key;
    return std::nullopt;
}

std::optional<std::string> MessageMaker::filled_message(const std::string& given, queues::Outgoing& out) {
    template_.next();
    if (auto wrong = template_.fill(given, filled_body_)) return wrong;
    if (auto wrong = template_.fill(options_.key, filled_key_)) return wrong;
    filled_headers_.resize(options_.headers.size());
    for (std::size_t i = 0; i < options_.headers.size(); ++i)
        if (auto wrong = template_.fill(options_.headers[i], filled_headers_[i])) return wrong;
    return plain_message(filled_body_, out);
}

std::optional<std::string> MessageMaker::saved_message(const std::string& given, queues::Outgoing& out) {
    auto read = read_saved(given, saved_);
    if (read) return read;
    std::string_view seen;
    if (saved_.body) {
        if (auto failure = decoder_.decode(*saved_.body, scratch_, seen, nullptr)) return failure->text;
    }
    out = {};
    if (saved_.body) out.body = *saved_.body;
    if (saved_.key) out.key = *saved_.key;
    for (const codec::Header& header : saved_.headers) out.headers.emplace_back(header.name, header.value);
    return std::nullopt;
}

}  // namespace volley::cli
