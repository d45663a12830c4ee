#include "config/section.hpp"

#include <algorithm>

#include "config/interpolate.hpp"
#include "config/keys.hpp"
#include "config/py_volley.hpp"
#include "text/number.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

std::string joined(const std::vector<std::string>& words, const char* between) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
    return out;
}

// Describes where a key of another section belongs.
std::string place_of(const Key& key) {
    const std::string section = key.section;
    if (section.empty()) return "at the top of the file, beside \"queues:\"";
    if (section == "queue") return "in a queue";
    if (section == "component") return "in a component";
    return "under \"" + section + ":\"";
}

std::string described(const std::string& section, const std::string& name) {
    if (section.empty()) return {};
    if (section == "queue" || section == "component")
        return name.empty() ? "this " + section : section + " " + in_quotes(name);
    return "\"" + section + "\"";
}

bool is_whole(const std::string& text) {
    const std::size_t first = text.find_first_not_of('-');
    return first != std::string::npos && first <= 1 &&
           text.find_first_not_of("0123456789", first) == std::string::npos;
}

}  // namespace

Section::Section(const Node& node, const char* section, std::string path, Config& config,
                 Diagnostics& diagnostics, const std::string& name)
    : node_(node),
      section_(section),
      path_(std::move(path)),
      config_(config),
      diagnostics_(diagnostics),
      name_(described(section_, name)) {
    check_keys();
}

const Node* Section::find(const char* key) {
    const Node* value = node_.find(key);
    if (value != nullptr) config_.origins[path_ + "/" + key] = value->mark;
    return value != nullptr && value->kind != Node::Kind::null ? value : nullptr;
}

const Node* Section::scalar(const char* key) {
    const Node* value = find(key);
    if (value == nullptr) return nullptr;
    if (value->kind == Node::Kind::scalar) return value;
    wrong(*value, key, "a single value");
    return nullptr;
}

void Section::text(const char* key, std::string& out) {
    const Node* value = scalar(key);
    if (value == nullptr) return;
    refuse_template(*value);
    out = value->scalar;
}

void Section::duration(const char* key, Milliseconds& out) {
    const Node* value = scalar(key);
    if (value == nullptr) return;
    if (const auto parsed = parse_duration(value->scalar)) {
        out = *parsed;
        return;
    }
    const bool bare = is_whole(value->scalar) && value->scalar.front() != '-';
    wrong(*value, key, "a duration such as 100ms, 30s, 5m or 1h",
          bare ? "the unit is missing: " + value->scalar + "s, or " + value->scalar + "ms"
               : "a number and one unit: ms, s, m or h; two days are 48h");
}

void Section::size(const char* key, std::uint64_t& out) {
    const Node* value = scalar(key);
    if (value == nullptr) return;
    if (const auto parsed = parse_size(value->scalar))
        out = *parsed;
    else
        wrong(*value, key, "a size such as 512, 64 KiB or 64 MiB",
              "the units are KiB, MiB, GiB, kB, MB and GB; none means bytes");
}

std::optional<std::uint64_t> Section::whole_number(const char* key, std::uint64_t least, std::uint64_t most) {
    const Node* value = scalar(key);
    if (value == nullptr) return std::nullopt;
    const std::string& text = value->scalar;
    const auto number = text::whole_number(text);
    if (number && *number >= least && *number <= most) return number;
    const bool ambiguous = !number && text.size() > 1 && text[0] == '0' && is_whole(text);
    wrong(*value, key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
          ambiguous ? "with its leading 0 it is octal to some readers of YAML: remove the 0" : "",
          is_whole(text) ? "V0106" : "V0105");
    return std::nullopt;
}

void Section::boolean(const char* key, bool& out) {
    const Node* value = scalar(key);
    if (value == nullptr) return;
    const std::string& text = value->scalar;
    if (text == "true" || text == "false") {
        out = text == "true";
        return;
    }
    std::string help;
    for (const char* word : {"yes", "Yes", "on", "True", "TRUE"}) {
        if (text == word) help = "write true";
    }
    for (const char* word : {"no", "No", "off", "False", "FALSE"}) {
        if (text == word) help = "write false";
    }
    wrong(*value, key, "true or false", std::move(help));
}

void Section::not_one_of(const Node& value, const char* key, const std::vector<std::string>& known) {
    const std::string near = nearest(value.scalar, known);
    wrong(value, key, "one of " + joined(known, ", "), near.empty() ? "" : "did you mean \"" + near + "\"?");
}

void Section::names(const char* key, std::vector<std::string>& out) {
    const Node* value = find(key);
    if (value == nullptr) return;
    if (value->kind != Node::Kind::sequence) {
        std::string words = value->scalar;
        for (std::size_t at = 0; (at = words.find(' ', at)) != std::string::npos; at += 2)
            words.replace(at, 1, ", ");
        return wrong(*value, key, "a list", value->kind == Node::Kind::scalar ? "write [" + words + "]" : "");
    }
    for (std::size_t i = 0; i < value->elements.size(); ++i) {
        const Node& element = value->elements[i];
        Mark mark = element.mark;
        if (element.secret) mark.origin = "secret";
        config_.origins[path_ + "/" + key + "/" + std::to_string(i)] = mark;
        if (element.kind == Node::Kind::scalar)
            out.push_back(element.scalar);
        else
            wrong(element, key, "a list of words",
                  "each entry is one word: write [a, b], without further brackets");
    }
}

