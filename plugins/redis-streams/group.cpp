#include "group.hpp"

#include <charconv>
#include <random>

namespace volley::streams {

namespace {

std::string random_text() {
    std::random_device random;
    std::string out;
    for (int i = 0; i < 4; ++i) {
        char part[9] = {};
        std::to_chars(part, part + 8, random(), 16);
        out += part;
    }
    return out;
}

}  // namespace

void Group::ensure() {
    if (is_known_) return;
    const Settings& s = connection_.settings();
    // A group that has vanished is recreated at the beginning of the stream, so that unacked messages are
    // redelivered.
    const char* start = s.is_from_latest && !was_known_ ? "$" : "0";
    Reply reply = connection_.run(script_, {s.group, start, random_text()});
    const bool is_sound = has_form(*reply, "is");
    reply = connection_.expected(std::move(reply), is_sound);
    identity_ = std::string(text_of(*reply->element[1])) + "/" + s.group;
    const bool is_new = reply->element[0]->integer == 1;
    if (is_new && was_known_) {
        context_.warning("the group " + s.group + " of the stream " + s.stream +
                         " has vanished and was made again: all messages in the stream are delivered again");
    } else if (is_new) {
        context_.info("made the group " + s.group + " of the stream " + s.stream + ", from the " +
                      (s.is_from_latest ? "latest" : "earliest") + " message on");
    }
    is_known_ = was_known_ = true;
}

}  // namespace volley::streams
