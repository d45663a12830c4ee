// MemoryProducer: copies each record into its queue and reports it before produce returns; with `discard`,
// only counts. Thread: any.
#pragma once

#include "config.hpp"
#include "queue.hpp"
#include "volley/abi.hpp"

namespace volley::memory {

class MemoryProducer {
public:
    MemoryProducer(const Context& context, volley_report_fn report, void* report_context);

    void open() {}
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t) {}
    const void* extension(std::string_view id);

    Queue& queue() { return *queue_; }
    std::vector<std::unique_ptr<Slot>> shown;  // the messages that peek and find lend

private:
    void report_done(const volley_record* records, std::uint32_t count, std::uint32_t stride) const;

    MemoryConfig config_;
    volley_report_fn report_;
    void* report_context_;
    Queue* queue_;
    const volley_host* host_;
    volley_metric* discarded_;
};

}  // namespace volley::memory
