#include "tracing/exporter.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

#include "log/log.hpp"
#include "tracing/http_post.hpp"
#include "tracing/otlp_json.hpp"

namespace volley::tracing {

namespace {

using std::chrono::milliseconds;

constexpr int tries = 4;  // of a batch
constexpr milliseconds first_pause{1'000};
constexpr milliseconds longest_pause{30'000};
constexpr milliseconds limit_of_outage{500};  // at the end, for a collector that did not answer before
constexpr std::size_t shown_bytes = 200;      // of an answer, in the log

// Those that the specification of OTLP/HTTP names.
bool is_passing(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

std::int64_t nanoseconds_to_epoch() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count() -
           duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Exporter::~Exporter() { finish(milliseconds(0)); }

bool Exporter::start() {
    // Signals are the program's. One that is written to a closed connection stays pending, too.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    bool has_started = true;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        has_started = false;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return has_started;
}

void Exporter::finish(milliseconds limit) {
    if (!thread_.joinable()) return;
    if (is_out_) limit = std::min(limit, limit_of_outage);
    {
        const std::lock_guard lock(mutex_);
        stop_by_.set(Clock::now() + limit);
    }
    stopping_.notify_all();
    queue_.close();
    thread_.join();
}

SpanCounts Exporter::counts() const {
    SpanCounts counts;
    counts.exported = exported_.load(std::memory_order_relaxed);
    counts.dropped_queue_full = queue_.dropped();
    counts.dropped_refused = refused_.load(std::memory_order_relaxed);
    counts.dropped_unavailable = unavailable_.load(std::memory_order_relaxed);
    return counts;
}

void Exporter::run() {
    ::pthread_setname_np(::pthread_self(), "spans");
    std::vector<Span> batch;
    for (;;) {
        const bool is_last = stop_by_.is_set();
        queue_.take(settings_.schedule_delay, batch);
        if (!batch.empty()) send(batch);
        if (batch.empty() && is_last) return;
    }
}

void Exporter::send(const std::vector<Span>& batch) {
    const std::size_t spans = batch.size();
    if (stop_by_.is_set() && stop_by_.moment() <= Clock::now()) {
        unavailable_.fetch_add(spans, std::memory_order_relaxed);
        return;
    }
    try {
        const std::string request = encode_request(batch, settings_.resource, nanoseconds_to_epoch());
        milliseconds pause = first_pause;
        for (int left = tries; left > 0; --left) {
            milliseconds wait = pause;
            const Sent sent = try_to_send(request, spans, wait);
            if (sent == Sent::taken) return;
            if (sent == Sent::refused) {
                refused_.fetch_add(spans, std::memory_order_relaxed);
                return;
            }
            // While the engine stops, a second try would take the time of the spans that wait.
            if (left == 1 || stop_by_.is_set()) break;
            sleep(wait);
            pause *= 2;
        }
    } catch (const std::exception& error) {
        failed(error.what());  // no memory
    }
    unavailable_.fetch_add(spans, std::memory_order_relaxed);
}

Exporter::Sent Exporter::try_to_send(const std::string& request, std::size_t spans, milliseconds& pause) {
    const Deadline deadline{Clock::now() + settings_.timeout, &stop_by_};
    const auto answer = post(settings_.endpoint, settings_.headers, request, deadline);
    if (!answer) {
        failed(answer.error().text);
        return Sent::try_again;
    }
    constexpr int first_success = 200, first_other = 300;
    if (answer->status < first_success || answer->status >= first_other) {
        failed("it answers " + std::to_string(answer->status) + ": " + answer->body.substr(0, shown_bytes));
        if (answer->retry_after.count() > 0)
            pause = std::min<milliseconds>(answer->retry_after, longest_pause);
        return is_passing(answer->status) ? Sent::try_again : Sent::refused;
    }
    succeeded();
    const PartialSuccess partial = read_response(answer->body);
    const std::uint64_t rejected = std::min<std::uint64_t>(partial.rejected, spans);
    exported_.fetch_add(spans - rejected, std::memory_order_relaxed);
    refused_.fetch_add(rejected, std::memory_order_relaxed);
    if (rejected > 0 && !std::exchange(has_told_partial_, true)) {
        log::warning("the collector rejects some spans; this is logged once",
                     {{"collector", settings_.endpoint.shown()},
                      {"rejected", std::to_string(rejected)},
                      {"cause", partial.why}});
    }
    return Sent::taken;
}

void Exporter::failed(const std::string& why) {
    if (is_out_.exchange(true)) return;
    const SpanCounts now = counts();
    dropped_before_ = now.dropped_queue_full + now.dropped_refused + now.dropped_unavailable;
    log::warning("spans cannot be exported; those that cannot wait are dropped, messages are not affected",
                 {{"collector", settings_.endpoint.shown()}, {"cause", why}});
}

void Exporter::succeeded() {
    if (!is_out_.exchange(false)) return;
    const SpanCounts now = counts();
    const std::uint64_t dropped = now.dropped_queue_full + now.dropped_refused + now.dropped_unavailable;
    log::info("spans are exported again", {{"collector", settings_.endpoint.shown()},
                                           {"dropped", std::to_string(dropped - dropped_before_)}});
}

void Exporter::sleep(milliseconds time) {
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, time, [this] { return stop_by_.is_set(); });
}

}  // namespace volley::tracing
