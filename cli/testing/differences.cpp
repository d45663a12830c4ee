#include "testing/differences.hpp"

#include <algorithm>
#include <set>

#include "config/diagnostics.hpp"
#include "testing/letters.hpp"
#include "testing/shown.hpp"
#include "volley/plugin.h"

namespace volley::cli::testing {

namespace {

using Lines = std::vector<std::string>;
using AttemptsByMessage = std::map<MessageNumber, std::map<std::uint32_t, const Attempt*>>;

// Attempts that were not started, or that an instance's failure cut off, are made again under their number.
AttemptsByMessage attempts_of(const Events& events) {
    AttemptsByMessage out;
    for (const Attempt& attempt : events.attempts) {
        if (attempt.has_ended && attempt.status == VOLLEY_AGAIN) continue;
        out[attempt.message][attempt.number] = &attempt;
    }
    return out;
}

class Comparison {
public:
    Comparison(const TestCase& test, std::string dead_letter_queue, const Events& events)
        : test_(test),
          expected_(test.expected),
          dead_letter_queue_(std::move(dead_letter_queue)),
          events_(events),
          attempts_(attempts_of(events)) {}

    std::vector<Difference> run() {
        compare_end();
        std::set<std::string> queues;
        for (const auto& [queue, outputs] : expected_.outputs) queues.insert(queue);
        for (const Stored& stored : events_.stored) queues.insert(stored.queue);
        for (const std::string& queue : queues)
            if (queue != dead_letter_queue_ || expected_.outputs.count(queue) > 0) compare_outputs(queue);
        for (MessageNumber message = 1; message <= test_.given.size(); ++message) compare_retries(message);
        compare_letters();
        compare_settled();
        return std::move(found_);
    }

private:
    Mark place(const std::string& list) const {
        const auto found = expected_.places.find(list);
        return found == expected_.places.end() ? expected_.mark : found->second;
    }

    void add(const Mark& mark, std::string what, Lines expected, Lines got) {
        found_.push_back({mark, std::move(what), std::move(expected), std::move(got)});
    }

    std::vector<MessageNumber> unsettled() const {
        std::vector<MessageNumber> out;
        for (MessageNumber message = 1; message <= test_.given.size(); ++message) {
            if (std::none_of(events_.settled.begin(), events_.settled.end(),
                             [&](const Settled& s) { return s.message == message; }))
                out.push_back(message);
        }
        return out;
    }

    // Why the last attempt of a message failed.
    std::string cause_of(MessageNumber message) const {
        const auto found = attempts_.find(message);
        if (found == attempts_.end() || found->second.empty()) return {};
        const Attempt& last = *found->second.rbegin()->second;
        return last.why.empty() ? std::string() : ": " + last.why;
    }

    void compare_end() {
        const std::vector<MessageNumber> got = unsettled();
        if (got == expected_.unsettled) return;
        Lines lines{shown(got)};
        for (const MessageNumber message : got) {
            const auto found = attempts_.find(message);
            const std::size_t tries = found == attempts_.end() ? 0 : found->second.size();
            lines.push_back("message " + std::to_string(message) + ": " + std::to_string(tries) +
                            (tries == 1 ? " attempt" : " attempts") + cause_of(message));
        }
        if (!events_.stopped_because.empty())
            lines.push_back("the component stopped: " + events_.stopped_because);
        else if (events_.exit_code != 0)
            lines.push_back("the engine ended with exit code " + std::to_string(events_.exit_code));
        if (events_.is_out_of_time) lines.push_back("after " + shown(test_.within) + " of the test's time");
        add(place("unsettled"), "messages that are not settled", {shown(expected_.unsettled)},
            std::move(lines));
    }

    Lines expected_lines(const ExpectedOutput& output) const {
        Lines lines;
        if (output.key) lines.push_back("key: " + *output.key);
        if (output.without_key) lines.emplace_back("key: none");
        for (const codec::Header& header : output.headers)
            lines.push_back("header " + header.name + ": " + header.value.value_or("(null)"));
        if (output.delay) lines.push_back("delay: " + shown(*output.delay));
        if (output.body) {
            const auto body =
                output.body->kind == Body::Kind::none ? std::nullopt : std::optional(output.body->text);
            for (std::string& line : body_lines(body)) lines.push_back(std::move(line));
        }
        return lines;
    }

    static bool has_header(const Stored& stored, const codec::Header& wanted) {
        return std::any_of(stored.headers.begin(), stored.headers.end(), [&](const codec::Header& header) {
            return header.name == wanted.name && header.value == wanted.value;
        });
    }

    // Of what is asked for. A header that is as expected is shown so, though others have its name.
    Lines got_lines(const ExpectedOutput& wanted, const Stored& stored) const {
        Lines lines;
        if (wanted.key || wanted.without_key) lines.push_back("key: " + stored.key.value_or("none"));
        for (const codec::Header& header : wanted.headers) {
            const std::string* const other = header_of(stored, header.name);
            const std::string value = has_header(stored, header) ? header.value.value_or("(null)")
                                      : other != nullptr         ? *other
                                                                 : "(there is none)";
            lines.push_back("header " + header.name + ": " + value);
        }
        if (wanted.delay) lines.push_back("delay: " + shown(stored.delay));
        if (wanted.body)
            for (std::string& line : body_lines(stored.body)) lines.push_back(std::move(line));
        return lines;
    }

