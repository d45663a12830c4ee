// Sends dead letters again, each into the queue that it came from or the one that is named.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dead_letters.hpp"
#include "letter.hpp"
#include "outbox.hpp"

namespace volley::cli {

// What became of the letters of a command, told at its end.
struct Tally {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t left = 0;  // not begun, because of an interrupt

    void fail(const std::string& id, const std::string& why);
};

class Retrier {
public:
    // Borrows everything until it is destroyed. `from` is the dead-letter queue, `store` the identity of its
    // store.
    Retrier(const Config& config, plugins::Catalog& catalog, const DeadLetters& options,
            const QueueConfig& from, std::string store, Tally& tally)
        : config_(config),
          catalog_(catalog),
          options_(options),
          from_(from),
          store_(std::move(store)),
          tally_(tally) {}

    // Adds the ids of those that are confirmed to `confirmed`, with an error too; what cannot be sent is
    // told, and counted as failed. Returns the error that ended it: the connector's.
    std::optional<Error> send(const std::vector<Letter>& letters, std::vector<std::string>& confirmed);

private:
    // Null, after saying why, if it cannot be sent.
    const QueueConfig* target(const Letter& letter);
    Result<Outbox*> outbox_of(const QueueConfig& queue);
    std::string id_of(const Letter& letter) const;
    Result<void> add(Outbox& outbox, const QueueConfig& queue, const Letter& letter);
    // Empties `ids`, those of the outbox; the ones that are confirmed are added to `confirmed`.
    Result<void> flush(Outbox& outbox, std::vector<std::string>& ids, std::vector<std::string>& confirmed);

    const Config& config_;
    plugins::Catalog& catalog_;
    const DeadLetters& options_;
    const QueueConfig& from_;
    std::string store_;
    Tally& tally_;
    std::map<std::string, Outbox> outboxes_;
};

}  // namespace volley::cli
