// Records on their way into one queue, until its store has confirmed them: what the commands that write
// share. Bounded: the caller flushes when it is full. Thread: one at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/message_json.hpp"
#include "plugins/instance.hpp"
#include "volley/config.hpp"

namespace volley::queues {

// What is sent. Nothing is borrowed once add() has returned.
struct Outgoing {
    std::optional<std::string_view> body;  // nothing: a tombstone
    std::optional<std::string_view> key;
    std::uint64_t delay_ms = 0;  // deliver no sooner; only if can_delay()
    std::string id;              // where the store drops repeats, it does by this; empty: none
    // Name and value; nothing: null.
    std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;
};

class Outbox {
public:
    static constexpr std::size_t capacity = 512;
    static constexpr std::size_t capacity_bytes = 8U << 20U;

    // Finds the queue's connector and connects. Errors: the connector's.
    static Result<Outbox> open(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue);
    Outbox(Outbox&&) noexcept;
    Outbox& operator=(Outbox&&) noexcept;
    ~Outbox();  // closes

    bool can_delay() const { return can_delay_; }
    bool is_empty() const { return batch_->records.empty(); }
    bool is_full() const { return batch_->records.size() >= capacity || bytes_ >= capacity_bytes; }
    // Returns the record's place in what flush() returns.
    std::size_t add(const Outgoing& outgoing);

    // Hands everything over and waits until the store has said of each record what became of it: nothing, or
    // why it failed. Blocks up to 30 s; past that, and when the connector fails, an error: of what was handed
    // over the store may have some. Empties the outbox in every case.
    Result<std::vector<std::optional<Error>>> flush();

private:
    struct Reports;
    struct Kept {
        std::string body;
        std::string key;
        std::string id;
        std::vector<codec::Header> texts;
        std::vector<volley_header> headers;
    };

    // An accepted record is read by the connector until it is reported.
    struct Batch {
        std::deque<Kept> kept;  // a deque: views into it stay valid
        std::vector<volley_record> records;
    };

    Outbox(std::string queue, std::unique_ptr<Reports> reports, plugins::Producer producer);
    Result<void> hand_over();

    std::string queue_;  // what the store calls it
    std::unique_ptr<Reports> reports_;
    std::unique_ptr<Batch> batch_;
    std::vector<std::unique_ptr<Batch>> unreported_;  // given up by flush(), and still read
    std::size_t bytes_ = 0;
    bool can_delay_ = false;
    std::optional<plugins::Producer> producer_;  // nothing in a moved-from object
};

}  // namespace volley::queues
