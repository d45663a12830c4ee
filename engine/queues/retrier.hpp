// Sends dead letters again, each into the queue that it came from or the one that is named.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "queues/letter.hpp"
#include "queues/outbox.hpp"

namespace volley::queues {

struct RetryOptions {
    std::string to;  // into this queue; empty: where the message came from
    // Returns the text that replaces the body, to be encoded as the queue wants it. Empty: the original
    // bytes.
    std::function<Result<std::string>(const Letter&)> edit;
    std::string option_prefix;  // before the names of options in errors: "--" on a command line
};

class Retrier {
public:
    // Says that a letter cannot be sent, and why.
    using Failed = std::function<void(const std::string& id, const std::string& why)>;

    // Borrows the first two and `from`, the dead-letter queue, until it is destroyed. `store` is the identity
    // of the store of `from`.
    Retrier(const Config& config, plugins::Catalog& catalog, RetryOptions options, const QueueConfig& from,
            std::string store, Failed failed)
        : config_(config),
          catalog_(catalog),
          options_(std::move(options)),
          from_(from),
          store_(std::move(store)),
          failed_(std::move(failed)) {}

    // Where the letter would be sent. Errors: permanent (it cannot be sent; the text says why).
    Result<const QueueConfig*> target(const Letter& letter) const;

    // Adds the ids of those that are confirmed to `confirmed`, with an error too. Blocks until the stores
    // have confirmed them, up to 30 s for each. Returns the error that ended it: the connector's.
    std::optional<Error> send(const std::vector<Letter>& letters, std::vector<std::string>& confirmed);

private:
    Result<Outbox*> outbox_of(const QueueConfig& queue);
    std::string id_of(const Letter& letter) const;
    Result<void> add(Outbox& outbox, const QueueConfig& queue, const Letter& letter);
    // Empties `ids`, those of the outbox; the ones that are confirmed are added to `confirmed`.
    Result<void> flush(Outbox& outbox, std::vector<std::string>& ids, std::vector<std::string>& confirmed);

    const Config& config_;
    plugins::Catalog& catalog_;
    RetryOptions options_;
    const QueueConfig& from_;
    std::string store_;
    Failed failed_;
    std::map<std::string, Outbox> outboxes_;
};

}  // namespace volley::queues
