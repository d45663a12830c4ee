#include "config/interpolate.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "config/read_file.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr std::size_t largest_value = 1 << 20;  // bytes of a file that is one value
constexpr int deepest = 16;                     // variables in the default of a variable, and so on

FileText read_value(const std::filesystem::path& path) {
    FileText read = read_file(path, largest_value + 1);
    if (!read.text) return read;
    std::string& text = *read.text;
    if (text.size() > largest_value) return {std::nullopt, EFBIG, "it is larger than 1 MiB"};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    text.erase(0, text::byte_order_mark(text));
    return read;
}

class Filler {
public:
    Filler(const std::string& base_dir, const Environment& environment, Diagnostics& diagnostics)
        : base_dir_(base_dir), environment_(environment), diagnostics_(diagnostics) {}

    void fill(Node& node) {
        if (auto filled = filled_in(node.scalar, node)) node.scalar = std::move(*filled);
    }

private:
    // Returns the position of the } that closes the ${ before `at`. Braces in between are in pairs.
    static std::size_t closing(std::string_view in, std::size_t at) {
        int open = 1;
        for (; at < in.size(); ++at) {
            if (in[at] == '{') ++open;
            if (in[at] == '}' && --open == 0) return at;
        }
        return std::string_view::npos;
    }

    // Returns nothing, and adds an error, if a ${ is not closed.
    std::optional<std::string> filled_in(std::string_view in, Node& node) {
        std::string out;
        std::size_t at = 0;
        for (;;) {
            const std::size_t begin = in.find("${", at);
            if (begin == std::string_view::npos) break;
            if (begin > at && in[begin - 1] == '$') {  // $${ is a literal ${
                out += in.substr(at, begin - at);
                out += '{';
                at = begin + 2;
                continue;
            }
            const std::size_t end = closing(in, begin + 2);
            if (end == std::string_view::npos) {
                diagnostics_.error("V0112", node.mark, "\"${\" without its \"}\"",
                                   "close it, or write $${ for a literal ${", node.length);
                return std::nullopt;
            }
            out += in.substr(at, begin - at);
            out += value_of(in.substr(begin + 2, end - begin - 2), node);
            at = end + 1;
        }
        out += in.substr(at);
        return out;
    }

    // A default, a message or a path, which may contain variables.
    std::string argument_of(std::string_view text, Node& node) {
        if (depth_ == deepest) {
            diagnostics_.error("V0112", node.mark, "variables inside of variables, deeper than 16 levels",
                               "is a bracket not closed?", node.length);
            return {};
        }
        ++depth_;
        auto filled = filled_in(text, node);
        --depth_;
        return std::move(filled).value_or(std::string());
    }

    std::string value_of(std::string_view expression, Node& node) {
        if (expression.rfind("file:", 0) == 0)
            return file_value(argument_of(expression.substr(5), node), node);
        const std::size_t colon = expression.find(':');
        const std::string name(expression.substr(0, colon));
        const std::string_view modifier =
            colon == std::string_view::npos ? std::string_view() : expression.substr(colon, 2);
        const bool valid = !name.empty() && name.find_first_not_of(
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                "abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
        if (!valid || !(modifier.empty() || modifier == ":-" || modifier == ":?")) {
            diagnostics_.error(
                "V0112", node.mark, "\"${" + std::string(expression) + "}\" is no variable",
                "write ${NAME}, ${NAME:-default} or ${NAME:?message}; a name has letters, digits "
                "and _",
                node.length);
            return {};
        }
        node.secret = node.secret || names_a_secret(name);
        node.mark.origin = "environment " + name;
        const auto value = environment_(name);
        if (value && (!value->empty() || modifier.empty())) return *value;
        const std::string_view argument = modifier.empty() ? "" : expression.substr(colon + 2);
        if (modifier == ":-") {
            node.mark.origin = "default in the file";
            return argument_of(argument, node);
        }
        const std::string message = modifier == ":?" ? ": " + argument_of(argument, node) : "";
        diagnostics_.error("V0112", node.mark,
                           "the variable " + name + (value ? " is empty" : " is not set") + message,
                           "set it, or give a default: ${" + name + ":-value}", node.length);
        return {};
    }

    std::string file_value(const std::string& path, Node& node) {
        node.secret = true;
        node.mark.origin = "file " + path;
        if (const auto directory = environment_("CREDENTIALS_DIRECTORY")) {
            if (auto read = read_value(std::filesystem::path(*directory) / path); read.text)
                return *read.text;
        }
        const FileText read = read_value(std::filesystem::path(base_dir_) / path);
        if (read.text) return *read.text;
        diagnostics_.error(
            "V0112", node.mark,
            "the file " + path + " cannot be read" + (read.error == ENOENT ? "" : ": " + read.why),
            "it is looked for in $CREDENTIALS_DIRECTORY and relative to the configuration's folder",
            node.length);
        return {};
    }

    const std::string& base_dir_;
    const Environment& environment_;
    Diagnostics& diagnostics_;
    int depth_ = 0;  // of the variable that is filled in
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
           ends_with("ssl.key.pem") || lower == "sasl.oauthbearer.config" || ends_with("dsn");
}

}  // namespace volley::config
