#include "producer.hpp"

#include "entry.hpp"

namespace volley::streams {

namespace {

constexpr std::size_t max_batch = 512;
// A larger request would delay other clients of Redis. A single message may be larger.
constexpr std::size_t max_request_bytes = 8U << 20U;
// Redis's own limit for a string (proto-max-bulk-len): it closes the connection of a client that exceeds it.
constexpr std::size_t max_value_bytes = 512U << 20U;

// Returns the reason why the record can never be stored, or an empty text.
std::string refusal(const volley_record& record) {
    std::size_t bytes = record.body.size + record.key.size;
    for (std::uint32_t i = 0; i < record.header_count; ++i)
        bytes += record.headers[i].name.size + record.headers[i].value.size;
    if (bytes < max_value_bytes) return {};
    return "the message has " + std::to_string(bytes) + " bytes; Redis stores no more than " +
           std::to_string(max_value_bytes);
}

}  // namespace

StreamProducer::StreamProducer(Context context, volley_report_fn report, void* report_context)
    : context_(std::move(context)),
      report_(report),
      report_context_(report_context),
      connection_(read_settings(context_)),
      trimming_(context_, connection_) {}

void StreamProducer::open() {
    const Settings& s = connection_.settings();
    const Reply type = connection_.command({"TYPE", s.stream});
    const std::string_view found = is_text(*type) ? text_of(*type) : "none";
    if (found == "none" || found == "stream") return;
    throw Error(ErrorCode::config, "the key " + s.stream + " at " + s.server.place() + " is of type " +
                                       std::string(found) +
                                       ", not a stream (WRONGTYPE): choose another value");
}

void StreamProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                             std::uint32_t& accepted) {
    std::int32_t status = VOLLEY_OK;
    for (accepted = 0; accepted < count;) {
        Batch batch;
        Request request;
        request.command({"MULTI"});
        while (accepted < count && batch.size() < max_batch && request.bytes().size() < max_request_bytes) {
            const volley_record& record = element(records, stride, accepted++);
            if (const std::string why = refusal(record); !why.empty()) {
                report_all({&record}, VOLLEY_E_TOO_LARGE, why);
                continue;
            }
            const Fields fields = fields_of(record, connection_.settings().layout);
            request.begin(3 + fields.words.size());
            for (const std::string_view word :
                 {std::string_view("XADD"), std::string_view(connection_.settings().stream),
                  std::string_view("*")})
                request.word(word);
            for (const std::string_view word : fields.words) request.word(word);
            batch.push_back(&record);
        }
        if (batch.empty()) continue;
        request.command({"EXEC"});
        // Later records must not overtake those that failed.
        if (status == VOLLEY_OK)
            status = send(batch, request);
        else
            report_all(batch, VOLLEY_E_RETRY, "an earlier message could not be sent");
    }
    if (status == VOLLEY_OK && count > 0) trimming_.trim();
}

// Returns VOLLEY_OK, or the error because of which no message of the batch is known to be stored.
std::int32_t StreamProducer::send(const Batch& batch, Request& request) {
    std::int32_t status = VOLLEY_OK;
    std::string why;
    Reply results;
    try {
        results = add(batch, request);
    } catch (const Error& error) {
        status = static_cast<std::int32_t>(error.code);
        why = error.text;
    }
    if (is_down_ != (status != VOLLEY_OK)) {
        is_down_ = !is_down_;
        context_.health(is_down_ ? VOLLEY_DOWN : VOLLEY_UP, why);
    }
    if (results)
        report_added(batch, *results);
    else
        report_all(batch, status, why);
    return status;
}

// Returns the reply to EXEC: an id or an error for each record.
Reply StreamProducer::add(const Batch& batch, Request& request) {
    std::vector<Reply> replies = connection_.exchange(request);
    Reply results = std::move(replies.back());
    replies.pop_back();
    // If Redis refuses to queue a command, EXEC refuses all of them.
    for (Reply& queued : replies) connection_.checked(std::move(queued));
    results = connection_.checked(std::move(results));
    bool is_sound = is_array_of(*results, [](const redisReply& r) { return is_text(r) || is_error(r); });
    is_sound = is_sound && results->elements == batch.size();
    results = connection_.expected(std::move(results), is_sound);
    // An error that affects all records, such as a key of another type, is an error of the queue.
    if (is_error(*results->element[0])) {
        Error error = error_of_reply(connection_.settings(), text_of(*results->element[0]));
        if (error.code != ErrorCode::fatal) throw error;
    }
    return results;
}

void StreamProducer::report_added(const Batch& batch, const redisReply& results) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const redisReply& result = *results.element[i];
        volley_report report{batch[i]->token, VOLLEY_OK, -1, -1, {}, {}};
        if (is_error(result)) {
            report.status = VOLLEY_E_PERMANENT;
            if (text_of(result).find("too large") != std::string_view::npos)
                report.status = VOLLEY_E_TOO_LARGE;
            report.text = view_of(text_of(result));
        } else {
            report.id = view_of(text_of(result));
        }
        report_(report_context_, &report, 1, sizeof report);
    }
}

void StreamProducer::report_all(const Batch& batch, std::int32_t status, std::string_view why) {
    for (const volley_record* record : batch) {
        const volley_report report{record->token, status, -1, -1, {}, view_of(why)};
        report_(report_context_, &report, 1, sizeof report);
    }
}

void StreamProducer::close(std::uint32_t) { connection_.drop(); }

}  // namespace volley::streams
