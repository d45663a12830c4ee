// Views of librdkafka's messages.
#pragma once

#include <librdkafka/rdkafka.h>

#include <vector>

#include "volley/abi.hpp"

namespace volley::kafka {

// Fills body, key, headers, partition, offset and timestamp with views into the message, which are valid
// until it is destroyed. `headers` stores the array of headers.
void fill_message(rd_kafka_message_t* message, std::vector<volley_header>& headers, volley_message& out);

}  // namespace volley::kafka
