#include "producer.hpp"

#include <unistd.h>

namespace volley::http {

HttpProducer::HttpProducer(const Context& context, volley_report_fn report_function, void* report_context)
    : context_(context),
      config_(read_client_config(context)),
      report_(report_function),
      report_context_(report_context) {}

// The server need not be available yet: the first request may be hours later.
void HttpProducer::open() {
    config_.token = read_token(context_);
    for (const auto& [key, path] :
         {std::pair{"/tls_ca", config_.tls_ca}, std::pair{"/tls_cert", config_.tls_cert},
          std::pair{"/tls_key", config_.tls_key}}) {
        if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
            throw Error(ErrorCode::config, "http: " + path + " cannot be read", key);
    }
    sender_ = std::make_unique<Sender>(
        config_, [this](std::uint64_t token, const Verdict& verdict) { report(token, verdict); });
    sender_->start();
}

std::int32_t HttpProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                   std::uint32_t& accepted) {
    if (sender_ == nullptr) throw Error(ErrorCode::fatal, "http: the producer is not open");
    accepted = sender_->give(records, count, stride);
    return accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
}

void HttpProducer::report(std::uint64_t token, const Verdict& verdict) const {
    volley_report r{};
    r.token = token;
    r.status = verdict.status;
    r.partition = -1;
    r.offset = -1;
    r.text = view_of(verdict.text);
    report_(report_context_, &r, 1, sizeof r);
}

void HttpProducer::close(std::uint32_t timeout_ms) {
    if (sender_ != nullptr) sender_->stop(std::chrono::milliseconds(timeout_ms));
}

}  // namespace volley::http
