#include "writing.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>

namespace volley::postgresql {

namespace {

struct Known {
    std::mutex mutex;
    std::map<std::string, Writing> of_writers;
};

Known& known() {
    static auto& all = *new Known;  // threads may outlive main
    return all;
}

}  // namespace

std::int32_t Priority::of(const volley_record& record) const {
    if (header.empty()) return fixed;
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        if (text_of(record.headers[i].name) != header) continue;
        const std::string_view text = text_of(record.headers[i].value);
        std::int32_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc{} && end == text.data() + text.size()) return value;
    }
    return fixed;
}

void set_writing(const std::string& writer, const Writing& writing) {
    Known& all = known();
    const std::lock_guard lock(all.mutex);
    all.of_writers[writer] = writing;
}

std::optional<Writing> writing_of(const std::string& writer) {
    Known& all = known();
    const std::lock_guard lock(all.mutex);
    const auto found = all.of_writers.find(writer);
    if (found == all.of_writers.end()) return std::nullopt;
    return found->second;
}

}  // namespace volley::postgresql
