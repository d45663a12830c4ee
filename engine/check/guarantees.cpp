#include "check/guarantees.hpp"

#include <algorithm>
#include <set>

#include "check/store.hpp"
#include "volley/plugin.h"

namespace volley::check {

namespace {

// For stores with leases, the largest size of a batch and the largest number of batches per worker:
// engine/runtime/worker_pool.cpp.
constexpr std::uint64_t largest_batch = 512;
constexpr std::uint64_t batches_a_worker = 3;

struct Output {
    std::string name;
    std::string value;
    Store store;
};

std::string thousands(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
        out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
    return out;
}

std::string code(const std::string& name) { return "`" + name + "`"; }

class Report {
public:
    Report(const Config& config, const ComponentConfig& component, plugins::Catalog& catalog)
        : component_(component) {
        const auto store = [&](plugins::Kind kind, const std::string& name) {
            const QueueConfig* queue = find_queue(config, name);
            return queue == nullptr ? Store() : store_of(kind, *queue, config, catalog);
        };
        input_ = store(plugins::Kind::consumer, component.input);
        for (const std::string& name : component.outputs) {
            const QueueConfig* queue = find_queue(config, name);
            outputs_.push_back(
                {name, queue == nullptr ? name : queue->value, store(plugins::Kind::producer, name)});
        }
        if (!component.dead_letter_queue.empty())
            dead_ = store(plugins::Kind::producer, component.dead_letter_queue);
        order_ = component.order != Order::automatic                    ? component.order
                 : component.workers == 1 && component.concurrency == 1 ? Order::partition
                                                                        : Order::key;
    }

    Guarantee make() {
        g_.component = component_.name;
        tell_flow();
        tell_failures();
        tell_losses();
        tell_delivery();
        tell_order();
        return std::move(g_);
    }

private:
    std::vector<std::string>& against(Property property) {
        return g_.against[static_cast<std::size_t>(property)];
    }
    const std::string& dead_letters() const { return component_.dead_letter_queue; }

    bool joins(const Store& output) const {
        return output.is_atomic && !output.place.empty() && output.connector == input_.connector &&
               output.place == input_.place;
    }
    // Outputs and acks are one transaction only if all outputs can be part of it: they differ in value, and
    // one user writes them.
    bool is_one_transaction() const {
        if (outputs_.empty()) return false;
        std::set<std::string> values;
        for (const Output& output : outputs_) {
            if (!joins(output.store) || output.store.user != outputs_.front().store.user) return false;
            values.insert(output.value);
        }
        return outputs_.size() == 1 || (values.size() == outputs_.size() &&
                                        (outputs_.front().store.flags & VOLLEY_JOINT_COMMIT) != 0);
    }

    void tell_flow() {
        std::string to;
        for (const Output& output : outputs_)
            to += (to.empty() ? "" : ", ") + output.name + " (" + output.store.connector + ")";
        g_.flow = component_.input + " (" + input_.connector + ") -> " + (to.empty() ? "nothing" : to);
        if (!dead_letters().empty())
            g_.flow += "; dead letters in " + dead_letters() + " (" + dead_.connector + ")";
    }

    // What happens to a message that can never succeed. The default differs from that for exhausted attempts:
    // engine/runtime/component.cpp.
    OnFail last() const {
        if (component_.on_fail != OnFail::automatic) return component_.on_fail;
        return !dead_letters().empty() ? OnFail::dead_letter : input_.is_log ? OnFail::stop : OnFail::requeue;
    }

    void tell_failures() {
        const std::string when = "after " + std::to_string(component_.retry.max_attempts) +
                                 (component_.retry.max_attempts == 1 ? " attempt" : " attempts") +
                                 ", or at once when it cannot succeed, ";
        if (component_.on_fail == OnFail::automatic && dead_letters().empty()) {
            const std::string every = std::to_string(component_.retry.max_delay.count()) + "ms";
            g_.failures = "a message that may succeed is tried again for ever, every " + every +
                          " in the end, and holds up what waits behind it; one that cannot " +
                          (input_.is_log ? "stops the component, and stays" : "is put back, again and again");
            return;
        }
        switch (last()) {
            case OnFail::dead_letter:
                g_.failures = when + "a message goes to " + code(dead_letters());
                break;
            case OnFail::drop:
                g_.failures = when + "a message is dropped";
                g_.losses.push_back("a message fails: on_fail: drop");
                break;
            case OnFail::stop:
                g_.failures = when + "the component stops, and the message stays";
                break;
            default:
                g_.failures = when + "a message is put back, again and again";
        }
    }

    void tell_losses() {
        const auto add = [&](const Store& store) {
            for (const std::string& loss : store.losses) {
                if (std::find(g_.losses.begin(), g_.losses.end(), loss) == g_.losses.end())
                    g_.losses.push_back(loss);
            }
        };
        if (component_.handler.kind == HandlerConfig::Kind::forward && outputs_.empty())
            g_.losses.push_back("ever one is read: it is sent nowhere, for there are no outputs");
        add(input_);
        for (const Output& output : outputs_) add(output.store);
        add(dead_);
        std::vector<std::string> kept;
        const auto rely = [&](const Store& store) {
            if (!store.connector.empty() && !store.is_memory &&
                std::find(kept.begin(), kept.end(), store.connector) == kept.end())
                kept.push_back(store.connector);
        };
        rely(input_);
        for (const Output& output : outputs_) rely(output.store);
        rely(dead_);
        g_.durability =
            listed(kept) + (kept.size() == 1 ? " keeps what it" : " keep what they") + " confirmed";
        if (dead_.has_size_limit)
            g_.durability += ", and " + code(dead_letters()) +
                             " takes each letter whole: of one that is too large "
                             "for it the first 16 KiB are kept";
    }

