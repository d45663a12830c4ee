// RSMQ's message ids: ten digits to the base 36 for the microseconds since 1970, then 22 random characters.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace volley::rsmq {

std::string make_id(std::int64_t unix_us, std::mt19937_64& random);

// The time in ms at which the message of this id was sent. 0 if it is not an RSMQ id.
std::int64_t sent_ms(std::string_view id);

// A name that no other call returns, in any process.
std::string make_unique_name();

// The clock of the Redis server as this process estimates it: the monotonic clock plus an offset, so that a
// jump of the local wall clock does not matter.
class RedisClock {
public:
    std::int64_t now_us() const;
    // Adopts a time that Redis has just returned.
    void set(std::int64_t redis_us);
    // The same for a reply that may have waited to be read: such a time can be too early, never too late, so
    // the clock only moves forward. Otherwise the next message could appear older than an earlier one.
    void advance(std::int64_t redis_us);

private:
    std::int64_t offset_us_ = 0;
};

// The ids of one producer ascend: Redis orders messages of the same millisecond by id.
class IdGenerator {
public:
    explicit IdGenerator(const RedisClock& clock);
    std::string next();

private:
    const RedisClock& clock_;
    std::mt19937_64 random_;
    std::int64_t last_us_ = 0;
};

}  // namespace volley::rsmq
