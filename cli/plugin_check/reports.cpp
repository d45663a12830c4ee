#include "plugin_check/reports.hpp"

#include <algorithm>
#include <cstring>

#include "plugin_check/call.hpp"
#include "volley/view.hpp"

namespace volley::cli::plugin_check {

namespace {

void overwrite_bytes(std::string& bytes) { std::fill(bytes.begin(), bytes.end(), '\xDD'); }

void overwrite_bytes(Bytes& bytes) {
    if (bytes) overwrite_bytes(*bytes);
}

}  // namespace

OwnedRecord::OwnedRecord(std::uint64_t token, const Content& content, std::string id, std::string queue)
    : content_(content), id_(std::move(id)), queue_(std::move(queue)) {
    for (const auto& [name, value] : content_.headers)
        headers_.push_back({{name.data(), name.size()}, view_of(value)});
    record_.token = token;
    record_.queue = {queue_.data(), queue_.size()};
    record_.body = view_of(content_.body);
    record_.key = view_of(content_.key);
    if (!id_.empty()) record_.id = {id_.data(), id_.size()};
    record_.headers = headers_.empty() ? nullptr : headers_.data();
    record_.header_count = static_cast<std::uint32_t>(headers_.size());
    record_.partition = -1;
}

void OwnedRecord::overwrite() {
    overwrite_bytes(content_.body);
    overwrite_bytes(content_.key);
    for (auto& [name, value] : content_.headers) {
        overwrite_bytes(name);
        overwrite_bytes(value);
    }
    overwrite_bytes(id_);
    static constexpr char other[] = "overwritten after the report";
    for (volley_header& header : headers_) header = {{other, sizeof other - 1}, {other, sizeof other - 1}};
}

const volley_record& Reports::add(const Content& content, const std::string& id, const std::string& queue) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t token = next_++;
    return entries_.try_emplace(token, token, content, id, queue).first->second.owned.record();
}

void Reports::accepted(std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    entries_.at(token).is_accepted = true;
}

void Reports::refused(std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    entries_.at(token).is_accepted = false;
}

std::size_t Reports::due() {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) {
        return entry.second.is_accepted && !entry.second.is_reported;
    }));
}

bool Reports::wait_for_one(std::size_t due_before, std::chrono::milliseconds timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (due() >= due_before) {
        std::unique_lock lock(mutex_);
        if (changed_.wait_until(lock, until) == std::cv_status::timeout) {
            lock.unlock();
            return due() < due_before;
        }
    }
    return true;
}

std::int32_t Reports::status_of(std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    return entries_.at(token).status;
}

std::string Reports::text_of(std::uint64_t token) {
    const std::lock_guard lock(mutex_);
    return entries_.at(token).text;
}

void Reports::forget() {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [](const auto& entry) { return entry.second.is_reported; });
}

void Reports::stop(const std::string& after) {
    const std::lock_guard lock(mutex_);
    stopped_ = after;
}

void Reports::take_one(const volley_report& report) {
    const std::lock_guard lock(mutex_);
    const std::string token = std::to_string(report.token);
    require(stopped_.empty(), "a report came after " + stopped_ + " had returned",
            "close reports what is given up, with VOLLEY_E_UNKNOWN, and ends the threads that report");
    const auto found = entries_.find(report.token);
    require(found != entries_.end(), "a report is about the token " + token + ", which no record has",
            "report with the token of the record");
    Entry& entry = found->second;
    require(entry.is_accepted, "a report is about a record that was not accepted",
            "count in *accepted what gets a report");
    require(!entry.is_reported, "a record was reported twice",
            "each accepted record gets exactly one report");
    require(report.status == VOLLEY_OK || (report.status < 0 && report.status >= VOLLEY_E_UNSUPPORTED),
            "a report has the status " + status_name(report.status),
            "a report's status is VOLLEY_OK or an error");
    entry.is_reported = true;
    entry.status = report.status;
    entry.text = bytes_of(report.text).value_or("");
    entry.owned.overwrite();
}

void Reports::take(void* context, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
    Reports& all = *static_cast<Reports*>(context);
    for (std::uint32_t i = 0; i < count; ++i) all.take_one(element(reports, stride, i));
    all.changed_.notify_all();
}

}  // namespace volley::cli::plugin_check