    void tell_delivery() {
        for (const std::string& loss : g_.losses)
            against(Property::at_least_once).push_back("lost if " + loss);
        const std::uint64_t in_hand =
            input_.is_log ? component_.max_in_flight
                          : std::min<std::uint64_t>(component_.max_in_flight,
                                                    batches_a_worker * largest_batch * component_.workers);
        g_.delivery = g_.losses.empty() ? "at least once" : "at least once, unless it is lost (see below)";
        const std::string again = std::string("after a crash or a lost ") +
                                  (input_.is_log ? "partition" : "lease") + " at most " + thousands(in_hand) +
                                  " messages are handled again";
        auto& not_exactly = against(Property::exactly_once);
        not_exactly = against(Property::at_least_once);
        if (!is_one_transaction()) {
            g_.duplicates = again + (outputs_.empty() ? "" : ", and their outputs written again");
            if (outputs_.empty())
                not_exactly.emplace_back("it has no outputs, and a handler's own effects are repeated");
            for (const Output& output : outputs_) {
                if (!joins(output.store) || outputs_.size() > 1)
                    not_exactly.push_back(code(output.name) + " is not in one transaction with " +
                                          code(component_.input));
            }
            return;
        }
        std::vector<std::string> names;
        for (const Output& output : outputs_) names.push_back(code(output.name));
        // Records are sent before the ack. A store that deduplicates by id stores each once.
        if (!dead_letters().empty() && joins(dead_) && (dead_.flags & VOLLEY_CAN_DEDUP) != 0)
            names.push_back(code(dead_letters()));
        g_.delivery += "; exactly once into " + listed(names);
        g_.duplicates = again + ", and none of their outputs is written twice";
    }

    void tell_order() {
        auto& no_key = against(Property::key_order);
        auto& no_partition = against(Property::partition_order);
        if (order_ == Order::none) {
            g_.order = "none: order: none";
            no_key.emplace_back("order: none");
            no_partition.emplace_back("order: none");
            return;
        }
        if (order_ == Order::key) {
            no_partition.emplace_back("the order is that of a key");
            if (!input_.has_keys) {
                g_.order = "none: messages of " + code(component_.input) + " have no key";
                no_key.push_back("messages of " + code(component_.input) +
                                 " have no key; name one with key: /pointer");
                return;
            }
        }
        const char* unit = order_ == Order::key ? "of a key"
                           : input_.is_log      ? "of a partition"
                                                : "of the queue";
        g_.order = unit;
        if (order_ == Order::key && input_.is_log) g_.order += ", within a partition";
        if (order_ == Order::key) g_.order += "; messages without a key have none";
        if (!input_.is_log) g_.order += "; only while one process reads " + code(component_.input);
        if (!input_.keeps_order) {
            g_.order += "; what comes back after a crash goes behind";
            for (auto* reasons : {&no_key, &no_partition})
                reasons->push_back(code(component_.input) + " puts behind what comes back after a crash");
        }
        for (const Output& output : outputs_) {
            const bool asked_off = output.store.connector == "kafka" && !output.store.keeps_order;
            if (!asked_off) continue;
            const std::string why = ": " + output.store.disorder;
            g_.order += "; not kept in " + code(output.name) + why;
            for (auto* reasons : {&no_key, &no_partition})
                reasons->push_back(code(output.name) + " does not keep it" + why);
        }
        for (const Output& output : outputs_) {
            if (output.store.connector == "kafka" && order_ != Order::key)
                g_.order += "; messages without a key go to any partition of " + code(output.name);
        }
        g_.order += last() == OnFail::stop ? "" : "; a message that fails for good leaves it";
    }

    const ComponentConfig& component_;
    Store input_;
    std::vector<Output> outputs_;
    Store dead_;
    Order order_;
    Guarantee g_;
};

}  // namespace

const std::vector<std::string>& property_names() {
    static const std::vector<std::string> names = {"at-least-once", "exactly-once", "key-order",
                                                   "partition-order"};
    return names;
}

std::vector<Guarantee> guarantees(const Config& config, plugins::Catalog& catalog) {
    std::vector<Guarantee> all;
    for (const ComponentConfig& component : config.components)
        all.push_back(Report(config, component, catalog).make());
    return all;
}

std::string render(const std::vector<Guarantee>& guarantees) {
    std::string out;
    for (const Guarantee& g : guarantees) {
        out += (out.empty() ? "" : "\n") + g.component + ": " + g.flow + "\n";
        out += "  delivery    " + g.delivery + "\n";
        out += "  duplicates  " + g.duplicates + "\n";
        out += "  order       " + g.order + "\n";
        out += "  failures    " + g.failures + "\n";
        if (g.losses.empty()) out += "  loses data  never, as long as " + g.durability + "\n";
        for (const std::string& loss : g.losses)
            out += (&loss == &g.losses.front() ? "  loses data  if " : "              or if ") + loss + "\n";
    }
    return out;
}

std::string unmet(const std::vector<Guarantee>& guarantees, const std::vector<Property>& required) {
    std::string out;
    for (const Guarantee& g : guarantees) {
        for (const Property property : required) {
            const auto index = static_cast<std::size_t>(property);
            for (const std::string& reason : g.against[index])
                out += g.component + ": " + property_names()[index] + " does not hold: " + reason + "\n";
        }
    }
    return out;
}

}  // namespace volley::check
