#include "output_queue.hpp"

#include <algorithm>
#include <cstdlib>

#include "envelope.hpp"

namespace volley::rsmq {

namespace {

// Redis's own limit for a string (proto-max-bulk-len): it closes the connection of a client that exceeds it.
constexpr std::size_t max_body_bytes = 512U << 20U;
constexpr double max_delay_seconds = 1e9;  // another client may set any

}  // namespace

std::size_t rsmq_length(std::string_view body) {
    std::size_t units = 0;
    for (const char c : body) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0U) != 0x80U) units += byte >= 0xF0U ? 2U : 1U;
    }
    return units;
}

OutputQueue::OutputQueue(Settings settings) : connection_(std::move(settings)) {
    const Settings& s = connection_.settings();
    address_ = s.server.store() + s.set_key;
}

void OutputQueue::set_attributes(Attributes attributes) {
    attributes_ = std::move(attributes);
    const double seconds = std::strtod(attributes_.delay.c_str(), nullptr);
    delay_ms_ = seconds > 0 ? static_cast<std::int64_t>(std::min(seconds, max_delay_seconds) * 1000) : 0;
    char* end = nullptr;
    maxsize_ = std::strtol(attributes_.maxsize.c_str(), &end, 10);
    if (end == attributes_.maxsize.c_str()) maxsize_ = -1;  // not a number means no limit, as in RSMQ
}

bool OutputQueue::reload_attributes() {
    const long before = maxsize_;
    set_attributes(ensure_queue(connection_));
    return maxsize_ != before;
}

std::int32_t OutputQueue::check(const volley_record& record, std::string_view stored,
                                std::string& why) const {
    if (is_absent(record.body)) {
        why = "RSMQ cannot store a message without a body";
        return VOLLEY_E_UNSUPPORTED;
    }
    if (stored.size() > max_body_bytes) {
        why = "the message has " + std::to_string(stored.size()) + " bytes; Redis stores no more than " +
              std::to_string(max_body_bytes);
        return VOLLEY_E_TOO_LARGE;
    }
    // A character has at least one byte: most messages need not be counted.
    if (maxsize_ < 0 || stored.size() <= static_cast<std::size_t>(maxsize_)) return VOLLEY_OK;
    const std::size_t length = rsmq_length(stored);
    if (length <= static_cast<std::size_t>(maxsize_)) return VOLLEY_OK;
    why = "the message has " + std::to_string(length) + " characters; maxsize of queue " + settings().queue +
          " is " + std::to_string(maxsize_);
    return VOLLEY_E_TOO_LARGE;
}

std::int32_t OutputQueue::check_reloaded(const volley_record& record, std::string_view stored,
                                         std::string& why) {
    const std::int32_t verdict = check(record, stored, why);
    if (verdict != VOLLEY_E_TOO_LARGE) return verdict;
    try {
        return reload_attributes() ? check(record, stored, why) : verdict;
    } catch (const Error& error) {
        why = error.text;
        return static_cast<std::int32_t>(error.code);
    }
}

std::string_view SendBatch::encode(const volley_record& record, bool use_envelope) {
    if (!use_envelope || is_absent(record.body)) return volley::text_of(record.body);
    return texts.emplace_back(put_into_envelope(record));
}

void SendBatch::add(const volley_record& record, std::string_view stored, std::string id) {
    records.push_back(&record);
    bytes += stored.size();
    std::string_view delay;
    if (record.delay_ms > 0) delay = texts.emplace_back(std::to_string(record.delay_ms));
    has_delay = has_delay || !delay.empty();
    delays.push_back(delay);
    bodies.insert(bodies.end(), {ids.emplace_back(std::move(id)), stored});
}

void SendBatch::append_to(Words& arguments, std::string& count) const {
    count = std::to_string(records.size());
    arguments.push_back(count);
    arguments.insert(arguments.end(), bodies.begin(), bodies.end());
    if (has_delay) arguments.insert(arguments.end(), delays.begin(), delays.end());
}

}  // namespace volley::rsmq
