#include "operations/dead_letter_work.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "log/log.hpp"
#include "operations/dead_letter_json.hpp"
#include "queues/inspection.hpp"
#include "queues/outbox.hpp"
#include "queues/retrier.hpp"
#include "volley/view.hpp"

namespace volley::operations {

namespace {

using queues::Inspection;
using queues::Letter;
using steady_clock = std::chrono::steady_clock;

constexpr std::chrono::seconds time_for_a_request{2};
constexpr std::size_t bytes_of_a_part = 256U << 10U;  // of an export
constexpr std::size_t most_groups = 200;

ApiResponse answer_with(std::string body) {
    ApiResponse response;
    response.body = std::move(body);
    return response;
}

ApiResponse no_such_letter(const std::string& id) {
    ApiResponse response;
    response.status = 404;
    response.body = error_body("there is no dead letter \"" + id + "\"");
    return response;
}

// Says when a request has had its time.
class Budget {
public:
    explicit Budget(const std::atomic<bool>& stopping) : stopping_(stopping) {}
    bool is_used_up() const {
        return stopping_.load(std::memory_order_relaxed) || steady_clock::now() >= end_;
    }

private:
    const std::atomic<bool>& stopping_;
    steady_clock::time_point end_ = steady_clock::now() + time_for_a_request;
};

std::int64_t held(Inspection& inspection) {
    const auto stats = inspection.stats();
    return stats ? stats->ready : -1;
}

ApiResponse list_letters(const LetterRequest& request, const LetterSource& source, Inspection& inspection) {
    const Budget budget(source.stopping);
    queues::Place place = request.place;
    if (auto found = queues::find_again(inspection, place, [&] { return budget.is_used_up(); }); !found)
        return failed(found.error());
    std::vector<Letter> letters;
    const auto ended = queues::scan(
        inspection, request.filter, place,
        [&](Letter&& letter) {
            letters.push_back(std::move(letter));
            return letters.size() < request.limit;
        },
        [&] { return budget.is_used_up(); });
    if (!ended) return failed(ended.error());
    return answer_with(
        letters_json(request.queue, letters, held(inspection), *ended ? std::nullopt : std::optional(place)));
}

ApiResponse group_letters(const LetterRequest& request, const LetterSource& source, Inspection& inspection) {
    const Budget budget(source.stopping);
    queues::Place place = request.place;
    if (auto found = queues::find_again(inspection, place, [&] { return budget.is_used_up(); }); !found)
        return failed(found.error());
    std::map<std::pair<std::string, std::string>, LetterGroup> groups;
    std::uint64_t others = 0;
    const auto ended = queues::scan(
        inspection, request.filter, place,
        [&](Letter&& letter) {
            const std::pair name(std::string(letter.said("component")), std::string(letter.said("reason")));
            if (groups.size() >= most_groups && groups.count(name) == 0)
                ++others;
            else
                groups[name].add(letter);
            return true;
        },
        [&] { return budget.is_used_up(); });
    if (!ended) return failed(ended.error());
    std::vector<LetterGroup> all;
    for (auto& [name, group] : groups) all.push_back(std::move(group));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
    return answer_with(groups_json(request.queue, all, others, held(inspection),
                                   *ended ? std::nullopt : std::optional(place)));
}

ApiResponse show_letter(const LetterRequest& request, Inspection& inspection) {
    const auto found = inspection.find(request.ids.front());
    if (!found) return failed(found.error());
    if (*found == nullptr) return no_such_letter(request.ids.front());
    return answer_with(letter_json(queues::read_letter(**found)));
}

// What becomes of the letters of one request that writes.
class Work {
public:
    Work(const LetterRequest& request, const LetterSource& source, const QueueConfig& queue,
         Inspection& inspection)
        : request_(request),
          inspection_(inspection),
          budget_(source.stopping),
          retrier_(*source.config, source.catalog, options(request), queue, inspection.identity(),
                   [this](const std::string& id, const std::string& why) { outcome_.fail(id, why); }) {}

    std::optional<Error> run() {
        if (!request_.ids.empty()) return run_named();
        outcome_.place = request_.place;
        return run_all();
    }

    const LetterOutcome& outcome() const { return outcome_; }

private:
    static queues::RetryOptions options(const LetterRequest& request) {
        queues::RetryOptions options;
        options.to = request.to;
        if (request.task == LetterTask::edit)
            options.edit = [&request](const Letter&) { return Result<std::string>(request.body); };
        return options;
    }

    std::optional<Error> run_named() {
        std::vector<Letter> letters;
        for (const std::string& id : request_.ids) {
            const auto found = inspection_.find(id);
            if (!found) return found.error();
            if (*found == nullptr)
                outcome_.miss(id);
            else
                letters.push_back(queues::read_letter(**found));
        }
        std::vector<std::string> removed;
        return finish(letters, removed);
    }

