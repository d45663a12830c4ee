#include "producer.hpp"

#include <algorithm>
#include <chrono>

#include "advice.hpp"
#include "envelope.hpp"
#include "reply.hpp"
#include "wakes.hpp"

namespace volley::rsmq {

namespace {

// A request of more would hold up Redis' other clients; one message may be longer.
constexpr std::size_t request_bytes = 8U << 20U;
// Redis' own limit for a string (proto-max-bulk-len): beyond it, it ends the connection.
constexpr std::size_t most_bytes = 512U << 20U;
constexpr std::size_t most_unconfirmed = 100'000;
constexpr volley_ext_abilities envelope_abilities{sizeof(volley_ext_abilities), 0,
                                                  VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS};

// Of no meaning but for differences: the wall clock may jump, and ids must not.
std::int64_t monotonic_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string make_id(std::int64_t unix_us_now, std::mt19937_64& random) {
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string id(32, '0');
    for (std::size_t i = 10; i-- > 0 && unix_us_now > 0; unix_us_now /= 36) id[i] = digits[unix_us_now % 36];
    std::uint64_t bits = 0;
    for (std::size_t i = 10; i < id.size(); ++i) {
        if ((i - 10) % 10 == 0) bits = random();
        id[i] = letters[bits % 62];
        bits /= 62;
    }
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
      random_((std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}()) {
    const Settings& s = connection_.settings();
    wake_name_ = s.store() + s.set_key;
    commit_key_ = s.ns + "volley:commit:" + make_id(monotonic_us(), random_);
}

void RsmqProducer::open() {
    know(ensure_queue(connection_));
    warn_about_server(connection_, context_);
    Reply time = connection_.command({"TIME"});
    const bool is_sound = has_form(*time, "ss");
    time = connection_.expected(std::move(time), is_sound);
    clock_ahead_us_ = std::strtoll(time->element[0]->str, nullptr, 10) * 1'000'000 +
                      std::strtoll(time->element[1]->str, nullptr, 10) - monotonic_us();
}

// Others may change them at any time, with setQueueAttributes.
void RsmqProducer::know(Attributes attributes) {
    attributes_ = std::move(attributes);
    delay_ms_ = static_cast<std::int64_t>(std::strtod(attributes_.delay.c_str(), nullptr) * 1000);
    maxsize_ = std::strtol(attributes_.maxsize.c_str(), nullptr, 10);
}

bool RsmqProducer::maxsize_has_changed() {
    const long before = maxsize_;
    know(ensure_queue(connection_));
    return maxsize_ != before;
}

std::int64_t RsmqProducer::redis_us() const { return monotonic_us() + clock_ahead_us_; }

void RsmqProducer::adjust_clock(const redisReply* redis_us) {
    clock_ahead_us_ = redis_us->integer - monotonic_us();
}

void RsmqProducer::advance_clock(const redisReply* redis_us) {
    clock_ahead_us_ = std::max<std::int64_t>(clock_ahead_us_, redis_us->integer - monotonic_us());
}

// Of one producer they ascend: messages of the same millisecond are delivered in the order of their ids.
std::string RsmqProducer::new_id() {
    last_id_us_ = std::max(redis_us(), last_id_us_ + 1);
    return make_id(last_id_us_, random_);
}

std::string RsmqProducer::id_of(const volley_record& record) {
    if (!unconfirmed_.empty() && !is_absent(record.id)) {
        const auto known = unconfirmed_.find(std::string(volley::text_of(record.id)));
        if (known != unconfirmed_.end()) return known->second;
    }
    return new_id();
}

// A send that may have happened keeps its id for the next try; one that did, or certainly did not, need not.
// What Redis refuses in the middle of the script has happened in part: the id without its body.
void RsmqProducer::remember(const volley_record& record, const std::string& id, std::int32_t status) {
    const bool is_unsure =
        status == VOLLEY_E_UNKNOWN || status == VOLLEY_E_FATAL || status == VOLLEY_E_UNAUTHORIZED;
    if (is_absent(record.id) || (unconfirmed_.empty() && !is_unsure)) return;
    std::string stable(volley::text_of(record.id));
    if (status == VOLLEY_OK) {
        unconfirmed_.erase(stable);
    } else if (is_unsure && unconfirmed_.emplace(stable, id).second) {
        unconfirmed_order_.push_back(std::move(stable));
        for (; unconfirmed_order_.size() > most_unconfirmed; unconfirmed_order_.pop_front())
            unconfirmed_.erase(unconfirmed_order_.front());
    }
    if (unconfirmed_.empty()) unconfirmed_order_.clear();
}

std::int32_t RsmqProducer::check(const volley_record& record, std::string_view stored,
                                 std::string& why) const {
    if (is_absent(record.body)) {
        why = "RSMQ has no message without a body";
        return VOLLEY_E_UNSUPPORTED;
    }
    if (stored.size() > most_bytes) {
        why = "the message has " + std::to_string(stored.size()) + " bytes; Redis stores no more than " +
              std::to_string(most_bytes);
        return VOLLEY_E_TOO_LARGE;
    }
    // A character has at least one byte: most messages need not be counted.
    if (maxsize_ < 0 || stored.size() <= static_cast<std::size_t>(maxsize_)) return VOLLEY_OK;
    const std::size_t length = rsmq_length(stored);
    if (length <= static_cast<std::size_t>(maxsize_)) return VOLLEY_OK;
    why = "the message has " + std::to_string(length) + " characters; maxsize of queue " +
          connection_.settings().queue + " is " + std::to_string(maxsize_);
    return VOLLEY_E_TOO_LARGE;
}

// As check, but a maxsize that was raised meanwhile counts.
std::int32_t RsmqProducer::check_now(const volley_record& record, std::string_view stored, std::string& why) {
    const std::int32_t verdict = check(record, stored, why);
    if (verdict != VOLLEY_E_TOO_LARGE) return verdict;
    try {
        return maxsize_has_changed() ? check(record, stored, why) : verdict;
    } catch (const Error& error) {
        why = error.text;
        return static_cast<std::int32_t>(error.code);
    }
}

std::string_view RsmqProducer::stored(Batch& batch, const volley_record& record) const {
    if (!connection_.settings().envelope || is_absent(record.body)) return volley::text_of(record.body);
    return batch.texts.emplace_back(put_into_envelope(record));
}

void RsmqProducer::add(Batch& batch, const volley_record& record, std::string_view stored, std::string id) {
    batch.records.push_back(&record);
    batch.bytes += stored.size();
    std::string_view delay;
    if (record.delay_ms > 0) delay = batch.texts.emplace_back(std::to_string(record.delay_ms));
    batch.any_delay = batch.any_delay || !delay.empty();
    batch.delays.push_back(delay);
    batch.bodies.insert(batch.bodies.end(), {batch.ids.emplace_back(std::move(id)), stored});
}

void RsmqProducer::Batch::append_to(Words& arguments, std::string& count) const {
    count = std::to_string(records.size());
    arguments.push_back(count);
    arguments.insert(arguments.end(), bodies.begin(), bodies.end());
    if (any_delay) arguments.insert(arguments.end(), delays.begin(), delays.end());
}

// Every record is reported before it returns.
std::int32_t RsmqProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                   std::uint32_t& accepted) {
    Batch batch;
    for (accepted = 0; accepted < count; ++accepted) {
        const volley_record& record = element(records, stride, accepted);
        if (batch.records.size() == script_batch || batch.bytes >= request_bytes) {
            const std::int32_t status = send(batch);
            batch = {};
            // What follows must not overtake what failed.
            if (status != VOLLEY_OK) return refuse_rest(records, count, stride, accepted);
        }
        const std::string_view body = stored(batch, record);
        std::string why;
        const std::int32_t verdict = check_now(record, body, why);
        if (verdict == VOLLEY_OK) {
            add(batch, record, body, id_of(record));
            continue;
        }
        const volley_report refused{record.token, verdict, -1, -1, {}, view_of(why)};
        report_(report_context_, &refused, 1, sizeof refused);
    }
    if (!batch.records.empty()) send(batch);
    return VOLLEY_OK;
}

std::int32_t RsmqProducer::refuse_rest(const volley_record* records, std::uint32_t count,
                                       std::uint32_t stride, std::uint32_t& accepted) {
    for (; accepted < count; ++accepted) {
        const volley_report behind{element(records, stride, accepted).token,
                                   VOLLEY_E_RETRY,
                                   -1,
                                   -1,
                                   {},
                                   view_of(std::string_view("an earlier message could not be sent"))};
        report_(report_context_, &behind, 1, sizeof behind);
    }
    return VOLLEY_OK;
}

std::int32_t RsmqProducer::send(Batch& batch) {
    const Settings& s = connection_.settings();
    Words arguments{s.realtime ? std::string_view(s.realtime_key) : std::string_view("")};
    std::string count;
    batch.append_to(arguments, count);
    std::int32_t status = VOLLEY_OK;
    std::string why;
    try {
        const auto run = [&] {
            Reply said = connection_.run(send_, {s.set_key, s.hash_key}, arguments);
            const bool is_sound = has_form(*said, "") || has_form(*said, "iss");
            return connection_.expected(std::move(said), is_sound);
        };
        Reply reply = run();
        if (reply->elements == 0) {
            // Somebody has deleted the queue, or Redis came back without it.
            know(ensure_queue(connection_));
            reply = run();
        }
        if (reply->elements == 0)
            throw Error(ErrorCode::retry, "queue " + s.queue + " is deleted again and again");
        adjust_clock(reply->element[0]);
        know({std::string(text_of(reply->element[1])), std::string(text_of(reply->element[2]))});
        tell_listeners(wake_name_);
    } catch (const Error& error) {
        status = static_cast<std::int32_t>(error.code);
        why = error.text;
    }
    if (down_ != (status != VOLLEY_OK)) {
        down_ = !down_;
        context_.health(down_ ? VOLLEY_DOWN : VOLLEY_UP, why);
    }
    std::vector<volley_report> reports;
    reports.reserve(batch.records.size());
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
        const volley_record& record = *batch.records[i];
        remember(record, batch.ids[i], status);
        reports.push_back({record.token, status, -1, -1, view_of(batch.ids[i]), view_of(why)});
        if (status == VOLLEY_OK) reports.back().text = {};
    }
    report_(report_context_, reports.data(), static_cast<std::uint32_t>(reports.size()),
            sizeof(volley_report));
    return status;
}

void RsmqProducer::close(std::uint32_t) { connection_.drop(); }

const void* RsmqProducer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_ATOMIC) return atomic_functions();
    return id == VOLLEY_EXT_ABILITIES && connection_.settings().envelope ? &envelope_abilities : nullptr;
}

}  // namespace volley::rsmq
