#include "graph.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "config/load.hpp"
#include "queue_access.hpp"
#include "text/escape.hpp"

namespace volley::cli {

namespace {

std::string one_line(std::string_view text) {
    std::string out;
    text::append_escaped(out, text, text.size(), text::Quotes::plain);
    return out;
}

std::string type_of(const QueueConfig& queue) {
    if (!queue.type.empty()) return queue.type;
    return queue.consumer.empty() ? queue.producer : queue.consumer;
}

const QueueConfig* queue_named(const Config& config, const std::string& name) {
    const auto found = std::find_if(config.queues.begin(), config.queues.end(),
                                    [&](const QueueConfig& queue) { return queue.name == name; });
    return found == config.queues.end() ? nullptr : &*found;
}

std::string shown(const Config& config, const std::string& name) {
    const QueueConfig* queue = queue_named(config, name);
    return one_line(name) + (queue == nullptr ? "" : " (" + one_line(type_of(*queue)) + ")");
}

std::string as_text(const Config& config) {
    std::string out;
    for (const ComponentConfig& c : config.components) {
        std::string outputs;
        for (const std::string& name : c.outputs)
            outputs += (outputs.empty() ? "" : ", ") + shown(config, name);
        const std::string begin = shown(config, c.input) + " -> " + one_line(c.name);
        out += begin + (outputs.empty() ? "" : " -> " + outputs) + "\n";
        if (!c.dead_letter_queue.empty())
            out +=
                std::string(begin.size() - 2, ' ') + "failed -> " + shown(config, c.dead_letter_queue) + "\n";
    }
    return out;
}

// Calls node(id, name, queue or null), then edge(from, to, failed), with ids such as q0 and c0.
template <typename Node, typename Edge>
void visit(const Config& config, Node&& node, Edge&& edge) {
    const auto id_of = [&](const std::string& name) {
        const QueueConfig* queue = queue_named(config, name);
        return queue == nullptr ? std::string() : "q" + std::to_string(queue - config.queues.data());
    };
    for (const QueueConfig& queue : config.queues) node(id_of(queue.name), queue.name, &queue);
    for (std::size_t i = 0; i < config.components.size(); ++i)
        node("c" + std::to_string(i), config.components[i].name, nullptr);
    for (std::size_t i = 0; i < config.components.size(); ++i) {
        const ComponentConfig& c = config.components[i];
        const std::string id = "c" + std::to_string(i);
        edge(id_of(c.input), id, false);
        for (const std::string& name : c.outputs) edge(id, id_of(name), false);
        if (!c.dead_letter_queue.empty()) edge(id, id_of(c.dead_letter_queue), true);
    }
}

// In a quoted label of Mermaid, these are entities.
std::string mermaid_label(const std::string& text) {
    std::string out;
    for (const char c : one_line(text)) {
        if (std::string_view("\"#<>&;`\\").find(c) == std::string_view::npos)
            out += c;
        else
            out += "#" + std::to_string(static_cast<int>(c)) + ";";
    }
    return out;
}

std::string as_mermaid(const Config& config) {
    std::string out = "flowchart LR\n";
    visit(
        config,
        [&](const std::string& id, const std::string& name, const QueueConfig* queue) {
            out += "  " + id + (queue != nullptr ? "[(\"" : "[\"") + mermaid_label(name) +
                   (queue != nullptr ? "<br/>" + mermaid_label(type_of(*queue)) + "\")]" : "\"]") + "\n";
        },
        [&](const std::string& from, const std::string& to, bool failed) {
            out += "  " + from + (failed ? " -. failed .-> " : " --> ") + to + "\n";
        });
    return out;
}

std::string dot_label(const std::string& text) {
    std::string out;
    for (const char c : one_line(text)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string as_dot(const Config& config) {
    std::string out = "digraph \"" + dot_label(config.app) + "\" {\n  rankdir=LR;\n";
    visit(
        config,
        [&](const std::string& id, const std::string& name, const QueueConfig* queue) {
            out += "  " + id + " [label=\"" + dot_label(name) +
                   (queue != nullptr ? "\\n" + dot_label(type_of(*queue)) + "\", shape=cylinder"
                                     : "\", shape=box") +
                   "];\n";
        },
        [&](const std::string& from, const std::string& to, bool failed) {
            out += "  " + from + " -> " + to + (failed ? " [label=failed, style=dashed]" : "") + ";\n";
        });
    return out + "}\n";
}

}  // namespace

std::string graph_text(const Config& config, const std::string& format) {
    if (format == "mermaid") return as_mermaid(config);
    return format == "dot" ? as_dot(config) : as_text(config);
}

int graph(const std::string& config_file, const Graph& options) {
    const auto loaded = config::load_file(config_file, config::environment());
    if (!loaded.config) {
        std::fputs(config::render(loaded.diagnostics, config::Format::text, config::screen_of(STDERR_FILENO))
                       .c_str(),
                   stderr);
        return exit_config;
    }
    std::fputs(graph_text(*loaded.config, options.format).c_str(), stdout);
    return exit_ok;
}

}  // namespace volley::cli
