#include "retrier.hpp"

#include <charconv>

#include "bodies.hpp"
#include "edit.hpp"
#include "terminal.hpp"
#include "text/fingerprint.hpp"
#include "text/text.hpp"

namespace volley::cli {

namespace {

// A pattern or a list of topics is not judged.
bool reads(const std::string& value, const std::string& source) {
    return value == source || value.find_first_of("^,") != std::string::npos;
}

}  // namespace

void Tally::fail(const std::string& id, const std::string& why) {
    ++failed;
    say(id + ": " + why);
}

std::optional<Error> Retrier::send(const std::vector<Letter>& letters, std::vector<std::string>& confirmed) {
    std::map<std::string, std::vector<std::string>> sent;  // ids by queue, in the order of their outbox
    for (const Letter& letter : letters) {
        const QueueConfig* queue = target(letter);
        if (queue == nullptr) continue;
        if (options_.dry_run) {
            print_bytes(letter.id + " -> " + queue->name);
            continue;
        }
        auto outbox = outbox_of(*queue);
        if (!outbox) return outbox.error();
        if ((*outbox)->is_full()) {
            if (auto flushed = flush(**outbox, sent[queue->name], confirmed); !flushed)
                return flushed.error();
        }
        if (auto added = add(**outbox, *queue, letter); !added)
            tally_.fail(letter.id, added.error().text);
        else
            sent[queue->name].push_back(letter.id);
    }
    for (auto& [name, ids] : sent) {
        if (auto flushed = flush(outboxes_.at(name), ids, confirmed); !flushed) return flushed.error();
    }
    return std::nullopt;
}

const QueueConfig* Retrier::target(const Letter& letter) {
    const std::string name = options_.to.empty() ? std::string(letter.said("queue")) : options_.to;
    if (name.empty()) {
        tally_.fail(letter.id, "it does not say which queue it is from; name one with --to");
        return nullptr;
    }
    if (!letter.said("truncated-from").empty() && !options_.edit) {
        tally_.fail(letter.id, "its body was cut, from " + std::string(letter.said("truncated-from")) +
                                   " bytes, and cannot be sent again; --edit lets you write a new one");
        return nullptr;
    }
    const std::string source(letter.said("source"));
    for (const QueueConfig& queue : config_.queues) {
        if (queue.name != name) continue;
        // Another application's queue may have this name.
        if (options_.to.empty() && !source.empty() && !reads(queue.value, source)) {
            tally_.fail(letter.id, "it is from \"" + source + "\", and " + name + " is \"" + queue.value +
                                       "\" here; name a queue with --to");
            return nullptr;
        }
        return &queue;
    }
    tally_.fail(letter.id, "it is from \"" + name + "\", and " + config_.file +
                               " has no such queue; name one with --to");
    return nullptr;
}

Result<Outbox*> Retrier::outbox_of(const QueueConfig& queue) {
    if (const auto known = outboxes_.find(queue.name); known != outboxes_.end()) return &known->second;
    auto opened = Outbox::open(config_, catalog_, queue);
    if (!opened) return opened.error();
    return &outboxes_.emplace(queue.name, std::move(*opened)).first->second;
}

// The same letter sent twice, because we died before it was removed, is one message where the store drops
// repeats. Another letter with the same id, of another store or of one made anew, is not the same.
std::string Retrier::id_of(const Letter& letter) const {
    text::Fingerprint f;
    f.add(store_)
        .add(letter.key.value_or(""))
        .add(std::uint64_t{letter.body.has_value()})
        .add(letter.body.value_or(""));
    for (const auto& [name, value] : letter.verdict) f.add(name).add(value);
    for (const auto& [name, value] : letter.headers)
        f.add(name).add(std::uint64_t{value.has_value()}).add(value.value_or(""));
    char hex[16];
    const auto* const end = std::to_chars(hex, hex + sizeof hex, f.value(), 16).ptr;
    return "retry/" + from_.value + '/' + letter.id + '/' +
           std::string(hex, static_cast<std::size_t>(end - hex));
}

Result<void> Retrier::add(Outbox& outbox, const QueueConfig& queue, const Letter& letter) {
    std::string edited;
    std::string scratch;
    Outgoing outgoing;
    if (letter.body) outgoing.body = *letter.body;
    if (letter.key) outgoing.key = *letter.key;
    for (const codec::Header& header : letter.headers)
        outgoing.headers.emplace_back(header.name, header.value);
    outgoing.id = id_of(letter);
    if (options_.edit) {
        if (!text::is_utf8(letter.body.value_or("")))
            return Error(ErrorCode::permanent, "its body is no text, which an editor could change");
        auto saved = edit(letter.body.value_or(""));
        if (!saved) return saved.error();
        edited = std::move(*saved);
        const auto encoder = encoder_for(config_, catalog_, queue);
        if (!encoder) return encoder.error();
        std::string_view encoded;
        if (const auto failure = encoder->encode(edited, codec::Encoding::json, scratch, encoded))
            return Error(ErrorCode::permanent, "what was saved is not sent: " + failure->text);
        outgoing.body = encoded;
    }
    outbox.add(outgoing);
    return {};
}

Result<void> Retrier::flush(Outbox& outbox, std::vector<std::string>& ids,
                            std::vector<std::string>& confirmed) {
    auto outcomes = outbox.flush();
    if (!outcomes) return outcomes.error();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (const auto& failure = (*outcomes)[i])
            tally_.fail(ids[i], failure->text);
        else
            confirmed.push_back(ids[i]);
    }
    ids.clear();
    return {};
}

}  // namespace volley::cli
