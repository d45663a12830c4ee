// Checks of how a handler ends.
#include <string>

#include "conformance/requests.hpp"
#include "conformance/suite.hpp"

namespace volley::cli::conformance {

namespace {

std::string came_of(const std::optional<handlers::ChildEnd>& end) {
    return end ? "the end with " + end->text : std::string("no end");
}

Verdict ends(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        send_plain(session, program, 1);
        if (!session.wait_answers()) return not_answered(session, messages(1));
        const auto end = session.finish();
        if (!end)
            return failed("the end of standard input",
                          "no end within " + std::to_string(program.timeout.count()) + " ms",
                          "end when standard input ends; volleyd sends SIGTERM and then SIGKILL");
        if (!end->with_status_0)
            return failed("the end of standard input", end->text, "end with exit status 0");
        return passed();
    });
}

Verdict ends_after_work(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        constexpr std::size_t count = 50;
        send_plain(session, program, count);
        const auto end = session.finish();
        const std::string what = messages(count) + " and the end of standard input";
        const std::size_t left = unanswered(session.sent(), session.spoken());
        if (left > 0)
            return failed(what,
                          came_of(end) + ", and " + std::to_string(left) + " messages without an answer",
                          "answer everything that was read before the program ends");
        if (!end || !end->with_status_0)
            return failed(what, came_of(end), "end with exit status 0 when the last message is answered");
        return passed();
    });
}

// A version 2 package promises it: service managers signal whole process groups.
Verdict sigterm(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        constexpr std::size_t count = 300;
        send_plain(session, program, count);
        if (!session.wait_answers(1)) return not_answered(session, messages(count));
        const bool promises = session.abilities().version >= 2;
        session.terminate();
        // Work that is sent after the signal proves that the program has dealt with it before its input
        // closes: a SIGTERM that comes after the end of the input may end the program.
        send_plain(session, program, 1);
        const bool answered = session.wait_answers();
        const std::size_t left = unanswered(session.sent(), session.spoken());
        const auto end = session.finish();
        if (answered && end && end->with_status_0) return passed();
        Verdict verdict =
            failed(messages(count) + " and then SIGTERM to the process group",
                   came_of(end) + ", and " + std::to_string(left) + " messages without an answer",
                   "ignore SIGTERM, and end when standard input is closed; those messages lose an attempt");
        if (!promises) verdict.status = Status::warn;
        return verdict;
    });
}

}  // namespace

std::vector<Check> end_checks() {
    return {
        {"ends", "it ends with status 0 when its standard input is closed", false, ends},
        {"ends-after-work", "it answers what it has before it ends", false, ends_after_work},
        {"sigterm", "SIGTERM to its process group does not cost a message", false, sigterm},
    };
}

}  // namespace volley::cli::conformance
