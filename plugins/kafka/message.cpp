#include "message.hpp"

namespace volley::kafka {

namespace {

void fill_headers(rd_kafka_message_t* message, std::vector<volley_header>& list, volley_message& out) {
    list.clear();
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        list.push_back({volley_text(name), {value, size}});
    }
    out.headers = list.data();
    out.header_count = static_cast<std::uint32_t>(list.size());
}

}  // namespace

void fill_message(rd_kafka_message_t* message, std::vector<volley_header>& headers, volley_message& out) {
    out.body = {message->payload, message->len};
    // The payload of a tombstone is null, which the ABI takes as an absent body.
    if (message->key != nullptr) out.key = {message->key, message->key_len};
    out.partition = message->partition;
    out.offset = message->offset;
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) out.timestamp_ms = timestamp;
    fill_headers(message, headers, out);
}

}  // namespace volley::kafka
