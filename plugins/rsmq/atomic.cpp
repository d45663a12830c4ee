// volley.atomic/1: the table, and which producers join which consumer.
#include <algorithm>
#include <exception>

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::rsmq {

namespace {

using detail::guard;
using detail::self;

// A commit identifies its outputs by queue name, and all its commands run as one user.
bool join(CommitInput& input, OutputQueue& output) {
    const Settings& its = output.settings();
    if (its.server.store() != input.pipeline.settings().server.store()) return false;
    for (const OutputQueue* other : input.outputs) {
        if (other == &output) return true;
        if (other->settings().queue == its.queue || other->settings().server.username != its.server.username)
            return false;
    }
    input.outputs.push_back(&output);
    return true;
}

std::int32_t joins(volley_producer* producer, volley_consumer* consumer) {
    std::int32_t has_joined = 0;
    const std::int32_t status = guard(nullptr, [&] {
        CommitInput& input = self<RsmqConsumer>(consumer).commit_input();
        has_joined = join(input, self<RsmqProducer>(producer).output()) ? 1 : 0;
        if (has_joined == 1) input.pipeline.run().track(input.pipeline.settings());
    });
    return status == VOLLEY_OK ? has_joined : 0;
}

std::int32_t commit(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                    volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        CommitInput& input = self<RsmqConsumer>(consumer).commit_input();
        return self<RsmqProducer>(producer).committer().commit(input, *transaction);
    });
    if (status == VOLLEY_E_LOST) volley_fail(error, status, lost_text);
    return status;
}

void post(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction) {
    RsmqConsumer& input = self<RsmqConsumer>(consumer);
    if (self<RsmqProducer>(producer).committer().post(input.commit_input(), *transaction))
        input.receiver().prefetch_behind_commit();
}

std::int32_t outcome(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                     std::uint32_t timeout_ms, volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        try {
            CommitInput& input = self<RsmqConsumer>(consumer).commit_input();
            return self<RsmqProducer>(producer).committer().outcome(input, *transaction, timeout_ms);
        } catch (const Error&) {
            throw;
        } catch (...) {
            std::terminate();  // out of memory: the outcome of the commit would be lost
        }
    });
    if (status == VOLLEY_E_LOST) volley_fail(error, status, lost_text);
    return status;
}

constexpr volley_ext_atomic functions{sizeof(volley_ext_atomic), 0, &joins, &commit, &post, &outcome};

}  // namespace

const volley_ext_atomic* atomic_functions() { return &functions; }

}  // namespace volley::rsmq
