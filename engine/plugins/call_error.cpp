#include "plugins/call_error.hpp"

namespace volley::plugins {

namespace {

const char* name_of(std::int32_t status) {
    switch (status) {
        case VOLLEY_OK:
            return "VOLLEY_OK";
        case VOLLEY_AGAIN:
            return "VOLLEY_AGAIN";
        case VOLLEY_PENDING:
            return "VOLLEY_PENDING";
        case VOLLEY_END:
            return "VOLLEY_END";
        case VOLLEY_DROP:
            return "VOLLEY_DROP";
        case VOLLEY_E_RETRY:
            return "VOLLEY_E_RETRY";
        case VOLLEY_E_PERMANENT:
            return "VOLLEY_E_PERMANENT";
        case VOLLEY_E_FATAL:
            return "VOLLEY_E_FATAL";
        case VOLLEY_E_CONFIG:
            return "VOLLEY_E_CONFIG";
        case VOLLEY_E_FENCED:
            return "VOLLEY_E_FENCED";
        case VOLLEY_E_UNAUTHORIZED:
            return "VOLLEY_E_UNAUTHORIZED";
        case VOLLEY_E_LOST:
            return "VOLLEY_E_LOST";
        case VOLLEY_E_UNKNOWN:
            return "VOLLEY_E_UNKNOWN";
        case VOLLEY_E_TOO_LARGE:
            return "VOLLEY_E_TOO_LARGE";
        case VOLLEY_E_UNSUPPORTED:
            return "VOLLEY_E_UNSUPPORTED";
        default:
            return nullptr;
    }
}

}  // namespace

std::string describe(std::int32_t status) {
    const char* const name = name_of(status);
    if (name == nullptr) return "the status " + std::to_string(status) + ", which the ABI does not define";
    return is_error_status(status) ? name : std::string(name) + ", which the ABI does not allow there";
}

Error error_of(const std::string& label, const char* call, std::int32_t status, const volley_error& error) {
    if (!is_error_status(status)) {
        std::string text = label + ": " + call + " returned " + describe(status);
        if (error.text[0] != '\0') text += ": " + std::string(error.text);
        return {ErrorCode::fatal, std::move(text)};
    }
    std::string why = error.text[0] != '\0' ? error.text : std::string(call) + " failed and gave no reason";
    Error out(static_cast<ErrorCode>(status), label + ": " + why, error.field);
    out.retry_after_ms = error.retry_after_ms;
    return out;
}

Error error_of_result(const std::string& label, const char* call, std::int32_t result) {
    return {is_error_status(result) ? static_cast<ErrorCode>(result) : ErrorCode::fatal,
            label + ": " + call + " set a result to " + describe(result)};
}

}  // namespace volley::plugins
