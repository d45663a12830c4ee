// bench_kafka_bare BROKERS GROUP FROM TO COUNT [lean | greedy]: moves COUNT messages with librdkafka alone:
// poll, produce without a copy, with key and headers, and commit what is confirmed, at the end. `lean`:
// without looking for headers. `greedy`: fetches without a limit, so that librdkafka never stops to. Prints
// the seconds from the first message to the last confirmation.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long confirmed = 0;

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) std::exit(1);
    rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(message->_private));
    ++confirmed;
}

rd_kafka_t* client(rd_kafka_type_t type, const char* brokers, const char* group, bool greedy) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto set = [conf](const char* key, const char* value) {
        char why[256];
        if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) std::exit(64);
    };
    set("bootstrap.servers", brokers);
    set("socket.nagle.disable", "true");
    set("log_level", "0");
    if (type == RD_KAFKA_CONSUMER) {
        set("group.id", group);
        set("auto.offset.reset", "earliest");
        set("enable.auto.commit", "false");
        if (greedy) {
            set("queued.min.messages", "10000000");
            set("queued.max.messages.kbytes", "2097151");
        }
    } else {
        set("enable.idempotence", "true");
        set("linger.ms", "0");
        rd_kafka_conf_set_dr_msg_cb(conf, &on_delivery);
    }
    return rd_kafka_new(type, conf, nullptr, 0);
}

// Returns false if the queue is full.
bool send(rd_kafka_t* producer, rd_kafka_topic_t* to, rd_kafka_message_t* message, bool lean) {
    rd_kafka_headers_t* headers = nullptr;
    if (lean || rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, 0, message->payload, message->len, message->key,
                                message->key_len, message) == 0;
    }
    headers = rd_kafka_headers_copy(headers);
// librdkafka's macros cast as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const bool sent =
        rd_kafka_producev(producer, RD_KAFKA_V_RKT(to), RD_KAFKA_V_VALUE(message->payload, message->len),
                          RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_OPAQUE(message),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR;
#pragma GCC diagnostic pop
    if (!sent) rd_kafka_headers_destroy(headers);
    return sent;
}

}  // namespace

int main(int argc, char** argv) {
    const bool lean = argc == 7 && std::strcmp(argv[6], "lean") == 0;
    const bool greedy = argc == 7 && std::strcmp(argv[6], "greedy") == 0;
    if (argc != 6 && !lean && !greedy) return 64;
    rd_kafka_t* consumer = client(RD_KAFKA_CONSUMER, argv[1], argv[2], greedy);
    rd_kafka_t* producer = client(RD_KAFKA_PRODUCER, argv[1], argv[2], greedy);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[3], RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_t* to = rd_kafka_topic_new(producer, argv[4], nullptr);
    const long count = std::atol(argv[5]);
    long taken = 0;
    std::chrono::steady_clock::time_point begin;
    while (confirmed < count) {
        rd_kafka_message_t* message = taken < count ? rd_kafka_consumer_poll(consumer, 100) : nullptr;
        if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (taken++ == 0) begin = std::chrono::steady_clock::now();
            while (!send(producer, to, message, lean)) rd_kafka_poll(producer, 10);
        } else if (message != nullptr) {
            rd_kafka_message_destroy(message);
        }
        if (taken % 256 == 0 || taken == count) rd_kafka_poll(producer, taken == count ? 10 : 0);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    rd_kafka_commit(consumer, nullptr, 0);
    std::printf("%.6f\n", seconds);
    std::fflush(stdout);
    std::_Exit(0);
}
