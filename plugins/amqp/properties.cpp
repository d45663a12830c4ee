#include "properties.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "connection.hpp"

namespace volley::amqp {

namespace {

constexpr std::string_view prefix = "amqp.";
constexpr std::string_view key_header = "volley-key";
constexpr std::size_t longest_short_text = 255;  // of AMQP's short strings
// All headers must fit into one frame of 128 KiB.
constexpr std::size_t most_header_bytes = 120'000;

// A property that is a short string.
struct TextProperty {
    std::string_view name;
    amqp_flags_t flag;
    amqp_bytes_t amqp_basic_properties_t::*member;
    bool is_written;
};

constexpr TextProperty text_properties[] = {
    {"content_type", AMQP_BASIC_CONTENT_TYPE_FLAG, &amqp_basic_properties_t::content_type, true},
    {"content_encoding", AMQP_BASIC_CONTENT_ENCODING_FLAG, &amqp_basic_properties_t::content_encoding, true},
    {"correlation_id", AMQP_BASIC_CORRELATION_ID_FLAG, &amqp_basic_properties_t::correlation_id, true},
    {"reply_to", AMQP_BASIC_REPLY_TO_FLAG, &amqp_basic_properties_t::reply_to, true},
    {"type", AMQP_BASIC_TYPE_FLAG, &amqp_basic_properties_t::type, true},
    {"app_id", AMQP_BASIC_APP_ID_FLAG, &amqp_basic_properties_t::app_id, true},
    // An output has its own message_id: two outputs of one input are two messages.
    {"message_id", AMQP_BASIC_MESSAGE_ID_FLAG, &amqp_basic_properties_t::message_id, false},
    // The output would also expire, and the message would be lost.
    {"expiration", AMQP_BASIC_EXPIRATION_FLAG, &amqp_basic_properties_t::expiration, false},
    // The broker refuses a user other than that of the connection.
    {"user_id", AMQP_BASIC_USER_ID_FLAG, &amqp_basic_properties_t::user_id, false},
};

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

// Headers in which the broker records the history of a message.
bool is_of_the_broker(std::string_view name) {
    return name == "x-death" || begins_with(name, "x-first-death-") || begins_with(name, "x-last-death-") ||
           name == "x-delivery-count";
}

void add_property(Message& message, std::string_view name, std::string_view value) {
    std::string& full = message.texts.emplace_back(prefix);
    full += name;
    message.headers.push_back({view_of(full), view_of(message.texts.emplace_back(value))});
}

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

void Message::show(volley_message& out, bool has_unique_ids) const {
    out.body = view_of(body);
    if (has_key) out.key = view_of(key);
    if (has_unique_ids && !id.empty()) out.id = view_of(id);
    out.headers = headers.data();
    out.header_count = static_cast<std::uint32_t>(headers.size());
    out.delivery_count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(earlier_deliveries + 1, UINT32_MAX));
    out.timestamp_ms = timestamp_ms;
    out.partition = -1;
    out.offset = -1;
}

void read_delivery(Message& message, std::string_view exchange, std::string_view routing_key,
                   bool is_redelivered) {
    message.is_redelivered = is_redelivered;
    add_property(message, "exchange", exchange);
    add_property(message, "routing_key", routing_key);
    if (is_redelivered) add_property(message, "redelivered", "true");
}

void read_properties(Message& message, const amqp_basic_properties_t& p, std::string_view queue) {
    for (const TextProperty& one : text_properties)
        if ((p._flags & one.flag) != 0) add_property(message, one.name, text_of(p.*one.member));
    if ((p._flags & AMQP_BASIC_PRIORITY_FLAG) != 0)
        add_property(message, "priority", std::to_string(p.priority));
    if ((p._flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0) message.id = text_of(p.message_id);
    if ((p._flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0)
        message.timestamp_ms =
            static_cast<std::int64_t>(std::min<std::uint64_t>(p.timestamp, 9'000'000'000'000)) * 1000;
    std::uint64_t redeliveries = message.is_redelivered ? 1 : 0, deaths = 0;
    const int count = (p._flags & AMQP_BASIC_HEADERS_FLAG) != 0 ? p.headers.num_entries : 0;
    for (int i = 0; i < count; ++i) {
        const amqp_table_entry_t& entry = p.headers.entries[i];
        const std::string_view name = text_of(entry.key);
        if (name == key_header && entry.value.kind != AMQP_FIELD_KIND_VOID) {
            message.has_key = true;
            message.key = text_of_value(entry.value);
            continue;
        }
        if (name == "x-delivery-count")
            redeliveries =
                std::max(redeliveries,
                         static_cast<std::uint64_t>(std::max<std::int64_t>(number_of_value(entry.value), 0)));
        if (name == "x-death") deaths = deaths_in(entry.value, queue);
        add_headers(entry, message.headers, message.texts);
    }
    message.earlier_deliveries = redeliveries + deaths;
}

Properties::Properties(const volley_record& record, std::string_view fallback_id, bool is_persistent) {
    amqp_basic_properties_t& p = properties_;
    p._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
    p.delivery_mode = is_persistent ? 2 : 1;
    const std::int64_t ms = record.timestamp_ms > 0 ? record.timestamp_ms : now_ms();
    p.timestamp = static_cast<std::uint64_t>(ms / 1000);
    const std::string_view id = volley::text_of(record.id);
    p.message_id = bytes_of(!id.empty() && id.size() <= longest_short_text ? id : fallback_id);
    if (!is_absent(record.key)) headers_.add(key_header, record.key);
    std::size_t bytes = volley::text_of(record.key).size();
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const volley_header& header = record.headers[i];
        const std::string_view name = volley::text_of(header.name);
        if (is_of_the_broker(name) || name == key_header) continue;
        if (begins_with(name, prefix) && set_property(name.substr(prefix.size()), header.value)) continue;
        if (name.size() > longest_short_text)
            refusal_ = "the name of a header has " + std::to_string(name.size()) + " bytes; AMQP allows 255";
        headers_.add(name, header.value);
        bytes += name.size() + volley::text_of(header.value).size() + 16;
    }
    if (bytes > most_header_bytes) {
        refusal_ = "key and headers have " + std::to_string(bytes) + " bytes; a frame of AMQP holds " +
                   std::to_string(most_header_bytes);
    }
    p.headers = headers_.table();
    if (p.headers.num_entries > 0) p._flags |= AMQP_BASIC_HEADERS_FLAG;
}

// Returns false if it is a header, not a property.
bool Properties::set_property(std::string_view name, const volley_view& value) {
    const std::string_view text = volley::text_of(value);
    for (const std::string_view only_read : {"exchange", "routing_key", "redelivered"})
        if (name == only_read) return true;
    if (name == "priority") {
        set_priority(text);
        return true;
    }
    for (const TextProperty& one : text_properties) {
        if (name != one.name) continue;
        if (!one.is_written || is_absent(value)) return true;
        if (text.size() > longest_short_text) {
            refusal_ = "the header amqp." + std::string(name) + " has " + std::to_string(text.size()) +
                       " bytes; the property may have 255";
        }
        properties_._flags |= one.flag;
        properties_.*one.member = bytes_of(text);
        return true;
    }
    return false;
}

void Properties::set_priority(std::string_view text) {
    unsigned priority = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), priority);
    if (error != std::errc() || end != text.data() + text.size() || priority > 255) return;
    properties_._flags |= AMQP_BASIC_PRIORITY_FLAG;
    properties_.priority = static_cast<std::uint8_t>(priority);
}

std::string_view Properties::message_id() const { return text_of(properties_.message_id); }

}  // namespace volley::amqp
