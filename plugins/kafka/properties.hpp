// librdkafka's properties from `config:` and the environment, checked before anything connects.
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

// From 2.2 on librdkafka has fetch.queue.backoff.ms.
constexpr int has_fetch_backoff = 0x02020000;

// The file's properties over the environment's over our defaults. Throws Error{config} naming the key: one
// that librdkafka does not have, a wrong value, or one that would break what Volley promises. No I/O.
Properties read_properties(const Context& context, Role role);

// Does the file say how long a record may wait for others? Requires: read_properties() took the same.
bool sets_linger(const Context& context);

// A number among them; librdkafka has checked it.
std::int64_t number_of(const Properties& properties, const char* key, std::int64_t fallback);

// The same for a limit: librdkafka's 0 is no limit, which is returned as the largest number.
std::size_t limit_of(const Properties& properties, const char* key, std::int64_t fallback);

// A boolean among them, as librdkafka reads it.
bool is_on(const Properties& properties, const char* key);

// A new librdkafka configuration of these. Throws as read_properties does.
Conf make_conf(const Properties& properties);

}  // namespace volley::kafka
