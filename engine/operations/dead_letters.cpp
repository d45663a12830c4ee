#include "operations/dead_letters.hpp"

#include <exception>
#include <utility>
#include <variant>

#include "log/log.hpp"
#include "operations/dead_letter_work.hpp"

namespace volley::operations {

namespace {

constexpr std::size_t most_waiting = 16;
constexpr std::string_view prefix_of_all = "dead_letter";

const char* const json_type_of_answers = "application/json";
const char* const lines_of_json = "application/x-ndjson";

ApiResponse wrong_method(std::string_view what) {
    ApiResponse response;
    response.status = 405;
    const auto task = letter_task(what, false);
    if (letter_task(what, true))
        response.allow = "POST";
    else
        response.allow = task == LetterTask::save ? "GET" : "GET, HEAD";
    response.body = error_body("this needs " + response.allow.substr(0, response.allow.find(',')));
    return response;
}

const char* name_of(LetterTask task) {
    switch (task) {
        case LetterTask::retry:
            return "retry dead letters";
        case LetterTask::edit:
            return "edit a dead letter and retry it";
        default:
            return "delete dead letters";
    }
}

std::string rendered(const ApiResponse& answer, bool with_body) {
    return response(answer.status, json_type_of_answers, {}, answer.body, with_body);
}

}  // namespace

// A thread with the plugins of the configuration that it used last.
struct DeadLetters::Desk {
    Desk(const char* name, MakeCatalog make)
        : make_catalog(std::move(make)), background(name, most_waiting) {}

    // Of the thread.
    LetterSource source(const std::shared_ptr<const Config>& wanted, const std::atomic<bool>& stopping) {
        if (config != wanted || !catalog) {
            catalog = make_catalog(*wanted);
            config = wanted;
        }
        return {config, *catalog, stopping};
    }

    MakeCatalog make_catalog;
    std::shared_ptr<const Config> config;
    std::unique_ptr<plugins::Catalog> catalog;
    Background background;
};

namespace {

// Answers to a client that does not wait for long.
template <typename Desk, typename Work>
bool post(const std::shared_ptr<Desk>& desk, const std::shared_ptr<const Config>& config, const Done& done,
          Work work) {
    return desk->background.post([desk, config, done, work](const std::atomic<bool>& stopping) {
        try {
            work(desk->source(config, stopping), done);
        } catch (const std::exception& error) {
            log::error("operations: a request for dead letters gets no answer", {{"cause", error.what()}});
            done({});
        }
    });
}

Reply too_busy() {
    ApiResponse answer;
    answer.status = 503;
    answer.body = error_body("too many requests for dead letters wait; try later");
    return whole_reply(rendered(answer, true));
}

// One part of an export after the other, each when the client has taken the one before.
template <typename Desk>
Later exported(std::shared_ptr<Desk> desk, std::shared_ptr<const Config> config, LetterRequest request,
               bool is_first) {
    return [=](const Done& done) {
        const bool posted = post(desk, config, done, [=](const LetterSource& source, const Done& finished) {
            const SavedLetters saved = save_letters(request, source);
            if (saved.error && is_first) return finished(whole_reply(rendered(failed(*saved.error), true)));
            Reply reply;
            if (is_first) reply.bytes = response_head(200, lines_of_json, {{"Transfer-Encoding", "chunked"}});
            if (!saved.lines.empty()) reply.bytes += chunk(saved.lines);
            // Without its end, the client knows that something is missing.
            if (saved.error)
                log::warning("the export of dead letters ends early", {{"cause", saved.error->text}});
            else if (saved.ends)
                reply.bytes += chunk({});
            else if (!source.stopping.load()) {
                LetterRequest next = request;
                next.place = saved.place;
                reply.later = exported(desk, config, std::move(next), false);
            }
            finished(std::move(reply));
        });
        if (!posted) done(is_first ? too_busy() : Reply{});
    };
}

}  // namespace

DeadLetters::DeadLetters(GetConfig config, MakeCatalog make_catalog)
    : config_(std::move(config)),
      reads_(std::make_shared<Desk>("dlq-reads", make_catalog)),
      writes_(std::make_shared<Desk>("dlq-writes", make_catalog)) {}

bool DeadLetters::is_route(std::string_view what) {
    return what.starts_with(prefix_of_all) &&
           (letter_task(what, false).has_value() || letter_task(what, true).has_value());
}

ApiResponse DeadLetters::answer(
    std::string_view what, const ApiRequest& request,
    const std::function<void(const std::string& what, const std::string& about)>& audit) {
    const bool gets = request.method == "GET" || request.method == "HEAD";
    const bool posts = request.method == "POST";
    const auto task = letter_task(what, posts);
    const bool fits = gets || (posts && task);
    if (!fits || !task || (*task == LetterTask::save && request.method != "GET")) return wrong_method(what);
    ApiResponse not_now;
    not_now.status = 503;
    const auto config = config_();
    if (!config) {
        not_now.body = error_body("the configuration is not known yet");
        return not_now;
    }
    auto read = read_letter_request(*task, what, request, *config);
    if (auto* refused = std::get_if<ApiResponse>(&read)) return std::move(*refused);
    auto& wanted = std::get<LetterRequest>(read);
    ApiResponse answer;
    if (wanted.task == LetterTask::edit && request.body == nullptr) {
        answer.wants_body = true;
        return answer;
    }
    if (posts) audit(name_of(*task), about(wanted));
    if (wanted.task == LetterTask::save) {
        answer.later = exported(reads_, config, std::move(wanted), true);
        return answer;
    }
    return start(std::move(wanted), config, posts, request.method != "HEAD");
}

ApiResponse DeadLetters::start(LetterRequest request, std::shared_ptr<const Config> config, bool writes,
                               bool with_body) const {
    ApiResponse answer;
    answer.later = [desk = writes ? writes_ : reads_, request = std::move(request),
                    config = std::move(config), with_body](const Done& done) {
        const bool posted =
            post(desk, config, done, [request, with_body](const LetterSource& source, const Done& finished) {
                finished(whole_reply(rendered(carry_out(request, source), with_body)));
            });
        if (!posted) done(too_busy());
    };
    return answer;
}

bool DeadLetters::stop(std::chrono::milliseconds patience) {
    const bool reads_ended = reads_->background.stop(patience);
    return writes_->background.stop(patience) && reads_ended;
}

}  // namespace volley::operations
