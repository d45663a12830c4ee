// Checks of looking into a store, and of removing from it, beyond what store_checks.cpp has.
#include <algorithm>
#include <chrono>
#include <set>

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/guarded_array.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

constexpr auto most_wait = 10s;

struct Shown {
    std::string id;
    Bytes body;
    bool operator<(const Shown& other) const { return id < other.id; }
};

// Reads what a function of volley.inspect shows. Ends the child if it shows it in a wrong way.
template <typename Show>
std::vector<Shown> shown_by(ConsumerRig& rig, const std::string& function, Show&& show) {
    constexpr std::uint32_t capacity = 20;
    GuardedArray<volley_message> room(capacity);
    volley_batch batch{sizeof batch, room.stride(), room.data(), capacity, 0, 0};
    const Outcome done = call(rig.life().name(function.c_str()), {VOLLEY_OK},
                              [&](volley_error* error) { return show(&batch, error); });
    if (done.status == VOLLEY_E_UNSUPPORTED) inapplicable(function + " returned " + done.words());
    require(done.ok(), function + " returned " + done.words(), "see its text");
    require(batch.count <= capacity && room.is_intact(), function + " wrote behind its room",
            "fill at most `capacity` messages");
    std::vector<Shown> out;
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        require(room[i].handle == 0, function + " shows a message with a handle",
                "what is shown is not delivered: its handle is 0");
        out.push_back({bytes_of(room[i].id).value_or(""), bytes_of(room[i].body)});
    }
    return out;
}

std::vector<Shown> peeked_by(ConsumerRig& rig, const volley_ext_inspect& table) {
    return shown_by(rig, "peek", [&](volley_batch* batch, volley_error* error) {
        return table.peek(rig.life().get(), batch, 0, error);
    });
}

std::vector<Shown> found_by(ConsumerRig& rig, const volley_ext_inspect& table, const std::string& id) {
    return shown_by(rig, "find", [&](volley_batch* batch, volley_error* error) {
        return table.find(rig.life().get(), view_of(Bytes(id)), batch, error);
    });
}

// Returns what `remove` says. Ends the child as inapplicable if the store removes nothing.
std::uint64_t removed_by(ConsumerRig& rig, const volley_ext_inspect& table, const std::string& id) {
    std::uint64_t removed = 0;
    const Bytes bytes = id;
    const Outcome done = call(rig.life().name("remove"), {VOLLEY_OK}, [&](volley_error* error) {
        return table.remove(rig.life().get(), view_of(bytes), &removed, error);
    });
    if (done.status == VOLLEY_E_UNSUPPORTED) inapplicable("remove returned " + done.words());
    require(done.ok(), "remove returned " + done.words(), "an id that no message has is no error");
    return removed;
}

// Messages that wait, by the order in which peek shows them.
std::vector<Shown> three_waiting(ConsumerRig& rig, ProducerRig& producer, const volley_ext_inspect& table) {
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is bounded");
    producer.store(plain_messages(3));
    const auto all = peeked_by(rig, table);
    require(all.size() == 3, "peek shows " + std::to_string(all.size()) + " of 3 messages",
            "show what waits");
    require(std::set<Shown>(all.begin(), all.end()).size() == 3, "peek shows an id twice",
            "find and remove name one message by its id");
    return all;
}

Verdict find_and_remove(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* table = rig.life().extension_as<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    if (table == nullptr || table->peek == nullptr || table->find == nullptr)
        inapplicable("it does not offer find of " VOLLEY_EXT_INSPECT);
    if (rig.is_log()) inapplicable("in a log only dead letters are found and removed");
    producer.start();
    const auto all = three_waiting(rig, producer, *table);
    const auto one = found_by(rig, *table, all[1].id);
    require(one.size() == 1 && one[0].id == all[1].id && one[0].body == all[1].body,
            "find does not show the message whose id peek has shown", "ids of peek and find are the same");
    const std::string unknown = "no message has this id";
    require(found_by(rig, *table, unknown).empty() && found_by(rig, *table, "").empty(),
            "find shows a message for an id that none has", "leave count at 0");
    if (table->remove == nullptr) return conformance::passed("remove is not offered");
    require(removed_by(rig, *table, unknown) == 0,
            "remove says that it removed a message that does not exist",
            "*removed tells whether it was there");
    require(removed_by(rig, *table, all[1].id) == 1, "remove does not say that it removed what was there",
            "*removed tells whether it was there");
    require(removed_by(rig, *table, all[1].id) == 0, "remove removed a message twice", "it is gone");
    require(found_by(rig, *table, all[1].id).empty(), "find shows what was removed", "it is gone");
    const auto came = rig.consume_all(3, 1s);
    require(came.size() == 2, "of 3 messages, one of them removed, " + std::to_string(came.size()) + " came",
            "remove deletes the one that it names");
    for (const Delivery& d : came)
        require(d.content.body != all[1].body, "a removed message came", "remove deletes it");
    rig.settle_all(came, VOLLEY_ACK);
    rig.end();
    producer.end();
    return conformance::passed();
}

