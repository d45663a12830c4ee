#include "plugin_check/samples.hpp"

#include <cstdlib>

namespace volley::cli::plugin_check {

namespace {

std::string all_bytes() {
    std::string out;
    for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
    return out + out;
}

}  // namespace

Content plain(std::size_t number) { return {"{\"n\":" + std::to_string(number) + "}", std::nullopt, {}}; }

std::vector<Content> plain_messages(std::size_t count, std::size_t first) {
    std::vector<Content> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(plain(first + i));
    return out;
}

std::optional<std::size_t> number_of(const Content& content) {
    if (!content.body || content.body->rfind("{\"n\":", 0) != 0) return std::nullopt;
    return std::strtoull(content.body->c_str() + 5, nullptr, 10);
}

std::vector<Sample> odd_messages(std::uint64_t flags) {
    std::vector<Sample> out{
        {"a plain body", plain(0)},
        {"a body of text", {"plain text", {}, {}}},
        {"a body of all bytes", {all_bytes(), {}, {}}},
        {"a body of one NUL", {std::string(1, '\0'), {}, {}}},
        {"an empty body", {"", {}, {}}},
        {"a body of 60,000 bytes", {std::string(60'000, 'x'), {}, {}}},
    };
    if ((flags & VOLLEY_CAN_TOMBSTONE) != 0) out.push_back({"a tombstone", {std::nullopt, "tombstone", {}}});
    if ((flags & VOLLEY_CAN_TOMBSTONE) != 0 && (flags & VOLLEY_CAN_KEY) == 0) out.back().content.key.reset();
    if ((flags & VOLLEY_CAN_KEY) != 0) {
        out.push_back({"a key", {"1", "key", {}}});
        out.push_back({"an empty key", {"2", "", {}}});
        out.push_back({"a key of all bytes", {"3", all_bytes(), {}}});
    }
    if ((flags & VOLLEY_CAN_HEADERS) != 0) {
        out.push_back({"a header", {"4", {}, {{"name", "value"}}}});
        out.push_back(
            {"a repeated header", {"5", {}, {{"via", "a"}, {"other", "1"}, {"via", "b"}, {"via", "a"}}}});
        out.push_back({"a binary header", {"6", {}, {{"bytes", all_bytes()}}}});
        out.push_back({"a null and an empty header", {"7", {}, {{"nil", std::nullopt}, {"empty", ""}}}});
    }
    return out;
}

}  // namespace volley::cli::plugin_check
