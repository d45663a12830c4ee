// Appends resolution records to the partitions of what they settle, many at a time.
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
    // Of the same queue as the context's consumer: its `config:` serves producers too. No I/O.
    explicit ResolutionWriter(const Context& context);
    ~ResolutionWriter();
    ResolutionWriter(const ResolutionWriter&) = delete;
    ResolutionWriter& operator=(const ResolutionWriter&) = delete;

    // Returns when it is known of each what became of it: nothing, if the broker has confirmed it, or why
    // not.
    std::vector<std::optional<Error>> write(const std::vector<Resolution>& resolutions);

private:
    // What becomes of those that are under way.
    struct Round {
        std::vector<std::optional<rd_kafka_resp_err_t>> outcomes;  // by number; nothing: not known yet
        std::size_t missing = 0;
    };

    static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);
    rd_kafka_resp_err_t send(const Resolution& resolution, std::size_t number);
    void hand_over(const std::vector<Resolution>& resolutions, std::int64_t deadline);
    void await(std::int64_t deadline);
    std::optional<Error> error_of(const Resolution& resolution, rd_kafka_resp_err_t code) const;

    std::unique_ptr<Client> client_;
    rd_kafka_t* rk_ = nullptr;
    Round round_;
    std::uint64_t rounds_ = 0;
};

}  // namespace volley::kafka