Verdict purge(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* table = rig.life().extension_as<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    if (table == nullptr || table->purge == nullptr)
        inapplicable("it does not offer purge of " VOLLEY_EXT_INSPECT);
    if (rig.is_log()) inapplicable("in a log nothing is removed");
    producer.start();
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is bounded");
    producer.store(plain_messages(3));
    std::uint64_t removed = 0;
    const Outcome done = call(rig.life().name("purge"), {VOLLEY_OK}, [&](volley_error* error) {
        return table->purge(rig.life().get(), &removed, error);
    });
    if (done.status == VOLLEY_E_UNSUPPORTED) inapplicable("purge returned " + done.words());
    require(done.ok(), "purge returned " + done.words(), "see its text");
    require(removed == 3, "purge says that it removed " + std::to_string(removed) + " of 3 messages",
            "*removed is how many there were");
    require(rig.consume_all(1, 300ms).empty(), "a message came after a purge",
            "purge removes all that waits");
    rig.end();
    producer.end();
    return conformance::passed();
}

Verdict removal(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* removal = rig.life().extension_as<volley_ext_removal>(VOLLEY_EXT_REMOVAL);
    if (removal == nullptr) inapplicable("it does not offer " VOLLEY_EXT_REMOVAL);
    const auto* table = rig.life().extension_as<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    require(table != nullptr && table->peek != nullptr, "it offers " VOLLEY_EXT_REMOVAL " without peek",
            "the ids are those of " VOLLEY_EXT_INSPECT);
    producer.start();
    const auto all = three_waiting(rig, producer, *table);
    const std::vector<Bytes> ids{all[2].id, "no message has this id", all[0].id};
    std::vector<volley_view> views;
    for (const Bytes& id : ids) views.push_back(view_of(id));
    std::vector<std::uint32_t> removed(4, 0);
    removed.back() = 0x5A5A;
    const Outcome done = call(rig.life().name("remove_all"), {VOLLEY_OK}, [&](volley_error* error) {
        return removal->remove_all(rig.life().get(), views.data(), 3, removed.data(), error);
    });
    if (done.status == VOLLEY_E_UNSUPPORTED) inapplicable("remove_all returned " + done.words());
    require(done.ok(), "remove_all returned " + done.words(), "an id that no message has is no error");
    require(removed.back() == 0x5A5A, "remove_all wrote behind its results", "there are `count` of them");
    require(removed[0] == 1 && removed[1] == 0 && removed[2] == 1,
            "remove_all does not say which of 3 ids it removed", "removed[i] is 1 if the message was there");
    const auto left = peeked_by(rig, *table);
    require(left.size() == 1 && left[0].id == all[1].id, "after remove_all peek does not show what is left",
            "remove those that are named");
    rig.end();
    producer.end();
    return conformance::passed();
}

std::int64_t unix_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Verdict history(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* history = rig.life().extension_as<volley_ext_history>(VOLLEY_EXT_HISTORY);
    if (history == nullptr) inapplicable("it does not offer " VOLLEY_EXT_HISTORY);
    const auto* table = rig.life().extension_as<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    require(table != nullptr && table->peek != nullptr, "it offers " VOLLEY_EXT_HISTORY " without peek",
            "it says what peek shows");
    producer.start();
    rig.empty_queue();
    // The store's clock may be another one.
    const std::int64_t minute = 60'000, before = unix_ms() - minute;
    producer.store(plain_messages(3));
    rig.settle_all(rig.consume_all(3, most_wait), VOLLEY_ACK);
    const auto between = [&](std::int64_t from, std::int64_t to) {
        const Outcome done = call(rig.life().name("between"), {VOLLEY_OK}, [&](volley_error* error) {
            return history->between(rig.life().get(), from, to, error);
        });
        require(done.ok(), "between returned " + done.words(), "see its text");
        return peeked_by(rig, *table);
    };
    require(between(before, unix_ms() + minute).size() >= 3,
            "after between, peek does not show the messages of that time, which were acked",
            "show them, whoever has read them");
    require(between(1, 2).empty(), "after between, peek shows messages of another time",
            "show what was stored from from_ms to before to_ms");
    rig.end();
    producer.end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> inspection_checks() {
    return {
        {"find-remove", "find and remove name one message by the id that peek shows", Of::pair, true,
         &find_and_remove},
        {"purge", "purge removes all that waits, and says how much it was", Of::pair, true, &purge},
        {"removal", "Several messages are removed at once", Of::pair, true, &removal},
        {"history", "What was read is shown by its time", Of::pair, true, &history},
    };
}

}  // namespace volley::cli::plugin_check
