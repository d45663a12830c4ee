#include "operations/dead_letter_json.hpp"

#include <algorithm>
#include <string_view>

#include "operations/json.hpp"
#include "queues/times.hpp"
#include "text/number.hpp"

namespace volley::operations {

namespace {

constexpr std::size_t bytes_of_excerpt = 200;
constexpr std::size_t bytes_of_error = 500;
constexpr std::size_t most_bytes_shown = 1U << 20U;  // of a body
constexpr std::size_t most_failures_told = 100;

// Does not split a character.
std::string_view beginning(std::string_view text, std::size_t most) {
    constexpr std::size_t longest_character = 4;
    const std::string_view cut = text.substr(0, most);
    const std::size_t whole = text::utf8_prefix(cut);
    return cut.size() - whole < longest_character ? cut.substr(0, whole) : cut;
}

double failed_seconds(const queues::Letter& letter) {
    const auto failed = queues::parse_time(letter.said("failed-at"), 0);
    return failed ? static_cast<double>(*failed) / 1000 : 0;
}

void write_next(Json& json, const std::optional<queues::Place>& next) {
    if (next)
        json.text("next", next->text());
    else
        json.null("next");
}

void write_row(Json& json, const queues::Letter& letter) {
    const std::string body = letter.body.value_or("");
    json.open()
        .text("id", letter.id)
        .time("failed_at", failed_seconds(letter))
        .text_or_null("component", letter.said("component"))
        .text_or_null("reason", letter.said("reason"));
    if (const auto attempts = text::whole_number(letter.said("attempts")))
        json.count("attempts", *attempts);
    else
        json.null("attempts");
    json.text_or_null("error", beginning(letter.said("error"), bytes_of_error));
    if (letter.key)
        json.text("key", beginning(*letter.key, bytes_of_excerpt));
    else
        json.null("key");
    if (letter.body)
        json.count("body_bytes", body.size());
    else
        json.null("body_bytes");
    if (letter.body && text::is_utf8(body))
        json.text("excerpt", beginning(body, bytes_of_excerpt));
    else
        json.null("excerpt");
    json.close();
}

}  // namespace

void LetterGroup::add(const queues::Letter& letter) {
    component = letter.said("component");
    reason = letter.said("reason");
    ++count;
    const double failed = failed_seconds(letter);
    if (failed > 0 && (first_failed_seconds <= 0 || failed < first_failed_seconds))
        first_failed_seconds = failed;
    if (failed < last_failed_seconds) return;
    last_failed_seconds = failed;
    last_error = beginning(letter.said("error"), bytes_of_error);
}

void LetterOutcome::fail(const std::string& id, const std::string& why) {
    ++failed_count;
    if (failed.size() < most_failures_told) failed.emplace_back(id, why);
}

void LetterOutcome::miss(const std::string& id) {
    missing.push_back(id);
    fail(id, "there is no such dead letter");
}

std::string letters_json(const std::string& queue, const std::vector<queues::Letter>& letters,
                         std::int64_t held, const std::optional<queues::Place>& next) {
    Json json;
    json.open().text("queue", queue).known("held", held).list("letters");
    for (const queues::Letter& letter : letters) write_row(json, letter);
    json.end_list();
    write_next(json, next);
    return json.close().body();
}

std::string groups_json(const std::string& queue, const std::vector<LetterGroup>& groups,
                        std::uint64_t others, std::int64_t held, const std::optional<queues::Place>& next) {
    Json json;
    json.open().text("queue", queue).known("held", held).list("groups");
    for (const LetterGroup& group : groups)
        json.open()
            .text_or_null("component", group.component)
            .text_or_null("reason", group.reason)
            .count("count", group.count)
            .time("first_failed_at", group.first_failed_seconds)
            .time("last_failed_at", group.last_failed_seconds)
            .text_or_null("last_error", group.last_error)
            .close();
    json.end_list().count("others", others);
    write_next(json, next);
    return json.close().body();
}

std::string letter_json(queues::Letter letter) {
    const std::size_t size = letter.body ? letter.body->size() : 0;
    if (size > most_bytes_shown) letter.body = std::string(beginning(*letter.body, most_bytes_shown));
    std::string json = to_json(letter);
    json.pop_back();
    return json + ",\"body_bytes\":" + (letter.body ? std::to_string(size) : "null") + "}\n";
}

std::string outcome_json(const std::string& queue, const std::string& before, const LetterOutcome& outcome,
                         const std::string& error) {
    Json json;
    json.open()
        .text("queue", queue)
        .text_or_null("before", before)
        .count("done", outcome.done)
        .count("failed", outcome.failed_count)
        .list("failures");
    for (const auto& [id, why] : outcome.failed) json.open().text("id", id).text("error", why).close();
    json.end_list().text_or_null("error", error);
    write_next(json, outcome.place);
    return json.close().body();
}

}  // namespace volley::operations
