#include "committer.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>

#include "commit_reply.hpp"
#include "lua.hpp"
#include "reply.hpp"

namespace volley::rsmq {

namespace {

// The Lua of Redis spreads the ids over its stack.
constexpr std::uint32_t max_in_commit = 1000;
constexpr int max_tries = 5;

bool may_be_committed(const Error& error) {
    return error.code == ErrorCode::unknown || error.code == ErrorCode::retry;
}

// Throws Error{lost} if a delivery is not open, and sets the result of its settlement.
void require_open(CommitInput& input, const volley_transaction& t) {
    if (t.record_count > max_in_commit || t.settlement_count > max_in_commit || t.settlement_count == 0) {
        throw Error(ErrorCode::permanent, "a commit has 1 to " + std::to_string(max_in_commit) +
                                              " acks and as many outputs at most");
    }
    bool are_all_open = true;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        const bool is_open = input.deliveries.find(one.handle) != nullptr;
        one.result = is_open ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        are_all_open = are_all_open && is_open;
    }
    if (!are_all_open) throw Error(ErrorCode::lost, lost_text);
}

bool is_of(const Commit& commit, const volley_transaction& t) {
    if (commit.handles.size() != t.settlement_count || commit.ids.size() != t.record_count) return false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        if (element(t.settlements, t.settlement_size, i).handle != commit.handles[i]) return false;
    return true;
}

// Closes the deliveries of a commit, and wakes the consumers of its outputs.
void complete(CommitInput& input, volley_transaction& t, const Commit& commit) {
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        one.result = VOLLEY_OK;
        input.deliveries.close(one.handle);
    }
    for (const OutputQueue* output : commit.outputs) output->notify_consumers();
}

void mark_lost(volley_transaction& t, const redisReply& check) {
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        if (check.element[i + 1]->integer == 0)
            element(t.settlements, t.settlement_size, i).result = VOLLEY_E_LOST;
    }
}

// Throws if the user may not RENAME or use MULTI, or if Redis accepts no writes.
void check_permissions(Connection& connection, const std::string& key) {
    const Settings& settings = connection.settings();
    Script script{may_rename_script};
    const Reply reply = connection.run(script, {key}, {});
    const std::string why(text_of(reply.get()));
    if (why.find("no such key") == std::string::npos) {
        // If Redis accepts no writes for now, the error does not show whether the user has the permission.
        if (Error error = error_of_reply(settings, why); error.code == ErrorCode::retry) throw error;
        throw Error(ErrorCode::unauthorized,
                    "Redis at " + settings.server.place() +
                        " does not let this user RENAME keys, which an atomic commit needs: " + why +
                        ". Add +rename to the user's ACL");
    }
    Request nothing;
    nothing.command({"MULTI"});
    nothing.command({"EXEC"});
    for (Reply& one : connection.exchange(nothing)) connection.checked(std::move(one));
}

}  // namespace

Committer::Committer(OutputQueue& own, RedisClock& clock, IdGenerator& ids)
    : own_(own), clock_(clock), ids_(ids), key_(own.settings().ns + "volley:commit:" + make_unique_name()) {}

// A check that fails renames keys away, and must not be refused then. If MULTI were refused, Redis would
// execute the following commands one by one.
void Committer::ensure_permissions() {
    if (has_permissions_) return;
    try {
        check_permissions(own_.connection(), key_);
        has_permissions_ = true;
    } catch (const Error& error) {
        own_.connection().drop();  // it may be inside a MULTI
        // The commit was not sent yet.
        if (error.code == ErrorCode::unknown) throw Error(ErrorCode::retry, error.text);
        throw;
    }
}

Commit Committer::new_commit(const volley_transaction& t) {
    Commit commit;
    commit.number = ++last_number_;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        commit.handles.push_back(element(t.settlements, t.settlement_size, i).handle);
    for (std::uint32_t i = 0; i < t.record_count; ++i) commit.ids.push_back(ids_.next());
    return commit;
}

bool Committer::shares_user(const CommitInput& input) const {
    return input.pipeline.settings().server.username == own_.settings().server.username;
}

// The consumer's connection cannot be used if it has other permissions.
Connection& Committer::connection_for(CommitInput& input) {
    return shares_user(input) ? input.pipeline.drained() : own_.connection();
}

std::int32_t Committer::commit(CommitInput& input, volley_transaction& t) {
    ensure_permissions();
    require_open(input, t);
    const bool is_repeat = !unconfirmed_.empty() && is_of(unconfirmed_.front(), t);
    // A new commit has a greater number, so older ones can no longer be repeated.
    if (!is_repeat) unconfirmed_.assign(1, new_commit(t));
    try {
        // Checked first: the outputs of a commit that happened must not be refused now.
        if (is_repeat && was_committed(input, unconfirmed_.front())) {
            complete(input, t, unconfirmed_.front());
            unconfirmed_.pop_front();
            return VOLLEY_OK;
        }
        for (int tries = 0; tries < max_tries; ++tries) {
            const auto status = try_commit(input, t, unconfirmed_.front(), is_repeat);
            if (!status) continue;
            unconfirmed_.pop_front();
            return *status;
        }
    } catch (const Error& error) {
        if (!may_be_committed(error)) unconfirmed_.pop_front();
        throw;
    }
    throw Error(ErrorCode::retry, "the attributes of queue " + own_.settings().queue +
                                      " or the clock of Redis kept changing during a commit");
}

