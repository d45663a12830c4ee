#include "producer.hpp"

#include <algorithm>
#include <chrono>

namespace volley::rsmq {

namespace {

constexpr std::uint32_t script_batch = 512;

std::int64_t unix_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string make_id(std::int64_t unix_us_now, std::mt19937_64& random) {
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string id(32, '0');
    for (std::size_t i = 10; i-- > 0 && unix_us_now > 0; unix_us_now /= 36) id[i] = digits[unix_us_now % 36];
    for (std::size_t i = 10; i < id.size(); ++i) id[i] = letters[random() % 62];
    return id;
}

std::size_t rsmq_length(std::string_view body) {
    std::size_t units = 0;
    for (const char c : body) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0U) != 0x80U) units += byte >= 0xF0U ? 2U : 1U;
    }
    return units;
}

RsmqProducer::RsmqProducer(Context context, volley_report_fn report_function, void* report_context)
    : context_(std::move(context)),
      connection_(read_settings(context_)),
      report_(report_function),
      report_context_(report_context),
      random_(std::random_device{}()) {}

void RsmqProducer::open() {
    maxsize_ = ensure_queue(connection_);
    const Reply time = connection_.command({"TIME"});
    const auto redis_us = std::strtoll(time->element[0]->str, nullptr, 10) * 1'000'000 +
                          std::strtoll(time->element[1]->str, nullptr, 10);
    clock_ahead_us_ = redis_us - unix_us();
}

std::int32_t RsmqProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                   std::uint32_t& accepted) {
    while (accepted < count) {
        const std::uint32_t n = std::min(count - accepted, script_batch);
        send(&element(records, stride, accepted), n, stride);
        accepted += n;
    }
    return VOLLEY_OK;
}

std::string RsmqProducer::id_of(const volley_record& record) {
    if (!is_absent(record.id)) {
        const auto known = unconfirmed_.find(std::string(volley::text_of(record.id)));
        if (known != unconfirmed_.end()) return known->second;
    }
    return make_id(unix_us() + clock_ahead_us_, random_);
}

// Every record is reported before it returns.
void RsmqProducer::send(const volley_record* records, std::uint32_t count, std::uint32_t stride) {
    const Settings& s = connection_.settings();
    std::vector<std::string> ids;
    std::vector<std::string> delays;
    std::vector<const volley_record*> sent;
    ids.reserve(count);
    delays.reserve(count);
    std::vector<std::string_view> arguments{s.realtime ? std::string_view(s.realtime_key)
                                                       : std::string_view("")};
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_record& record = element(records, stride, i);
        if (is_absent(record.body)) {
            report(record, VOLLEY_E_UNSUPPORTED, {}, "RSMQ has no message without a body");
            continue;
        }
        const std::string_view body = volley::text_of(record.body);
        if (maxsize_ >= 0 && rsmq_length(body) > static_cast<std::size_t>(maxsize_)) {
            report(record, VOLLEY_E_TOO_LARGE, {},
                   "the message has " + std::to_string(rsmq_length(body)) + " characters; maxsize of queue " +
                       s.queue + " is " + std::to_string(maxsize_));
            continue;
        }
        ids.push_back(id_of(record));
        delays.push_back(record.delay_ms > 0 ? std::to_string(record.delay_ms) : std::string());
        arguments.insert(arguments.end(), {ids.back(), body, delays.back()});
        sent.push_back(&record);
    }
    if (sent.empty()) return;
    std::int32_t status = VOLLEY_OK;
    std::string why;
    try {
        connection_.run(send_, {s.set_key, s.hash_key}, arguments);
    } catch (const Error& error) {
        status = error.code == ErrorCode::retry ? VOLLEY_E_UNKNOWN : static_cast<std::int32_t>(error.code);
        why = error.text;
    }
    for (std::size_t i = 0; i < sent.size(); ++i) {
        if (!is_absent(sent[i]->id)) {
            const std::string stable(volley::text_of(sent[i]->id));
            if (status == VOLLEY_OK) {
                if (!unconfirmed_.empty()) unconfirmed_.erase(stable);
            } else {
                unconfirmed_[stable] = ids[i];
            }
        }
        report(*sent[i], status, ids[i], why);
    }
}

void RsmqProducer::report(const volley_record& record, std::int32_t status, std::string_view id,
                          std::string_view text) {
    volley_report r{};
    r.token = record.token;
    r.status = status;
    r.partition = -1;
    r.offset = -1;
    r.id = view_of(id);
    r.text = view_of(text);
    report_(report_context_, &r, 1, sizeof r);
}

void RsmqProducer::close(std::uint32_t) { connection_.drop(); }

}  // namespace volley::rsmq
