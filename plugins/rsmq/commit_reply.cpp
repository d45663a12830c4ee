#include "commit_reply.hpp"

#include <utility>

#include "reply.hpp"

namespace volley::rsmq {

namespace {

bool is_check_reply(const redisReply& reply, std::size_t acks, std::size_t outputs) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0 || !is_integer(*reply.element[0]))
        return false;
    const auto is_output = [&](std::size_t at) {
        const long long n = reply.element[at]->integer;
        return n >= 1 && static_cast<std::size_t>(n) <= outputs;
    };
    switch (result_of(reply)) {
        case CheckResult::receipt_outdated:
            return is_array_of(reply, is_integer) && reply.elements > acks;
        case CheckResult::committed:
            return has_form(reply, "ii");
        case CheckResult::queue_missing:
            return has_form(reply, "ii") && is_output(1);
        case CheckResult::outdated:
            return has_form(reply, "iiiss") && is_output(2);
        case CheckResult::error:
            return has_form(reply, "is");
        case CheckResult::repeated:
        case CheckResult::run_ended:
        case CheckResult::previous_missing:
            return true;
    }
    return false;
}

}  // namespace

Reply check_reply(std::vector<Reply> replies, Connection& connection, const Settings& settings,
                  std::size_t acks, std::size_t outputs) {
    const Reply exec = std::move(replies.back());
    if (exec->type != REDIS_REPLY_ARRAY) {
        // The reply to the first refused command has the reason.
        for (Reply& reply : replies)
            if (reply) connection.checked(std::move(reply));
        throw Error(ErrorCode::fatal, "Redis at " + settings.server.place() + " refused a transaction");
    }
    for (std::size_t i = 0; i < exec->elements; ++i)
        if (exec->element[i]->type == REDIS_REPLY_ERROR) throw_reply(settings, text_of(exec->element[i]));
    if (exec->elements == 0 || !is_check_reply(*exec->element[0], acks, outputs)) {
        connection.drop();
        throw Error(ErrorCode::unknown,
                    "Redis at " + settings.server.place() + " gave an unexpected reply to a commit");
    }
    return Reply(std::exchange(exec->element[0], nullptr));
}

}  // namespace volley::rsmq
