#include "dead_letters.hpp"

#include <algorithm>
#include <cstdio>
#include <unordered_set>

#include "edit.hpp"
#include "interrupt.hpp"
#include "letter_as_test.hpp"
#include "pace.hpp"
#include "queue_access.hpp"
#include "queues/inspection.hpp"
#include "queues/letter.hpp"
#include "queues/letter_filter.hpp"
#include "queues/letter_scan.hpp"
#include "queues/retrier.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text/escape.hpp"
#include "text/text.hpp"

namespace volley::cli {

namespace {

using queues::Inspection;
using queues::Letter;
using queues::LetterFilter;

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

// What became of the letters of a command, told at its end.
struct Tally {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t left = 0;  // not begun, because of an interrupt

    void fail(const std::string& id, const std::string& why) {
        ++failed;
        say(id + ": " + why);
    }
};

// The dead-letter queue that is meant, or null after saying why not.
const QueueConfig* find_dead_letter_queue(const Config& config, const DeadLetters& options) {
    if (!options.queue.empty()) return require_queue(config, options.queue);
    std::vector<std::string> names;
    for (const ComponentConfig& component : config.components) {
        const std::string& name = component.dead_letter_queue;
        if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(name);
    }
    if (names.size() == 1) return require_queue(config, names.front());
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    std::fprintf(stderr, "volley: %s has %s; name a queue with --queue\n", config.file.c_str(),
                 names.empty() ? "no component with a dead_letter_queue"
                               : ("several dead-letter queues: " + all).c_str());
    return nullptr;
}

// Calls `take(letter)` for the letters that are meant by id. It may not call the inspection.
template <typename Take>
std::optional<Error> for_each_named(Inspection& inspection, const DeadLetters& options, Tally& tally,
                                    Take&& take) {
    for (const std::string& id : options.ids) {
        const auto found = inspection.find(id);
        if (!found) return found.error();
        if (*found == nullptr)
            tally.fail(id, "there is no such dead letter; `volley dlq list` shows their ids");
        else
            take(queues::read_letter(**found));
    }
    return std::nullopt;
}

// Calls `take(letter)` for up to `limit` of the letters that match, in order.
template <typename Take>
std::optional<Error> for_each_there(Inspection& inspection, const LetterFilter& filter, std::uint64_t limit,
                                    Take&& take) {
    if (limit == 0) return std::nullopt;
    queues::Place place;
    const auto seen = queues::scan(
        inspection, filter, place,
        [&](Letter&& letter) {
            take(std::move(letter));
            return --limit > 0;
        },
        &is_interrupted);
    return seen ? std::optional<Error>() : std::optional<Error>(seen.error());
}

// Hands letters to `act(letters, done)` in groups that fit an outbox, and removes those whose ids it adds to
// `done`. With `all` only what was there at the beginning: what fails again while an engine runs does not go
// in circles.
template <typename Act>
std::optional<Error> work_off(Inspection& inspection, const DeadLetters& options, const LetterFilter& filter,
                              Tally& tally, Act&& act) {
    std::optional<Error> error;
    // Returns how many are still there.
    const auto finish = [&](const std::vector<Letter>& letters) {
        std::vector<std::string> done;
        error = act(letters, done);
        std::vector<bool> removed;
        if (const auto asked = inspection.remove(done, removed); !asked) error = asked.error();
        // Without an error, what was not there was removed by others.
        tally.done += error ? static_cast<std::uint64_t>(std::count(removed.begin(), removed.end(), true))
                            : done.size();
        return letters.size() - done.size();
    };

    if (!options.all) {
        std::vector<Letter> letters;
        error = for_each_named(inspection, options, tally,
                               [&](Letter letter) { letters.push_back(std::move(letter)); });
        if (!error) finish(letters);
        return error;
    }
    std::unordered_set<std::string> wanted;
    note_interrupts();
    error =
        for_each_there(inspection, filter, no_limit, [&](const Letter& letter) { wanted.insert(letter.id); });
    const std::uint64_t total = wanted.size();
    Pace pace(options.rate, total);
    for (std::uint64_t skip = 0; !error && !wanted.empty();) {
        if (wait_until(pace.due(total - wanted.size()))) break;
        const auto page = inspection.peek(skip, pace.group(Inspection::usual_page));
        if (!page) return page.error();
        if ((*page)->empty()) break;  // others have taken the rest
        std::vector<Letter> letters;
        for (const volley_message& message : **page) {
            Letter letter = queues::read_letter(message);
            if (wanted.erase(letter.id) > 0)
                letters.push_back(std::move(letter));
            else
                ++skip;
        }
        skip += finish(letters);
        pace.show(total - wanted.size());
    }
    tally.left = wanted.size();
    return error;
}

int finish(const Tally& tally, const std::optional<Error>& error, const char* what,
           const DeadLetters& options) {
    if (!options.dry_run)
        std::fprintf(stderr, "%llu %s\n", static_cast<unsigned long long>(tally.done), what);
    if (error) return report(*error);
    if (is_interrupted()) {
        say("interrupted; " + std::to_string(tally.left) +
            " are left, and the same command goes on with them");
        return exit_interrupted;
    }
    return tally.failed > 0 ? exit_some_failed : exit_ok;
}

// What every command begins with.
struct Opened {
    const QueueConfig* queue;
    LetterFilter filter;
    Inspection inspection;
};

// Returns the exit code after saying what is wrong, or nothing and `opened`.
std::optional<int> open_dead_letters(const Config& config, plugins::Catalog& catalog,
                                     const DeadLetters& options, std::optional<Opened>& opened) {
    const QueueConfig* queue = find_dead_letter_queue(config, options);
    if (queue == nullptr) return exit_usage;
    auto filter = LetterFilter::make(options.choice, "--");
    if (!filter) {
        say(filter.error().text);
        return exit_usage;
    }
    if (!options.to.empty() && require_queue(config, options.to) == nullptr) return exit_usage;
    auto inspection = Inspection::open(config, catalog, *queue);
    if (!inspection) return report(inspection.error());
    opened.emplace(Opened{queue, std::move(*filter), std::move(*inspection)});
    return std::nullopt;
}

Result<std::string> edited(const Letter& letter) {
    if (!text::is_utf8(letter.body.value_or("")))
        return Error(ErrorCode::permanent, "its body is no text, which an editor could change");
    return edit(letter.body.value_or(""));
}

std::string row_text(const Letter& letter, std::string_view name) {
    const std::string_view said = letter.said(name);
    return said.empty() ? "-" : std::string(said);
}

void print_letter(const Letter& letter) {
    const auto line = [](std::string_view name, std::string_view value) {
        std::string text;
        text::append_escaped(text, value, value.size(), text::Quotes::plain);
        std::printf("%-16.*s%s\n", static_cast<int>(name.size()), name.data(), text.c_str());
    };
    line("id", letter.id);
    for (const auto& [name, value] : letter.verdict) line(name, value);
    if (letter.key) line("key", *letter.key);
    for (const codec::Header& header : letter.headers)
        line("header", header.name + (header.value ? ": " + *header.value : " (null)"));
    std::putchar('\n');
    if (!letter.body) {
        std::puts("(a tombstone: it has no body)");
    } else if (text::is_utf8(*letter.body)) {
        print_bytes(*letter.body);
    } else {
        std::printf("(%zu bytes that are no text, in base64)\n%s\n", letter.body->size(),
                    text::base64(*letter.body).c_str());
    }
}

}  // namespace

int list_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options) {
    std::optional<Opened> opened;
    if (const auto wrong = open_dead_letters(config, catalog, options, opened)) return *wrong;
    std::vector<std::vector<std::string>> rows{
        {"ID", "FAILED AT", "COMPONENT", "REASON", "ATTEMPTS", "ERROR"}};
    std::uint64_t shown = 0;
    const auto error =
        for_each_there(opened->inspection, opened->filter, options.limit, [&](const Letter& letter) {
            ++shown;
            if (options.json)
                print_json(to_json(letter));
            else
                rows.push_back({letter.id, row_text(letter, "failed-at"), row_text(letter, "component"),
                                row_text(letter, "reason"), row_text(letter, "attempts"),
                                row_text(letter, "error")});
        });
    if (error) return report(*error);
    if (!options.json && shown > 0) print_table(rows);
    std::fprintf(stderr, "%llu shown", static_cast<unsigned long long>(shown));
    if (const auto stats = opened->inspection.stats(); stats && stats->ready >= 0)
        std::fprintf(stderr, "; %s holds %lld", opened->queue->name.c_str(),
                     static_cast<long long>(stats->ready));
    std::fputc('\n', stderr);
    return exit_ok;
}

