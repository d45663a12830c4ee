// Appends resolution records to the partitions of the messages that they settle, in batches.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client.hpp"
#include "resolution.hpp"

namespace volley::kafka {

class ResolutionWriter {
public:
    // `context`: the context of the queue's consumer; its `config:` is also valid for producers. No I/O.
    explicit ResolutionWriter(const Context& context);
    ~ResolutionWriter();
    ResolutionWriter(const ResolutionWriter&) = delete;
    ResolutionWriter& operator=(const ResolutionWriter&) = delete;

    // Waits for all of them. Returns the error of each, or nothing if the broker has confirmed it.
    std::vector<std::optional<Error>> write(const std::vector<Resolution>& resolutions);

private:
    // The results of one call of write().
    struct Batch {
        std::vector<std::optional<rd_kafka_resp_err_t>> results;  // nothing: not reported yet
        std::size_t pending = 0;
    };

    static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);
    rd_kafka_resp_err_t send(const Resolution& resolution, std::size_t number);
    void produce_all(const std::vector<Resolution>& resolutions, std::int64_t deadline);
    void wait_for_reports(std::int64_t deadline);
    std::optional<Error> error_of(const Resolution& resolution, rd_kafka_resp_err_t code) const;

    std::unique_ptr<Client> client_;
    rd_kafka_t* rk_ = nullptr;
    Batch batch_;
    std::uint64_t batch_number_ = 0;
};

}  // namespace volley::kafka
