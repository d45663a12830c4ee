#include "queues/inspection.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "plugins/wall.hpp"
#include "queues/queue_access.hpp"
#include "volley/view.hpp"

namespace volley::queues {

Inspection::Inspection(std::string queue, plugins::Consumer consumer)
    : queue_(std::move(queue)), consumer_(std::move(consumer)) {}

Inspection::~Inspection() {
    if (functions_ == nullptr || !consumer_ || consumer_->get() == nullptr) return;
    if (auto closed = consumer_->close(5000); !closed) log::warning(closed.error().text);
}

Result<Inspection> Inspection::open(const Config& config, plugins::Catalog& catalog,
                                    const QueueConfig& queue) {
    auto found = connector_of(config, catalog, plugins::Kind::consumer, queue);
    if (!found) return found.error();
    auto consumer = plugins::Consumer::create(*found, services_for(config, queue), queue.config, queue.value,
                                              config.base_dir);
    if (!consumer) return consumer.error();
    Inspection inspection(queue.name, std::move(*consumer));
    const auto* functions =
        static_cast<const volley_ext_inspect*>(inspection.consumer_->extension(VOLLEY_EXT_INSPECT));
    if (functions == nullptr) return inspection.cannot("cannot be looked into");
    if (auto opened = inspection.consumer_->open(); !opened) return opened.error();
    inspection.functions_ = functions;
    inspection.removal_ =
        static_cast<const volley_ext_removal*>(inspection.consumer_->extension(VOLLEY_EXT_REMOVAL));
    return inspection;
}

Error Inspection::cannot(const char* what) const {
    return {ErrorCode::unsupported, "queue \"" + queue_ + "\" " + what + ": its connector has no way to"};
}

Result<void> Inspection::outcome(std::int32_t status, const volley_error& error) {
    if (status >= 0) return {};
    const bool known = status >= VOLLEY_E_UNSUPPORTED;
    return Error(known ? static_cast<ErrorCode>(status) : ErrorCode::fatal, error.text);
}

Error Inspection::overfull() const {
    return {ErrorCode::fatal,
            "queue \"" + queue_ + "\": its connector showed more messages than there was room for"};
}

std::string Inspection::identity() {
    const auto* named = static_cast<const volley_ext_identity*>(consumer_->extension(VOLLEY_EXT_IDENTITY));
    volley_view text{};
    volley_error error = plugins::empty_error();
    if (named == nullptr) return {};
    const std::int32_t status =
        plugins::walled(error, [&] { return named->identity(consumer_->get(), &text, &error); });
    if (status != VOLLEY_OK) return {};
    return std::string(text_of(text));
}

Result<volley_stats> Inspection::stats() {
    if (functions_->stats == nullptr) return cannot("cannot be counted");
    volley_stats stats{sizeof(volley_stats), 0, -1, -1, -1, -1, -1};
    volley_error error = plugins::empty_error();
    if (auto asked = outcome(
            plugins::walled(error, [&] { return functions_->stats(consumer_->get(), &stats, &error); }),
            error);
        !asked)
        return asked.error();
    return stats;
}

volley_batch Inspection::empty_batch(std::uint64_t limit) {
    volley_message empty{};
    empty.partition = -1;
    empty.offset = -1;
    page_.assign(std::min(limit, longest_page), empty);
    volley_batch batch{};
    batch.struct_size = sizeof batch;
    batch.message_size = sizeof(volley_message);
    batch.messages = page_.data();
    batch.capacity = static_cast<std::uint32_t>(page_.size());
    return batch;
}

Result<const std::vector<volley_message>*> Inspection::peek(std::uint64_t skip, std::uint64_t limit) {
    if (functions_->peek == nullptr) return cannot("cannot show messages without taking them");
    volley_batch batch = empty_batch(limit);
    if (limit == 0) return &page_;
    volley_error error = plugins::empty_error();
    if (auto asked = outcome(
            plugins::walled(error, [&] { return functions_->peek(consumer_->get(), &batch, skip, &error); }),
            error);
        !asked)
        return asked.error();
    if (batch.count > batch.capacity) return overfull();
    page_.resize(batch.count);
    return &page_;
}

Result<void> Inspection::between(const Times& times) {
    const auto* history = static_cast<const volley_ext_history*>(consumer_->extension(VOLLEY_EXT_HISTORY));
    if (history == nullptr) return cannot("keeps nothing of what was read");
    volley_error error = plugins::empty_error();
    return outcome(
        plugins::walled(
            error, [&] { return history->between(consumer_->get(), times.from_ms, times.to_ms, &error); }),
        error);
}

Result<const volley_message*> Inspection::find(std::string_view id) {
    if (functions_->find == nullptr) return cannot("cannot look a message up");
    volley_batch batch = empty_batch(1);
    volley_error error = plugins::empty_error();
    if (auto asked = outcome(
            plugins::walled(error,
                            [&] { return functions_->find(consumer_->get(), view_of(id), &batch, &error); }),
            error);
        !asked)
        return asked.error();
    if (batch.count > batch.capacity) return overfull();
    return batch.count > 0 ? &page_.front() : static_cast<const volley_message*>(nullptr);
}

Result<void> Inspection::remove(const std::vector<std::string>& ids, std::vector<bool>& removed) {
    removed.assign(ids.size(), false);
    if (ids.empty()) return {};
    if (removal_ != nullptr) return remove_together(ids, removed);
    if (functions_->remove == nullptr) return cannot("cannot remove a single message");
    for (std::size_t i = 0; i < ids.size(); ++i) {
        std::uint64_t one = 0;
        volley_error error = plugins::empty_error();
        const std::int32_t status = plugins::walled(
            error, [&] { return functions_->remove(consumer_->get(), view_of(ids[i]), &one, &error); });
        if (auto asked = outcome(status, error); !asked) return asked.error();
        removed[i] = one > 0;
    }
    return {};
}

Result<void> Inspection::remove_together(const std::vector<std::string>& ids, std::vector<bool>& removed) {
    std::vector<volley_view> views;
    views.reserve(ids.size());
    for (const std::string& id : ids) views.push_back(view_of(id));
    std::vector<std::uint32_t> flags(ids.size(), 0);
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return removal_->remove_all(consumer_->get(), views.data(), static_cast<std::uint32_t>(views.size()),
                                    flags.data(), &error);
    });
    for (std::size_t i = 0; i < ids.size(); ++i) removed[i] = flags[i] != 0;
    return outcome(status, error);
}

Result<std::uint64_t> Inspection::purge() {
    if (functions_->purge == nullptr) return cannot("cannot be emptied");
    std::uint64_t removed = 0;
    volley_error error = plugins::empty_error();
    if (auto asked = outcome(
            plugins::walled(error, [&] { return functions_->purge(consumer_->get(), &removed, &error); }),
            error);
        !asked)
        return asked.error();
    return removed;
}

}  // namespace volley::queues
