// What a plugin that breaks the contract, or stretches it, does once in a run; and how the engine has to take
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace simulation {

enum class Breach {
    none,
    // ---- a consumer
    consume_fails_after_half,
    consume_fills_too_many,
    consume_unknown_status,
    consume_throws,
    consume_names_no_partition,
    consume_headers_without_array,
    settle_unknown_status,
    settle_unknown_result,
    settle_sets_no_result,
    settle_throws,
    poll_unknown_status,
    commit_unknown_status,
    commit_throws,
    extend_unknown_status,
    extend_unknown_result,
    revokes_unknown_partition,
    revokes_twice,
    assigns_twice,
    identity_unknown_status,
    open_unknown_status,
    close_unknown_status,
    close_throws,
    // ---- a producer
    produce_accepts_too_many,
    produce_unknown_status,
    produce_throws,
    producer_poll_unknown_status,
    flush_throws,
    reports_twice,
    reports_late,
    reports_no_token,
    reports_other_output,
    reports_unknown_status,
    reports_in_destroy,
    // ---- transactions
    transaction_unknown_status,
    transaction_throws,
    // ---- a handler
    task_unknown_status,
    handle_unknown_status,
    handle_throws,
    finishes_twice,
    finishes_no_job,
    finishes_late,
    emits_for_no_job,
    count
};

enum class Expectation {
    ends,     // the component ends, exit 70
    goes_on,  // it does its work as if nothing had happened
    either    // which of them depends on what the call was for
};

struct Rule {
    Breach breach;
    const char* name;
    Expectation expectation;
};

const std::vector<Rule>& rules();
inline const Rule& rule_of(Breach breach) { return rules()[static_cast<std::size_t>(breach) - 1]; }

// One breach, in a run. Plugins ask at each occasion whether it is now.
struct Hostility {
    Breach breach = Breach::none;
    std::uint64_t occasions_left = 0;
    bool is_done = false;

    bool now(Breach asked) {
        if (asked != breach || is_done) return false;
        if (occasions_left > 0) {
            --occasions_left;
            return false;
        }
        is_done = true;
        return true;
    }
};

// Statuses that the ABI does not have.
inline constexpr std::int32_t unknown_status = -77;

}  // namespace simulation
