// bench_rsmq_bare PORT NS FROM TO COUNT: moves COUNT messages from one RSMQ queue to another with hiredis
// alone: a batch is one receive script, then send and delete in one pipeline. Prints the seconds from the
// first message to the last.
#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "rsmq_scripts.hpp"

namespace {

void append(redisContext* redis, const std::vector<std::string>& words) {
    std::vector<const char*> data;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
        data.push_back(word.data());
        sizes.push_back(word.size());
    }
    redisAppendCommandArgv(redis, static_cast<int>(words.size()), data.data(), sizes.data());
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

std::string load(redisContext* redis, const char* script) {
    append(redis, {"SCRIPT", "LOAD", script});
    redisReply* reply = answer(redis);
    std::string sha(reply->str, reply->len);
    freeReplyObject(reply);
    return sha;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) return 64;
    redisContext* redis = redisConnect("127.0.0.1", std::atoi(argv[1]));
    const std::string ns = std::string(argv[2]) + ":";
    const std::string from = ns + argv[3];
    const std::string to = ns + argv[4];
    const long count = std::atol(argv[5]);
    const std::string receive = load(redis, volley::rsmq::receive_script);
    const std::string ack = load(redis, volley::rsmq::ack_script);
    const std::string send = load(redis, volley::rsmq::send_script);
    std::chrono::steady_clock::time_point begin;
    for (long done = 0; done < count;) {
        append(redis, {"EVALSHA", receive, "2", from, from + ":Q", "512"});
        redisReply* got = answer(redis);
        if (done == 0) begin = std::chrono::steady_clock::now();
        std::vector<std::string> sends{"EVALSHA", send, "2", to, to + ":Q", ""};
        std::vector<std::string> acks{"EVALSHA", ack, "2", from, from + ":Q"};
        for (std::size_t i = 2; i + 3 < got->elements; i += 4, ++done) {
            const std::string id(got->element[i]->str, got->element[i]->len);
            sends.insert(sends.end(),
                         {id, std::string(got->element[i + 1]->str, got->element[i + 1]->len), ""});
            acks.insert(acks.end(), {id, std::to_string(got->element[i + 2]->integer)});
        }
        freeReplyObject(got);
        if (acks.size() == 5) break;
        append(redis, sends);
        freeReplyObject(answer(redis));  // acked only when sent
        append(redis, acks);
        freeReplyObject(answer(redis));
    }
    std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    redisFree(redis);
    return 0;
}
