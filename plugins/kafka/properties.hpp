// librdkafka's properties from `config:` and the environment, checked before any connection is made.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "volley/abi.hpp"

namespace volley::kafka {

struct FreeConf {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, FreeConf>;

enum class Role { consumer, producer };

using Properties = std::map<std::string, std::string>;

// The first version with fetch.queue.backoff.ms.
constexpr int has_fetch_backoff = 0x02020000;

// Merges the file's properties, the environment's and our defaults, in this order of precedence. Throws
// Error{config} with the key if librdkafka does not have it, if its value is wrong, or if it would break a
// guarantee of Volley. No I/O.
Properties read_properties(const Context& context, Role role);

// True if the file sets linger.ms. Requires: read_properties() accepted this context.
bool sets_linger(const Context& context);

// A numeric property, or `fallback` if it is not set. Requires: librdkafka accepted the value.
std::int64_t number_of(const Properties& properties, const char* key, std::int64_t fallback);

// The same for a limit. librdkafka's 0 means no limit, and is returned as the largest number.
std::size_t limit_of(const Properties& properties, const char* key, std::int64_t fallback);

// A boolean property, parsed as librdkafka does; false if it is not set.
bool is_on(const Properties& properties, const char* key);

// Makes a librdkafka configuration. Throws as read_properties does.
Conf make_conf(const Properties& properties);

}  // namespace volley::kafka
