// HttpConsumer: a message is a request that waits for its answer. If a message is put back, the client must
// send it again. Thread: the owner's; interrupt: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config.hpp"
#include "inbox.hpp"
#include "server.hpp"

namespace volley::http {

class HttpConsumer {
public:
    explicit HttpConsumer(Context context);

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void poll(std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    void stats(volley_stats& out);
    const std::string& identity() const { return identity_; }

private:
    // A message in flight, with its headers in the form of the ABI.
    struct Delivery {
        std::shared_ptr<Exchange> exchange;
        std::vector<volley_header> headers;
    };

    void start();
    void put(volley_batch& batch, std::shared_ptr<Exchange> exchange);
    Answer answer_of(const volley_settlement& settlement) const;

    Context context_;
    ServerConfig config_;
    std::string identity_;
    Inbox inbox_;
    Server server_;
    std::unordered_map<std::uint64_t, Delivery> deliveries_;  // by the exchange's number, which is the handle
};

}  // namespace volley::http
