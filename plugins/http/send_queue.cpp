#include "send_queue.hpp"

#include <utility>

#include "volley/view.hpp"

namespace volley::http {

void SendQueue::add(const volley_record& record) {
    ++size_;
    if (!is_absent(record.key)) {
        const auto [key, is_new] = busy_.try_emplace(std::string(text_of(record.key)));
        if (!is_new) {
            key->second.waiting.push_back(record);
            return;
        }
    }
    ready_.push_back(record);
}

std::optional<volley_record> SendQueue::next() {
    if (ready_.empty()) return std::nullopt;
    const volley_record record = ready_.front();
    ready_.pop_front();
    --size_;
    return record;
}

void SendQueue::done(const volley_record& record) {
    if (is_absent(record.key)) return;
    const auto key = busy_.find(std::string(text_of(record.key)));
    if (key == busy_.end()) return;
    if (key->second.waiting.empty()) {
        busy_.erase(key);
        return;
    }
    ready_.push_back(key->second.waiting.front());
    key->second.waiting.pop_front();
}

std::deque<volley_record> SendQueue::take_behind(const volley_record& record) {
    if (is_absent(record.key)) return {};
    const auto key = busy_.find(std::string(text_of(record.key)));
    if (key == busy_.end()) return {};
    auto out = std::exchange(key->second.waiting, {});
    size_ -= out.size();
    return out;
}

std::deque<volley_record> SendQueue::take_all() {
    std::deque<volley_record> out = std::exchange(ready_, {});
    for (auto& [name, key] : busy_) {
        out.insert(out.end(), key.waiting.begin(), key.waiting.end());
        key.waiting.clear();
    }
    size_ = 0;
    return out;
}

}  // namespace volley::http
