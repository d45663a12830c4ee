#include "config/bind.hpp"

#include <algorithm>

#include "config/bind_parts.hpp"
#include "config/py_volley.hpp"
#include "config/section.hpp"
#include "text/number.hpp"

namespace volley::config {

namespace {

class Binder {
public:
    Binder(Config& config, Diagnostics& diagnostics) : config_(config), diagnostics_(diagnostics) {}

    Unsound bind(const Node& root) {
        Section top(root, "", "", config_, diagnostics_);
        top.text("app", config_.app);
        top.duration("shutdown_timeout", config_.shutdown_timeout);
        top.duration("startup_timeout", config_.startup_timeout);
        top.duration("stall_timeout", config_.stall_timeout);
        top.text("state_dir", config_.state_dir);
        top.size("max_message_bytes", config_.max_message_bytes);
        top.names("plugin_dirs", config_.plugin_dirs);
        top.required("queues", "what is read and written: queues: {orders: {type: sqlite}}");
        top.required("components", components_help(root));
        if (const Node* queues = top.find("queues")) bind_queues(*queues, top);
        if (const Node* components = top.find("components")) bind_components(*components, top);
        if (const Node* operations = top.find("operations")) bind_operations(*operations, top);
        if (const Node* log = top.find("log")) bind_log(*log, top);
        return std::move(unsound_);
    }

private:
    // Components of py-volley were Python programs, so its files have none.
    static std::string components_help(const Node& root) {
        const std::string help =
            "what runs: components: [{input: orders, outputs: [shipped], handler: libship.so:Ship}]";
        const Node* queues = root.find("queues");
        if (queues == nullptr) return help;
        const auto is_py_volley_queue = [](const Node& queue) {
            return std::any_of(queue.members.begin(), queue.members.end(),
                               [](const auto& member) { return is_py_volley_key(member.first.scalar); });
        };
        const bool old = std::any_of(queues->elements.begin(), queues->elements.end(), is_py_volley_queue) ||
                         std::any_of(queues->members.begin(), queues->members.end(),
                                     [&](const auto& member) { return is_py_volley_queue(member.second); });
        return old ? help + "\n`volley migrate FILE` writes a file of py-volley anew" : help;
    }

    bool is_mapping(const Node& node, const std::string& what, const char* help) {
        return config::is_mapping(node, what, help, diagnostics_);
    }

    void bind_queues(const Node& queues, Section& top) {
        if (queues.kind == Node::Kind::mapping) {
            for (const auto& [key, value] : queues.members) bind_one_queue(value, key.scalar, key.mark);
        } else if (queues.kind == Node::Kind::sequence) {
            for (const Node& element : queues.elements) bind_one_queue(element, {}, element.mark);
        } else {
            top.wrong(queues, "queues", "a list of queues, or a mapping from name to queue",
                      "queues: {" + queues.scalar + ": {type: sqlite}}");
        }
    }

    void bind_one_queue(const Node& node, const std::string& name, const Mark& mark) {
        const std::size_t before = diagnostics_.errors();
        bind_queue(node, name, mark, config_, diagnostics_);
        if (diagnostics_.errors() > before) unsound_.insert(config_.queues.back().path);
    }

    void bind_components(const Node& components, Section& top) {
        if (components.kind != Node::Kind::sequence)
            return top.wrong(components, "components", "a list of components",
                             "write each as - name: ship, with its keys below it");
        for (const Node& element : components.elements) {
            const std::size_t before = diagnostics_.errors();
            bind_component(element);
            if (diagnostics_.errors() > before && !config_.components.empty())
                unsound_.insert(config_.components.back().path);
        }
    }

