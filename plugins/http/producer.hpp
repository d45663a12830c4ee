// HttpProducer: posts each record, and reports the server's response. Thread: any.
#pragma once

#include <memory>

#include "config.hpp"
#include "sender.hpp"

namespace volley::http {

class HttpProducer {
public:
    HttpProducer(const Context& context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);

private:
    void report(std::uint64_t token, const Verdict& verdict) const;

    Context context_;
    ClientConfig config_;
    volley_report_fn report_;
    void* report_context_;
    std::unique_ptr<Sender> sender_;
};

}  // namespace volley::http
