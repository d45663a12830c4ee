#include "sender.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <new>
#include <utility>

#include "volley/abi.hpp"

namespace volley::http {

namespace {

constexpr std::size_t most_held = 10'000;

}  // namespace

Sender::Sender(const ClientConfig& config, Report report) : config_(config), report_(std::move(report)) {}

void Sender::start() {
    static const CURLcode initialized = ::curl_global_init(CURL_GLOBAL_ALL);
    if (initialized != CURLE_OK) throw Error(ErrorCode::retry, ::curl_easy_strerror(initialized));
    multi_.reset(::curl_multi_init());
    if (multi_ == nullptr) throw std::bad_alloc();
    // Connections that are kept for the next request.
    ::curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(config_.concurrency));
    stops_ = false;
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
    const std::int32_t status = detail::guard(nullptr, [this] { thread_ = std::thread([this] { run(); }); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (status != VOLLEY_OK) throw Error(ErrorCode::retry, "http: no thread can be started");
}

std::uint32_t Sender::give(const volley_record* records, std::uint32_t count, std::uint32_t stride) {
    std::uint32_t taken = 0;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t room = most_held - std::min(most_held, held_);
        for (; taken < std::min<std::size_t>(count, room); ++taken)
            given_.push_back(element(records, stride, taken));
        held_ += taken;
    }
    if (taken > 0) ::curl_multi_wakeup(multi_.get());
    return taken;
}

void Sender::stop(std::chrono::milliseconds timeout) {
    if (!thread_.joinable()) return;
    stop_ms_ = timeout.count();
    stops_ = true;
    ::curl_multi_wakeup(multi_.get());
    thread_.join();
}

bool Sender::is_over() const { return flights_.empty() && paused_.empty() && queue_.size() == 0; }

void Sender::run() {
    while (!stops_) {
        detail::guard(nullptr, [this] {
            take_given();
            begin_requests();
            int running = 0;
            ::curl_multi_perform(multi_.get(), &running);
            end_requests();
            end_pauses(false);
            if (!stops_) ::curl_multi_poll(multi_.get(), nullptr, 0, next_wait_ms(), nullptr);
        });
    }
    const auto until = Clock::now() + std::chrono::milliseconds(stop_ms_);
    take_given();
    for (const volley_record& record : queue_.take_all())
        give_up(record, VOLLEY_E_RETRY, "the producer was closed before the request was sent");
    while (!flights_.empty() && Clock::now() < until) {
        int running = 0;
        ::curl_multi_perform(multi_.get(), &running);
        end_requests();
        for (const volley_record& record : queue_.take_all())
            give_up(record, VOLLEY_E_RETRY, "the producer was closed before the request was sent");
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
        if (!flights_.empty())
            ::curl_multi_poll(multi_.get(), nullptr, 0,
                              static_cast<int>(std::clamp<std::int64_t>(left, 0, 50)), nullptr);
    }
    end_pauses(true);
    for (Flight& f : flights_) {
        ::curl_multi_remove_handle(multi_.get(), f.transfer->easy());
        give_up(f.record, VOLLEY_E_UNKNOWN, "the producer was closed before the server answered");
    }
    flights_.clear();
    idle_.clear();
}

void Sender::take_given() {
    std::deque<volley_record> given;
    {
        const std::lock_guard lock(mutex_);
        given.swap(given_);
    }
    for (const volley_record& record : given) queue_.add(record);
}

int Sender::next_wait_ms() const {
    auto next = Clock::now() + std::chrono::seconds(1);
    for (const Paused& p : paused_) next = std::min(next, p.until);
    if (queue_.size() > 0 && held_until_ > Clock::now()) next = std::min(next, held_until_);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void Sender::begin_requests() {
    while (flights_.size() < config_.concurrency && Clock::now() >= held_until_) {
        const auto record = queue_.next();
        if (!record) return;
        const std::int32_t status = detail::guard(nullptr, [&] { begin(*record); });
        if (status != VOLLEY_OK) judged(*record, {VOLLEY_E_RETRY, "http: no memory for the request", 0});
    }
}

void Sender::begin(const volley_record& record) {
    std::unique_ptr<Transfer> transfer;
    if (idle_.empty()) {
        transfer = std::make_unique<Transfer>(config_);
    } else {
        transfer = std::move(idle_.back());
        idle_.pop_back();
    }
    transfer->begin(record);
    if (::curl_multi_add_handle(multi_.get(), transfer->easy()) != CURLM_OK) throw std::bad_alloc();
    flights_.push_back({record, std::move(transfer)});
}

void Sender::end_requests() {
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg == CURLMSG_DONE) ended(message->easy_handle, message->data.result);
    }
}

void Sender::ended(CURL* easy, CURLcode code) {
    ::curl_multi_remove_handle(multi_.get(), easy);
    const auto found = std::find_if(flights_.begin(), flights_.end(),
                                    [easy](const Flight& f) { return f.transfer->easy() == easy; });
    Flight flight = std::move(*found);
    flights_.erase(found);
    const Verdict verdict = judge(flight.transfer->finish(code), config_.shown_url,
                                  config_.max_retry_after_ms, std::time(nullptr));
    idle_.push_back(std::move(flight.transfer));
    if (verdict.pause_ms > 0)
        held_until_ = std::max(held_until_, Clock::now() + std::chrono::milliseconds(verdict.pause_ms));
    if (verdict.pause_ms > 0)
        paused_.push_back(
            {flight.record, verdict, Clock::now() + std::chrono::milliseconds(verdict.pause_ms)});
    else
        judged(flight.record, verdict);
}

// A record that is sent again must not be overtaken by later records of its key: they are sent again after
// it.
void Sender::judged(const volley_record& record, const Verdict& verdict) {
    std::deque<volley_record> behind;
    if (verdict.status == VOLLEY_E_RETRY || verdict.status == VOLLEY_E_UNKNOWN)
        behind = queue_.take_behind(record);
    queue_.done(record);
    behind.push_front(record);
    {
        const std::lock_guard lock(mutex_);
        held_ -= behind.size();
    }
    report_(record.token, verdict);
    behind.pop_front();
    for (const volley_record& other : behind)
        report_(other.token, {VOLLEY_E_RETRY, "it waits for one of the same key that is sent again", 0});
}

void Sender::end_pauses(bool all) {
    const auto now = Clock::now();
    for (std::size_t i = 0; i < paused_.size();) {
        if (!all && paused_[i].until > now) {
            ++i;
            continue;
        }
        const Paused p = std::move(paused_[i]);
        paused_.erase(paused_.begin() + static_cast<std::ptrdiff_t>(i));
        judged(p.record, p.verdict);
    }
}

void Sender::give_up(const volley_record& record, std::int32_t status, const char* why) {
    {
        const std::lock_guard lock(mutex_);
        --held_;
    }
    report_(record.token, {status, config_.shown_url + ": " + why, 0});
}

}  // namespace volley::http
