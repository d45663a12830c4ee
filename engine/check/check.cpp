#include "check/check.hpp"

#include <algorithm>
#include <set>

#include "check/loops.hpp"
#include "check/store.hpp"
#include "codec/codec.hpp"
#include "codec/idle_keywords.hpp"
#include "plugins/config_schema.hpp"
#include "plugins/instance.hpp"
#include "plugins/search_path.hpp"

namespace volley::check {

namespace {

using config::Diagnostic;

constexpr const char* no_plugin = "V0201";
constexpr const char* wrong_config = "V0202";
constexpr const char* wrong_schema = "V0203";
constexpr const char* requeue_on_a_log = "V0204";
constexpr const char* shared_group = "V0205";
constexpr const char* unnamed_group = "V0206";
constexpr const char* idle_keyword = "V0207";
constexpr const char* contradiction = "V0114";

// Other names by which people look for one of the connectors.
struct OtherName {
    const char* given;
    const char* ours;
};
constexpr OtherName other_names[] = {{"redis", "rsmq"}, {"confluent", "kafka"}};

class PluginCheck {
public:
    PluginCheck(const Config& config, plugins::Catalog& catalog, const config::Unsound& unsound)
        : config_(config), catalog_(catalog), unsound_(unsound) {}

    std::vector<Diagnostic> run() {
        for (const ComponentConfig& component : config_.components) {
            check(plugins::Kind::consumer, component.input, component);
            for (const std::string& output : component.outputs)
                check(plugins::Kind::producer, output, component);
            if (!component.dead_letter_queue.empty()) {
                check(plugins::Kind::producer, component.dead_letter_queue, component);
            }
            if (unsound_.count(component.path) != 0) continue;
            check_handler(component);
            check_forward(component);
            check_log(component);
        }
        const auto loops = check_loops(config_, catalog_, unsound_);
        found_.insert(found_.end(), loops.begin(), loops.end());
        for (const QueueConfig& queue : config_.queues) {
            if (unsound_.count(queue.path) == 0) check_schema(queue);
        }
        return std::move(found_);
    }

private:
    // The text after the first line is advice.
    void add(const std::string& path, const char* code, std::string text, std::string help = {}) {
        if (const std::size_t end = text.find('\n'); end != std::string::npos) {
            help += (help.empty() ? "" : "\n") + text.substr(end + 1);
            text.resize(end);
        }
        if (const std::size_t guess = text.find("; did you mean "); guess != std::string::npos) {
            help = text.substr(guess + 2) + (help.empty() ? "" : "\n") + help;
            text.resize(guess);
        }
        Diagnostic d = config::diagnostic_at(config_, path, code, std::move(text), std::move(help));
        // The consumer and the producer of a queue can report the same error.
        const bool known = std::any_of(found_.begin(), found_.end(), [&](const Diagnostic& other) {
            return other.mark.line == d.mark.line && other.mark.column == d.mark.column &&
                   other.text == d.text;
        });
        if (!known) found_.push_back(std::move(d));
    }

    void warn(const std::string& path, const char* code, std::string text, std::string help) {
        const std::size_t before = found_.size();
        add(path, code, std::move(text), std::move(help));
        if (found_.size() > before) found_.back().severity = Diagnostic::Severity::warning;
    }

    void check(plugins::Kind kind, const std::string& name, const ComponentConfig& component) {
        if (!done_.insert({kind, name}).second) return;
        const auto queue = std::find_if(config_.queues.begin(), config_.queues.end(),
                                        [&](const QueueConfig& q) { return q.name == name; });
        // Already reported by the rules or while the file was read.
        if (queue == config_.queues.end() || unsound_.count(queue->path) != 0) return;
        auto found = catalog_.find_for_queue(kind, *queue, config_.base_dir);
        if (!found) {
            const std::string& given = kind == plugins::Kind::consumer ? queue->consumer : queue->producer;
            const char* key = given.empty()                     ? "/type"
                              : kind == plugins::Kind::consumer ? "/consumer"
                                                                : "/producer";
            return add(queue->path + key, no_plugin, found.error().text, advice(*queue, kind));
        }
        const auto mistakes = plugins::check_config(*found, queue->config);
        for (const auto& mistake : mistakes) {
            const std::string path = queue->path + "/config" + mistake.pointer;
            add(mistake.is_key ? path + "#key" : path, wrong_config,
                "queue \"" + name + "\": " + mistake.text, mistake.help);
        }
        if (mistakes.empty()) try_to_make(kind, *found, *queue, component);
    }

