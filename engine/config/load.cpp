#include "config/load.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/bind.hpp"

namespace volley::config {

namespace {

Loaded failed(const std::string& file, std::string text, std::string help) {
    Diagnostic d;
    d.code = "V0100";
    d.text = std::move(text);
    d.mark.file = file;
    d.help = std::move(help);
    return {std::nullopt, {d}};
}

// The ancestor's file began with the queues themselves.
bool looks_like_the_ancestors(const Node& root) {
    if (root.kind != Node::Kind::mapping || root.find("queues") != nullptr ||
        root.find("components") != nullptr)
        return false;
    for (const auto& [key, value] : root.members) {
        for (const char* mark : {"value", "type", "profile", "schema", "data_model"}) {
            if (value.find(mark) != nullptr) return true;
        }
    }
    return false;
}

}  // namespace

Loaded load_file(const std::string& path, const Environment& environment) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        return failed(path, path + " is a folder", "name a file");
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return failed(path, "cannot read " + path + ": " + std::strerror(errno),
                      "name the configuration with --config FILE");
    }
    std::ostringstream text;
    text << in.rdbuf();
    const std::filesystem::path absolute = std::filesystem::absolute(path);
    return load_text(text.str(), path, absolute.parent_path().string(), environment);
}

Loaded load_text(const std::string& text, const std::string& file, const std::string& base_dir,
                 const Environment& environment) {
    Diagnostics diagnostics(text);
    Node root = read_yaml(text, file, diagnostics);
    const Mark top{file, 1, 1, {}};
    if (!diagnostics.has_errors() && root.kind != Node::Kind::mapping) {
        diagnostics.error(
            "V0108", top, root.kind == Node::Kind::null ? "the file is empty" : "the file is no mapping",
            "the smallest one: queues: {in: {type: sqlite}, out: {type: sqlite}} and components: "
            "[{input: in, outputs: [out], handler: forward}]");
    }
    if (diagnostics.has_errors()) return {std::nullopt, diagnostics.take()};
    if (looks_like_the_ancestors(root)) {
        diagnostics.error("V0108", root.mark, "the queues must stand under a key \"queues:\"",
                          "indent them under queues:, and say under components: what reads and writes them");
        return {std::nullopt, diagnostics.take()};
    }
    Config config;
    config.file = file;
    config.base_dir = base_dir;
    config.app = std::filesystem::path(file).stem().string();
    interpolate(root, base_dir, environment, diagnostics);
    bind(root, config, diagnostics);
    std::vector<Diagnostic> all = diagnostics.take();
    // References are judged only in a file whose parts could be read: else one mistake would be told twice.
    if (!has_errors(all)) {
        const auto rules = check_rules(config);
        all.insert(all.end(), rules.begin(), rules.end());
    }
    if (has_errors(all)) return {std::nullopt, std::move(all)};
    return {std::move(config), std::move(all)};
}

}  // namespace volley::config
