#include "config/load.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "config/bind.hpp"
#include "config/py_volley.hpp"
#include "config/read_file.hpp"
#include "config/yaml_errors.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

Loaded failed(const std::string& file, std::string text, std::string help) {
    Diagnostic d;
    d.code = "V0100";
    d.text = std::move(text);
    d.mark.file = file;
    d.help = std::move(help);
    return {std::nullopt, {d}, std::nullopt, {}};
}

bool looks_like_a_queue(const Node& node) {
    return std::any_of(node.members.begin(), node.members.end(), [](const auto& member) {
        const std::string& key = member.first.scalar;
        return key == "value" || key == "type" || key == "schema" || is_py_volley_key(key);
    });
}

// Files of py-volley had the queues at the top level.
bool looks_like_py_volley(const Node& root) {
    if (root.find("queues") != nullptr || root.find("components") != nullptr) return false;
    return std::any_of(root.members.begin(), root.members.end(),
                       [](const auto& member) { return looks_like_a_queue(member.second); }) ||
           std::any_of(root.elements.begin(), root.elements.end(), looks_like_a_queue);
}

Mark by_default() {
    Mark mark;
    mark.origin = "default";
    return mark;
}

// A configuration that says nothing of operations.listen uses $VOLLEY_LISTEN. So a container can answer
// probes from outside with a configuration that was written for one machine.
void add_listen_of_environment(Node& root, const std::string& file, const Environment& environment) {
    const auto listen = environment("VOLLEY_LISTEN");
    if (!listen || listen->empty()) return;
    const auto node = [&file](Node::Kind kind, std::string text) {
        Node made;
        made.kind = kind;
        made.mark.file = file;
        made.mark.origin = "environment VOLLEY_LISTEN";
        made.scalar = std::move(text);
        return made;
    };
    const auto is_operations = [](const Member& member) { return member.first.scalar == "operations"; };
    auto operations = std::find_if(root.members.begin(), root.members.end(), is_operations);
    if (operations == root.members.end()) {
        root.members.push_back({node(Node::Kind::scalar, "operations"), node(Node::Kind::mapping, "")});
        operations = std::prev(root.members.end());
    }
    Node& section = operations->second;
    if (section.kind != Node::Kind::mapping || section.find("listen") != nullptr) return;
    section.members.push_back({node(Node::Kind::scalar, "listen"), node(Node::Kind::scalar, *listen)});
}

constexpr const char* smallest =
    "the smallest file is\n"
    "    queues: {in: {type: sqlite}, out: {type: sqlite}}\n"
    "    components: [{input: in, outputs: [out], handler: forward}]";

}  // namespace

Loaded load_file(const std::string& path, const Environment& environment) {
    const FileText read = read_file(path, largest_file + 1);
    if (read.error == EISDIR) return failed(path, path + " is a folder", "name a file");
    if (!read.text) {
        return failed(path, "cannot read " + path + ": " + read.why,
                      read.error == EACCES ? "give the user that runs volleyd the right to read it"
                                           : "name the configuration with --config FILE");
    }
    std::error_code gone;  // the folder in which it was started may have been deleted
    const std::filesystem::path absolute = std::filesystem::absolute(path, gone);
    return load_text(*read.text, path, absolute.parent_path().string(), environment);
}

Loaded load_text(const std::string& bytes, const std::string& file, const std::string& base_dir,
                 const Environment& environment) {
    const std::string text = bytes.substr(text::byte_order_mark(bytes));
    Diagnostics diagnostics(text);
    Node root = read_yaml(text, file, diagnostics);
    if (diagnostics.has_errors()) return {std::nullopt, diagnostics.take(), std::nullopt, {}};
    if (looks_like_py_volley(root)) {
        diagnostics.error("V0108", root.mark, "the queues must stand under a key \"queues:\"",
                          "indent them under queues:, and say under components: what reads and writes them\n"
                          "`volley migrate FILE` writes a file of py-volley anew");
        return {std::nullopt, diagnostics.take(), std::nullopt, {}};
    }
    if (root.kind == Node::Kind::null) {
        diagnostics.error("V0108", {file, 0, 0, {}}, "the file is empty", smallest);
        return {std::nullopt, diagnostics.take(), std::nullopt, {}};
    }
    if (root.kind != Node::Kind::mapping) {
        const char* given = root.kind == Node::Kind::sequence ? "a list" : "a single value";
        diagnostics.error(
            "V0108", root.mark,
            "the file must be a mapping with \"queues:\" and \"components:\", not " + std::string(given),
            smallest, root.length);
        return {std::nullopt, diagnostics.take(), std::nullopt, {}};
    }
    Config config;
    config.file = file;
    config.base_dir = base_dir;
    config.app = std::filesystem::path(file).stem().string();
    config.origins["/app"] = by_default();
    interpolate(root, base_dir, environment, diagnostics);
    add_listen_of_environment(root, file, environment);
    Unsound unsound = bind(root, config, diagnostics);
    const bool is_whole = !diagnostics.has_errors();
    std::vector<Diagnostic> all = diagnostics.take();
    if (is_whole || (!config.queues.empty() && !config.components.empty())) {
        const auto rules = check_rules(config, unsound);
        all.insert(all.end(), rules.begin(), rules.end());
    }
    if (has_errors(all)) return {std::nullopt, std::move(all), std::move(config), std::move(unsound)};
    return {std::move(config), std::move(all), std::nullopt, {}};
}

}  // namespace volley::config
