#include "producer.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "advice.hpp"
#include "reply.hpp"

namespace volley::rsmq {

namespace {

// A larger request would delay other clients of Redis. A single message may be larger.
constexpr std::size_t max_request_bytes = 8U << 20U;
constexpr std::int64_t latest_second = 1'000'000'000'000;
constexpr volley_ext_abilities envelope_abilities{sizeof(volley_ext_abilities), 0,
                                                  VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS};

}  // namespace

RsmqProducer::RsmqProducer(Context context, volley_report_fn report, void* report_context)
    : context_(std::move(context)),
      report_(report),
      report_context_(report_context),
      output_(read_settings(context_)) {}

void RsmqProducer::open() {
    output_.reload_attributes();
    Connection& connection = output_.connection();
    warn_about_server(connection, context_);
    Reply time = connection.command({"TIME"});
    const bool is_sound = has_form(*time, "ss");
    time = connection.expected(std::move(time), is_sound);
    const std::int64_t seconds = std::strtoll(time->element[0]->str, nullptr, 10);
    clock_.set(std::clamp<std::int64_t>(seconds, 0, latest_second) * 1'000'000 +
               std::clamp<std::int64_t>(std::strtoll(time->element[1]->str, nullptr, 10), 0, 999'999));
}

void RsmqProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                           std::uint32_t& accepted) {
    const bool use_envelope = output_.settings().envelope;
    SendBatch batch;
    for (accepted = 0; accepted < count; ++accepted) {
        const volley_record& record = element(records, stride, accepted);
        if (batch.records.size() == script_batch || batch.bytes >= max_request_bytes) {
            const std::int32_t status = send(batch);
            batch = {};
            // Later records must not overtake those that failed.
            if (status != VOLLEY_OK) return refuse_rest(records, count, stride, accepted);
        }
        const std::string_view stored = batch.encode(record, use_envelope);
        std::string why;
        const std::int32_t verdict = output_.check_reloaded(record, stored, why);
        if (verdict == VOLLEY_OK) {
            auto id = unconfirmed_.find(record);
            batch.add(record, stored, id ? std::move(*id) : ids_.next());
        } else {
            report_one(record, verdict, why);
        }
    }
    if (!batch.records.empty()) send(batch);
}

void RsmqProducer::refuse_rest(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                               std::uint32_t& accepted) {
    for (; accepted < count; ++accepted) {
        report_one(element(records, stride, accepted), VOLLEY_E_RETRY,
                   "an earlier message could not be sent");
    }
}

void RsmqProducer::report_one(const volley_record& record, std::int32_t status, std::string_view why) {
    const volley_report report{record.token, status, -1, -1, {}, view_of(why)};
    report_(report_context_, &report, 1, sizeof report);
}

// Returns VOLLEY_OK, or the error because of which no message of the batch is known to be stored.
std::int32_t RsmqProducer::send(SendBatch& batch) {
    std::int32_t status = VOLLEY_OK;
    std::string why;
    try {
        run_send_script(batch);
        output_.notify_consumers();
    } catch (const Error& error) {
        status = static_cast<std::int32_t>(error.code);
        why = error.text;
    }
    if (is_down_ != (status != VOLLEY_OK)) {
        is_down_ = !is_down_;
        context_.health(is_down_ ? VOLLEY_DOWN : VOLLEY_UP, why);
    }
    report_batch(batch, status, why);
    return status;
}

void RsmqProducer::run_send_script(const SendBatch& batch) {
    Connection& connection = output_.connection();
    const Settings& s = output_.settings();
    Words arguments{s.realtime ? std::string_view(s.realtime_key) : std::string_view("")};
    std::string count;
    batch.append_to(arguments, count);
    const auto run = [&] {
        Reply reply = connection.run(send_, {s.set_key, s.hash_key}, arguments);
        const bool is_sound = has_form(*reply, "") || has_form(*reply, "iss");
        return connection.expected(std::move(reply), is_sound);
    };
    Reply reply = run();
    if (reply->elements == 0) {
        // Another client deleted the queue, or Redis restarted without it.
        output_.reload_attributes();
        reply = run();
    }
    if (reply->elements == 0) {
        throw Error(ErrorCode::retry,
                    "the queue " + s.queue + " was deleted again while a message was being sent");
    }
    clock_.set(reply->element[0]->integer);
    output_.set_attributes(
        {std::string(text_of(reply->element[1])), std::string(text_of(reply->element[2]))});
}

void RsmqProducer::report_batch(const SendBatch& batch, std::int32_t status, const std::string& why) {
    std::vector<volley_report> reports;
    reports.reserve(batch.records.size());
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
        const volley_record& record = *batch.records[i];
        unconfirmed_.update(record, batch.ids[i], status);
        reports.push_back({record.token, status, -1, -1, view_of(batch.ids[i]), view_of(why)});
        if (status == VOLLEY_OK) reports.back().text = {};
    }
    report_(report_context_, reports.data(), static_cast<std::uint32_t>(reports.size()),
            sizeof(volley_report));
}

void RsmqProducer::close(std::uint32_t) { output_.connection().drop(); }

const void* RsmqProducer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_ATOMIC) return atomic_functions();
    return id == VOLLEY_EXT_ABILITIES && output_.settings().envelope ? &envelope_abilities : nullptr;
}

}  // namespace volley::rsmq
