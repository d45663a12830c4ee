// The RSMQ producer: sends a batch with one script. It chooses a message's id before the first attempt, so
// that a send whose reply was lost is not stored twice while the message exists.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "committer.hpp"
#include "lua.hpp"
#include "message_id.hpp"
#include "output_queue.hpp"
#include "unconfirmed_ids.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// Used by one thread.
class RsmqProducer {
public:
    // Throws Error{config}. No I/O.
    RsmqProducer(Context context, volley_report_fn report, void* report_context);
    RsmqProducer(const RsmqProducer&) = delete;
    RsmqProducer& operator=(const RsmqProducer&) = delete;

    // See volley_producer_class.
    void open();
    // Reports every record before it returns.
    void produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                 std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    OutputQueue& output() { return output_; }
    Committer& committer() { return committer_; }

private:
    std::int32_t send(SendBatch& batch);
    void run_send_script(const SendBatch& batch);
    void refuse_rest(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                     std::uint32_t& accepted);
    void report_batch(const SendBatch& batch, std::int32_t status, const std::string& why);
    void report_one(const volley_record& record, std::int32_t status, std::string_view why);

    Context context_;
    volley_report_fn report_;
    void* report_context_;
    OutputQueue output_;
    RedisClock clock_;
    IdGenerator ids_{clock_};
    UnconfirmedIds unconfirmed_;
    Committer committer_{output_, clock_, ids_};
    Script send_{send_script};
    bool is_down_ = false;  // the health that was reported last
};

// The table of volley.atomic/1.
const volley_ext_atomic* atomic_functions();

}  // namespace volley::rsmq
