// A commit as Redis is sent it: the check, the commands that store the outputs and delete the inputs, the
// end.
#include "consumer.hpp"
#include "producer.hpp"

namespace volley::rsmq {

// Delay and maxsize of the outputs, and the time, are what was last heard of: Redis checks them.
void RsmqProducer::write_commit(RsmqConsumer& consumer, Commit& commit, const Shares& shares,
                                std::string_view before, bool is_repeat) {
    const Settings& in = consumer.settings();
    std::int64_t now_ms = redis_us() / 1000;
    // The clock was mended by the millisecond that it may be wrong: what comes later may not seem earlier.
    if (accepted_ms_ - now_ms == 1) now_ms = accepted_ms_;
    commit.made_ms = now_ms;
    const std::size_t acks = commit.handles.size();
    std::int64_t total = 0;
    std::string_view stretch;
    if (!is_repeat) stretch = consumer.stretch_of(commit.handles, total);
    receipts_.clear();
    if (!stretch.empty()) {
        receipts_ = std::to_string(total);
    } else {
        for (const std::uint64_t handle : commit.handles) {
            if (!receipts_.empty()) receipts_ += ',';
            receipts_ += consumer.find(handle)->rc;
        }
    }
    commit.outputs.clear();
    for (const Share& share : shares) commit.outputs.push_back(share.to);
    Request& r = request_;
    r.clear();
    r.command({"MULTI"});
    r.begin(12 + 4 * shares.size() + (stretch.empty() ? acks : 0));
    for (const std::string_view word : {std::string_view("EVAL"), std::string_view(check_script)})
        r.word(word);
    r.word(std::to_string(4 + 2 * shares.size()));
    for (const std::string_view key :
         {std::string_view(in.set_key), std::string_view(in.hash_key), std::string_view(commit_key_),
          std::string_view(consumer.stretch_key())}) {
        r.word(key);
    }
    write_keys(r, shares);
    r.word(std::to_string(commit.number));
    r.word(before);
    r.word(std::to_string(now_ms));
    r.word(stretch);
    r.word(receipts_);
    for (const Share& share : shares) {
        r.word(share.to->attributes_.delay);
        r.word(share.to->attributes_.maxsize);
    }
    if (stretch.empty()) {
        for (const std::uint64_t handle : commit.handles) r.word(consumer.find(handle)->id, ":rc");
    }
    for (const Share& share : shares) share.to->write_share(r, share.batch, now_ms);
    r.begin(2 + acks);
    r.word("ZREM");
    r.word(in.set_key);
    for (const std::uint64_t handle : commit.handles) r.word(consumer.find(handle)->id);
    r.begin(2 + 3 * acks);
    r.word("HDEL");
    r.word(in.hash_key);
    for (const std::uint64_t handle : commit.handles) {
        const std::string_view id = consumer.find(handle)->id;
        r.word(id);
        r.word(id, ":rc");
        r.word(id, ":fr");
    }
    r.begin(6 + 4 * shares.size());
    r.word("EVAL");
    r.word(end_script);
    r.word(std::to_string(3 + 2 * shares.size()));
    r.word(in.set_key);
    r.word(in.hash_key);
    r.word(commit_key_);
    write_keys(r, shares);
    for (const Share& share : shares) {
        const Settings& out = share.to->settings();
        r.word(out.realtime ? std::string_view(out.realtime_key) : std::string_view());
        r.word(std::to_string(share.batch.records.size()));
    }
    r.command({"EXEC"});
}

void RsmqProducer::write_keys(Request& r, const Shares& shares) {
    for (const Share& share : shares) {
        r.word(share.to->settings().set_key);
        r.word(share.to->settings().hash_key);
    }
}

void RsmqProducer::write_share(Request& r, const Batch& batch, std::int64_t now_ms) const {
    const Settings& out = settings();
    const std::size_t n = batch.records.size();
    const std::string sent = std::to_string(n), usual = std::to_string(now_ms + delay_ms_);
    r.begin(2 + 2 * n);
    r.word("ZADD");
    r.word(out.set_key);
    for (std::size_t i = 0; i < n; ++i) {
        const auto delay = static_cast<std::int64_t>(batch.records[i]->delay_ms);
        r.word(delay > 0 ? std::string_view(std::to_string(now_ms + delay)) : std::string_view(usual));
        r.word(batch.ids[i]);
    }
    r.begin(2 + 2 * n);
    r.word("HSET");
    r.word(out.hash_key);
    for (const std::string_view word : batch.bodies) r.word(word);
    r.command({"HINCRBY", out.hash_key, "totalsent", sent});
}

// A record names the queue that it is for; one that names none is for this.
RsmqProducer::Share& RsmqProducer::share_of(Shares& shares, RsmqConsumer& consumer,
                                            const volley_record& record) {
    const auto is_for = [&record, this](const RsmqProducer* producer) {
        return is_absent(record.queue) ? producer == this
                                       : volley::text_of(record.queue) == producer->settings().queue;
    };
    for (Share& share : shares)
        if (is_for(share.to)) return share;
    if (is_for(this)) return shares.emplace_back(Share{this, {}});
    for (RsmqProducer* other : consumer.joined())
        if (is_for(other)) return shares.emplace_back(Share{other, {}});
    throw Error(ErrorCode::permanent, "no producer for queue " + std::string(volley::text_of(record.queue)) +
                                          " joins the input of this commit");
}

// None: maxsize has changed, and is known now. Throws the refusal of what is never taken.
std::optional<RsmqProducer::Shares> RsmqProducer::share_out(RsmqConsumer& consumer,
                                                            const volley_transaction& t,
                                                            const Commit& commit) {
    Shares shares;
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        Share& share = share_of(shares, consumer, record);
        const std::string_view body = share.to->stored(share.batch, record);
        std::string why;
        const std::int32_t verdict = share.to->check(record, body, why);
        if (verdict == VOLLEY_E_TOO_LARGE && share.to->maxsize_has_changed()) return std::nullopt;
        if (verdict != VOLLEY_OK) throw Error(static_cast<ErrorCode>(verdict), why);
        share.to->add(share.batch, record, body, commit.ids[i]);
    }
    return shares;
}

}  // namespace volley::rsmq
