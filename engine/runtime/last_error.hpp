// Why something failed last, for people. Thread: any.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace volley::runtime {

class LastError {
public:
    // Cuts a text that is longer than 1 KiB.
    void set(std::string_view text) {
        constexpr std::size_t longest = 1024;
        const std::lock_guard lock(mutex_);
        text_.assign(text.substr(0, longest));
    }
    std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

}  // namespace volley::runtime
