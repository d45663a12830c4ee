// Appends resolution records to the partitions of what they settle.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

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

    // Returns when the broker has confirmed it; throws Error.
    void write(const Resolution& resolution);

private:
    static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);

    std::unique_ptr<Client> client_;
    rd_kafka_t* rk_ = nullptr;
};

}  // namespace volley::kafka
