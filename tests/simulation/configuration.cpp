#include "configuration.hpp"

#include "store.hpp"

namespace simulation {

volley::Config configuration_of(const Scenario& s, volley::Milliseconds shutdown_timeout) {
    volley::Config config;
    config.app = "simulation";
    config.base_dir = "/";
    config.log.level = "off";
    config.operations.enabled = false;
    config.shutdown_timeout = shutdown_timeout;
    const auto add_queue = [&](const std::string& name) {
        volley::QueueConfig queue;
        queue.name = queue.value = name;
        queue.consumer = consumer_class(s);
        queue.producer = producer_class(s);
        queue.serializer = s.codec ? volley::Serializer::json : volley::Serializer::none;
        if (s.codec && name == "in") queue.key = "/k";
        config.queues.push_back(queue);
    };
    add_queue("in");
    volley::ComponentConfig component = s.component;
    for (int i = 0; i < s.queues; ++i) {
        add_queue("out" + std::to_string(i));
        component.outputs.push_back("out" + std::to_string(i));
    }
    if (s.has_dead_letters) {
        add_queue("dead");
        component.dead_letter_queue = "dead";
    }
    if (!s.forward) {
        component.handler.kind = volley::HandlerConfig::Kind::library;
        component.handler.library.library = "sim.so";
        component.handler.library.class_name = handler_class(s);
    }
    config.components.push_back(component);
    return config;
}

std::string yaml_of(const volley::Config& config) {
    const volley::ComponentConfig& c = config.components.front();
    const auto ms = [](volley::Milliseconds time) { return std::to_string(time.count()) + "ms"; };
    const char* const orders[] = {"", "partition", "key", "none"};
    const char* const actions[] = {"", "dead_letter", "requeue", "drop", "stop"};
    std::string out = "app: " + config.app + "\nshutdown_timeout: " + ms(config.shutdown_timeout) +
                      "\nlog: {level: 'off'}\noperations: false\nqueues:\n";
    for (const volley::QueueConfig& q : config.queues) {
        out += "  - {name: " + q.name + ", consumer: " + q.consumer + ", producer: " + q.producer +
               ", serializer: " + (q.serializer == volley::Serializer::json ? "json" : "none") +
               (q.key.empty() ? "" : ", key: " + q.key) + "}\n";
    }
    out += "components:\n  - name: " + c.name + "\n    input: in\n    outputs: [";
    for (const std::string& output : c.outputs) out += output + ", ";
    out += "]\n    handler: ";
    out += c.handler.kind == volley::HandlerConfig::Kind::forward
               ? "forward"
               : "{library: sim.so, class: " + c.handler.library.class_name + "}";
    out +=
        "\n    workers: " + std::to_string(c.workers) + "\n    concurrency: " + std::to_string(c.concurrency);
    if (c.batch) {
        out += "\n    batch: {max_messages: " + std::to_string(c.batch->max_messages) +
               ", max_wait: " + ms(c.batch->max_wait) + ", max_bytes: " + std::to_string(c.batch->max_bytes) +
               "}";
    }
    if (c.order != volley::Order::automatic)
        out += std::string("\n    order: ") + orders[static_cast<std::size_t>(c.order)];
    if (c.on_fail != volley::OnFail::automatic)
        out += std::string("\n    on_fail: ") + actions[static_cast<std::size_t>(c.on_fail)];
    if (!c.dead_letter_queue.empty()) out += "\n    dead_letter_queue: " + c.dead_letter_queue;
    out += "\n    retry: {max_attempts: " + std::to_string(c.retry.max_attempts) +
           ", initial_delay: " + ms(c.retry.initial_delay) + ", max_delay: " + ms(c.retry.max_delay) + "}";
    out += "\n    max_in_flight: " + std::to_string(c.max_in_flight) +
           "\n    max_in_flight_bytes: " + std::to_string(c.max_in_flight_bytes) +
           "\n    handler_timeout: " + ms(c.handler_timeout) + "\n";
    return out;
}

}  // namespace simulation
