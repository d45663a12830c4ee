#include "runtime/jobs.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "invariant.hpp"
#include "runtime/encode.hpp"

namespace volley::runtime {

namespace {

// A token is the job's place and, above it, how often it was begun. 40 bits of that are two weeks of a
// million a second, for one place.
constexpr unsigned index_bits = 24;
constexpr std::uint64_t index_mask = (1ULL << index_bits) - 1;
constexpr std::size_t longest_text = 4096;  // of an explanation
constexpr std::uint64_t answer_sizes = 16;  // a child's answer may be so many times max_message_bytes

// Of the call that this thread is in.
thread_local const JobWaiter* this_threads_call = nullptr;

struct Place {
    std::size_t chunk;
    std::uint32_t index;
};

// `first` is a power of two: chunk n begins at first * (2^n - 1).
Place place_of(std::uint64_t index, std::uint32_t first) {
    const std::uint64_t shifted = index + first;
    const auto chunk = static_cast<std::size_t>(std::bit_width(shifted / first) - 1);
    return {chunk, static_cast<std::uint32_t>(shifted - (std::uint64_t{first} << chunk))};
}

struct Tables {
    std::mutex mutex;
    std::vector<std::unique_ptr<JobTable>> all;
    std::vector<JobTable*> idle;
};

// Never destroyed: a plugin's thread may outlive main().
Tables& tables() {
    static auto* const all = new Tables;
    return *all;
}

// Returns what is wrong with an output before anything of it is read; null: nothing.
const char* flaw_of(const volley_record& record) {
    constexpr std::size_t largest = 0x7FFFFFFF;  // of a body, a key or a header in any store
    constexpr std::uint32_t most_headers = 65'536;
    const auto too_large = [](const volley_view& view) { return !is_absent(view) && view.size > largest; };
    if (too_large(record.body)) return "an output's body is larger than 2 GiB";
    if (too_large(record.key)) return "an output's key is larger than 2 GiB";
    if (record.header_count == 0) return nullptr;
    if (record.headers == nullptr) return "an output has a count of headers and no headers";
    if (record.header_count > most_headers) return "an output has more than 65536 headers";
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const volley_header& header = record.headers[i];
        if (is_absent(header.name)) return "an output has a header without a name";
        if (too_large(header.name) || too_large(header.value))
            return "an output's header is larger than 2 GiB";
    }
    return nullptr;
}

std::int32_t refuse(Job& job, volley_error* error, ErrorCode code, std::string text) {
    job.emit_status = static_cast<std::int32_t>(code);
    job.emit_error = std::move(text);
    return volley_fail(error, job.emit_status, job.emit_error.c_str());
}

std::int32_t emit_from(Job& job, const volley_view& output, const volley_record& record,
                       volley_error* error) {
    const Pipeline& pipeline = job.waiter->pipeline;
    if (job.finished.load(std::memory_order_relaxed))
        return volley_fail(error, VOLLEY_E_LOST, "the job is finished already");
    if (job.context->held() >
        std::max(pipeline.config.max_in_flight_bytes, answer_sizes * pipeline.max_message_bytes))
        return refuse(job, error, ErrorCode::permanent,
                      "its outputs are more than max_in_flight_bytes and than 16 times max_message_bytes");
    if (const char* flaw = flaw_of(record)) return refuse(job, error, ErrorCode::permanent, flaw);
    bool found = false;
    for (const auto& output_queue : pipeline.output_queues) {
        if (!is_absent(output) && text_of(output) != output_queue->queue) continue;
        found = true;
        if (auto added = add_emitted(pipeline, *job.context, job.slot, output_queue->index, record); !added)
            return refuse(job, error, added.error().code, added.error().text);
    }
    if (found) return VOLLEY_OK;
    std::string known;
    for (const auto& output_queue : pipeline.output_queues)
        known += (known.empty() ? "" : ", ") + output_queue->queue;
    return refuse(job, error, ErrorCode::permanent,
                  "component \"" + pipeline.config.name + "\" has no output \"" +
                      std::string(text_of(output).substr(0, longest_text)) +
                      "\"; its outputs are: " + (known.empty() ? "none" : known));
}

}  // namespace

JobTable& JobTable::borrow() {
    Tables& t = tables();
    const std::lock_guard lock(t.mutex);
    if (t.idle.empty()) {
        t.all.emplace_back(new JobTable);
        return *t.all.back();
    }
    JobTable& table = *t.idle.back();
    t.idle.pop_back();
    return table;
}

void JobTable::give_back() {
    Tables& t = tables();
    const std::lock_guard lock(t.mutex);
    used_ = 0;
    t.idle.push_back(this);
}

JobTable::JobTable() {
    functions_.struct_size = sizeof functions_;
    functions_.context = this;
    functions_.emit = &JobTable::emit;
    functions_.explain = &JobTable::explain;
    functions_.finish = &JobTable::finish;
    functions_.finish_for = &JobTable::finish_for;
    functions_.cancelled = &JobTable::cancelled;
}

Job& JobTable::add() {
    const std::lock_guard lock(mutex_);
    const Place place = place_of(used_, first_chunk);
    VOLLEY_ASSERT(place.chunk < most_chunks);  // 1024 workers with 512 messages each are 2^19
    Job* chunk = chunks_[place.chunk].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
        chunk = new Job[std::size_t{first_chunk} << place.chunk];
        chunks_[place.chunk].store(chunk, std::memory_order_release);
    }
    Job& job = chunk[place.index];
    if (job.last_token == 0) job.last_token = used_;
    ++used_;
    return job;
}

