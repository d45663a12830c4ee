#include "plugin_check/call.hpp"

#include <algorithm>
#include <cstring>

#include "plugins/call_error.hpp"
#include "text/text.hpp"

namespace volley::cli::plugin_check {

namespace {

constexpr unsigned char guard_byte = 0xA5;

}  // namespace

std::string status_name(std::int32_t status) {
    const std::string words = plugins::describe(status);
    return words.substr(0, words.find(','));
}

std::string Outcome::words() const { return status_name(status) + (text.empty() ? "" : " (" + text + ")"); }

ErrorRoom::ErrorRoom() {
    std::memset(&room_, 0, sizeof room_);
    room_.error.struct_size = sizeof room_.error;
    std::memset(room_.guard, guard_byte, sizeof room_.guard);
}

Outcome ErrorRoom::read(const std::string& call, std::int32_t status,
                        std::initializer_list<std::int32_t> successes) const {
    for (const unsigned char byte : room_.guard)
        require(byte == guard_byte, call + " wrote behind volley_error",
                "write no more than struct_size bytes");
    const bool has_end = std::memchr(room_.error.text, '\0', sizeof room_.error.text) != nullptr &&
                         std::memchr(room_.error.field, '\0', sizeof room_.error.field) != nullptr;
    require(has_end, call + " filled a text of volley_error without its NUL", "use volley_fail()");
    Outcome out{status, room_.error.text, room_.error.field};
    require(text::is_utf8(out.text) && text::is_utf8(out.field),
            call + " gave a text that is no UTF-8: " + conformance::excerpt(out.text),
            "replace what is no UTF-8, and cut texts between characters");
    if (std::find(successes.begin(), successes.end(), status) != successes.end()) return out;
    require(plugins::is_error_status(status), call + " returned " + plugins::describe(status),
            "return one of the statuses of docs/plugin-contract.md");
    require(!out.text.empty(), call + " returned " + status_name(status) + " without a text",
            "say in volley_error.text what failed and what to do: volley_fail()");
    return out;
}

}  // namespace volley::cli::plugin_check
