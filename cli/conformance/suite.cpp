#include "conformance/suite.hpp"

namespace volley::cli::conformance {

std::vector<Check> all_checks() {
    std::vector<Check> out = generic_checks();
    for (auto part : {ability_checks(), end_checks(), echo_checks()})
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

Verdict in_session(const Program& program, std::uint32_t concurrency,
                   const std::function<Verdict(Session&)>& judge) {
    const auto session = Session::start(program, concurrency);
    if (!session)
        return {Status::fail, session.error().text + "; give the program and its arguments behind --"};
    return judge(**session);
}

Verdict not_answered(Session& session, const std::string& sent) {
    const auto what = session.diagnose();
    return failed(sent, what.came, what.advice);
}

}  // namespace volley::cli::conformance
