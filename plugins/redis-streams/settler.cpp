#include "settler.hpp"

#include <algorithm>

namespace volley::streams {

void Settler::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    std::vector<volley_settlement*> open;
    open.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& one = element(settlements, stride, i);
        one.result = VOLLEY_E_LOST;
        if (deliveries_.find(one.handle) != nullptr) open.push_back(&one);
    }
    for (std::size_t begin = 0; begin < open.size(); begin += script_batch)
        settle_batch(open.data() + begin, std::min<std::size_t>(script_batch, open.size() - begin));
}

void Settler::settle_batch(volley_settlement** settlements, std::size_t count) {
    std::vector<Change> changes;
    for (std::size_t i = 0; i < count; ++i) {
        const volley_settlement& one = *settlements[i];
        const Delivery& delivery = *deliveries_.find(one.handle);
        const char* what = one.outcome == VOLLEY_ACK    ? "ack"
                           : one.outcome == VOLLEY_NACK ? "wait"
                                                        : "release";
        // Redis accepts no later time than this.
        const std::uint64_t ms =
            one.outcome == VOLLEY_NACK ? std::min<std::uint64_t>(one.delay_ms, 500'000'000'000) : 0;
        changes.push_back({delivery.id, delivery.count, what, std::to_string(ms)});
    }
    std::vector<std::int64_t> said;
    try {
        said = run(changes);
        is_failing_ = false;
    } catch (const Error& error) {
        // Without the group nothing is pending: its messages are delivered again.
        const bool is_missing = is_group_missing(error);
        if (!is_failing_) context_.warning(error.text);
        is_failing_ = true;
        for (std::size_t i = 0; i < count; ++i) {
            volley_settlement& one = *settlements[i];
            one.result = is_missing ? VOLLEY_E_LOST : VOLLEY_E_RETRY;
            if (is_missing)
                deliveries_.close(one.handle);
            else if (error.code == ErrorCode::unknown && one.outcome == VOLLEY_ACK)
                deliveries_.find(one.handle)->is_ack_unconfirmed = true;
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        settlements[i]->result = result_of(*deliveries_.find(settlements[i]->handle), said[i]);
        deliveries_.close(settlements[i]->handle);
    }
}

std::int32_t Settler::result_of(const Delivery& delivery, std::int64_t said) {
    // If a message is not pending after an ack whose reply was lost, that ack was executed.
    if (said == is_not_pending && delivery.is_ack_unconfirmed) return VOLLEY_OK;
    if (said == is_deleted && !has_told_of_deletion_) {
        has_told_of_deletion_ = true;
        context_.warning("messages of the stream " + connection_.settings().stream +
                         " were deleted or trimmed before they were acked, and cannot be delivered again");
    }
    return said == 1 ? VOLLEY_OK : VOLLEY_E_LOST;
}

void Settler::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                     std::uint32_t lease_ms) {
    const std::int64_t idle =
        std::max<std::int64_t>(connection_.settings().claim_idle_ms - std::int64_t{lease_ms}, 0);
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < count; ++i) {
        results[i] = VOLLEY_E_LOST;
        if (deliveries_.find(handles[i]) != nullptr) open.push_back(i);
    }
    for (std::size_t begin = 0; begin < open.size(); begin += script_batch) {
        const std::size_t end = std::min<std::size_t>(begin + script_batch, open.size());
        std::vector<Change> changes;
        for (std::size_t k = begin; k < end; ++k) {
            const Delivery& delivery = *deliveries_.find(handles[open[k]]);
            changes.push_back({delivery.id, delivery.count, "extend", std::to_string(idle)});
        }
        std::vector<std::int64_t> said;
        try {
            said = run(changes);
        } catch (const Error& error) {
            if (!is_group_missing(error)) throw;
            return;  // the rest is also lost
        }
        for (std::size_t k = begin; k < end; ++k)
            if (said[k - begin] == 1) results[open[k]] = VOLLEY_OK;
    }
}

void Settler::release_unknown() {
    const Settings& s = connection_.settings();
    const auto open = deliveries_.open_ids();
    const std::string page = std::to_string(script_batch);
    std::string from = "-";
    for (;;) {
        Reply rows = connection_.command({"XPENDING", s.stream, s.group, from, "+", page, s.consumer});
        const bool is_sound = is_array_of(*rows, [](const redisReply& row) { return has_form(row, "ssii"); });
        rows = connection_.expected(std::move(rows), is_sound);
        if (rows->elements == 0) return;
        std::vector<std::string> counts;
        std::vector<Change> changes;
        counts.reserve(rows->elements);
        for (std::size_t i = 0; i < rows->elements; ++i) {
            const redisReply& row = *rows->element[i];
            const std::string_view id = text_of(*row.element[0]);
            if (open.count(id) > 0) continue;
            changes.push_back(
                {id, counts.emplace_back(std::to_string(row.element[3]->integer)), "release", "0"});
        }
        if (!changes.empty()) run(changes);
        if (rows->elements < script_batch) return;
        from = "(" + std::string(text_of(*rows->element[rows->elements - 1]->element[0]));
    }
}

std::vector<std::int64_t> Settler::run(const std::vector<Change>& changes) {
    const Settings& s = connection_.settings();
    Words arguments{s.group, s.consumer, s.delete_acked ? "1" : "0"};
    for (const Change& one : changes)
        arguments.insert(arguments.end(), {one.id, one.count, one.what, one.ms});
    Reply reply = connection_.run(script_, arguments);
    const bool is_sound = has_form(*reply, "iI") && reply->element[1]->elements == changes.size();
    reply = connection_.expected(std::move(reply), is_sound);
    if (reply->element[0]->integer == 1 && !has_told_of_groups_) {
        has_told_of_groups_ = true;
        context_.warning("delete_acked has no effect while other groups read the stream " + s.stream);
    }
    std::vector<std::int64_t> results;
    for (std::size_t i = 0; i < changes.size(); ++i)
        results.push_back(reply->element[1]->element[i]->integer);
    return results;
}

}  // namespace volley::streams
