// Checks that hold for any handler: that answers arrive, ids, lines, and messages of every form.
#include <string>

#include "conformance/requests.hpp"
#include "conformance/suite.hpp"

namespace volley::cli::conformance {

namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

Verdict starts(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        send_plain(session, program, 1);
        if (!session.wait_ready()) {
            const auto what = session.diagnose();
            const bool is_silent = session.spoken().empty();
            return failed(
                "one message", what.came,
                is_silent ? "write the first line, or read standard input, as soon as the program has loaded"
                          : what.advice);
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

}  // namespace

std::vector<Check> generic_checks() {
    return {
        {"starts", "it writes its first line or reads its input within the timeout", false, starts},
        {"answers", "it answers a message", false, [](const Program& p) { return answers(p, 1); }},
        {"pipelined", "it answers 200 messages that are sent at once", false,
         [](const Program& p) { return answers(p, 200); }},
        {"each-once", "it answers each message once, under its own id", false, each_once},
        {"clean-output", "nothing but answers is on its standard output", false, clean_output},
        {"shapes", "it answers bodies, keys and headers of every form", false, shapes},
        {"nulls", "a key and headers of null are as good as none", false, nulls},
        {"unknown-fields", "it ignores fields of a request that it does not know", false, unknown_fields},
        {"unicode", "it answers text beyond ASCII, and escaped surrogate pairs", false, unicode},
        {"big-numbers", "it answers bodies with numbers that a double cannot hold", false, numbers},
        {"nesting", "it answers a body that is 64 levels deep", false, nesting},
        {"line-ends", "it skips CR and empty lines between requests", false, line_ends},
        {"large", "it answers a message with a body of 1 MB", false, large},
    };
}

}  // namespace volley::cli::conformance
