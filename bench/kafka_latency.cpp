// bench_kafka_latency BROKERS TO FROM COUNT: sends COUNT messages to the topic TO and receives them from
// FROM, where something has moved them: the first alone, so that whoever moves them is there, the others one
// a millisecond. Prints the median and the 99th percentile, in ms, from send to receipt, without the first
// second.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

rd_kafka_t* client(rd_kafka_type_t type, const char* brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto set = [conf](const char* key, const char* value) {
        char why[256];
        if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) std::exit(64);
    };
    set("bootstrap.servers", brokers);
    set("socket.nagle.disable", "true");
    set("log_level", "0");
    if (type == RD_KAFKA_PRODUCER) set("linger.ms", "0");
    return rd_kafka_new(type, conf, nullptr, 0);
}

double percentile(std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) return 64;
    const long count = std::atol(argv[4]);
    constexpr long warm_up = 1000;
    if (count <= warm_up) return 64;
    rd_kafka_t* producer = client(RD_KAFKA_PRODUCER, argv[1]);
    rd_kafka_t* consumer = client(RD_KAFKA_CONSUMER, argv[1]);
    rd_kafka_topic_t* to = rd_kafka_topic_new(producer, argv[2], nullptr);
    rd_kafka_topic_t* from = rd_kafka_topic_new(consumer, argv[3], nullptr);
    rd_kafka_consume_start(from, 0, RD_KAFKA_OFFSET_BEGINNING);

    const auto send = [&] {
        char body[100] = {};
        const auto sent = Clock::now();
        std::memcpy(body, &sent, sizeof sent);
        if (rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, body, sizeof body, nullptr, 0,
                             nullptr) != 0) {
            std::exit(1);
        }
        rd_kafka_poll(producer, 0);
    };
    send();
    std::thread sender;
    std::vector<double> latencies;
    for (long received = 0; received < count;) {
        rd_kafka_message_t* message = rd_kafka_consume(from, 0, 1000);
        if (message == nullptr) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && received++ == 0) {
            sender = std::thread([&send, count] {
                auto due = Clock::now();
                for (long i = 1; i < count; ++i) {
                    std::this_thread::sleep_until(due += std::chrono::milliseconds(1));
                    send();
                }
            });
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && received > warm_up) {
            Clock::time_point sent;
            std::memcpy(&sent, message->payload, sizeof sent);
            latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - sent).count());
        }
        rd_kafka_message_destroy(message);
    }
    sender.join();
    std::sort(latencies.begin(), latencies.end());
    std::printf("%.3f %.3f\n", percentile(latencies, 0.5), percentile(latencies, 0.99));
    std::fflush(stdout);
    std::_Exit(0);
}
