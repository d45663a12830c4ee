// volley.atomic/1: outputs and acks of one Redis in one transaction. A commit has a number, which Redis
// keeps: a commit whose reply was lost is repeated with its number and its ids, and does nothing if it was
// carried out.
#include <exception>

#include "consumer.hpp"
#include "producer.hpp"
#include "reply.hpp"
#include "wakes.hpp"

namespace volley::rsmq {

namespace {

using detail::guard;
using detail::self;

// Ids are spread over the stack of Redis' Lua.
constexpr std::uint32_t most_in_commit = 1000;
bool may_be_done(const Error& error) {
    return error.code == ErrorCode::unknown || error.code == ErrorCode::retry;
}

// Is it what the check of a commit returns (lua.hpp)?
bool is_of_check(const redisReply& reply, std::size_t settlements, std::size_t outputs) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0 || !is_integer(*reply.element[0]))
        return false;
    const auto is_output = [&](std::size_t at) {
        const long long n = reply.element[at]->integer;
        return n >= 1 && static_cast<std::size_t>(n) <= outputs;
    };
    switch (reply.element[0]->integer) {
        case 0:
            return is_array_of(reply, is_integer) && reply.elements > settlements;
        case 1:
            return has_form(reply, "ii");
        case 3:
            return has_form(reply, "ii") && is_output(1);
        case 4:
            return has_form(reply, "iiiss") && is_output(2);
        case 5:
            return has_form(reply, "is");
        default:
            return reply.element[0]->integer == 2 || reply.element[0]->integer == 6 ||
                   reply.element[0]->integer == 7;
    }
}

constexpr char lost_text[] = "the lease of a message ran out; nothing was committed";

std::int32_t joins(volley_producer* producer, volley_consumer* consumer) {
    std::int32_t same = 0;
    const std::int32_t status = guard(nullptr, [&] {
        auto& input = self<RsmqConsumer>(consumer);
        same = self<RsmqProducer>(producer).joins(input) ? 1 : 0;
        if (same == 1) input.keep_stretches();
    });
    return status == VOLLEY_OK ? same : 0;
}

std::int32_t commit(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                    volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        return self<RsmqProducer>(producer).commit(self<RsmqConsumer>(consumer), *transaction);
    });
    if (status == VOLLEY_E_LOST) volley_fail(error, status, lost_text);
    return status;
}

void post(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction) {
    self<RsmqProducer>(producer).post(self<RsmqConsumer>(consumer), *transaction);
}

std::int32_t outcome(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                     std::uint32_t timeout_ms, volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        try {
            return self<RsmqProducer>(producer).outcome(self<RsmqConsumer>(consumer), *transaction,
                                                        timeout_ms);
        } catch (const Error&) {
            throw;
        } catch (...) {
            std::terminate();  // out of memory: nobody would know what became of the commit
        }
    });
    if (status == VOLLEY_E_LOST) volley_fail(error, status, lost_text);
    return status;
}

constexpr volley_ext_atomic functions{sizeof(volley_ext_atomic), 0, &joins, &commit, &post, &outcome};

}  // namespace

const volley_ext_atomic* atomic_functions() { return &functions; }

bool RsmqProducer::joins(RsmqConsumer& consumer) {
    return connection_.settings().store() == consumer.settings().store() && consumer.join(*this);
}

bool RsmqConsumer::join(RsmqProducer& producer) {
    const Settings& its = producer.settings();
    for (const RsmqProducer* other : joined_) {
        if (other == &producer) return true;
        if (other->settings().queue == its.queue || other->settings().username != its.username) return false;
    }
    joined_.push_back(&producer);
    return true;
}

bool RsmqProducer::has_user_of(const RsmqConsumer& consumer) const {
    return consumer.settings().username == connection_.settings().username;
}

// A check that fails renames keys away, and nothing may keep it from that; and where MULTI is refused, what
// follows it would be carried out command by command.
void RsmqProducer::be_sure_of_rights() {
    if (has_rights_) return;
    try {
        ask_for_rights();
        has_rights_ = true;
    } catch (const Error& error) {
        connection_.drop();  // it may be in the middle of the transaction
        // The commit was not sent.
        if (error.code == ErrorCode::unknown) throw Error(ErrorCode::retry, error.text);
        throw;
    }
}