    void bind_component(const Node& node) {
        ComponentConfig c;
        c.path = "/components/" + std::to_string(config_.components.size());
        config_.origins[c.path] = node.mark;
        if (!is_mapping(node, "a component", "write {input: orders, outputs: [shipped]}")) return;
        const Node* name = node.find("name");
        if (name == nullptr) name = node.find("input");
        Section section(node, "component", c.path, config_, diagnostics_,
                        name == nullptr ? std::string() : name->scalar);
        section.required("input", "name the queue that it reads: input: orders");
        section.text("name", c.name);
        section.text("input", c.input);
        section.names("outputs", c.outputs);
        section.text("dead_letter_queue", c.dead_letter_queue);
        section.number("workers", c.workers, 1, 1024);
        section.number("concurrency", c.concurrency, 1, most_concurrency);
        if (const Node* batch = section.find("batch")) bind_batch(*batch, c);
        section.choice<Order>("order", c.order,
                              {{"partition", Order::partition}, {"key", Order::key}, {"none", Order::none}});
        section.choice<OnFail>("on_fail", c.on_fail,
                               {{"dead_letter", OnFail::dead_letter},
                                {"requeue", OnFail::requeue},
                                {"drop", OnFail::drop},
                                {"stop", OnFail::stop}});
        section.duration("handler_timeout", c.handler_timeout);
        section.number("max_in_flight", c.max_in_flight, 1, 4'000'000);
        section.size("max_in_flight_bytes", c.max_in_flight_bytes);
        section.boolean("output_ids", c.output_ids);
        section.number("max_crashes", c.max_crashes, 1, 1000);
        if (const Node* retry = section.find("retry")) bind_retry(*retry, c);
        if (const Node* handler = section.find("handler")) bind_handler(*handler, c);
        config_.components.push_back(std::move(c));
    }

    void bind_batch(const Node& node, ComponentConfig& c) {
        if (!is_mapping(node, "\"batch\"", "write {max_messages: 500, max_wait: 200ms}")) return;
        BatchConfig& batch = c.batch.emplace();
        Section section(node, "batch", c.path + "/batch", config_, diagnostics_);
        section.number("max_messages", batch.max_messages, 1, most_batch_messages);
        section.duration("max_wait", batch.max_wait);
        section.size("max_bytes", batch.max_bytes);
    }

    void bind_retry(const Node& node, ComponentConfig& c) {
        if (!is_mapping(node, "\"retry\"", "write {max_attempts: 5}")) return;
        Section section(node, "retry", c.path + "/retry", config_, diagnostics_);
        section.number("max_attempts", c.retry.max_attempts, 1, 1'000'000);
        section.duration("initial_delay", c.retry.initial_delay);
        section.duration("max_delay", c.retry.max_delay);
    }

    void bind_handler(const Node& node, ComponentConfig& c) {
        HandlerConfig& handler = c.handler;
        if (node.kind == Node::Kind::scalar) {
            if (node.scalar == "forward") return;
            handler.kind = HandlerConfig::Kind::library;
            const std::size_t colon = node.scalar.rfind(':');
            handler.library.library = node.scalar.substr(0, colon);
            if (colon != std::string::npos) handler.library.class_name = node.scalar.substr(colon + 1);
            if (handler.library.library.find(".so") == std::string::npos) {
                const bool python =
                    node.scalar.size() > 3 && node.scalar.rfind(".py") == node.scalar.size() - 3;
                diagnostics_.error("V0105", node.mark, in_quotes(node.scalar) + " is no handler",
                                   python ? "write {exec: [python3, " + node.scalar + "]}"
                                          : "write forward, libship.so:Ship, or {exec: [python3, ship.py]}",
                                   node.length);
            }
            return;
        }
        if (!is_mapping(node, "\"handler\"", "write forward, libship.so:Ship, or {exec: [python3, ship.py]}"))
            return;
        Section section(node, "handler", c.path + "/handler", config_, diagnostics_);
        section.names("exec", handler.process.exec);
        section.texts("env", handler.process.env);
        section.boolean("clear_env", handler.process.clear_env);
        section.text("working_dir", handler.process.working_dir);
        section.number("max_messages_per_child", handler.process.max_messages_per_child, 1,
                       most_messages_per_child);
        section.size("max_memory_per_child", handler.process.max_memory_per_child);
        section.text("library", handler.library.library);
        section.text("class", handler.library.class_name);
        section.json("config", handler.library.config);
        const bool process = node.find("exec") != nullptr;
        const bool library = node.find("library") != nullptr;
        if (process == library) {
            diagnostics_.error(
                "V0114", node.mark,
                process ? "a handler has \"exec\" or \"library\", not both"
                        : "a handler has \"exec\" or \"library\", and here is neither",
                "write exec: [python3, ship.py] for a program, or library: libship.so for a shared object");
        }
        for (const char* key :
             {"env", "clear_env", "working_dir", "max_messages_per_child", "max_memory_per_child"}) {
            const Node* name = node.find_key(key);
            if (process || !library || name == nullptr) continue;
            diagnostics_.error(
                "V0114", name->mark, "a shared object takes no \"" + std::string(key) + "\"",
                "it belongs to a program; a shared object has its settings in config:", name->length);
        }
        for (const auto& [name, value] : handler.process.env) {
            if (!name.empty() && name.find('=') == std::string::npos &&
                name.find('\0') == std::string::npos && value.find('\0') == std::string::npos)
                continue;
            section.wrong(*node.find("env"), "env",
                          "a mapping from the names of environment variables to text",
                          "a name is not empty and has no \"=\", and nothing has a NUL");
        }
        for (const char* key : {"class", "config"}) {
            const Node* name = node.find_key(key);
            if (!process || library || name == nullptr) continue;
            diagnostics_.error(
                "V0114", name->mark, "a program takes no \"" + std::string(key) + "\"",
                "it belongs to a handler of a shared object; a program has its arguments in exec:, "
                "and its environment in env:",
                name->length);
        }
        const Node* exec = node.find("exec");
        if (process && exec->kind == Node::Kind::sequence && exec->elements.empty())
            section.wrong(*exec, "exec", "a list of at least one word",
                          "the first is the program: [python3, ship.py]");
        handler.kind = process ? HandlerConfig::Kind::process : HandlerConfig::Kind::library;
    }

