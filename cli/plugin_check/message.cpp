#include "plugin_check/message.hpp"

#include <algorithm>

namespace volley::cli::plugin_check {

namespace {

std::string words(const Bytes& bytes) {
    if (!bytes) return "absent";
    return bytes->empty() ? "empty" : std::to_string(bytes->size()) + " bytes";
}

std::string difference(const std::string& name, const Bytes& of, const Bytes& came) {
    if (of == came) return {};
    if (!of || !came || of->size() != came->size())
        return "the " + name + " is " + words(came) + " instead of " + words(of);
    const auto at = std::mismatch(of->begin(), of->end(), came->begin()).first - of->begin();
    return "the " + name + " differs from byte " + std::to_string(at) + " on";
}

}  // namespace

Content content_of(const volley_message& message) {
    Content out{bytes_of(message.body), bytes_of(message.key), {}};
    for (std::uint32_t i = 0; i < message.header_count; ++i)
        out.headers.emplace_back(bytes_of(message.headers[i].name).value_or(""),
                                 bytes_of(message.headers[i].value));
    return out;
}

std::string difference(const Content& of, const Content& came) {
    if (auto body = difference("body", of.body, came.body); !body.empty()) return body;
    if (auto key = difference("key", of.key, came.key); !key.empty()) return key;
    if (of.headers.size() != came.headers.size())
        return "it has " + std::to_string(came.headers.size()) + " headers instead of " +
               std::to_string(of.headers.size());
    for (std::size_t i = 0; i < of.headers.size(); ++i) {
        const std::string number = "header " + std::to_string(i + 1);
        if (of.headers[i].first != came.headers[i].first) return "the name of " + number + " is another one";
        if (auto value = difference("value of " + number, of.headers[i].second, came.headers[i].second);
            !value.empty())
            return value;
    }
    return {};
}

}  // namespace volley::cli::plugin_check
