// Checks of what the first line of a handler declares.
#include <string>

#include "conformance/requests.hpp"
#include "conformance/suite.hpp"

namespace volley::cli::conformance {

namespace {

std::string in_chain(const Sent& message, const Program& program) {
    return line_of(message.id, "\"call\":" + std::to_string(message.call) + ",\"chain\":" +
                                   std::to_string(message.chain) + ",\"attempt\":1,\"body\":" + program.body);
}

// Abilities are known after the first answer at the latest.
bool has_first_answer(Session& session, const Program& program) {
    send_plain(session, program, 1);
    return session.wait_answers();
}

Verdict chains(const Program& program) {
    return in_session(program, 4, [&](Session& session) {
        if (!has_first_answer(session, program)) return not_answered(session, messages(1));
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

// The engine may cancel a message that was answered a moment ago.
Verdict cancellations(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        if (!has_first_answer(session, program)) return not_answered(session, messages(1));
        if (!session.abilities().cancels) return skipped("its first line does not declare \"cancels\":true");
        session.write("{\"cancelled\":\"1\"}\n{\"cancelled\":\"1000007\"}\n");
        session.send({2}, plain(2, program));
        session.write("{\"cancelled\":\"2\"}\n");
        session.send({3}, plain(3, program));
        const std::string what = "cancellations of an answered, an unknown and a running message";
        if (!session.wait_answers()) return not_answered(session, what);
        static_cast<void>(session.finish());
        if (const auto repeated = find_repeated(session.spoken()))
            return failed(what, *repeated, "a cancellation has no answer of its own");
        return passed();
    });
}

Verdict source(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        if (!has_first_answer(session, program)) return not_answered(session, messages(1));
        if (!session.abilities().source) return skipped("its first line does not declare \"source\":true");
        std::uint64_t id = 1;
        for (
            const char* members :
            {R"({"queue":"orders"})", R"({"queue":"orders","id_base64":"/w==","deliveries":2})",
             R"({"queue":"orders","id":"a","partition":3,"offset":12,"timestamp_ms":1700000000000,"deliveries":1})"}) {
            ++id;
            const std::string line =
                line_of(id, "\"attempt\":1,\"source\":" + std::string(members) + ",\"body\":" + program.body);
            session.send({id}, line);
            if (!session.wait_answers()) return not_answered(session, excerpt(line));
        }
        return passed();
    });
}

Verdict batches(const Program& program) {
    return in_session(program, 4, [&](Session& session) {
        if (!has_first_answer(session, program)) return not_answered(session, messages(1));
        if (!session.abilities().batches) return skipped("its first line does not declare \"batches\":true");
        session.write("{\"batch\":[" + plain(2, program) + ',' + plain(3, program) + "]}\n{\"batch\":[" +
                      plain(4, program) + "]}\n");
        for (std::uint64_t id = 2; id <= 4; ++id) session.expect({id});
        session.send({5}, plain(5, program));
        const std::string what = "batches of two and of one, and a message alone";
        if (!session.wait_answers()) return not_answered(session, what);
        static_cast<void>(session.finish());
        if (const auto repeated = find_repeated(session.spoken()))
            return failed(what, *repeated, "each message of a batch has one answer, and the batch has none");
        return passed();
    });
}

}  // namespace

std::vector<Check> ability_checks() {
    return {
        {"chains", "it keeps the order of a chain, and skips behind a failure only", false, chains},
        {"cancellations", "a cancellation does not confuse it", false, cancellations},
        {"source", "it answers messages that say where they come from", false, source},
        {"batches", "it answers each message of a batch", false, batches},
    };
}

}  // namespace volley::cli::conformance
