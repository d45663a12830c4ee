#include "conformance/requests.hpp"

namespace volley::cli::conformance {

std::string line_of(std::uint64_t id, const std::string& members) {
    return "{\"id\":\"" + std::to_string(id) + "\"," + members + '}';
}

std::string plain(std::uint64_t id, const Program& program) {
    return line_of(id, "\"attempt\":1,\"body\":" + program.body);
}

void send_plain(Session& session, const Program& program, std::uint64_t count) {
    const std::uint64_t first = session.sent().size() + 1;
    for (std::uint64_t id = first; id < first + count; ++id) session.send({id}, plain(id, program));
}

std::string messages(std::size_t count) {
    return count == 1 ? "one message" : std::to_string(count) + " messages at once";
}

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

}  // namespace volley::cli::conformance
