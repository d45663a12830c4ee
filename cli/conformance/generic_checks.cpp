// Checks that hold for any handler: that answers arrive, ids, lines, and the end.
#include <algorithm>
#include <string>

#include "conformance/suite.hpp"

namespace volley::cli::conformance {

namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

std::string line_of(std::uint64_t id, const std::string& members) {
    return "{\"id\":\"" + std::to_string(id) + "\"," + members + '}';
}

std::string plain(std::uint64_t id, const Program& program) {
    return line_of(id, "\"attempt\":1,\"body\":" + program.body);
}

std::string in_chain(const Sent& message, const Program& program) {
    return line_of(message.id, "\"call\":" + std::to_string(message.call) + ",\"chain\":" +
                                   std::to_string(message.chain) + ",\"attempt\":1,\"body\":" + program.body);
}

void send_plain(Session& session, const Program& program, std::uint64_t count) {
    const std::uint64_t first = session.sent().size() + 1;
    for (std::uint64_t id = first; id < first + count; ++id) session.send({id}, plain(id, program));
}

std::string messages(std::size_t count) {
    return count == 1 ? "one message" : std::to_string(count) + " messages at once";
}

Verdict starts(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        send_plain(session, program, 1);
        if (!session.wait_ready()) {
            const auto what = session.diagnose();
            return failed("one message", what.came,
                          "write the first line, or read standard input, as soon as the program has loaded");
        }
        const Spoken* first = session.spoken().empty() ? nullptr : &session.spoken().front();
        if (first != nullptr && first->what == Spoken::What::hello) return passed(first->line);
        return passed("it reads its input, and declares no abilities");
    });
}

Verdict answers(const Program& program, std::size_t count) {
    return in_session(program, 1, [&](Session& session) {
        send_plain(session, program, count);
        if (!session.wait_answers()) return not_answered(session, messages(count));
        return passed();
    });
}

// Reads to the end of the output, so that a second answer cannot come later.
Verdict each_once(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        constexpr std::size_t count = 50;
        send_plain(session, program, count);
        if (!session.wait_answers()) return not_answered(session, messages(count));
        static_cast<void>(session.finish());
        if (const auto unknown = find_unknown(session.sent(), session.spoken()))
            return failed(messages(count), *unknown, "repeat the \"id\" of the message in its answer");
        if (const auto repeated = find_repeated(session.spoken()))
            return failed(
                messages(count), *repeated,
                "write one line for each message; only a partial answer (\"more\":true) goes before");
        return passed();
    });
}

Verdict clean_output(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        constexpr std::size_t count = 20;
        send_plain(session, program, count);
        if (!session.wait_answers()) return not_answered(session, messages(count));
        static_cast<void>(session.finish());
        if (const auto noise = find_noise(session.spoken()))
            return warned(messages(count), *noise,
                          "print to standard error: volleyd ignores such a line, and one without a newline "
                          "spoils the answer behind it");
        return passed();
    });
}

Verdict chains(const Program& program) {
    return in_session(program, 4, [&](Session& session) {
        send_plain(session, program, 1);
        if (!session.wait_answers()) return not_answered(session, messages(1));
        if (!session.abilities().chains) {
            for (const Spoken& one : session.spoken())
                if (one.kind == handlers::Answer::Kind::skipped)
                    return failed(messages(1), excerpt(one.line),
                                  "\"skipped\" is for messages of a chain behind one that failed");
            return skipped("its first line does not declare \"chains\":true");
        }
        constexpr std::uint64_t count = 60;
        for (std::uint64_t i = 0; i < count; ++i) {
            const Sent message{100 + i, 7, static_cast<std::uint32_t>(i % 3 + 1)};
            session.send(message, in_chain(message, program));
        }
        const std::string what = std::to_string(count) + " messages of three chains";
        if (!session.wait_answers()) return not_answered(session, what);
        if (const auto broken = find_broken_chain(session.sent(), session.spoken()))
            return failed(what, *broken,
                          "handle the messages of one call and chain one after another; behind a retry or "
                          "fail, answer {\"id\":…,\"skipped\":true}");
        return passed();
    });
}

struct Shape {
    const char* name;
    std::string members;
};

// Each in a message of its own.
Verdict shapes_answered(const Program& program, const std::vector<Shape>& shapes) {
    return in_session(program, 1, [&](Session& session) {
        std::uint64_t id = 0;
        for (const Shape& shape : shapes) {
            ++id;
            session.send({id}, line_of(id, shape.members));
            if (!session.wait_answers())
                return not_answered(session,
                                    std::string(shape.name) + ": " + excerpt(line_of(id, shape.members)));
        }
        return passed();
    });
}