void Section::texts(const char* key, std::map<std::string, std::string>& out) {
    const Node* value = find(key);
    if (value == nullptr) return;
    if (value->kind != Node::Kind::mapping) return wrong(*value, key, "a mapping", "write {NAME: value}");
    for (const auto& [name, text] : value->members) {
        Mark mark = text.mark;
        if (text.secret) mark.origin = "secret";
        config_.origins[path_ + "/" + key + "/" + name.scalar] = mark;
        if (text.kind == Node::Kind::scalar)
            out[name.scalar] = text.scalar;
        else if (text.kind != Node::Kind::null)
            wrong(text, key, "a mapping from name to text", "write {NAME: value}, without further brackets");
    }
}

void Section::json(const char* key, std::string& out) {
    const Node* value = find(key);
    if (value == nullptr) return;
    if (value->kind != Node::Kind::mapping)
        return wrong(*value, key, "a mapping", "write it as {name: value, other: value}");
    remember(*value, path_ + "/" + key);
    out = to_json(*value);
}

void Section::remember_places(const char* key) {
    if (const Node* value = find(key)) remember(*value, path_ + "/" + key);
}

void Section::required(const char* key, std::string help) {
    // A misspelt key is reported once, not also as missing.
    if (std::find(meant_.begin(), meant_.end(), key) != meant_.end()) return;
    const Node* value = node_.find(key);
    if (value != nullptr && value->kind != Node::Kind::null) return;
    const std::string where = name_.empty() ? "" : " in " + name_;
    if (value == nullptr) {
        diagnostics_.error("V0108", node_.mark, "the key \"" + std::string(key) + "\" is missing" + where,
                           std::move(help));
        return;
    }
    const Node* name = node_.find_key(key);
    diagnostics_.error("V0108", name->mark, "the key \"" + std::string(key) + "\" has no value" + where,
                       std::move(help), name->length);
}

void Section::wrong(const Node& value, const char* key, const std::string& wanted, std::string help,
                    const char* code) {
    if (help.empty()) {
        const auto entry = std::find_if(keys().begin(), keys().end(), [&](const Key& k) {
            return section_ == k.section && std::string_view(key) == k.name;
        });
        if (entry != keys().end()) help = std::string(key) + ": " + entry->meaning;
    }
    const bool hidden = value.secret || names_a_secret(key);
    std::string given;
    switch (value.kind) {
        case Node::Kind::scalar:
            given = ", not " + (hidden ? std::string("\"***\"") : in_quotes(value.scalar));
            break;
        case Node::Kind::mapping:
            given = wanted.find("mapping") == std::string::npos ? ", not a mapping" : "";
            break;
        case Node::Kind::sequence:
            given = wanted.find("list") == std::string::npos ? ", not a list" : "";
            break;
        case Node::Kind::null:
            given = ", not nothing";
    }
    if (!value.mark.origin.empty())
        help += (help.empty() ? "" : "\n") + ("the value is from: " + value.mark.origin);
    diagnostics_.error(code, value.mark, "\"" + std::string(key) + "\" must be " + wanted + given,
                       std::move(help), value.length);
}

void Section::check_keys() {
    std::vector<std::string> known;
    for (const Key& key : keys()) {
        if (section_ == key.section && key.available) known.emplace_back(key.name);
    }
    for (const auto& [key, value] : node_.members) {
        const auto entry = std::find_if(keys().begin(), keys().end(), [&key = key, this](const Key& k) {
            return section_ == k.section && key.scalar == k.name;
        });
        if (entry != keys().end()) {
            if (entry->available) continue;
            diagnostics_.error("V0109", key.mark, in_quotes(key.scalar) + " is not available in this version",
                               "remove it; it is refused rather than ignored", key.length);
        } else if (section_ != "queue" || !is_py_volley_key(key.scalar)) {
            refuse_key(key, known);
        }
    }
}

void Section::refuse_key(const Node& key, const std::vector<std::string>& known) {
    const auto elsewhere = std::find_if(keys().begin(), keys().end(),
                                        [&](const Key& k) { return k.available && key.scalar == k.name; });
    std::vector<std::string> candidates = known;
    if (section_ == "queue")
        candidates.insert(candidates.end(), py_volley_keys().begin(), py_volley_keys().end());
    const std::string near = nearest(key.scalar, candidates);
    std::string help = "known keys: " + joined(known, ", ");
    if (elsewhere != keys().end()) {
        help = in_quotes(key.scalar) + " stands " + place_of(*elsewhere);
    } else if (!near.empty()) {
        help = "did you mean \"" + near + "\"?";
        meant_.push_back(near);
    } else if (section_ == "queue") {
        help += "\nkeys of the connector itself stand under \"config:\"";
    }
    const std::string where = name_.empty() ? "" : " in " + name_;
    diagnostics_.error("V0104", key.mark, "unknown key " + in_quotes(key.scalar) + where, std::move(help),
                       key.length);
}

void Section::refuse_template(const Node& value) {
    const std::size_t open = value.scalar.find("{{");
    if (open == std::string::npos || value.scalar.find("}}", open) == std::string::npos) return;
    diagnostics_.error("V0111", value.mark, "template braces {{…}} are not filled in",
                       "write ${NAME} for the environment variable NAME", value.length);
}

void Section::remember(const Node& node, const std::string& path) {
    Mark mark = node.mark;
    if (node.secret) mark.origin = "secret";
    config_.origins[path] = mark;
    if (section_ == "queue") refuse_template(node);
    for (const auto& [key, value] : node.members) {
        const std::string below = path + "/" + text::pointer_step(key.scalar);
        remember(value, below);
        config_.origins[below + "#key"] = key.mark;
    }
    for (std::size_t i = 0; i < node.elements.size(); ++i)
        remember(node.elements[i], path + "/" + std::to_string(i));
}

}  // namespace volley::config