    // A log cannot requeue a single message, and cannot deliver all messages to two components in one group.
    void check_log(const ComponentConfig& component) {
        const QueueConfig* input = find_queue(config_, component.input);
        if (input == nullptr) return;
        const Store store = store_of(plugins::Kind::consumer, *input, config_, catalog_);
        if (!store.is_log) return;
        if (component.on_fail == OnFail::requeue) {
            add(component.path + "/on_fail", requeue_on_a_log,
                "component \"" + component.name + "\": a log (" + store.connector +
                    ") cannot put a message back",
                "use dead_letter or stop");
        }
        if (store.connector == "kafka" && store.group.empty() && config::has_default_app(config_)) {
            const std::string group = config_.app + "." + component.name;
            warn(component.path + "/input", unnamed_group,
                 "component \"" + component.name + "\" reads \"" + input->value +
                     "\" as the consumer group \"" + group + "\", which is named after the " +
                     (config_.file.empty() ? "default app" : "file"),
                 "another service with a file of this name shares the group, and a renamed file begins anew: "
                 "give "
                 "the file an app: of its own, or the queue a group.id under config:");
        }
        if (store.group.empty()) return;  // each component has a group of its own
        for (const ComponentConfig& other : config_.components) {
            if (&other == &component) return;
            const QueueConfig* theirs = find_queue(config_, other.input);
            if (theirs == nullptr) continue;
            const Store other_store = store_of(plugins::Kind::consumer, *theirs, config_, catalog_);
            if (other_store.group != store.group || !share_messages(store, other_store)) continue;
            add(component.path + "/input", shared_group,
                "components \"" + other.name + "\" and \"" + component.name + "\" read \"" + input->value +
                    "\" in one group: each would get a part of the messages",
                "leave group.id out, and each component has a group of its own; or make it one component "
                "with more workers");
        }
    }

    // Whether two readers get the same messages. A pattern can match the topics of a list.
    static bool share_messages(const Store& a, const Store& b) {
        return reads_from(a, b) || reads_from(b, a);
    }

    // An empty list of outputs says explicitly that messages are deleted unread.
    void check_forward(const ComponentConfig& component) {
        if (component.handler.kind != HandlerConfig::Kind::forward || !component.outputs.empty()) return;
        const std::string text =
            "component \"" + component.name + "\" forwards to no output: it deletes what it reads";
        if (config_.origins.count(component.path + "/outputs") != 0)
            warn(component.path + "/outputs", contradiction, text, "name one: outputs: [archive]");
        else
            add(component.path, contradiction, text,
                "name one: outputs: [archive]; or say that it is meant: outputs: []");
    }

    static std::string advice(const QueueConfig& queue, plugins::Kind kind) {
        const bool reads = kind == plugins::Kind::consumer;
        const std::string& given = reads ? queue.consumer : queue.producer;
        if (given.empty() && queue.type.empty())
            return "name the class that " +
                   std::string(reads ? "reads it: consumer: \"file.so:Class\""
                                     : "writes it: producer: \"file.so:Class\"") +
                   ", or the connector that can do both: type: sqlite";
        for (const OtherName& other : other_names) {
            if (given.empty() && queue.type == other.given)
                return "our connector for it is \"type: " + std::string(other.ours) + "\"";
        }
        return given.find('/') == std::string::npos
                   ? ""
                   : "a path is relative to the configuration's folder; a name "
                     "without / is searched in the plugin directories";
    }

    // The connector may refuse the key or its value. The position of the key comes before both.
    std::string config_path(const QueueConfig& queue, const std::string& pointer) const {
        const std::string path = queue.path + "/config" + pointer;
        return config_.origins.count(path + "#key") != 0 ? path + "#key" : path;
    }

    // Lets the plugin check its configuration: create does so without I/O.
    void try_to_make(plugins::Kind kind, const plugins::PluginClass& found, const QueueConfig& queue,
                     const ComponentConfig& component) {
        plugins::Services services;
        services.queue = queue.name;
        services.component = component.name;
        services.app = config_.app;
        services.wake = [] {};
        services.health = [](std::uint32_t, const std::string&) {};
        std::optional<Error> error;
        if (kind == plugins::Kind::consumer) {
            auto made = plugins::Consumer::create(found, std::move(services), queue.config, queue.value,
                                                  config_.base_dir);
            if (!made) error = made.error();
        } else {
            auto made = plugins::Producer::create(
                found, std::move(services), queue.config, queue.value, config_.base_dir,
                [](void*, const volley_report*, std::uint32_t, std::uint32_t) {}, nullptr);
            if (!made) error = made.error();
        }
        if (!error) return;
        std::string text = error->text;
        if (const std::string label = found.label() + ": "; text.rfind(label, 0) == 0)
            text.erase(0, label.size());
        add(config_path(queue, error->field), wrong_config, "queue \"" + queue.name + "\": " + text);
    }

    void check_concurrency(const ComponentConfig& component, bool is_async) {
        if (component.concurrency == 1 || is_async) return;
        warn(component.path + "/concurrency", contradiction,
             "component \"" + component.name +
                 "\": its handler takes one message at a time: \"concurrency\" has no effect",
             "use \"workers\" for more; a program, and a class with VOLLEY_ASYNC, can have several at once");
    }

