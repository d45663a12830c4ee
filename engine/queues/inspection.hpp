// A queue opened to look into it: nothing is taken, no group is joined. What a store cannot do is an error
// with the code unsupported. Thread: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/instance.hpp"
#include "queues/times.hpp"
#include "volley/config.hpp"

namespace volley::queues {

class Inspection {
public:
    // So many messages are asked for if nothing is known of their size, and at most if their size is known.
    static constexpr std::uint64_t usual_page = 256;
    static constexpr std::uint64_t longest_page = 2048;

    // Finds the queue's connector and connects. Errors: the connector's.
    static Result<Inspection> open(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue);
    Inspection(Inspection&&) noexcept = default;
    Inspection& operator=(Inspection&&) noexcept = default;
    ~Inspection();  // closes

    // Names the store for good (volley.identity/1); empty: unknown.
    std::string identity();

    // What is not known is -1.
    Result<volley_stats> stats();

    // A page of what waits, after `skip` messages, of at most `limit` (and of longest_page); empty at the
    // end. The views are valid until the next call.
    Result<const std::vector<volley_message>*> peek(std::uint64_t skip, std::uint64_t limit);

    // From now on peek shows what was stored then, whoever has read it. Not every store keeps that.
    Result<void> between(const Times& times);

    // The waiting message with this id, or null. Its views are valid until the next call.
    Result<const volley_message*> find(std::string_view id);

    // Removes those with these ids, and sets in `removed` which of them were there: with an error too, as far
    // as it got.
    Result<void> remove(const std::vector<std::string>& ids, std::vector<bool>& removed);

    // Removes all that waits. Returns how much that was.
    Result<std::uint64_t> purge();

private:
    Inspection(std::string queue, plugins::Consumer consumer);
    volley_batch empty_batch(std::uint64_t limit);
    Error cannot(const char* what) const;
    Error overfull() const;
    Result<void> remove_together(const std::vector<std::string>& ids, std::vector<bool>& removed);
    // A negative status as the connector's error.
    static Result<void> outcome(std::int32_t status, const volley_error& error);

    std::string queue_;
    std::optional<plugins::Consumer> consumer_;
    const volley_ext_inspect* functions_ = nullptr;
    const volley_ext_removal* removal_ = nullptr;  // null: one by one
    std::vector<volley_message> page_;
};

}  // namespace volley::queues