    bool is_as_expected(const ExpectedOutput& wanted, const Stored& stored) const {
        if (wanted.key && stored.key != wanted.key) return false;
        if (wanted.without_key && stored.key) return false;
        if (wanted.delay && *wanted.delay != stored.delay) return false;
        if (!std::all_of(wanted.headers.begin(), wanted.headers.end(),
                         [&](const codec::Header& header) { return has_header(stored, header); }))
            return false;
        return !wanted.body || is_same(*wanted.body, stored.body);
    }

    void compare_outputs(const std::string& queue) {
        std::vector<const Stored*> got;
        for (const Stored& stored : events_.stored)
            if (stored.queue == queue) got.push_back(&stored);
        const auto found = expected_.outputs.find(queue);
        static const std::vector<ExpectedOutput> none;
        const auto& wanted = found == expected_.outputs.end() ? none : found->second.list;
        const Mark mark = found == expected_.outputs.end() ? place("outputs") : found->second.mark;
        for (std::size_t i = 0; i < std::max(wanted.size(), got.size()); ++i) {
            const std::string what = "output " + std::to_string(i + 1) + " to " + config::in_quotes(queue);
            if (i >= wanted.size()) {
                const ExpectedOutput all{{}, Body(), {}, false, {}, {}};
                add(mark, what, {"(none)"}, got_lines(all, *got[i]));
            } else if (i >= got.size()) {
                add(wanted[i].mark, what, expected_lines(wanted[i]), {"(none)"});
            } else if (!is_as_expected(wanted[i], *got[i])) {
                add(wanted[i].mark, what, expected_lines(wanted[i]), got_lines(wanted[i], *got[i]));
            }
        }
    }

    void compare_retries(MessageNumber message) {
        std::vector<Millis> got;
        Lines causes;
        const Attempt* before = nullptr;
        if (const auto found = attempts_.find(message); found != attempts_.end()) {
            for (const auto& [number, attempt] : found->second) {
                if (before != nullptr) {
                    got.push_back(attempt->at - before->at);
                    causes.push_back("attempt " + std::to_string(before->number) + ": " +
                                     (before->why.empty() ? "it failed" : before->why));
                }
                before = attempt;
            }
        }
        const auto expected = expected_.retries.find(message);
        static const std::vector<Millis> none;
        const auto& wanted = expected == expected_.retries.end() ? none : expected->second.after;
        if (got == wanted) return;
        constexpr std::size_t most_causes = 10;
        Lines lines{shown(got)};
        lines.insert(lines.end(), causes.begin(),
                     causes.begin() + static_cast<std::ptrdiff_t>(std::min(causes.size(), most_causes)));
        if (got.size() > most_causes) {
            got.resize(most_causes);
            lines.front() = shown(got) + ", and so on";
        }
        add(expected == expected_.retries.end() ? place("retries") : expected->second.mark,
            "retries of message " + std::to_string(message), {shown(wanted)}, std::move(lines));
    }

    bool is_in_dead_letter_queue(const Stored& stored) const {
        return !dead_letter_queue_.empty() && stored.queue == dead_letter_queue_;
    }

    void compare_letters() {
        std::vector<const Stored*> got;
        for (const Stored& stored : events_.stored)
            if (is_in_dead_letter_queue(stored) && is_letter_record(stored)) got.push_back(&stored);
        for (Difference& difference :
             compare_dead_letters(expected_.dead_letters, std::move(got), place("dead_letters")))
            found_.push_back(std::move(difference));
    }

    bool is_letter(MessageNumber message) const {
        return std::any_of(events_.stored.begin(), events_.stored.end(), [&](const Stored& stored) {
            return is_in_dead_letter_queue(stored) && message_of(stored) == message;
        });
    }

    // The handler dropped it, or it failed for good and on_fail: drop says so.
    bool is_dropped(const Settled& settled) const {
        if (settled.outcome != VOLLEY_ACK || is_letter(settled.message)) return false;
        const auto found = attempts_.find(settled.message);
        const bool has_failed = settled.reason != VOLLEY_REASON_NONE;
        if (found == attempts_.end() || found->second.empty()) return has_failed;
        const std::int32_t status = found->second.rbegin()->second->status;
        return status == VOLLEY_DROP || (status != VOLLEY_OK && has_failed);
    }

    void compare_list(const char* key, const char* what, const std::vector<MessageNumber>& wanted,
                      std::vector<MessageNumber> got) {
        std::sort(got.begin(), got.end());
        if (got == wanted) return;
        Lines lines{shown(got)};
        for (const MessageNumber message : got)
            if (const std::string cause = cause_of(message); !cause.empty())
                lines.push_back("message " + std::to_string(message) + cause);
        add(place(key), what, {shown(wanted)}, std::move(lines));
    }

    void compare_settled() {
        std::vector<MessageNumber> acked;
        std::vector<MessageNumber> dropped;
        std::vector<MessageNumber> requeued;
        for (const Settled& settled : events_.settled) {
            (settled.outcome == VOLLEY_ACK ? acked : requeued).push_back(settled.message);
            if (is_dropped(settled)) dropped.push_back(settled.message);
        }
        compare_list("dropped", "messages that are dropped", expected_.dropped, std::move(dropped));
        compare_list("requeued", "messages that are requeued", expected_.requeued, std::move(requeued));
        if (expected_.acked)
            compare_list("acked", "messages that are acked", *expected_.acked, std::move(acked));
    }

    const TestCase& test_;
    const Expected& expected_;
    const std::string dead_letter_queue_;
    const Events& events_;
    const AttemptsByMessage attempts_;
    std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> compare(const TestCase& test, const std::string& dead_letter_queue,
                                const Events& events) {
    return Comparison(test, dead_letter_queue, events).run();
}

}  // namespace volley::cli::testing
