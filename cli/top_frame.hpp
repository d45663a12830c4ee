// What `volley top` shows, as lines of text. Pure; any thread.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>
#include <string>
#include <vector>

namespace volley::cli {

struct TopView {
    std::size_t columns = 0;  // 0: lines are not cut
    std::size_t rows = 0;     // 0: everything is shown
    bool styles = false;      // bold and reverse
    bool colours = false;
    std::size_t selected = 0;  // which component's details are shown
    std::string where;         // "127.0.0.1:3000"
    std::string message;       // in the last line, instead of the keys
};

// `event` as the API's events have it, `in_flight` as its list of messages in flight. Foreign text is
// escaped.
std::vector<std::string> top_frame(const rapidjson::Value& event, const rapidjson::Value& in_flight,
                                   const TopView& view);

}  // namespace volley::cli