bool Committer::post(CommitInput& input, volley_transaction& t) {
    const Pending* previous = pending_.empty() ? nullptr : &pending_.back();
    // The engine repeats commits before it posts again, so the remaining ones are never repeated.
    if (previous == nullptr) unconfirmed_.clear();
    Pending& pending = pending_.emplace_back();
    try {
        if (!shares_user(input)) {
            // The consumer's connection cannot carry it, so it is committed now.
            if (previous != nullptr && previous->status != VOLLEY_OK)
                throw Error(ErrorCode::retry, "the commit before this one was not committed");
            pending.status = commit(input, t);
            return false;
        }
        pending.commit = new_commit(t);
        ensure_permissions();
        require_open(input, t);
        const auto outputs = group_by_output(own_, input, t, pending.commit);
        if (!outputs) throw Error(ErrorCode::retry, "maxsize of the queue has changed");
        write(input, pending.commit, *outputs,
              previous != nullptr ? std::to_string(previous->commit.number) : std::string(), false);
        for (const std::uint64_t handle : pending.commit.handles)
            input.deliveries.find(handle)->is_in_commit = true;
        input.pipeline.post_commit(request_.request, pending.commit.handles.size());
        return true;
    } catch (const Error& error) {
        pending.failure = error;
    } catch (const std::exception& error) {
        input.pipeline.connection().drop();  // a part of the commit may have been sent
        pending.failure = Error(ErrorCode::unknown, error.what());
    }
    return false;
}

std::int32_t Committer::outcome(CommitInput& input, volley_transaction& t, std::uint32_t timeout_ms) {
    Pending& oldest = pending_.front();
    std::vector<Reply> replies;
    if (!oldest.failure && !oldest.status) {
        try {
            replies = input.pipeline.take_commit(timeout_ms);
            if (replies.empty()) return VOLLEY_PENDING;
        } catch (const Error& error) {
            oldest.failure = error;
        }
    }
    Pending done = std::move(oldest);
    pending_.pop_front();
    for (const std::uint64_t handle : done.commit.handles)
        if (Delivery* delivery = input.deliveries.find(handle)) delivery->is_in_commit = false;
    try {
        if (done.failure) throw *done.failure;
        if (done.status) return *done.status;
        return apply_replies(input, input.pipeline.connection(), t, done.commit, std::move(replies))
            .value_or(VOLLEY_E_RETRY);
    } catch (const Error& error) {
        if (may_be_committed(error) && shares_user(input)) unconfirmed_.push_back(std::move(done.commit));
        throw;
    }
}

// Returns nothing if attributes, clock or run were out of date. They are updated, and the caller retries.
std::optional<std::int32_t> Committer::try_commit(CommitInput& input, volley_transaction& t, Commit& commit,
                                                  bool is_repeat) {
    const auto outputs = group_by_output(own_, input, t, commit);
    if (!outputs) return std::nullopt;
    write(input, commit, *outputs, {}, is_repeat);
    Connection& connection = connection_for(input);
    return apply_replies(input, connection, t, commit, connection.exchange(request_.request));
}

// `previous`: the number of the commit without which this one must not happen, or empty.
void Committer::write(CommitInput& input, Commit& commit, const OutputBatches& outputs,
                      std::string_view previous, bool is_repeat) {
    commit.time_ms = clock_.now_us() / 1000;
    // An adjustment may have set the clock back by the millisecond by which it may be wrong. A later message
    // must not appear earlier.
    if (last_time_ms_ - commit.time_ms == 1) commit.time_ms = last_time_ms_;
    commit.outputs.clear();
    for (const OutputBatch& output : outputs) commit.outputs.push_back(output.queue);
    ExclusiveRun::Cover run;
    // A repeat compares each receipt. If it was committed and Redis has forgotten its number, nothing else
    // shows that.
    if (!is_repeat) run = input.pipeline.run().cover(commit.handles, input.deliveries);
    write_commit(request_, {input, key_, commit, outputs, previous, run});
}

// Returns nothing as try_commit does.
std::optional<std::int32_t> Committer::apply_replies(CommitInput& input, Connection& connection,
                                                     volley_transaction& t, const Commit& commit,
                                                     std::vector<Reply> replies) {
    const Reply reply = check_reply(std::move(replies), connection, own_.settings(), t.settlement_count,
                                    commit.outputs.size());
    const redisReply& check = *reply;
    const auto output_at = [&](std::size_t i) -> OutputQueue& {
        return *commit.outputs.at(static_cast<std::size_t>(check.element[i]->integer) - 1);
    };
    switch (result_of(check)) {
        case CheckResult::committed:
            clock_.advance(check.element[1]->integer);
            last_time_ms_ = std::max(last_time_ms_, commit.time_ms);
            break;
        case CheckResult::repeated:
            break;
        case CheckResult::receipt_outdated:
            mark_lost(t, check);
            return VOLLEY_E_LOST;
        case CheckResult::queue_missing:
            output_at(1).reload_attributes();
            return std::nullopt;
        case CheckResult::outdated:
            clock_.set(check.element[1]->integer);
            output_at(2).set_attributes(
                {std::string(text_of(check.element[3])), std::string(text_of(check.element[4]))});
            return std::nullopt;
        case CheckResult::run_ended:
            input.pipeline.run().end();
            return std::nullopt;
        case CheckResult::previous_missing:
            return VOLLEY_E_RETRY;
        case CheckResult::error:
            throw_reply(own_.settings(), text_of(check.element[1]));
    }
    complete(input, t, commit);
    return VOLLEY_OK;
}

bool Committer::was_committed(CommitInput& input, const Commit& commit) {
    const Reply last = connection_for(input).command({"GET", key_});
    return last->type == REDIS_REPLY_STRING && std::strtoull(last->str, nullptr, 10) >= commit.number;
}

}  // namespace volley::rsmq
