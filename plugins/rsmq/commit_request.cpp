#include "commit_request.hpp"

#include "lua.hpp"

namespace volley::rsmq {

namespace {

OutputBatch& batch_for(OutputBatches& batches, OutputQueue& own, const CommitInput& input,
                       const volley_record& record) {
    const auto is_for = [&](const OutputQueue* queue) {
        return is_absent(record.queue) ? queue == &own
                                       : volley::text_of(record.queue) == queue->settings().queue;
    };
    for (OutputBatch& batch : batches)
        if (is_for(batch.queue)) return batch;
    if (is_for(&own)) return batches.emplace_back(OutputBatch{&own, {}});
    for (OutputQueue* queue : input.outputs)
        if (is_for(queue)) return batches.emplace_back(OutputBatch{queue, {}});
    throw Error(ErrorCode::permanent, "no producer of queue " + std::string(volley::text_of(record.queue)) +
                                          " has joined the consumer of this commit");
}

void write_output_keys(Request& r, const OutputBatches& outputs) {
    for (const OutputBatch& output : outputs) {
        r.word(output.queue->settings().set_key);
        r.word(output.queue->settings().hash_key);
    }
}

void write_check(Request& r, const std::string& receipts, const CommitParts& parts) {
    const Settings& in = parts.input.pipeline.settings();
    const auto& [input, commit_key, commit, outputs, previous, run] = parts;
    const bool compare_receipts = run.name.empty();
    r.begin(12 + 4 * outputs.size() + (compare_receipts ? commit.handles.size() : 0));
    r.word("EVAL");
    r.word(check_script);
    r.word(std::to_string(4 + 2 * outputs.size()));
    r.word(in.set_key);
    r.word(in.hash_key);
    r.word(commit_key);
    r.word(input.pipeline.run().key());
    write_output_keys(r, outputs);
    r.word(std::to_string(commit.number));
    r.word(previous);
    r.word(std::to_string(commit.time_ms));
    r.word(run.name);
    r.word(receipts);
    for (const OutputBatch& output : outputs) {
        r.word(output.queue->attributes().delay);
        r.word(output.queue->attributes().maxsize);
    }
    if (!compare_receipts) return;
    for (const std::uint64_t handle : commit.handles) r.word(input.deliveries.find(handle)->id, ":rc");
}

void write_output(Request& r, const OutputBatch& output, std::int64_t now_ms) {
    const Settings& out = output.queue->settings();
    const SendBatch& batch = output.batch;
    const std::size_t n = batch.records.size();
    const std::string sent = std::to_string(n);
    const std::string visible = std::to_string(now_ms + output.queue->delay_ms());
    r.begin(2 + 2 * n);
    r.word("ZADD");
    r.word(out.set_key);
    for (std::size_t i = 0; i < n; ++i) {
        const auto delay = static_cast<std::int64_t>(batch.records[i]->delay_ms);
        r.word(delay > 0 ? std::string_view(std::to_string(now_ms + delay)) : std::string_view(visible));
        r.word(batch.ids[i]);
    }
    r.begin(2 + 2 * n);
    r.word("HSET");
    r.word(out.hash_key);
    for (const std::string_view word : batch.bodies) r.word(word);
    r.command({"HINCRBY", out.hash_key, "totalsent", sent});
}

void write_acks(Request& r, const CommitInput& input, const std::vector<std::uint64_t>& handles) {
    const Settings& in = input.pipeline.settings();
    r.begin(2 + handles.size());
    r.word("ZREM");
    r.word(in.set_key);
    for (const std::uint64_t handle : handles) r.word(input.deliveries.find(handle)->id);
    r.begin(2 + 3 * handles.size());
    r.word("HDEL");
    r.word(in.hash_key);
    for (const std::uint64_t handle : handles) {
        const std::string_view id = input.deliveries.find(handle)->id;
        r.word(id);
        r.word(id, ":rc");
        r.word(id, ":fr");
    }
}

void write_end(Request& r, const CommitParts& parts) {
    const Settings& in = parts.input.pipeline.settings();
    const OutputBatches& outputs = parts.outputs;
    r.begin(6 + 4 * outputs.size());
    r.word("EVAL");
    r.word(end_script);
    r.word(std::to_string(3 + 2 * outputs.size()));
    r.word(in.set_key);
    r.word(in.hash_key);
    r.word(parts.commit_key);
    write_output_keys(r, outputs);
    for (const OutputBatch& output : outputs) {
        const Settings& out = output.queue->settings();
        r.word(out.realtime ? std::string_view(out.realtime_key) : std::string_view());
        r.word(std::to_string(output.batch.records.size()));
    }
}

}  // namespace

void write_commit(CommitRequest& request, const CommitParts& parts) {
    auto& [r, receipts] = request;
    receipts.clear();
    if (!parts.run.name.empty()) {
        receipts = std::to_string(parts.run.total_received);
    } else {
        for (const std::uint64_t handle : parts.commit.handles) {
            if (!receipts.empty()) receipts += ',';
            receipts += parts.input.deliveries.find(handle)->receipt;
        }
    }
    r.clear();
    r.command({"MULTI"});
    write_check(r, receipts, parts);
    for (const OutputBatch& output : parts.outputs) write_output(r, output, parts.commit.time_ms);
    write_acks(r, parts.input, parts.commit.handles);
    write_end(r, parts);
    r.command({"EXEC"});
}

std::optional<OutputBatches> group_by_output(OutputQueue& own, const CommitInput& input,
                                             const volley_transaction& t, const Commit& commit) {
    std::optional<OutputBatches> batches(std::in_place);
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        auto& [queue, batch] = batch_for(*batches, own, input, record);
        const std::string_view stored = batch.encode(record, queue->settings().envelope);
        std::string why;
        const std::int32_t verdict = queue->check(record, stored, why);
        if (verdict == VOLLEY_E_TOO_LARGE && queue->reload_attributes()) return std::nullopt;
        if (verdict != VOLLEY_OK) throw Error(static_cast<ErrorCode>(verdict), why);
        batch.add(record, stored, commit.ids[i]);
    }
    return batches;
}

}  // namespace volley::rsmq
