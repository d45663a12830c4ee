#include "hostility.hpp"

namespace simulation {

const std::vector<Rule>& rules() {
    using enum Breach;
    using enum Expectation;
    static const std::vector<Rule> all = {
        {consume_fails_after_half, "consume fails after it has filled half a batch", ends},
        {consume_fills_too_many, "consume says that it filled more than the capacity", ends},
        {consume_unknown_status, "consume returns an unknown status", ends},
        {consume_throws, "consume throws", ends},
        {consume_names_no_partition, "a message of a partition that was never assigned", goes_on},
        {consume_headers_without_array, "a message with a header count and no headers", goes_on},
        {settle_unknown_status, "settle returns an unknown status", ends},
        {settle_unknown_result, "settle sets an unknown result", ends},
        {settle_sets_no_result, "settle sets no results", goes_on},
        {settle_throws, "settle throws", ends},
        {poll_unknown_status, "a consumer's poll returns an unknown status", ends},
        {commit_unknown_status, "commit returns an unknown status", ends},
        {commit_throws, "commit throws", ends},
        {extend_unknown_status, "extend returns an unknown status", ends},
        {extend_unknown_result, "extend sets an unknown result", ends},
        {revokes_unknown_partition, "a partition is revoked that was never assigned", ends},
        {revokes_twice, "a partition is named twice in one revocation", goes_on},
        {assigns_twice, "a partition is assigned again without being revoked", goes_on},
        {identity_unknown_status, "identity returns an unknown status", ends},
        {open_unknown_status, "open returns an unknown status", ends},
        {close_unknown_status, "a consumer's close returns an unknown status", goes_on},
        {close_throws, "a consumer's close throws", goes_on},
        {produce_accepts_too_many, "produce says that it accepted more than it was given", ends},
        {produce_unknown_status, "produce returns an unknown status", ends},
        {produce_throws, "produce throws", ends},
        {producer_poll_unknown_status, "a producer's poll returns an unknown status", ends},
        {flush_throws, "flush throws", ends},
        {reports_twice, "a record is reported twice", ends},
        {reports_late, "a record is reported again, long after", ends},
        {reports_no_token, "a report with a token that was never given", ends},
        {reports_other_output, "a report of an output that the message does not have", ends},
        {reports_unknown_status, "a report with an unknown status", ends},
        {reports_in_destroy, "a report from destroy", either},
        {transaction_unknown_status, "a transaction ends with an unknown status", ends},
        {transaction_throws, "a transaction throws", ends},
        {task_unknown_status, "a handler sets an unknown status", ends},
        {handle_unknown_status, "handle returns an unknown status", ends},
        {handle_throws, "handle throws", goes_on},
        {finishes_twice, "a handler finishes a job twice", goes_on},
        {finishes_no_job, "a handler finishes a job that never was", goes_on},
        {finishes_late, "a handler finishes a job that is long over", goes_on},
        {emits_for_no_job, "a handler emits for a job that never was", goes_on},
    };
    return all;
}

}  // namespace simulation