    void check_batch(const ComponentConfig& component, bool takes_lists) {
        if (!component.batch) return;
        if (!takes_lists) {
            warn(component.path + "/batch", contradiction,
                 "component \"" + component.name +
                     "\": its handler takes one message at a time: \"batch\" has no effect",
                 "a program, and a class in a shared object, can have lists of messages");
        } else if (component.batch->max_messages > component.max_in_flight) {
            warn(component.path + "/batch/max_messages", contradiction,
                 "component \"" + component.name + "\": no batch gets full, because \"max_in_flight\" is " +
                     std::to_string(component.max_in_flight),
                 "raise max_in_flight, or lower max_messages");
        }
    }

    void check_handler(const ComponentConfig& component) {
        const bool is_plain = component.handler.kind != HandlerConfig::Kind::process &&
                              component.handler.kind != HandlerConfig::Kind::library;
        check_batch(component, !is_plain);
        if (component.handler.kind == HandlerConfig::Kind::process) return;
        if (is_plain) return check_concurrency(component, false);
        const LibraryHandler& library = component.handler.library;
        const std::string spec =
            library.class_name.empty() ? library.library : library.library + ":" + library.class_name;
        auto found = catalog_.find(plugins::Kind::handler, spec, config_.base_dir);
        if (!found)
            return add(component.path + "/handler", no_plugin,
                       "component \"" + component.name + "\": " + found.error().text);
        check_concurrency(component, (found->flags() & VOLLEY_ASYNC) != 0);
        for (const auto& mistake : plugins::check_config(*found, library.config)) {
            const std::string path = component.path + "/handler/config" + mistake.pointer;
            add(mistake.is_key ? path + "#key" : path, wrong_config,
                "component \"" + component.name + "\": " + mistake.text, mistake.help);
        }
    }

    void check_schema(const QueueConfig& queue) {
        if (queue.schema.kind != SchemaConfig::Kind::json_schema) return;
        auto decoder = codec::Decoder::make(codec::Encoding::json, queue.schema, {}, {});
        if (!decoder) {
            return add(queue.path + "/schema" + decoder.error().field, wrong_schema,
                       "queue \"" + queue.name + "\": " + decoder.error().text);
        }
        for (const codec::IdleKeyword& idle : codec::idle_keywords(queue.schema.text)) {
            const std::string near =
                config::nearest(idle.pointer.substr(idle.pointer.rfind('/') + 1), codec::keyword_names());
            const std::string guess = near.empty() ? "remove it; a remark of your own begins with x-"
                                                   : "did you mean \"" + near + "\"?";
            warn(queue.path + "/schema" + idle.pointer, idle_keyword,
                 "queue \"" + queue.name + "\": schema " + queue.schema.name + ", at " + idle.pointer + ": " +
                     idle.text,
                 idle.help.empty() ? guess : idle.help);
        }
    }

    const Config& config_;
    plugins::Catalog& catalog_;
    const config::Unsound& unsound_;
    std::set<std::pair<plugins::Kind, std::string>> done_;
    std::vector<Diagnostic> found_;
};

const char* name_of(std::uint32_t kind) {
    switch (kind) {
        case VOLLEY_KIND_CONSUMER:
            return "consumer";
        case VOLLEY_KIND_PRODUCER:
            return "producer";
        case VOLLEY_KIND_HANDLER:
            return "handler";
        default:
            return "unknown";
    }
}

}  // namespace

std::vector<Diagnostic> check_plugins(const Config& config, plugins::Catalog& catalog,
                                      const config::Unsound& unsound) {
    return PluginCheck(config, catalog, unsound).run();
}

Checked check_file(const std::string& path, const std::vector<std::string>& plugin_dirs,
                   const config::Environment& environment) {
    auto loaded = config::load_file(path, environment);
    if (!loaded.config && !loaded.readable) return {std::nullopt, std::move(loaded.diagnostics)};
    const Config& readable = loaded.config ? *loaded.config : *loaded.readable;
    plugins::Catalog catalog(plugins::search_path(plugin_dirs, readable));
    const auto found = check_plugins(readable, catalog, loaded.unsound);
    loaded.diagnostics.insert(loaded.diagnostics.end(), found.begin(), found.end());
    if (config::has_errors(loaded.diagnostics)) loaded.config.reset();
    return {std::move(loaded.config), std::move(loaded.diagnostics)};
}

std::string render_plugins(plugins::Catalog& catalog) {
    std::string out;
    for (const plugins::Listing& listing : catalog.list()) {
        out += listing.file +
               (listing.shadowed ? "  (shadowed: an earlier directory has one of this name)" : "") + "\n";
        if (!listing.error.empty()) {
            out += "    cannot be used: " + listing.error + "\n";
            continue;
        }
        out += "    " + listing.name + " " + listing.version + "  " + listing.summary + "\n";
        for (const plugins::PluginClass& c : listing.classes) {
            out += "    " + std::string(name_of(c.description->kind)) + " " + c.description->name;
            if (c.description->summary != nullptr) out += ": " + std::string(c.description->summary);
            out += "\n";
        }
    }
    return out.empty() ? "no plugins found\n" : out;
}

}  // namespace volley::check
