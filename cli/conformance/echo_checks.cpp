// Checks of the echo program, which plugin_api/protocol/README.md describes: what it does with a message is
// known, so what it forwards can be compared.
#include <algorithm>

#include "conformance/suite.hpp"
#include "conformance/vectors.hpp"

namespace volley::cli::conformance {

namespace {

bool has_ability(const Abilities& abilities, const std::string& name) {
    return name.empty() || (name == "chains" && abilities.chains) ||
           (name == "cancels" && abilities.cancels) || (name == "source" && abilities.source) ||
           (name == "batches" && abilities.batches) || (name == "version 2" && abilities.version >= 2);
}

// Abilities are known after the first answer at the latest.
bool learn_abilities(Session& session) {
    session.send({1}, R"({"id":"1","attempt":1,"body":{"do":"none"}})");
    return session.wait_answers();
}

// The line that a message came in.
std::string line_with(const Vector& vector, std::uint64_t id) {
    for (const std::string& line : vector.lines)
        for (const Sent& message : messages_of(line))
            if (message.id == id) return excerpt(line);
    return "a line";
}

Verdict compare(const Vector& vector, Session& session) {
    for (const std::string& line : vector.answers) {
        const Spoken expected = read_spoken(line);
        const auto came = answer_to(expected.id, session.spoken());
        if (!came) return not_answered(session, line_with(vector, expected.id));
        if (const auto difference = find_difference(expected, *came, vector.numbers))
            return failed(line_with(vector, expected.id), excerpt(came->line),
                          *difference + ", expected " + excerpt(line) + ": " + vector.hint);
    }
    if (const auto broken = find_broken_chain(session.sent(), session.spoken()))
        return failed("messages of chains", *broken, vector.hint);
    return passed();
}

bool has_partial(const Session& session) {
    return std::any_of(session.spoken().begin(), session.spoken().end(),
                       [](const Spoken& one) { return one.more; });
}

Verdict run_vector(const Vector& vector, const Program& program) {
    return in_session(program, 4, [&](Session& session) {
        if (!learn_abilities(session)) return not_answered(session, "a message with {\"do\":\"none\"}");
        if (!has_ability(session.abilities(), vector.needs))
            return skipped("its first line does not declare " + vector.needs);
        for (const std::string& line : vector.lines) {
            const auto messages = messages_of(line);
            session.write(line + '\n');
            for (const Sent& message : messages) session.expect(message);
        }
        session.wait_answers();
        if (program.version < 2 && has_partial(session))
            return failed("messages without VOLLEY_CONCURRENCY", "a partial answer",
                          "version 1 takes it for the whole answer: keep the outputs for the last line");
        return compare(vector, session);
    });
}

Verdict large(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        constexpr std::size_t megabyte = std::size_t{1} << 20;
        const std::string body = '"' + std::string(megabyte, 'x') + '"';
        session.send({1}, "{\"id\":\"1\",\"attempt\":1,\"body\":" + body + '}');
        if (!session.wait_answers()) return not_answered(session, "a body of 1 MB");
        const auto came = answer_to(1, session.spoken());
        if (came->outputs.size() == 1 && came->outputs.front().body == body) return passed();
        return failed("a body of 1 MB", excerpt(came->line), "forward it whole");
    });
}

// The messages wait for each other, so they are answered only if they are at work at the same time.
Verdict concurrency(const Program& program) {
    if (program.version < 2) return skipped("version 1 has no VOLLEY_CONCURRENCY");
    return in_session(program, 4, [&](Session& session) {
        for (std::uint64_t id = 1; id <= 2; ++id)
            session.send({id},
                         "{\"id\":\"" + std::to_string(id) +
                             "\",\"attempt\":1,\"body\":{\"do\":\"meet\",\"count\":2,\"within_ms\":3000}}");
        if (!session.wait_answers()) return not_answered(session, "two messages that wait for each other");
        const auto one = answer_to(1, session.spoken());
        const auto other = answer_to(2, session.spoken());
        if (one->kind == handlers::Answer::Kind::done && other->kind == one->kind) return passed();
        return warned("two messages that wait for each other, with VOLLEY_CONCURRENCY=4",
                      excerpt(one->line) + " and " + excerpt(other->line),
                      "it handles one message at a time, which is allowed and slower");
    });
}

Verdict cancellation(const Program& program) {
    return in_session(program, 1, [&](Session& session) {
        if (!learn_abilities(session)) return not_answered(session, "a message with {\"do\":\"none\"}");
        if (!session.abilities().cancels) return skipped("its first line does not declare cancels");
        const std::string ms = std::to_string(program.timeout.count() / 2);
        const std::string line = R"({"id":"2","attempt":1,"body":{"do":"wait","within_ms":)" + ms + "}}";
        session.send({2}, line);
        session.write("{\"cancelled\":\"2\"}\n");
        if (!session.wait_answers()) return not_answered(session, excerpt(line) + " and its cancellation");
        const auto came = answer_to(2, session.spoken());
        if (came->kind == handlers::Answer::Kind::retry && came->reason == "cancelled") return passed();
        return failed(excerpt(line) + " and {\"cancelled\":\"2\"}", excerpt(came->line),
                      "read the input while a message is handled, and answer {\"retry\":\"cancelled\"}");
    });
}

}  // namespace

std::vector<Check> echo_checks() {
    std::vector<Check> out;
    for (const Vector& vector : all_vectors())
        out.push_back({"echo-" + vector.name, vector.about, true,
                       [vector](const Program& program) { return run_vector(vector, program); }});
    out.push_back({"echo-large", "a body of 1 MB is forwarded whole", true, large});
    out.push_back({"echo-concurrency", "two messages are at work at once with VOLLEY_CONCURRENCY=4", true,
                   concurrency});
    out.push_back(
        {"echo-cancellation", "a cancellation reaches the handler while it works", true, cancellation});
    return out;
}

}  // namespace volley::cli::conformance