void RsmqProducer::ask_for_rights() {
    Script ask{may_rename_script};
    const Reply said = connection_.run(ask, {commit_key_}, {});
    const std::string why(text_of(said.get()));
    if (why.find("no such key") == std::string::npos) {
        // A Redis that takes no writes at the moment says nothing about rights.
        if (Error passing = error_of_reply(connection_.settings(), why); passing.code == ErrorCode::retry)
            throw passing;
        throw Error(ErrorCode::unauthorized,
                    "Redis at " + connection_.settings().place() +
                        " does not let this user RENAME keys, which a commit of outputs and "
                        "acks needs: " +
                        why + ". Add +rename to the user's ACL");
    }
    Request nothing;
    nothing.command({"MULTI"});
    nothing.command({"EXEC"});
    for (Reply& reply : connection_.exchange(nothing)) connection_.checked(std::move(reply));
}

RsmqProducer::Commit RsmqProducer::new_commit(const volley_transaction& t) {
    Commit commit;
    commit.number = ++commits_;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        commit.handles.push_back(element(t.settlements, t.settlement_size, i).handle);
    for (std::uint32_t i = 0; i < t.record_count; ++i) commit.ids.push_back(new_id());
    return commit;
}

void RsmqProducer::require_all(RsmqConsumer& consumer, const volley_transaction& t) {
    if (t.record_count > most_in_commit || t.settlement_count > most_in_commit || t.settlement_count == 0) {
        throw Error(ErrorCode::permanent, "a commit has 1 to " + std::to_string(most_in_commit) +
                                              " acks and as many outputs at most");
    }
    bool all = true;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        const bool is_ours = consumer.find(one.handle) != nullptr;
        one.result = is_ours ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        all = all && is_ours;
    }
    if (!all) throw Error(ErrorCode::lost, lost_text);
}

bool RsmqProducer::is_first_unsure(const volley_transaction& t) const {
    if (unsure_.empty()) return false;
    const Commit& first = unsure_.front();
    if (first.handles.size() != t.settlement_count || first.ids.size() != t.record_count) return false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        if (element(t.settlements, t.settlement_size, i).handle != first.handles[i]) return false;
    return true;
}

std::int32_t RsmqProducer::commit(RsmqConsumer& consumer, volley_transaction& t) {
    be_sure_of_rights();
    require_all(consumer, t);
    const bool is_repeat = is_first_unsure(t);
    if (!is_repeat) unsure_.assign(1, new_commit(t));  // the numbers of those that were behind it are void
    try {
        if (is_repeat && was_carried_out(consumer, unsure_.front())) {
            conclude(consumer, t, unsure_.front());
            unsure_.pop_front();
            return VOLLEY_OK;
        }
        constexpr int most_tries = 5;
        for (int tries = 0; tries < most_tries; ++tries) {
            const auto status = try_commit(consumer, t, unsure_.front(), is_repeat);
            if (!status) continue;
            unsure_.pop_front();
            return *status;
        }
    } catch (const Error& error) {
        if (!may_be_done(error)) unsure_.pop_front();
        throw;
    }
    throw Error(ErrorCode::retry, "the attributes of queue " + connection_.settings().queue +
                                      ", or Redis' clock, change again and again");
}

// A consumer of another user cannot send it for us: then it is done at once.
void RsmqProducer::post(RsmqConsumer& consumer, volley_transaction& t) {
    const Posted* before = posted_.empty() ? nullptr : &posted_.back();
    const bool is_sound = before == nullptr || before->status == VOLLEY_OK;
    if (before == nullptr) unsure_.clear();  // whoever posts has no repeats to make
    Posted& posted = posted_.emplace_back();
    try {
        if (!has_user_of(consumer)) {
            if (!is_sound) throw Error(ErrorCode::retry, "what it comes behind was not carried out");
            posted.status = commit(consumer, t);
            return;
        }
        posted.commit = new_commit(t);
        be_sure_of_rights();
        require_all(consumer, t);
        const auto shares = share_out(consumer, t, posted.commit);
        if (!shares) throw Error(ErrorCode::retry, "maxsize of the queue has changed");
        write_commit(consumer, posted.commit, *shares,
                     before != nullptr ? std::to_string(before->commit.number) : std::string(), false);
        for (const std::uint64_t handle : posted.commit.handles) consumer.find(handle)->posted = true;
        consumer.post(request_, posted.commit.handles.size());
    } catch (const Error& error) {
        posted.failure = error;
    } catch (const std::exception& error) {
        consumer.link().drop();  // whatever of it was sent
        posted.failure = Error(ErrorCode::unknown, error.what());
    }
}

