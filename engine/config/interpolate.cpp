#include "config/interpolate.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace volley::config {

namespace {

std::optional<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream content;
    content << in.rdbuf();
    std::string text = content.str();
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

class Filler {
public:
    Filler(const std::string& base_dir, const Environment& environment, Diagnostics& diagnostics)
        : base_dir_(base_dir), environment_(environment), diagnostics_(diagnostics) {}

    void fill(Node& node) {
        std::string out;
        const std::string& in = node.scalar;
        std::size_t at = 0;
        for (;;) {
            const std::size_t begin = in.find("${", at);
            if (begin == std::string::npos) break;
            if (begin > 0 && in[begin - 1] == '$') {  // $${ is a literal ${
                out += in.substr(at, begin - at);
                out += '{';
                at = begin + 2;
                continue;
            }
            const std::size_t end = in.find('}', begin);
            if (end == std::string::npos) {
                diagnostics_.error("V0112", node.mark, "\"${\" without its \"}\"",
                                   "close it, or write $${ for a literal ${", node.length);
                return;
            }
            out += in.substr(at, begin - at);
            out += value_of(in.substr(begin + 2, end - begin - 2), node);
            at = end + 1;
        }
        node.scalar = out + in.substr(at);
    }

private:
    std::string value_of(const std::string& expression, Node& node) {
        if (expression.rfind("file:", 0) == 0) return file_value(expression.substr(5), node);
        const std::size_t colon = expression.find(':');
        const std::string name = expression.substr(0, colon);
        const bool valid = !name.empty() && name.find_first_not_of(
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                "abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
        if (!valid) {
            diagnostics_.error("V0112", node.mark, "\"${" + expression + "}\" is no variable",
                               "write ${NAME} or ${NAME:-default}; a name has letters, digits and _",
                               node.length);
            return {};
        }
        node.secret = node.secret || names_a_secret(name);
        node.mark.origin = "environment " + name;
        const auto value = environment_(name);
        const std::string modifier = colon == std::string::npos ? "" : expression.substr(colon, 2);
        const std::string argument =
            colon == std::string::npos || modifier.size() < 2 ? "" : expression.substr(colon + 2);
        if (value && (!value->empty() || modifier != ":-")) return *value;
        if (modifier == ":-") {
            node.mark.origin = "default in the file";
            return argument;
        }
        diagnostics_.error("V0112", node.mark,
                           "the variable " + name + " is not set" + (modifier == ":?" ? ": " + argument : ""),
                           "set it, or give a default: ${" + name + ":-value}", node.length);
        return {};
    }

    std::string file_value(const std::string& path, Node& node) {
        node.secret = true;
        node.mark.origin = "file " + path;
        if (const auto directory = environment_("CREDENTIALS_DIRECTORY")) {
            if (auto text = read_file(std::filesystem::path(*directory) / path)) return *text;
        }
        if (auto text = read_file(std::filesystem::path(base_dir_) / path)) return *text;
        diagnostics_.error(
            "V0112", node.mark, "the file " + path + " cannot be read",
            "it is looked for in $CREDENTIALS_DIRECTORY and relative to the configuration's folder",
            node.length);
        return {};
    }

    const std::string& base_dir_;
    const Environment& environment_;
    Diagnostics& diagnostics_;
};

void walk(Node& node, Filler& filler) {
    if (node.kind == Node::Kind::scalar && node.scalar.find("${") != std::string::npos) filler.fill(node);
    for (auto& [key, value] : node.members) walk(value, filler);
    for (Node& element : node.elements) walk(element, filler);
}

}  // namespace

Environment environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
    };
}

void interpolate(Node& node, const std::string& base_dir, const Environment& environment,
                 Diagnostics& diagnostics) {
    Filler filler(base_dir, environment, diagnostics);
    walk(node, filler);
}

bool names_a_secret(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    if (lower == "pwd" || lower == "oldpwd") return false;  // the shell's working directories
    for (const char* word :
         {"password", "passwd", "passphrase", "secret", "token", "credential", "private", "apikey"}) {
        if (lower.find(word) != std::string::npos) return true;
    }
    const auto ends_with = [&](std::string_view end) {
        return lower.size() >= end.size() && lower.compare(lower.size() - end.size(), end.size(), end) == 0;
    };
    return ends_with("_key") || ends_with("_pass") || ends_with("pwd") || lower == "pass" ||
           ends_with("ssl.key.pem") || lower == "sasl.oauthbearer.config" || lower == "dsn";
}

}  // namespace volley::config
