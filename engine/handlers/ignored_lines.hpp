// The lines on a child's standard output that are no answers: logs the first of them, and remembers the last,
// because it may say why an answer is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::handlers {

class IgnoredLines {
public:
    explicit IgnoredLines(std::string component) : component_(std::move(component)) {}

    void add(std::string_view line, std::string_view why);
    // A new child has written none.
    void clear();
    // The beginning of the last one; empty: there is none.
    const std::string& last() const { return last_; }

private:
    std::string component_;  // for the log
    std::uint64_t count_ = 0;
    std::string last_;
};

}  // namespace volley::handlers
