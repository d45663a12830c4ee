// bench_rsmq_bare PORT NS FROM TO COUNT: moves COUNT messages from one RSMQ queue to another with hiredis
// alone: a batch is one receive script, then one transaction of plain commands that sends and deletes. While
// there are full batches, two receives are outstanding, so that Redis always has the next one to do. An empty
// queue is asked again after a millisecond. Prints the seconds from the first message to the last; with COUNT
// 0 it goes on until it is killed.
#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "rsmq_scripts.hpp"

namespace {

using Words = std::vector<std::string_view>;

void append(redisContext* redis, const Words& words) {
    std::vector<const char*> data;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
        data.push_back(word.data());
        sizes.push_back(word.size());
    }
    redisAppendCommandArgv(redis, static_cast<int>(words.size()), data.data(), sizes.data());
}

void flush(redisContext* redis) {
    for (int done = 0; done == 0;) {
        if (redisBufferWrite(redis, &done) == REDIS_OK) continue;
        std::fprintf(stderr, "redis: %s\n", redis->errstr);
        std::exit(1);
    }
}

redisReply* answer(redisContext* redis) {
    void* reply = nullptr;
    if (redisGetReply(redis, &reply) != REDIS_OK) {
        std::fprintf(stderr, "redis: %s\n", redis->errstr);
        std::exit(1);
    }
    auto* r = static_cast<redisReply*>(reply);
    if (r->type == REDIS_REPLY_ERROR) {
        std::fprintf(stderr, "redis: %s\n", r->str);
        std::exit(1);
    }
    return r;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) return 64;
    redisContext* redis = redisConnect("127.0.0.1", std::atoi(argv[1]));
    const std::string from = std::string(argv[2]) + ":" + argv[3], from_hash = from + ":Q";
    const std::string to = std::string(argv[2]) + ":" + argv[4], to_hash = to + ":Q";
    const long count = std::atol(argv[5]);
    append(redis, {"SCRIPT", "LOAD", bench::receive_script});
    redisReply* loaded = answer(redis);
    const std::string receive(loaded->str, loaded->len);
    freeReplyObject(loaded);
    const Words ask{"EVALSHA", receive, "2", from, from_hash, "512"};
    constexpr std::size_t batch = 512, replies_of_commit = 7;
    std::chrono::steady_clock::time_point begin;
    std::deque<bool> outstanding;  // replies to come: of a commit (true) or a receive
    long asked = 0;
    const auto keep_asking = [&](long receives) {
        for (; asked < receives; ++asked) {
            append(redis, ask);
            outstanding.push_back(false);
        }
        flush(redis);
    };
    keep_asking(1);
    for (long done = 0; (count == 0 || done < count) || !outstanding.empty();) {
        const bool of_commit = outstanding.front();
        outstanding.pop_front();
        if (of_commit) {
            for (std::size_t i = 0; i < replies_of_commit; ++i) freeReplyObject(answer(redis));
            continue;
        }
        redisReply* got = answer(redis);
        --asked;
        if (got->elements < 4) {
            freeReplyObject(got);
            if (!outstanding.empty() || (count > 0 && done >= count)) continue;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            keep_asking(1);
            continue;
        }
        if (done == 0) begin = std::chrono::steady_clock::now();
        const std::string now = std::to_string(got->element[0]->integer);
        const redisReply &ids = *got->element[1], &bodies = *got->element[2];
        std::deque<std::string> fields;
        Words add{"ZADD", to}, set{"HSET", to_hash}, remove{"ZREM", from}, forget{"HDEL", from_hash};
        for (std::size_t i = 0; i < ids.elements; ++i) {
            const std::string_view id(ids.element[i]->str, ids.element[i]->len);
            const std::string_view body(bodies.element[i]->str, bodies.element[i]->len);
            add.insert(add.end(), {now, id});
            set.insert(set.end(), {id, body});
            remove.push_back(id);
            const std::string_view rc = fields.emplace_back(std::string(id) + ":rc");
            const std::string_view fr = fields.emplace_back(std::string(id) + ":fr");
            forget.insert(forget.end(), {id, rc, fr});
        }
        const std::string sent = std::to_string(ids.elements);
        for (const Words& words : {Words{"MULTI"}, add, set, Words{"HINCRBY", to_hash, "totalsent", sent},
                                   remove, forget, Words{"EXEC"}}) {
            append(redis, words);
        }
        outstanding.push_back(true);
        keep_asking(ids.elements == batch ? 2 : 1);
        done += static_cast<long>(ids.elements);
        freeReplyObject(got);
    }
    std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    redisFree(redis);
    return 0;
}