volley_job* JobTable::begin(Job& job, JobWaiter& waiter) {
    job.explanation.clear();
    job.emit_error.clear();
    job.emit_status = VOLLEY_OK;
    job.finished.store(false, std::memory_order_relaxed);
    job.finished_late = false;
    job.awaited = false;
    job.status = VOLLEY_OK;
    job.retry_after_ms = 0;
    job.reason = 0;
    job.late_at_ms.store(0, std::memory_order_relaxed);
    job.waiter = &waiter;
    job.owner.store(&waiter, std::memory_order_relaxed);
    job.last_token += index_mask + 1;
    job.token.store(job.last_token, std::memory_order_release);
    return reinterpret_cast<volley_job*>(job.last_token);
}

JobTable::Call::Call(const JobWaiter& waiter) { this_threads_call = &waiter; }
JobTable::Call::~Call() { this_threads_call = nullptr; }

Job* JobTable::find(std::uint64_t token) const {
    if (token <= index_mask) return nullptr;  // none was ever begun by it
    const Place place = place_of(token & index_mask, first_chunk);
    if (place.chunk >= most_chunks) return nullptr;
    Job* const chunk = chunks_[place.chunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk[place.index];
}

// Returns false if the token is of no job that is begun.
template <typename Act>
bool JobTable::with_job(void* context, volley_job* handle, Act&& act) {
    JobTable& table = *static_cast<JobTable*>(context);
    const auto token = reinterpret_cast<std::uint64_t>(handle);
    Job* const job = table.find(token);
    if (job == nullptr) return false;
    if (job->token.load(std::memory_order_acquire) != token) return false;
    // Only this thread begins and ends jobs of the call that it is in.
    const bool own =
        this_threads_call != nullptr && job->owner.load(std::memory_order_relaxed) == this_threads_call;
    if (own) {
        act(*job);
        return true;
    }
    const std::lock_guard lock(table.mutex_);
    if (job->token.load(std::memory_order_acquire) != token) return false;
    act(*job);
    return true;
}

// ---- volley_jobs

std::int32_t JobTable::emit(void* context, volley_job* handle, volley_view output,
                            const volley_record* record, std::uint32_t record_size, volley_error* error) {
    std::int32_t status = VOLLEY_OK;
    try {
        const bool known = with_job(context, handle, [&](Job& job) {
            volley_record full{};
            full.partition = -1;
            if (record != nullptr)
                std::memcpy(&full, record, std::min<std::size_t>(record_size, sizeof full));
            status = emit_from(job, output, full, error);
        });
        if (!known) status = volley_fail(error, VOLLEY_E_LOST, "the job is over");
    } catch (const std::bad_alloc&) {
        // Nothing may leave through the plugin. What was added already is not sent: the message fails.
        status = volley_fail(error, VOLLEY_E_RETRY, "out of memory");
        with_job(context, handle, [](Job& job) { job.emit_status = VOLLEY_E_RETRY; });
    }
    return status;
}

void JobTable::explain(void* context, volley_job* handle, volley_view text) {
    if (is_absent(text)) return;
    try {
        with_job(context, handle, [&](Job& job) { job.explanation = text_of(text).substr(0, longest_text); });
    } catch (const std::bad_alloc&) {
        return;  // the message fails all the same, without its reason
    }
}

void JobTable::finish(void* context, volley_job* job, std::int32_t status, std::uint64_t retry_after_ms) {
    finish_for(context, job, status, retry_after_ms, VOLLEY_REASON_NONE);
}

void JobTable::finish_for(void* context, volley_job* handle, std::int32_t status,
                          std::uint64_t retry_after_ms, std::uint32_t reason) {
    JobTable& table = *static_cast<JobTable*>(context);
    const auto token = reinterpret_cast<std::uint64_t>(handle);
    Job* const job = table.find(token);
    if (job == nullptr) return;
    const std::lock_guard lock(table.mutex_);
    if (job->token.load(std::memory_order_relaxed) != token) return;
    if (job->finished.load(std::memory_order_relaxed)) return;
    job->finished.store(true, std::memory_order_relaxed);
    job->finished_late = job->is_late();
    job->status = status;
    job->retry_after_ms = retry_after_ms;
    job->reason = reason;
    JobWaiter& waiter = *job->waiter;
    if (waiter.wake) {
        waiter.done.push_back(job);
        if (this_threads_call != &waiter) waiter.wake();
    } else if (job->awaited && --waiter.awaited == 0) {
        waiter.finished.notify_all();
    }
}

std::int32_t JobTable::cancelled(void* context, volley_job* handle) {
    std::int32_t how = 2;
    with_job(context, handle, [&](Job& job) {
        const Pipeline& pipeline = job.waiter->pipeline;
        if (pipeline.aborting.load(std::memory_order_relaxed)) return;
        const bool unwanted =
            pipeline.is_cut_off() || job.context->lease_lost.load(std::memory_order_relaxed) || job.is_late();
        how = unwanted ? 1 : 0;
    });
    return how;
}

}  // namespace volley::runtime
