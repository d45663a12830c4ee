#include "queues/retrier.hpp"

#include <charconv>

#include "queues/bodies.hpp"
#include "text/fingerprint.hpp"

namespace volley::queues {

namespace {

// A pattern or a list of topics is not judged.
bool reads(const std::string& value, const std::string& source) {
    return value == source || value.find_first_of("^,") != std::string::npos;
}

}  // namespace

std::optional<Error> Retrier::send(const std::vector<Letter>& letters, std::vector<std::string>& confirmed) {
    std::map<std::string, std::vector<std::string>> sent;  // ids by queue, in the order of their outbox
    for (const Letter& letter : letters) {
        const auto queue = target(letter);
        if (!queue) {
            failed_(letter.id, queue.error().text);
            continue;
        }
        auto outbox = outbox_of(**queue);
        if (!outbox) return outbox.error();
        if ((*outbox)->is_full()) {
            if (auto flushed = flush(**outbox, sent[(*queue)->name], confirmed); !flushed)
                return flushed.error();
        }
        if (auto added = add(**outbox, **queue, letter); !added)
            failed_(letter.id, added.error().text);
        else
            sent[(*queue)->name].push_back(letter.id);
    }
    for (auto& [name, ids] : sent) {
        if (auto flushed = flush(outboxes_.at(name), ids, confirmed); !flushed) return flushed.error();
    }
    return std::nullopt;
}

Result<const QueueConfig*> Retrier::target(const Letter& letter) const {
    const std::string to = options_.option_prefix + "to";
    const auto cannot = [](std::string why) { return Error(ErrorCode::permanent, std::move(why)); };
    const std::string name = options_.to.empty() ? std::string(letter.said("queue")) : options_.to;
    if (name.empty()) return cannot("it does not say which queue it is from; name one with " + to);
    if (!letter.said("truncated-from").empty() && !options_.edit)
        return cannot("its body was cut, from " + std::string(letter.said("truncated-from")) +
                      " bytes, and cannot be sent again; " + options_.option_prefix +
                      "edit lets you write a new one");
    const QueueConfig* queue = find_queue(config_, name);
    if (queue == nullptr)
        return cannot("it is from \"" + name + "\", and " + config_.file +
                      " has no such queue; name one with " + to);
    const std::string source(letter.said("source"));
    // Another application's queue may have this name.
    if (options_.to.empty() && !source.empty() && !reads(queue->value, source))
        return cannot("it is from \"" + source + "\", and " + name + " is \"" + queue->value +
                      "\" here; name a queue with " + to);
    return queue;
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
        auto saved = options_.edit(letter);
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
            failed_(ids[i], failure->text);
        else
            confirmed.push_back(ids[i]);
    }
    ids.clear();
    return {};
}

}  // namespace volley::queues
