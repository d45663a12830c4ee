#include "producer.hpp"

#include <algorithm>
#include <utility>

#include "line.hpp"
#include "standard_output.hpp"

namespace volley::file {

FileProducer::FileProducer(const Context& context, volley_report_fn report, void* report_context)
    : context_(context), config_(read_config(context)), report_(report), report_context_(report_context) {}

void FileProducer::open() {
    if (config_.is_standard_stream()) return;
    if (log_ == nullptr)
        log_ =
            append_log_of(config_, [context = context_](const std::string& text) { context.warning(text); });
    const std::lock_guard lock(log_->mutex());
    log_->open();
}

void FileProducer::tell(std::uint64_t token, std::int32_t status, std::string_view text) {
    volley_report r{};
    r.token = token;
    r.status = status;
    r.partition = -1;
    r.offset = -1;
    r.text = view_of(text);
    report_(report_context_, &r, 1, sizeof r);
}

void FileProducer::report_waiting(std::int32_t status, std::string_view text) {
    for (const Waiting& w : std::exchange(waiting_, {})) tell(w.token, status, text);
}

// A file may be rotated between two lines, so a call may write several pieces.
void FileProducer::write(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
    refusals_.assign(count, nullptr);
    lines_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t before = lines_.size();
        refusals_[i] = append_line(text_of(element(records, stride, i).body), lines_);
        if (refusals_[i] != nullptr || log_->has_room(before, lines_.size() - before)) continue;
        const std::string line = lines_.substr(before);
        lines_.resize(before);
        if (!lines_.empty()) log_->append(lines_);
        lines_.clear();
        accepted = i;
        log_->rotate();
        lines_ = line;
    }
    if (!lines_.empty()) log_->append(lines_);
    accepted = count;
}

// Reports written and refused records, or keeps them until the next sync.
void FileProducer::settle_written(const volley_record* records, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t token = element(records, stride, i).token;
        if (refusals_[i] != nullptr)
            tell(token, VOLLEY_E_PERMANENT, config_.path + ": " + refusals_[i]);
        else if (config_.fsync == Fsync::interval)
            waiting_.push_back({token, 0});
        else
            tell(token, VOLLEY_OK, {});
    }
}

std::int32_t FileProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                   std::uint32_t& accepted) {
    if (config_.is_standard_stream()) return print(records, count, stride, accepted);
    if (log_ == nullptr) throw Error(ErrorCode::fatal, config_.path + ": the producer is not open");
    const std::lock_guard lock(log_->mutex());
    if (waiting_.empty()) {
        losses_ = log_->losses();
        synced_ = Clock::now();
    }
    volley_error failure{};
    failure.struct_size = sizeof failure;
    std::uint32_t written = 0;
    std::int32_t status = detail::guard(&failure, [&] { write(records, count, stride, written); });
    if (config_.fsync == Fsync::always) log_->sync();  // throws: no record is accepted
    accepted = written;
    settle_written(records, written, stride);
    if (status != VOLLEY_OK) throw Error(static_cast<ErrorCode>(status), failure.text);
    return VOLLEY_OK;
}

void FileProducer::sync_waiting() {
    if (waiting_.empty()) return;
    const std::lock_guard lock(log_->mutex());
    volley_error failure{};
    failure.struct_size = sizeof failure;
    std::int32_t status = detail::guard(&failure, [&] { log_->sync(); });
    // Records that another producer's failed sync has undone.
    if (status == VOLLEY_OK && log_->losses() != losses_)
        status = volley_fail(&failure, VOLLEY_E_RETRY,
                             "what was written could not be synced, and is written again");
    report_waiting(status == VOLLEY_OK ? VOLLEY_OK : VOLLEY_E_RETRY, failure.text);
    losses_ = log_->losses();
    synced_ = Clock::now();
}

std::int32_t FileProducer::print(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                 std::uint32_t& accepted) {
    constexpr std::chrono::milliseconds longest_wait{200};
    StandardOutput& output = StandardOutput::instance();
    refusals_.assign(count, nullptr);
    lines_.clear();
    std::vector<std::size_t> ends;
    for (std::uint32_t i = 0; i < count; ++i) {
        refusals_[i] = append_line(text_of(element(records, stride, i).body), lines_);
        ends.push_back(lines_.size());
    }
    const std::size_t taken = lines_.empty() ? 0 : output.take(lines_, longest_wait);
    const std::uint64_t all = output.taken();
    for (; accepted < count && ends[accepted] <= taken; ++accepted) {
        const std::uint64_t token = element(records, stride, accepted).token;
        if (refusals_[accepted] != nullptr)
            tell(token, VOLLEY_E_PERMANENT, std::string("standard output: ") + refusals_[accepted]);
        else
            waiting_.push_back({token, all - taken + ends[accepted]});
    }
    report_printed();
    return accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
}

void FileProducer::report_printed() {
    const std::uint64_t written = StandardOutput::instance().written();
    const auto end =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.until > written; });
    const std::vector<Waiting> printed(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    for (const Waiting& w : printed) tell(w.token, VOLLEY_OK, {});
}

void FileProducer::poll(std::uint32_t timeout_ms) {
    if (waiting_.empty()) return;
    if (config_.is_standard_stream()) {
        StandardOutput::instance().write_rest(std::chrono::milliseconds(timeout_ms));
        return report_printed();
    }
    if (Clock::now() >= synced_ + std::chrono::milliseconds(config_.fsync_interval_ms)) sync_waiting();
}

void FileProducer::close(std::uint32_t timeout_ms) {
    if (config_.is_standard_stream()) {
        detail::guard(nullptr, [&] { poll(timeout_ms); });
    } else if (log_ != nullptr) {
        sync_waiting();
        log_.reset();
    }
    report_waiting(VOLLEY_E_UNKNOWN, "the producer was closed before it was written");
}

}  // namespace volley::file
