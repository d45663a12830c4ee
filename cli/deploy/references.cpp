#include "deploy/references.hpp"

#include <algorithm>

namespace volley::cli::deploy {

namespace {

constexpr std::string_view opening = "${";

// Returns the position of the } that closes the ${ before `at`, or npos. Braces in between are in pairs.
std::size_t closing_brace(std::string_view text, std::size_t at) {
    int open = 1;
    for (; at < text.size(); ++at) {
        if (text[at] == '{') ++open;
        if (text[at] == '}' && --open == 0) return at;
    }
    return std::string_view::npos;
}

void add_variable(References& found, const std::string& name, bool required) {
    const auto known = std::find_if(found.variables.begin(), found.variables.end(),
                                    [&](const Variable& one) { return one.name == name; });
    if (known == found.variables.end())
        found.variables.push_back({name, required});
    else
        known->required = known->required || required;
}

void scan(std::string_view text, References& found) {
    for (std::size_t at = text.find(opening); at != std::string_view::npos; at = text.find(opening, at)) {
        const std::size_t end = closing_brace(text, at + opening.size());
        if ((at > 0 && text[at - 1] == '$') || end == std::string_view::npos) {  // $${ is a literal ${
            at += opening.size();
            continue;
        }
        const std::string_view inside = text.substr(at + opening.size(), end - at - opening.size());
        if (inside.rfind("file:", 0) == 0) {
            found.files.emplace_back(inside.substr(5));
            found.file_texts.emplace_back(text.substr(at, end + 1 - at));
        } else {
            const std::size_t colon = std::min(inside.find(':'), inside.size());
            const bool has_default = inside.substr(colon, 2) == ":-";
            add_variable(found, std::string(inside.substr(0, colon)), !has_default);
            if (has_default) scan(inside.substr(colon + 2), found);
        }
        at = end + 1;
    }
}

void walk(const config::Node& node, References& found) {
    if (node.kind == config::Node::Kind::scalar) scan(node.scalar, found);
    for (const config::Member& member : node.members) walk(member.second, found);
    for (const config::Node& element : node.elements) walk(element, found);
}

}  // namespace

References references_of(const config::Node& tree) {
    References found;
    walk(tree, found);
    std::sort(found.files.begin(), found.files.end());
    found.files.erase(std::unique(found.files.begin(), found.files.end()), found.files.end());
    return found;
}

std::string whole_variable(std::string_view value) {
    if (value.rfind(opening, 0) != 0 || closing_brace(value, opening.size()) != value.size() - 1) return {};
    const std::string_view inside = value.substr(opening.size(), value.size() - opening.size() - 1);
    const std::string name(inside.substr(0, inside.find(':')));
    return name == "file" ? std::string() : name;
}

}  // namespace volley::cli::deploy
