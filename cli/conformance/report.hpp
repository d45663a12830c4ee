// The report of `volley handler-check`.
#pragma once

#include <string>
#include <vector>

#include "conformance/verdict.hpp"

namespace volley::cli::conformance {

struct Finding {
    std::string check;
    Verdict verdict;
};

// "PASS  starts  {…}": without a newline.
std::string text_line(const Finding& result);
// "14 checks: 12 passed, 1 warning, 1 failed".
std::string summary(const std::vector<Finding>& results);
// {"program":[…],"passed":…,"checks":[{"name":…,"status":"pass","reason":…},…]}
std::string json_report(const std::vector<std::string>& program, const std::vector<Finding>& results);

std::size_t count_of(const std::vector<Finding>& results, Status status);

}  // namespace volley::cli::conformance
