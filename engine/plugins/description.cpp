#include "plugins/description.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <cstring>

namespace volley::plugins {

namespace {

Error broken(const std::string& file, const std::string& what) {
    return {ErrorCode::config,
            file + ": " + what + "; rebuild the plugin with the SDK of this volleyd, or ask its author"};
}

// Copies the part of `from` that its struct_size covers; the rest of the result is zero.
template <typename T>
T full_size(const T& from) {
    T to{};
    std::memcpy(&to, &from, std::min<std::size_t>(from.struct_size, sizeof to));
    to.struct_size = sizeof to;
    return to;
}

bool is_identifier(const char* name) {
    if (name == nullptr || *name == '\0' || (*name >= '0' && *name <= '9')) return false;
    return std::all_of(name, name + std::strlen(name), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

bool is_json_object(const char* text) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(text);
    return !document.HasParseError() && document.IsObject();
}

// Returns the name of a required function that is missing, or null.
const char* missing_function(const volley_consumer_class& c) {
    if (c.create == nullptr) return "create";
    if (c.consume == nullptr) return "consume";
    if (c.settle == nullptr) return "settle";
    return c.destroy == nullptr ? "destroy" : nullptr;
}

const char* missing_function(const volley_producer_class& c) {
    if (c.create == nullptr) return "create";
    if (c.produce == nullptr) return "produce";
    return c.destroy == nullptr ? "destroy" : nullptr;
}

const char* missing_function(const volley_handler_class& c) {
    if (c.create == nullptr) return "create";
    if (c.handle == nullptr) return "handle";
    return c.destroy == nullptr ? "destroy" : nullptr;
}

template <typename Table>
const char* copy_functions(volley_class& head, Table& table) {
    table = full_size(*static_cast<const Table*>(head.functions));
    head.functions = &table;
    return missing_function(table);
}

Result<void> describe_class(Description::Class& out, const volley_class& from, const std::string& file) {
    out.head = full_size(from);
    if (!is_identifier(out.head.name))
        return broken(file, "a class has no valid name ([A-Za-z_][A-Za-z0-9_]*)");
    const std::string label = std::string(kind_name(out.head.kind)) + " " + out.head.name;
    if (out.head.functions == nullptr) return broken(file, "the " + label + " has no functions");
    const char* missing = nullptr;
    if (out.head.kind == VOLLEY_KIND_CONSUMER) missing = copy_functions(out.head, out.consumer);
    if (out.head.kind == VOLLEY_KIND_PRODUCER) missing = copy_functions(out.head, out.producer);
    if (out.head.kind == VOLLEY_KIND_HANDLER) missing = copy_functions(out.head, out.handler);
    if (missing != nullptr)
        return broken(file, "the " + label + " lacks the required function `" + missing + "`");
    if (out.head.config_schema != nullptr && !is_json_object(out.head.config_schema))
        return broken(file, "the configuration schema of the " + label + " is no JSON object");
    return {};
}

std::string abi_number(std::uint32_t minor) {
    return std::to_string(VOLLEY_ABI_MAJOR) + "." + std::to_string(minor);
}

}  // namespace

Result<std::unique_ptr<Description>> describe(const volley_plugin& plugin, const std::string& file) {
    if (!VOLLEY_HAS(volley_plugin, &plugin, version))
        return broken(file, "its description is too short to have a version");
    auto out = std::make_unique<Description>();
    out->plugin = full_size(plugin);
    volley_plugin& p = out->plugin;
    if (p.needs_minor > VOLLEY_ABI_MINOR)
        return Error(ErrorCode::config, file + ": needs ABI " + abi_number(p.needs_minor) +
                                            "; this volleyd speaks " + abi_number(VOLLEY_ABI_MINOR) +
                                            ": upgrade volleyd, or build the plugin with the older SDK");
    if (p.name == nullptr || p.version == nullptr) return broken(file, "it states no name or no version");
    if (p.class_count > 0 && p.classes == nullptr) return broken(file, "it counts classes but has none");
    for (std::uint32_t i = 0; i < p.class_count; ++i) {
        const volley_class* from = p.classes[i];
        if (from == nullptr || !VOLLEY_HAS(volley_class, from, functions))
            return broken(file, "class " + std::to_string(i) + " is missing or too short");
        // A kind from a newer minor version. The plugin declares (needs_minor) that it works without it.
        if (from->kind < VOLLEY_KIND_CONSUMER || from->kind > VOLLEY_KIND_HANDLER) continue;
        auto copy = std::make_unique<Description::Class>();
        if (auto done = describe_class(*copy, *from, file); !done) return done.error();
        for (const auto& other : out->classes)
            if (other->head.kind == copy->head.kind && std::strcmp(other->head.name, copy->head.name) == 0)
                return broken(file, "it has two classes of one kind named " + std::string(copy->head.name));
        out->pointers.push_back(&copy->head);
        out->classes.push_back(std::move(copy));
    }
    p.classes = out->pointers.data();
    p.class_count = static_cast<std::uint32_t>(out->pointers.size());
    return out;
}

std::uint32_t abi_kind(Kind kind) {
    if (kind == Kind::consumer) return VOLLEY_KIND_CONSUMER;
    return kind == Kind::producer ? VOLLEY_KIND_PRODUCER : VOLLEY_KIND_HANDLER;
}

const char* kind_name(std::uint32_t kind) {
    if (kind == VOLLEY_KIND_CONSUMER) return "consumer";
    return kind == VOLLEY_KIND_PRODUCER ? "producer" : "handler";
}

}  // namespace volley::plugins
