#include "operations/dead_letter_request.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "queues/times.hpp"
#include "text/number.hpp"

namespace volley::operations {

namespace {

constexpr std::string_view one_letter = "dead_letters/";
constexpr std::uint64_t default_page = 50;
constexpr std::uint64_t most_per_page = 200;
constexpr std::uint64_t most_letters = 1'000'000'000;
constexpr std::size_t most_ids = 100;

struct Route {
    std::string_view path;
    LetterTask task;
};
constexpr std::array<Route, 3> letter_reads{{{"dead_letters", LetterTask::list},
                                             {"dead_letter_reasons", LetterTask::reasons},
                                             {"dead_letter_export", LetterTask::save}}};
constexpr std::array<Route, 5> letter_writes{{{"dead_letters/retry", LetterTask::retry},
                                              {"dead_letters/retry_all", LetterTask::retry},
                                              {"dead_letters/edit", LetterTask::edit},
                                              {"dead_letters/delete", LetterTask::remove},
                                              {"dead_letters/delete_all", LetterTask::remove}}};

ApiResponse refused(int status, const std::string& text) {
    ApiResponse response;
    response.status = status;
    response.body = error_body(text);
    return response;
}

std::string given(const ApiRequest& request, const char* name) {
    const auto found = request.parameters.find(name);
    return found == request.parameters.end() ? std::string() : found->second;
}

std::vector<std::string> all_given(const ApiRequest& request, const char* name) {
    std::vector<std::string> values;
    const auto [begin, end] = request.parameters.equal_range(name);
    for (auto one = begin; one != end; ++one) values.push_back(one->second);
    return values;
}

// The queue that is named, or the only one. Empty, and `wrong`: there is none.
std::string dead_letter_queue(const ApiRequest& request, const Config& config, ApiResponse& wrong) {
    std::vector<std::string> names;
    std::string all;
    for (const ComponentConfig& component : config.components) {
        const std::string& name = component.dead_letter_queue;
        if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) continue;
        names.push_back(name);
        all += (all.empty() ? "" : ", ") + name;
    }
    const auto named = request.parameters.find("queue");
    if (named != request.parameters.end()) {
        if (std::find(names.begin(), names.end(), named->second) != names.end()) return named->second;
        wrong = refused(404, "there is no dead-letter queue \"" + named->second + "\"");
    } else if (names.empty()) {
        wrong = refused(404, "no component has a dead-letter queue");
    } else if (names.size() > 1) {
        wrong = refused(400, "there are several dead-letter queues; name one: ?queue=NAME, of " + all);
    } else {
        return names.front();
    }
    return {};
}

// A whole number from 1 to `most`; `otherwise` if it is missing; nothing if it is wrong.
std::optional<std::uint64_t> number_given(const ApiRequest& request, const char* name, std::uint64_t most,
                                          std::optional<std::uint64_t> otherwise) {
    const auto found = request.parameters.find(name);
    if (found == request.parameters.end()) return otherwise;
    const auto number = text::whole_number(found->second);
    if (!number || *number == 0 || *number > most) return std::nullopt;
    return number;
}

bool is_for_all(std::string_view what) { return what.ends_with("_all"); }

}  // namespace

std::optional<LetterTask> letter_task(std::string_view what, bool writes) {
    if (writes) {
        for (const Route& route : letter_writes)
            if (route.path == what) return route.task;
        return std::nullopt;
    }
    for (const Route& route : letter_reads)
        if (route.path == what) return route.task;
    if (what.size() > one_letter.size() && what.starts_with(one_letter)) return LetterTask::show;
    return std::nullopt;
}

std::variant<LetterRequest, ApiResponse> read_letter_request(LetterTask task, std::string_view what,
                                                             const ApiRequest& request,
                                                             const Config& config) {
    LetterRequest read;
    read.task = task;
    ApiResponse wrong;
    read.queue = dead_letter_queue(request, config, wrong);
    if (read.queue.empty()) return wrong;
    read.choice = {given(request, "reason"), given(request, "component"), given(request, "since"),
                   given(request, "before"), all_given(request, "match")};
    for (const char* name : {"since", "before"})
        if (const auto time = request.parameters.find(name);
            time != request.parameters.end() && (time->second.empty() || time->second == "0"))
            return refused(400,
                           std::string("\"") + name + "\" is no time, such as 2026-11-24T10:00:00Z or 90m");
    // A message that fails again while the request is carried out must not go in circles.
    if (is_for_all(what) && read.choice.before.empty()) read.choice.before = queues::utc_time_now();
    auto filter = queues::LetterFilter::make(read.choice, "");
    if (!filter) return refused(400, filter.error().text);
    read.filter = std::move(*filter);
    if (const auto cursor = request.parameters.find("cursor"); cursor != request.parameters.end()) {
        const auto place = queues::Place::read(cursor->second);
        if (!place) return refused(400, "\"cursor\" is none that an answer had as \"next\"");
        read.place = *place;
    }
    if (task == LetterTask::list) {
        const auto limit = number_given(request, "limit", most_per_page, default_page);
        if (!limit) return refused(400, "\"limit\" is a whole number from 1 to 200");
        read.limit = *limit;
    }
    if (task == LetterTask::show) read.ids.emplace_back(what.substr(one_letter.size()));
    const bool writes = task == LetterTask::retry || task == LetterTask::edit || task == LetterTask::remove;
    if (!writes) return read;
    if (is_for_all(what)) {
        const auto count = number_given(request, "count", most_letters, std::nullopt);
        if (!count) return refused(400, "give how many letters at most: ?count=12");
        read.limit = *count;
    } else {
        read.ids = all_given(request, "id");
        const std::size_t most = task == LetterTask::edit ? 1 : most_ids;
        if (read.ids.empty() || read.ids.size() > most)
            return refused(400, task == LetterTask::edit ? "give one dead letter: ?id=17"
                                                         : "give 1 to 100 dead letters: ?id=17&id=18");
    }
    read.to = given(request, "to");
    if (!read.to.empty() && find_queue(config, read.to) == nullptr)
        return refused(404, "there is no queue \"" + read.to + "\"");
    if (request.body != nullptr) read.body = *request.body;
    return read;
}

std::string about(const LetterRequest& request) {
    std::string text = request.queue + ":";
    for (const std::string& id : request.ids) text += (&id == &request.ids.front() ? " id " : ", ") + id;
    if (request.ids.empty()) text += " at most " + std::to_string(request.limit);
    const queues::LetterChoice& c = request.choice;
    for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"reason", c.reason},
                                      {"component", c.component},
                                      {"since", c.since},
                                      {"before", c.before},
                                      {"to", request.to}})
        if (!value.empty()) text += std::string(", ") + name + " " + value;
    for (const std::string& match : c.matches) text += ", match " + match;
    return text;
}

}  // namespace volley::operations
