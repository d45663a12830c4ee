// Copies of some of the messages that pass through a component, for an operator who watches. While nobody
// does, a message costs one relaxed load. The threads that handle messages never wait here: what does not fit
// is counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley::runtime {

struct TappedMessage {
    enum class Direction : std::uint8_t { in, out, dead };
    Direction direction = Direction::in;
    double seconds = 0;  // Unix time
    std::string queue;
    std::string id;
    std::int64_t partition = -1;
    std::int64_t offset = -1;
    bool has_key = false;
    bool has_body = false;
    std::uint64_t body_bytes = 0;
    // The beginnings, each of at most Tap::longest_copy bytes.
    std::string key;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

class Tap {
public:
    // More than is shown, so that a secret at the end of what is shown can be recognised.
    static constexpr std::size_t longest_copy = 2048;
    static constexpr std::size_t most_headers = 16;
    static constexpr std::size_t most_kept = 256;  // until they are taken

    static constexpr std::uint32_t all_directions = 7;
    struct Settings {
        std::uint32_t every = 1;                    // of so many messages, one
        std::uint32_t per_second = 10;              // at most
        std::uint32_t directions = all_directions;  // a bit for each Direction
    };
    struct Taken {
        std::vector<TappedMessage> messages;
        std::uint64_t seen = 0;      // messages that passed in these directions
        std::uint64_t left_out = 0;  // by the settings
        std::uint64_t dropped = 0;   // because they were not taken in time
    };

    // ---- of the threads that handle messages
    bool is_on() const { return on_.load(std::memory_order_relaxed); }
    void note(TappedMessage::Direction direction, std::string_view queue,
              const volley_message& message) noexcept {
        note_parts(direction, queue, message.id, message.partition, message.offset, message.key, message.body,
                   message.headers, message.header_count);
    }
    void note(TappedMessage::Direction direction, std::string_view queue,
              const volley_record& record) noexcept {
        note_parts(direction, queue, record.id, record.partition, -1, record.key, record.body, record.headers,
                   record.header_count);
    }

    // ---- of the one that watches
    // Returns false if another watches.
    bool begin(const Settings& settings) {
        const std::lock_guard lock(mutex_);
        if (on_.load()) return false;
        kept_.clear();
        every_.store(settings.every);
        per_second_.store(settings.per_second);
        directions_.store(settings.directions);
        for (auto* counter : {&seen_, &left_out_, &dropped_}) counter->store(0);
        on_.store(true);
        return true;
    }
    void end() {
        const std::lock_guard lock(mutex_);
        on_.store(false);
        std::vector<TappedMessage>().swap(kept_);
    }
    // What has come since the last call. The counters are since begin().
    Taken take() {
        Taken taken;
        {
            const std::lock_guard lock(mutex_);
            taken.messages.swap(kept_);
        }
        taken.seen = seen_.load();
        taken.left_out = left_out_.load();
        taken.dropped = dropped_.load();
        return taken;
    }

private:
    void note_parts(TappedMessage::Direction direction, std::string_view queue, volley_view id,
                    std::int64_t partition, std::int64_t offset, volley_view key, volley_view body,
                    const volley_header* headers, std::uint32_t count) noexcept {
        const std::uint32_t bit = 1U << static_cast<std::uint32_t>(direction);
        if ((directions_.load(std::memory_order_relaxed) & bit) == 0) return;
        const std::uint64_t number = seen_.fetch_add(1, std::memory_order_relaxed);
        if (number % every_.load(std::memory_order_relaxed) != 0 || !is_within_rate()) {
            left_out_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        try {
            TappedMessage copy;
            copy.direction = direction;
            copy.seconds =
                std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
            copy.queue = queue;
            copy.id = text_of(id);
            copy.partition = partition;
            copy.offset = offset;
            copy.has_key = !is_absent(key);
            copy.has_body = !is_absent(body);
            copy.body_bytes = body.size;
            copy.key = text_of(key).substr(0, longest_copy);
            copy.body = text_of(body).substr(0, longest_copy);
            for (std::uint32_t i = 0; i < count && i < most_headers; ++i)
                copy.headers.emplace_back(text_of(headers[i].name).substr(0, longest_copy),
                                          text_of(headers[i].value).substr(0, longest_copy));
            const std::unique_lock lock(mutex_, std::try_to_lock);
            if (lock.owns_lock() && on_.load() && kept_.size() < most_kept) {
                kept_.push_back(std::move(copy));
                return;
            }
        } catch (const std::exception&) {  // no memory: it is dropped
        }
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    // Two threads that begin a second at the same time may let one message more through.
    bool is_within_rate() {
        using namespace std::chrono;
        const std::int64_t now = duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
        if (second_.exchange(now, std::memory_order_relaxed) != now)
            in_second_.store(0, std::memory_order_relaxed);
        return in_second_.fetch_add(1, std::memory_order_relaxed) <
               per_second_.load(std::memory_order_relaxed);
    }

    static constexpr std::size_t line = 64;  // the flag is read for every message, so nothing shares its line
    alignas(line) std::atomic<bool> on_{false};
    alignas(line) std::atomic<std::uint32_t> every_{1};
    std::atomic<std::uint32_t> per_second_{0};
    std::atomic<std::uint32_t> directions_{0};
    std::atomic<std::int64_t> second_{0};
    std::atomic<std::uint32_t> in_second_{0};
    std::atomic<std::uint64_t> seen_{0};
    std::atomic<std::uint64_t> left_out_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::mutex mutex_;
    std::vector<TappedMessage> kept_;
};

}  // namespace volley::runtime
