#include "handlers/child_answers.hpp"

#include <utility>

#include "volley/view.hpp"

namespace volley::handlers {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

ChildAnswers::ChildAnswers(const volley_jobs& jobs, OpenRequests& requests, ChildState& child,
                           std::string component, std::size_t longest_answer, bool has_batches)
    : jobs_(jobs),
      requests_(requests),
      child_(child),
      ignored_(std::move(component)),
      longest_answer_(longest_answer),
      has_batches_(has_batches) {}

std::optional<std::string> ChildAnswers::take(const Line& line) {
    std::string_view text = line.text;
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
    if (text.find_first_not_of(" \t\r") == std::string_view::npos && !line.is_cut) return std::nullopt;
    if (line.is_cut) {
        const std::string why = "the handler's answer is longer than " + std::to_string(longest_answer_) +
                                " bytes (16 times max_message_bytes)";
        if (requests_.in_child(named_id(text)) == nullptr) return why;
        take_wrong(text, VOLLEY_REASON_TOO_LARGE, why);
        return std::nullopt;
    }
    if (const auto wrong = parse_answer(text, answer_)) {
        take_wrong(text, VOLLEY_REASON_OUTPUT, "the handler's answer is malformed: " + *wrong);
    } else if (answer_.kind == Answer::Kind::hello) {
        if (child_.has_spoken)
            ignored_.add(text, "a child declares its capabilities in its first line only");
        else
            take_hello();
    } else if (OpenRequest* const request = requests_.in_child(answer_.id)) {
        take_answer(*request);
    } else {
        ignored_.add(text, "it is not an answer to a message that the child has");
    }
    answer_.clear();
    requests_.drop_finished();
    return std::nullopt;
}

void ChildAnswers::take_hello() {
    child_.has_spoken = true;
    child_.keeps_groups = answer_.keeps_groups;
    child_.takes_cancels = answer_.takes_cancels;
    child_.takes_source = answer_.takes_source;
    child_.takes_batches = has_batches_ && answer_.takes_batches;
}

// An invalid answer fails its message for good, because another attempt would get the same answer. A line
// that a library prints must not fail a message. If it was meant as an answer, the message times out.
void ChildAnswers::take_wrong(std::string_view line, std::uint32_t reason, const std::string& why) {
    OpenRequest* const request = requests_.in_child(named_id(line));
    if (request == nullptr) return ignored_.add(line, why);
    child_.has_spoken = child_.has_answered = true;
    explain(jobs_, *request, why);
    requests_.finish(*request, VOLLEY_E_PERMANENT, 0, reason);
    requests_.drop_finished();
}

std::string ChildAnswers::probable_cause() const {
    if (!ignored_.last().empty())
        return "the last line that it wrote to its standard output is no answer to it: " + ignored_.last();
    if (!child_.has_spoken)
        return "it has written nothing to its standard output: does it flush its output after each line?";
    return {};
}

void ChildAnswers::take_answer(OpenRequest& request) {
    if (!child_.has_spoken) child_.takes_source = false;
    child_.has_spoken = child_.has_answered = true;
    if (!answer_.why.empty()) explain(jobs_, request, answer_.why);
    switch (answer_.kind) {
        case Answer::Kind::retry:
            return requests_.finish(request, VOLLEY_E_RETRY, answer_.after_ms);
        case Answer::Kind::fail:
            return requests_.finish(request, VOLLEY_E_PERMANENT);
        case Answer::Kind::drop:
            return requests_.finish(request, VOLLEY_DROP);
        case Answer::Kind::skipped:
            return requests_.skip(request);
        case Answer::Kind::hello:
            return;
        case Answer::Kind::done:
            for (const AnswerOutput& output : answer_.outputs) emit(request, output);
            request.has_outputs = request.has_outputs || !answer_.outputs.empty();
            if (answer_.has_more) return;
            return requests_.finish(request, VOLLEY_OK);
    }
}

// A refused output fails the message; the engine records why.
void ChildAnswers::emit(const OpenRequest& request, const AnswerOutput& output) {
    volley_record record{};
    if (output.body) record.body = view_of(*output.body);
    if (output.key) record.key = view_of(*output.key);
    if (output.without_key) record.flags |= VOLLEY_RECORD_OWN_KEY;
    if (output.without_headers) record.flags |= VOLLEY_RECORD_OWN_HEADERS;
    record.headers = answer_.headers.data() + output.first_header;
    record.header_count = output.header_count;
    record.partition = output.partition;
    record.delay_ms = output.delay_ms;
    const volley_view queue = output.queue ? view_of(*output.queue) : volley_view{};
    jobs_.emit(jobs_.context, request.job, queue, &record, sizeof record, nullptr);
}

}  // namespace volley::handlers