Verdict shapes(const Program& program) {
    const std::string body = "\"attempt\":1,\"body\":" + program.body;
    return shapes_answered(
        program,
        {{"a key", "\"key\":\"k\"," + body},
         {"a key that is not UTF-8", "\"key_base64\":\"/2tleQ==\"," + body},
         {"headers", R"("headers":{"traceparent":"00-1","empty":""},)" + body},
         {"a repeated, a binary and a null header",
          R"("headers":{"via":["a","b"],"stamp":{"base64":"AP8="},"nil":null},)" + body},
         {"a header name that is not UTF-8", R"("headers":[[{"base64":"/w=="},"v"],["a","b"]],)" + body},
         {"a text body", R"("attempt":1,"text":"plain")"},
         {"an empty text body", R"("attempt":1,"text":"")"},
         {"a binary body", R"("attempt":1,"base64":"//4A")"},
         {"a tombstone", R"("attempt":1,"body":null,"tombstone":true)"},
         {"a body of null", R"("attempt":1,"body":null)"},
         {"a second attempt", "\"attempt\":2,\"body\":" + program.body}});
}

Verdict nulls(const Program& program) {
    return shapes_answered(program,
                           {{"a key of null", "\"key\":null,\"attempt\":1,\"body\":" + program.body},
                            {"headers of null", "\"headers\":null,\"attempt\":1,\"body\":" + program.body}});
}

Verdict unknown_fields(const Program& program) {
    return shapes_answered(
        program,
        {{"unknown fields",
          "\"attempt\":1,\"future\":{\"a\":[1,null]},\"more_of_it\":\"x\",\"body\":" + program.body}});
}

Verdict unicode(const Program& program) {
    return shapes_answered(
        program,
        {{"characters beyond ASCII",
          "\"key\":\"k\xC3\xBC\",\"attempt\":1,\"body\":\"\xE4\xB8\x96 \xF0\x9F\x8C\x8D\""},
         {"an escaped surrogate pair", R"("attempt":1,"body":"\ud83c\udf0d\u0000\u2028")"},
         {"line separators of Unicode", "\"attempt\":1,\"text\":\"a\xE2\x80\xA8\x62\xE2\x80\xA9\xC2\x85\""},
         {"a body of the program's own", "\"attempt\":1,\"body\":" + program.body}});
}

Verdict line_ends(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        session.send({1}, plain(1, program) + '\r');
        session.write("\n\r\n");
        session.send({2}, plain(2, program));
        if (session.wait_answers()) return passed();
        const auto what = session.diagnose();
        return warned("two messages with CR LF and empty lines between them", what.came,
                      "skip empty lines and a CR before the newline: volleyd does not write them, people who "
                      "try the program do");
    });
}

Verdict large(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        session.send({1}, line_of(1, "\"attempt\":1,\"body\":\"" + std::string(megabyte, 'x') + '"'));
        session.send({2}, plain(2, program));
        if (!session.wait_answers())
            return not_answered(session, "a message with a body of 1 MB, and another");
        return passed();
    });
}

Verdict nesting(const Program& program) {
    const std::string body =
        std::string(handlers::deepest_body, '[') + std::string(handlers::deepest_body, ']');
    return shapes_answered(program, {{"a body that is 64 levels deep", "\"attempt\":1,\"body\":" + body}});
}

Verdict numbers(const Program& program) {
    return shapes_answered(
        program, {{"numbers of every size", R"("attempt":1,"body":[0.1,1.10,-0,12345678901234567890])"},
                  {"a number beyond double", R"("attempt":1,"body":[1e400])"}});
}

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

std::vector<Check> generic_checks() {
    return {
        {"starts", "it writes its first line or reads its input within the timeout", false, starts},
        {"answers", "it answers a message", false, [](const Program& p) { return answers(p, 1); }},
        {"pipelined", "it answers 200 messages that are sent at once", false,
         [](const Program& p) { return answers(p, 200); }},
        {"each-once", "it answers each message once, under its own id", false, each_once},
        {"clean-output", "nothing but answers is on its standard output", false, clean_output},
        {"chains", "it keeps the order of a chain, and skips behind a failure only", false, chains},
        {"shapes", "it answers bodies, keys and headers of every form", false, shapes},
        {"nulls", "a key and headers of null are as good as none", false, nulls},
        {"unknown-fields", "it ignores fields of a request that it does not know", false, unknown_fields},
        {"unicode", "it answers text beyond ASCII, and escaped surrogate pairs", false, unicode},
        {"big-numbers", "it answers bodies with numbers that a double cannot hold", false, numbers},
        {"nesting", "it answers a body that is 64 levels deep", false, nesting},
        {"line-ends", "it skips CR and empty lines between requests", false, line_ends},
        {"large", "it answers a message with a body of 1 MB", false, large},
        {"ends", "it ends with status 0 when its standard input is closed", false, ends},
        {"ends-after-work", "it answers what it has before it ends", false, ends_after_work},
        {"sigterm", "SIGTERM to its process group does not cost a message", false, sigterm},
    };
}

}  // namespace volley::cli::conformance
