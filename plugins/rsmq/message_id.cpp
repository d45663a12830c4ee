#include "message_id.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace volley::rsmq {

namespace {

std::int64_t monotonic_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

// The latest time that an id's ten digits can represent. A server may report any time.
constexpr std::int64_t latest_us = 3'656'158'440'062'975;  // 36^10 - 1

std::uint64_t random_seed() {
    return (std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}();
}

}  // namespace

std::string make_id(std::int64_t unix_us, std::mt19937_64& random) {
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string id(32, '0');
    for (std::size_t i = 10; i-- > 0 && unix_us > 0; unix_us /= 36) id[i] = digits[unix_us % 36];
    std::uint64_t bits = 0;
    for (std::size_t i = 10; i < id.size(); ++i) {
        if ((i - 10) % 10 == 0) bits = random();
        id[i] = letters[bits % 62];
        bits /= 62;
    }
    return id;
}

std::int64_t sent_ms(std::string_view id) {
    char* end = nullptr;
    const std::string digits(id.substr(0, 10));
    const std::int64_t us = std::strtoll(digits.c_str(), &end, 36);
    return id.size() == 32 && *end == '\0' ? us / 1000 : 0;
}

std::string make_unique_name() {
    std::mt19937_64 random(random_seed());
    return make_id(monotonic_us(), random);
}

std::int64_t RedisClock::now_us() const { return monotonic_us() + offset_us_; }

void RedisClock::set(std::int64_t redis_us) {
    offset_us_ = std::clamp<std::int64_t>(redis_us, 0, latest_us) - monotonic_us();
}

void RedisClock::advance(std::int64_t redis_us) {
    offset_us_ = std::max(offset_us_, std::clamp<std::int64_t>(redis_us, 0, latest_us) - monotonic_us());
}

IdGenerator::IdGenerator(const RedisClock& clock) : clock_(clock), random_(random_seed()) {}

std::string IdGenerator::next() {
    last_us_ = std::max(clock_.now_us(), last_us_ + 1);
    return make_id(last_us_, random_);
}

}  // namespace volley::rsmq
