#include "check/loops.hpp"

#include <algorithm>
#include <map>

#include "check/store.hpp"

namespace volley::check {

namespace {

constexpr const char* contradiction = "V0114";

// A connection from a component that writes a queue to a component that reads it.
struct Edge {
    std::size_t to;
    std::string queue;    // the writer's name for it
    std::string path;     // where it is named, in Config::origins
    bool is_sure;         // every message takes it: `forward` to an output
    bool is_dead_letter;  // every message that fails for good takes it
};

class Loops {
public:
    Loops(const Config& config, plugins::Catalog& catalog, const config::Unsound& unsound)
        : config_(config), catalog_(catalog), unsound_(unsound) {}

    std::vector<config::Diagnostic> check() {
        for (const ComponentConfig& component : config_.components)
            inputs_.push_back(&store(plugins::Kind::consumer, component.input));
        for (const ComponentConfig& component : config_.components) edges_.push_back(edges_of(component));
        for (std::size_t i = 0; i < edges_.size(); ++i) {
            check_own_input(i);
            auto way = shortest(i, true);
            if (way.empty()) way = shortest(i, false);
            if (!way.empty()) tell(i, way);
        }
        return std::move(found_);
    }

private:
    const Store& store(plugins::Kind kind, const std::string& name) {
        const auto [known, is_new] = stores_.try_emplace({kind, name});
        const QueueConfig* queue = is_new ? find_queue(config_, name) : nullptr;
        if (queue != nullptr && unsound_.count(queue->path) == 0)
            known->second = store_of(kind, *queue, config_, catalog_);
        return known->second;
    }

    std::vector<Edge> edges_of(const ComponentConfig& component) {
        std::vector<Edge> edges;
        if (unsound_.count(component.path) != 0) return edges;
        const auto add = [&](const std::string& queue, const std::string& path, bool dead) {
            const Store& written = store(plugins::Kind::producer, queue);
            const bool sure = !dead && component.handler.kind == HandlerConfig::Kind::forward;
            for (std::size_t to = 0; to < inputs_.size(); ++to) {
                if (reads_from(*inputs_[to], written))
                    edges.push_back({to, queue, component.path + path, sure, dead});
            }
        };
        for (std::size_t i = 0; i < component.outputs.size(); ++i)
            add(component.outputs[i], "/outputs/" + std::to_string(i), false);
        if (!component.dead_letter_queue.empty())
            add(component.dead_letter_queue, "/dead_letter_queue", true);
        return edges;
    }

    std::string name(std::size_t component) const {
        return config::in_quotes(config_.components[component].name);
    }

    void add(config::Diagnostic::Severity severity, const std::string& path, std::string text,
             std::string help) {
        found_.push_back(
            config::diagnostic_at(config_, path, contradiction, std::move(text), std::move(help)));
        found_.back().severity = severity;
    }

    // Reports a component that writes to a queue and reads the same queue under another name.
    void check_own_input(std::size_t component) {
        const std::string& input = config_.components[component].input;
        for (const Edge& edge : edges_[component]) {
            if (edge.to != component || edge.queue == input) continue;
            const std::string same = config::in_quotes(input) + " reads what is written to " +
                                     config::in_quotes(edge.queue) + ": " + why_same(input, edge.queue);
            if (edge.is_dead_letter) {
                add(config::Diagnostic::Severity::error, edge.path,
                    "the dead-letter queue of " + name(component) + " is its own input",
                    same + "\nwhat fails would come back for ever: name another queue" + blacklist(input));
            } else if (edge.is_sure) {
                add(config::Diagnostic::Severity::error, edge.path,
                    "component " + name(component) + " forwards to its own input",
                    same + "\nevery message would go round for ever: name another queue" + blacklist(input));
            } else {
                add(config::Diagnostic::Severity::warning, edge.path,
                    "an output of component " + name(component) + " is its own input",
                    same + "\nwhat the handler sends there comes back to it");
            }
        }
    }

    std::string why_same(const std::string& input, const std::string& written) const {
        const QueueConfig* in = find_queue(config_, input);
        const QueueConfig* out = find_queue(config_, written);
        if (in == nullptr || out == nullptr) return {};
        return in->value == out->value
                   ? "both are " + config::in_quotes(in->value) + " of one store"
                   : config::in_quotes(in->value) + " takes " + config::in_quotes(out->value) + " in";
    }

    std::string blacklist(const std::string& input) const {
        const QueueConfig* queue = find_queue(config_, input);
        const bool pattern = queue != nullptr && !queue->value.empty() && queue->value[0] == '^';
        return pattern ? ", or leave it out of the pattern, with topic.blacklist in the input's config:" : "";
    }

    // Returns the shortest path from a component through later ones back to it, so that each loop is found
    // once, from its first component. Empty: there is none.
    std::vector<const Edge*> shortest(std::size_t first, bool only_sure) const {
        std::vector<std::pair<std::size_t, const Edge*>> came(edges_.size(), {0, nullptr});  // predecessors
        std::vector<std::size_t> reached{first};
        for (std::size_t i = 0; i < reached.size(); ++i) {
            for (const Edge& edge : edges_[reached[i]]) {
                if ((only_sure && !edge.is_sure) || edge.to < first || edge.to == reached[i]) continue;
                if (edge.to != first) {
                    if (came[edge.to].second != nullptr) continue;
                    came[edge.to] = {reached[i], &edge};
                    reached.push_back(edge.to);
                    continue;
                }
                std::vector<const Edge*> way{&edge};
                for (std::size_t at = reached[i]; at != first; at = came[at].first)
                    way.push_back(came[at].second);
                std::reverse(way.begin(), way.end());
                return way;
            }
        }
        return {};
    }

    void tell(std::size_t first, const std::vector<const Edge*>& way) {
        std::string text = name(first);
        bool sure = true;
        for (const Edge* edge : way) {
            text += " -> " + edge->queue + " -> " + name(edge->to);
            sure = sure && edge->is_sure;
        }
        add(sure ? config::Diagnostic::Severity::error : config::Diagnostic::Severity::warning,
            way.back()->path, "components form a loop: " + text,
            sure ? "every message would go round for ever: send it elsewhere"
                 : "a message that takes this way each time goes round for ever: be sure that one of them "
                   "ends it");
    }

    const Config& config_;
    plugins::Catalog& catalog_;
    const config::Unsound& unsound_;
    std::map<std::pair<plugins::Kind, std::string>, Store> stores_;
    std::vector<const Store*> inputs_;      // by component
    std::vector<std::vector<Edge>> edges_;  // by component
    std::vector<config::Diagnostic> found_;
};

}  // namespace

std::vector<config::Diagnostic> check_loops(const Config& config, plugins::Catalog& catalog,
                                            const config::Unsound& unsound) {
    return Loops(config, catalog, unsound).check();
}

}  // namespace volley::check
