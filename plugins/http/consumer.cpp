#include "consumer.hpp"

#include <algorithm>
#include <utility>

namespace volley::http {

namespace {

std::int32_t identity(volley_consumer* consumer, volley_view* out, volley_error*) {
    *out = view_of(detail::self<HttpConsumer>(consumer).identity());
    return VOLLEY_OK;
}

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] { static_cast<HttpConsumer*>(instance)->stats(*out); });
}

constexpr volley_ext_identity identity_table{sizeof(volley_ext_identity), 0, &identity};
constexpr volley_ext_inspect inspect_table{
    sizeof(volley_ext_inspect), 0, &stats, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

HttpConsumer::HttpConsumer(Context context)
    : context_(std::move(context)),
      config_(read_server_config(context_)),
      identity_("http " + config_.host + ":" + config_.port + config_.path),
      inbox_(config_.max_queued),
      server_(config_, inbox_) {}

// Does not listen, because an inspection also opens while another process has the port.
void HttpConsumer::open() { config_.token = read_token(context_); }

// The first consume.
void HttpConsumer::start() {
    server_.start(config_.token);
    context_.info("http: listening on " + server_.address());
    if (config_.token.empty() && !server_.is_loopback())
        context_.warning("http: " + server_.address() +
                         " can be reached from other machines, and everybody may send; give it a `token`");
}

void HttpConsumer::put(volley_batch& batch, std::shared_ptr<Exchange> exchange) {
    volley_message& m = element(batch.messages, batch.message_size, batch.count);
    Delivery& d = deliveries_[exchange->number];
    d.exchange = std::move(exchange);
    const Exchange& e = *d.exchange;
    for (const auto& [name, value] : e.headers) d.headers.push_back({view_of(name), view_of(value)});
    m.handle = e.number;
    m.body = view_of(e.request.body);
    if (e.key) m.key = view_of(*e.key);
    if (!e.id.empty()) m.id = view_of(e.id);
    m.headers = d.headers.data();
    m.header_count = static_cast<std::uint32_t>(d.headers.size());
    // With an id, a repeated request is the same message, and the ids of outputs depend on the time.
    if (e.id.empty()) m.timestamp_ms = e.received_ms;
    ++batch.count;
}

std::int32_t HttpConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    batch.count = 0;
    if (!server_.is_started()) start();
    if (batch.capacity == 0) return VOLLEY_OK;
    const auto until = Inbox::Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (auto& exchange : inbox_.take(batch.capacity, batch.max_bytes, until))
        put(batch, std::move(exchange));
    return VOLLEY_OK;
}

void HttpConsumer::poll(std::uint32_t timeout_ms) {
    inbox_.wait(Inbox::Clock::now() + std::chrono::milliseconds(timeout_ms));
}

// A message that was given up is acked with the reason.
Answer HttpConsumer::answer_of(const volley_settlement& s) const {
    const std::string_view text = config_.has_details ? text_of(s.text) : std::string_view();
    if (s.outcome == VOLLEY_ACK) return s.reason == VOLLEY_REASON_NONE ? accepted() : failed(s.reason, text);
    if (s.outcome == VOLLEY_RELEASE) return unavailable(1, "the message was not finished; send it again");
    const std::uint64_t seconds = std::clamp<std::uint64_t>((s.delay_ms + 999) / 1000, 1, 3600);
    return unavailable(static_cast<std::uint32_t>(seconds),
                       text.empty() ? "the message failed for now" : text);
}

void HttpConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        if (deliveries_.erase(s.handle) == 0) {
            s.result = VOLLEY_E_LOST;
            continue;
        }
        inbox_.answer(s.handle, answer_of(s));
        s.result = VOLLEY_OK;
    }
    server_.wake();
}

void HttpConsumer::interrupt() { inbox_.interrupt(); }

// Long enough for answers to clients that read.
void HttpConsumer::close(std::uint32_t timeout_ms) {
    server_.stop(std::chrono::milliseconds(std::min<std::uint32_t>(timeout_ms, 2000)));
}

void HttpConsumer::stats(volley_stats& out) {
    if (!server_.is_started()) return;  // another process has the clients
    out.ready = static_cast<std::int64_t>(inbox_.size());
    out.in_flight = static_cast<std::int64_t>(deliveries_.size());
    out.delayed = 0;
}

const void* HttpConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_IDENTITY) return &identity_table;
    return id == VOLLEY_EXT_INSPECT ? &inspect_table : nullptr;
}

}  // namespace volley::http