std::int32_t RsmqProducer::outcome(RsmqConsumer& consumer, volley_transaction& t, std::uint32_t timeout_ms) {
    Posted& oldest = posted_.front();
    std::vector<Reply> replies;
    if (!oldest.failure && !oldest.status) {
        try {
            replies = consumer.take_replies(timeout_ms);
            if (replies.empty()) return VOLLEY_PENDING;
        } catch (const Error& error) {
            oldest.failure = error;
        }
    }
    Posted over = std::move(oldest);
    posted_.pop_front();
    for (const std::uint64_t handle : over.commit.handles)
        if (RsmqConsumer::Delivery* delivery = consumer.find(handle)) delivery->posted = false;
    try {
        if (over.failure) throw *over.failure;
        if (over.status) return *over.status;
        return understand(consumer, consumer.link(), t, over.commit, std::move(replies))
            .value_or(VOLLEY_E_RETRY);
    } catch (const Error& error) {
        if (may_be_done(error) && has_user_of(consumer)) unsure_.push_back(std::move(over.commit));
        throw;
    }
}

std::optional<std::int32_t> RsmqProducer::try_commit(RsmqConsumer& consumer, volley_transaction& t,
                                                     Commit& commit, bool is_repeat) {
    const auto shares = share_out(consumer, t, commit);
    if (!shares) return std::nullopt;
    write_commit(consumer, commit, *shares, {}, is_repeat);
    Connection& through = has_user_of(consumer) ? consumer.connection() : connection_;
    return understand(consumer, through, t, commit, through.exchange(request_));
}

std::optional<std::int32_t> RsmqProducer::understand(RsmqConsumer& consumer, Connection& through,
                                                     volley_transaction& t, const Commit& commit,
                                                     std::vector<Reply> replies) {
    const Reply result = std::move(replies.back());
    if (result->type != REDIS_REPLY_ARRAY) {
        // Why it was not carried out stands in the first refusal.
        for (Reply& reply : replies)
            if (reply) through.checked(std::move(reply));
        throw Error(ErrorCode::fatal,
                    "Redis at " + connection_.settings().place() + " refused a transaction");
    }
    for (std::size_t i = 0; i < result->elements; ++i)
        if (result->element[i]->type == REDIS_REPLY_ERROR)
            throw_reply(connection_.settings(), text_of(result->element[i]));
    if (result->elements == 0 ||
        !is_of_check(*result->element[0], t.settlement_count, commit.outputs.size())) {
        through.drop();
        throw Error(ErrorCode::unknown, "Redis at " + connection_.settings().place() +
                                            " gave a reply of another form than what was asked for");
    }
    const redisReply& said = *result->element[0];
    switch (said.element[0]->integer) {
        case 0:
            for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
                if (said.element[i + 1]->integer == 0)
                    element(t.settlements, t.settlement_size, i).result = VOLLEY_E_LOST;
            }
            return VOLLEY_E_LOST;
        case 1:
            advance_clock(said.element[1]);
            accepted_ms_ = std::max(accepted_ms_, commit.made_ms);
            break;
        case 2:
            break;
        case 3: {
            RsmqProducer& output = *commit.outputs.at(static_cast<std::size_t>(said.element[1]->integer) - 1);
            output.know(ensure_queue(output.connection_));
            return std::nullopt;
        }
        case 4:
            adjust_clock(said.element[1]);
            commit.outputs.at(static_cast<std::size_t>(said.element[2]->integer) - 1)
                ->know({std::string(text_of(said.element[3])), std::string(text_of(said.element[4]))});
            return std::nullopt;
        case 6:
            consumer.end_stretch();
            return std::nullopt;
        case 7:
            return VOLLEY_E_RETRY;
        default:
            throw_reply(connection_.settings(), text_of(said.element[1]));
    }
    conclude(consumer, t, commit);
    return VOLLEY_OK;
}

// Asked before anything of a repeat is judged anew: what was stored may not be refused any more.
bool RsmqProducer::was_carried_out(RsmqConsumer& consumer, const Commit& commit) {
    Connection& through = has_user_of(consumer) ? consumer.connection() : connection_;
    const Reply last = through.command({"GET", commit_key_});
    return last->type == REDIS_REPLY_STRING && std::strtoull(last->str, nullptr, 10) >= commit.number;
}

void RsmqProducer::conclude(RsmqConsumer& consumer, volley_transaction& t, const Commit& commit) {
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        one.result = VOLLEY_OK;
        consumer.finish(one.handle);
    }
    for (const RsmqProducer* output : commit.outputs) tell_listeners(output->wake_name_);
}

}  // namespace volley::rsmq
