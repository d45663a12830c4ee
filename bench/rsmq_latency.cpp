// bench_rsmq_latency PORT NS IN OUT RATE SECONDS: sends RATE messages a second into one RSMQ queue and takes
// them from another, to which somebody else moves them. Prints the median, the 99th percentile and the
// longest time from send to arrival, in milliseconds; the first second is not counted. Looks for arrivals all
// the time, so that what is measured is not its own waiting.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

redisReply* checked(void* reply) {
    auto* r = static_cast<redisReply*>(reply);
    if (r != nullptr && r->type != REDIS_REPLY_ERROR) return r;
    std::fprintf(stderr, "redis: %s\n", r != nullptr ? r->str : "no reply");
    std::exit(1);
}

constexpr char take_script[] = R"lua(
local ids = redis.call('ZRANGE', KEYS[1], 0, 99)
if #ids == 0 then return {} end
local bodies = redis.call('HMGET', KEYS[2], unpack(ids))
redis.call('ZREM', KEYS[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(ids))
return bodies
)lua";

void send_all(int port, std::string key, long rate, long count) {
    redisContext* redis = redisConnect("127.0.0.1", port);
    const auto begin = Clock::now();
    for (long i = 0; i < count; ++i) {
        std::this_thread::sleep_until(begin + std::chrono::microseconds(i * 1'000'000 / rate));
        const std::string id = "volleybnch" + std::to_string(1'000'000'000'000'000'000 + i) + "abc";
        const std::string body = "{\"at\":" + std::to_string(now_us()) + ",\"n\":" + std::to_string(i) + "}";
        redisAppendCommand(redis, "MULTI");
        redisAppendCommand(redis, "HSET %s:Q %s %s", key.c_str(), id.c_str(), body.c_str());
        redisAppendCommand(redis, "ZADD %s 1 %s", key.c_str(), id.c_str());
        redisAppendCommand(redis, "EXEC");
        for (int replies = 0; replies < 4; ++replies) {
            void* reply = nullptr;
            redisGetReply(redis, &reply);
            freeReplyObject(checked(reply));
        }
    }
    redisFree(redis);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) return 64;
    const int port = std::atoi(argv[1]);
    const std::string ns = std::string(argv[2]) + ":";
    const std::string out = ns + argv[4];
    const long rate = std::atol(argv[5]);
    const long count = rate * std::atol(argv[6]);
    std::vector<double> times;
    times.reserve(static_cast<std::size_t>(count));
    std::thread sender(send_all, port, ns + argv[3], rate, count);
    redisContext* redis = redisConnect("127.0.0.1", port);
    for (long arrived = 0; arrived < count;) {
        redisReply* got =
            checked(redisCommand(redis, "EVAL %s 2 %s %s:Q", take_script, out.c_str(), out.c_str()));
        const std::int64_t now = now_us();
        for (std::size_t i = 0; i < got->elements; ++i) {
            const std::int64_t at = std::atoll(got->element[i]->str + 6);
            if (++arrived > rate) times.push_back(static_cast<double>(now - at) / 1000);
        }
        const bool nothing = got->elements == 0;
        freeReplyObject(got);
        if (nothing) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    sender.join();
    redisFree(redis);
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) {
        return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
    };
    std::printf("%.3f %.3f %.3f\n", at(0.5), at(0.99), at(1));
    return 0;
}
