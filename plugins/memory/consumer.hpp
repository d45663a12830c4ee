// MemoryConsumer: receives from a queue of this process or, with `generate`, generates the messages itself.
#pragma once

#include "config.hpp"
#include "queue.hpp"
#include "volley/abi.hpp"

namespace volley::memory {

class MemoryConsumer {
public:
    explicit MemoryConsumer(const Context& context);
    ~MemoryConsumer();
    MemoryConsumer(const MemoryConsumer&) = delete;
    MemoryConsumer& operator=(const MemoryConsumer&) = delete;

    void open() {}
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    Queue& queue() { return *queue_; }
    // The number of messages that are still to be generated.
    std::uint64_t to_come() const;
    std::vector<std::unique_ptr<Slot>> shown;  // the messages that peek and find lend

private:
    bool at_end();
    std::uint32_t generate(Slot** slots, std::uint32_t count);
    void write_body(Slot& slot);

    MemoryConfig config_;
    std::unique_ptr<Queue> own_;  // generated messages that are to be redelivered
    Queue* queue_;
    bool interrupted_ = false;  // guarded by the queue's lock
    std::uint64_t generated_ = 0;
    char digits_[12];  // generated_ in decimal, counted up in place
};

}  // namespace volley::memory
