// The RSMQ producer: a batch is one script. Ids are made before the first try, so that a send whose reply was
// lost is not stored twice while the message is there.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.hpp"
#include "scripts.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

class RsmqProducer {
public:
    RsmqProducer(Context context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);

private:
    void send(const volley_record* records, std::uint32_t count, std::uint32_t stride);
    std::string id_of(const volley_record& record);
    void report(const volley_record& record, std::int32_t status, std::string_view id, std::string_view text);

    Context context_;
    Connection connection_;
    volley_report_fn report_;
    void* report_context_;
    Script send_{send_script};
    long maxsize_ = 65536;
    std::int64_t clock_ahead_us_ = 0;  // of Redis' clock, against ours
    std::mt19937_64 random_;
    // Ids of sends that may have been stored without our knowing, by the record's stable id.
    std::unordered_map<std::string, std::string> unconfirmed_;
};

// RSMQ's id: ten digits to the base 36 for the microseconds, then 22 random characters.
std::string make_id(std::int64_t unix_us, std::mt19937_64& random);

// As node's rsmq counts: UTF-16 units.
std::size_t rsmq_length(std::string_view body);

}  // namespace volley::rsmq