int show_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options) {
    std::optional<Opened> opened;
    if (const auto wrong = open_dead_letters(config, catalog, options, opened)) return *wrong;
    Tally tally;
    const auto error = for_each_named(opened->inspection, options, tally, [&](const Letter& letter) {
        if (options.json)
            print_json(to_json(letter));
        else if (options.as_test)
            print_bytes(as_test(letter, config));
        else
            print_letter(letter);
    });
    if (error) return report(*error);
    return tally.failed > 0 ? exit_some_failed : exit_ok;
}

int export_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options) {
    std::optional<Opened> opened;
    if (const auto wrong = open_dead_letters(config, catalog, options, opened)) return *wrong;
    std::uint64_t written = 0;
    const auto error =
        for_each_there(opened->inspection, opened->filter, no_limit, [&](const Letter& letter) {
            ++written;
            print_json(to_json(letter));
        });
    std::fprintf(stderr, "%llu exported\n", static_cast<unsigned long long>(written));
    return error ? report(*error) : exit_ok;
}

int retry_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options) {
    std::optional<Opened> opened;
    if (const auto wrong = open_dead_letters(config, catalog, options, opened)) return *wrong;
    Tally tally;
    queues::RetryOptions how{options.to, {}, "--"};
    if (options.edit) how.edit = &edited;
    queues::Retrier retrier(config, catalog, std::move(how), *opened->queue, opened->inspection.identity(),
                            [&tally](const std::string& id, const std::string& why) { tally.fail(id, why); });
    const auto error = work_off(opened->inspection, options, opened->filter, tally,
                                [&](const std::vector<Letter>& letters, std::vector<std::string>& done) {
                                    if (!options.dry_run) return retrier.send(letters, done);
                                    for (const Letter& letter : letters) {
                                        if (const auto queue = retrier.target(letter))
                                            print_bytes(letter.id + " -> " + (*queue)->name);
                                        else
                                            tally.fail(letter.id, queue.error().text);
                                    }
                                    return std::optional<Error>();
                                });
    return finish(tally, error, "sent again", options);
}

int delete_dead_letters(const Config& config, plugins::Catalog& catalog, const DeadLetters& options) {
    std::optional<Opened> opened;
    if (const auto wrong = open_dead_letters(config, catalog, options, opened)) return *wrong;
    Tally tally;
    const auto error = work_off(opened->inspection, options, opened->filter, tally,
                                [&](const std::vector<Letter>& letters, std::vector<std::string>& done) {
                                    for (const Letter& letter : letters) {
                                        if (options.dry_run)
                                            print_bytes(letter.id);
                                        else
                                            done.push_back(letter.id);
                                    }
                                    return std::optional<Error>();
                                });
    return finish(tally, error, "deleted", options);
}

}  // namespace volley::cli