    void bind_operations(const Node& node, Section& top) {
        OperationsConfig& operations = config_.operations;
        if (node.kind == Node::Kind::scalar && (node.scalar == "off" || node.scalar == "false")) {
            operations.enabled = false;
            return;
        }
        if (node.kind != Node::Kind::mapping)
            return top.wrong(node, "operations", "off, or a mapping with \"listen\"");
        Section section(node, "operations", "/operations", config_, diagnostics_);
        section.text("token", operations.token);
        const Node* token = section.find("token");
        if (token != nullptr && operations.token.empty() && !diagnostics_.has_errors())
            section.wrong(*token, "token", "a secret",
                          "an empty one would protect nothing; remove it, or set one");
        std::string listen;
        section.text("listen", listen);
        if (listen.empty()) return;
        const std::size_t colon = listen.rfind(':');
        std::string host = colon == std::string::npos ? "" : listen.substr(0, colon);
        const auto wrong = [&](const std::string& help) {
            section.wrong(*node.find("listen"), "listen", "an address such as 127.0.0.1:3000", help);
        };
        const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
        if (bracketed) host = host.substr(1, host.size() - 2);
        if (!bracketed && host.find(':') != std::string::npos)
            return wrong("an IPv6 address stands in brackets: [::1]:3000");
        const auto port = text::whole_number(colon == std::string::npos ? listen : listen.substr(colon + 1));
        if (!port || *port > 65535) {
            return wrong(colon == std::string::npos ? "the port is missing: " + listen + ":3000"
                                                    : "a port is 0 to 65535");
        }
        if (!host.empty()) operations.host = host;
        operations.port = static_cast<std::uint16_t>(*port);
        operations.port_given = true;
    }

    void bind_log(const Node& node, Section&) {
        if (!is_mapping(node, "\"log\"", "write {level: info}")) return;
        Section section(node, "log", "/log", config_, diagnostics_);
        std::vector<std::pair<std::string, std::string>> levels;
        for (const std::string& name : log_levels()) levels.emplace_back(name, name);
        section.choice("level", config_.log.level, levels);
        section.choice<std::string>("format", config_.log.format, {{"text", "text"}, {"json", "json"}});
    }

    Config& config_;
    Diagnostics& diagnostics_;
    Unsound unsound_;
};

}  // namespace

Unsound bind(const Node& root, Config& config, Diagnostics& diagnostics) {
    return Binder(config, diagnostics).bind(root);
}

}  // namespace volley::config
