#include "delivery_reports.hpp"

#include <algorithm>

#include "client.hpp"

namespace volley::kafka {

namespace {

std::int32_t status_of(rd_kafka_resp_err_t code, rd_kafka_msg_status_t persisted) {
    if (is_unauthorized(code)) return VOLLEY_E_UNAUTHORIZED;
    switch (code) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return VOLLEY_OK;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
            return VOLLEY_E_TOO_LARGE;
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
            return VOLLEY_E_PERMANENT;
        default:
            // The broker may have stored it, and only the response was lost.
            return persisted == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED ? VOLLEY_E_UNKNOWN : VOLLEY_E_RETRY;
    }
}

}  // namespace

std::size_t DeliveryReports::accept(std::size_t count) {
    const std::size_t room = max_outstanding_ - std::min(max_outstanding_, outstanding_.load());
    const std::size_t accepted = std::min(count, room);
    outstanding_.fetch_add(accepted);
    return accepted;
}

void DeliveryReports::add(const rd_kafka_message_t& message) {
    volley_report report{};
    report.token = reinterpret_cast<std::uint64_t>(message._private);
    report.status = status_of(message.err, rd_kafka_message_status(&message));
    report.partition = message.partition;
    report.offset = message.offset;
    if (report.status != VOLLEY_OK) report.text = volley_text(rd_kafka_err2str(message.err));  // static text
    reports_.push_back(report);
}

void DeliveryReports::send() {
    if (reports_.empty()) return;
    report_(report_context_, reports_.data(), static_cast<std::uint32_t>(reports_.size()),
            sizeof(volley_report));
    outstanding_.fetch_sub(reports_.size());
    reports_.clear();
}

void DeliveryReports::reject(const QueuedRecord& record, rd_kafka_resp_err_t code) {
    // If the handler did not choose the partition, the topic was recreated with fewer: that is worth a retry.
    const bool is_handlers_fault = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && record.partition >= 0;
    volley_report report{};
    report.token = record.token;
    report.status =
        is_handlers_fault ? VOLLEY_E_PERMANENT : status_of(code, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    report.partition = -1;
    report.offset = -1;
    report.text = volley_text(rd_kafka_err2str(code));
    report_(report_context_, &report, 1, sizeof report);
    outstanding_.fetch_sub(1);
}

}  // namespace volley::kafka