    std::optional<Error> run_all() {
        queues::Place& place = *outcome_.place;
        if (auto found = queues::find_again(inspection_, place, [&] { return budget_.is_used_up(); }); !found)
            return found.error();
        std::uint64_t left = request_.limit;
        queues::PageSize size;
        while (left > 0 && !budget_.is_used_up()) {
            const auto page = inspection_.peek(place.skip, size.next());
            if (!page) return page.error();
            size.saw(**page);
            if ((*page)->empty()) {
                outcome_.place.reset();
                return std::nullopt;
            }
            std::vector<std::string> seen;
            std::vector<Letter> letters;
            for (const volley_message& message : **page) {
                Letter letter = queues::read_letter(message);
                seen.push_back(letter.id);
                if (!request_.filter.matches(letter)) continue;
                letters.push_back(std::move(letter));
                if (--left == 0) break;
            }
            std::vector<std::string> removed;
            const auto error = finish(letters, removed);
            std::sort(removed.begin(), removed.end());
            for (std::string& id : seen) {
                if (std::binary_search(removed.begin(), removed.end(), id)) continue;
                ++place.skip;
                place.last = std::move(id);
            }
            if (error) return error;
        }
        if (left == 0) outcome_.place.reset();
        return std::nullopt;
    }

    // A letter is removed once its message is confirmed elsewhere.
    std::optional<Error> finish(const std::vector<Letter>& letters, std::vector<std::string>& removed) {
        std::optional<Error> error;
        if (request_.task == LetterTask::remove) {
            for (const Letter& letter : letters) removed.push_back(letter.id);
        } else {
            error = retrier_.send(letters, removed);
        }
        std::vector<bool> were_there;
        if (const auto asked = inspection_.remove(removed, were_there); !asked && !error)
            error = asked.error();
        outcome_.done +=
            error ? static_cast<std::uint64_t>(std::count(were_there.begin(), were_there.end(), true))
                  : removed.size();
        return error;
    }

    const LetterRequest& request_;
    Inspection& inspection_;
    Budget budget_;
    LetterOutcome outcome_;
    queues::Retrier retrier_;
};

ApiResponse change_letters(const LetterRequest& request, const LetterSource& source, const QueueConfig& queue,
                           Inspection& inspection) {
    Work work(request, source, queue, inspection);
    const auto error = work.run();
    const LetterOutcome& outcome = work.outcome();
    log::info("an operator's request has changed dead letters",
              {{"request", request.task == LetterTask::remove ? "delete" : "retry"},
               {"queue", request.queue},
               {"done", std::to_string(outcome.done)},
               {"failed", std::to_string(outcome.failed_count)},
               {"error", error ? error->text : "none"}});
    // What was done must be told, whatever follows it.
    if (error && outcome.done == 0) return failed(*error);
    if (request.ids.size() == 1 && outcome.done == 0) {
        if (!outcome.missing.empty()) return no_such_letter(request.ids.front());
        ApiResponse response;
        response.status = 409;
        response.body = error_body(outcome.failed.empty() ? "it is not done" : outcome.failed.front().second);
        return response;
    }
    return answer_with(
        outcome_json(request.queue, request.choice.before, outcome, error ? error->text : std::string()));
}

}  // namespace

ApiResponse failed(const Error& error) {
    ApiResponse response;
    response.status = error.code == ErrorCode::unsupported ? 501 : 503;
    response.body = error_body(error.text);
    return response;
}

ApiResponse carry_out(const LetterRequest& request, const LetterSource& source) {
    const QueueConfig* queue = find_queue(*source.config, request.queue);
    auto inspection = Inspection::open(*source.config, source.catalog, *queue);
    if (!inspection) return failed(inspection.error());
    switch (request.task) {
        case LetterTask::list:
            return list_letters(request, source, *inspection);
        case LetterTask::reasons:
            return group_letters(request, source, *inspection);
        case LetterTask::show:
            return show_letter(request, *inspection);
        case LetterTask::save:  // see save_letters()
            break;
        case LetterTask::retry:
        case LetterTask::edit:
        case LetterTask::remove:
            return change_letters(request, source, *queue, *inspection);
    }
    return failed(Error(ErrorCode::unsupported, "an export is made in parts"));
}

SavedLetters save_letters(const LetterRequest& request, const LetterSource& source) {
    SavedLetters saved;
    saved.place = request.place;
    const QueueConfig* queue = find_queue(*source.config, request.queue);
    auto inspection = Inspection::open(*source.config, source.catalog, *queue);
    if (!inspection) {
        saved.error = inspection.error();
        return saved;
    }
    const Budget budget(source.stopping);
    if (auto found = queues::find_again(*inspection, saved.place, [&] { return budget.is_used_up(); });
        !found) {
        saved.error = found.error();
        return saved;
    }
    const auto ended = queues::scan(
        *inspection, request.filter, saved.place,
        [&](Letter&& letter) {
            saved.lines += to_json(letter) + '\n';
            return saved.lines.size() < bytes_of_a_part;
        },
        [&] { return budget.is_used_up(); });
    if (!ended)
        saved.error = ended.error();
    else
        saved.ends = *ended;
    return saved;
}

}  // namespace volley::operations
