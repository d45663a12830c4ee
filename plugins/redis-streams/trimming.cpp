#include "trimming.hpp"

#include <algorithm>

namespace volley::streams {

namespace {

constexpr std::chrono::minutes warning_interval{1};
// Redis removes whole nodes of a hundred entries, so slightly more than maxlen entries remain.
constexpr std::int64_t slack = 300;

}  // namespace

void Trimming::trim() {
    const Settings& s = connection_.settings();
    if (s.maxlen == 0) return;
    try {
        const std::string most = std::to_string(s.maxlen);
        Reply reply = connection_.run(script_, {most, s.trim_always ? "1" : "0"});
        const bool is_sound = has_form(*reply, "isii");
        reply = connection_.expected(std::move(reply), is_sound);
        const std::int64_t length = reply->element[0]->integer;
        const std::string group(text_of(*reply->element[1]));
        const bool is_over = length > s.maxlen + std::max(s.maxlen / 10, slack);
        if (reply->element[3]->integer == 1) {
            warn("trimming the stream " + s.stream + " to maxlen " + std::to_string(s.maxlen) +
                 " has removed messages that the group " + group +
                 " had not acked: they are lost. trim: acked keeps them");
        } else if (is_over && reply->element[2]->integer == 1 && !s.trim_always) {
            warn("the stream " + s.stream + " has " + std::to_string(length) +
                 " messages and no consumer group, so nothing is trimmed. trim: always trims nevertheless");
        } else if (is_over) {
            warn("the stream " + s.stream + " has " + std::to_string(length) +
                 " messages, more than maxlen " + std::to_string(s.maxlen) + ": the group " + group +
                 " has not acked the oldest yet");
        }
    } catch (const Error& error) {
        warn("cannot trim the stream " + s.stream + ". " + error.text);
    }
}

void Trimming::warn(const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_warning_) return;
    next_warning_ = now + warning_interval;
    context_.warning(text);
}

}  // namespace volley::streams
