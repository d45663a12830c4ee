// Checks of a class's description, its schema and its extensions.
#include <rapidjson/document.h>

#include <algorithm>
#include <map>

#include "plugin_check/any_life.hpp"
#include "plugin_check/schema_errors.hpp"
#include "plugin_check/suite.hpp"
#include "text/text.hpp"

namespace volley::cli::plugin_check {

namespace {

struct Flag {
    std::uint64_t bit;
    const char* name;
    std::uint32_t kinds;  // 1 << kind
};

constexpr std::uint32_t consumer = 1u << VOLLEY_KIND_CONSUMER;
constexpr std::uint32_t producer = 1u << VOLLEY_KIND_PRODUCER;
constexpr std::uint32_t handler = 1u << VOLLEY_KIND_HANDLER;

constexpr Flag flags_known[] = {
    {VOLLEY_THREAD_SAFE, "VOLLEY_THREAD_SAFE", producer | handler},
    {VOLLEY_BOUNDED, "VOLLEY_BOUNDED", consumer},
    {VOLLEY_CAN_KEY, "VOLLEY_CAN_KEY", consumer | producer},
    {VOLLEY_CAN_HEADERS, "VOLLEY_CAN_HEADERS", consumer | producer},
    {VOLLEY_CAN_DELAY, "VOLLEY_CAN_DELAY", consumer | producer},
    {VOLLEY_CAN_DEDUP, "VOLLEY_CAN_DEDUP", producer},
    {VOLLEY_ORDERED, "VOLLEY_ORDERED", consumer | producer},
    {VOLLEY_JSON_BODIES, "VOLLEY_JSON_BODIES", consumer | producer},
    {VOLLEY_CAN_TOMBSTONE, "VOLLEY_CAN_TOMBSTONE", consumer | producer},
    {VOLLEY_KEEPS_GROUPS, "VOLLEY_KEEPS_GROUPS", handler},
    {VOLLEY_ASYNC, "VOLLEY_ASYNC", handler},
    {VOLLEY_JOINT_COMMIT, "VOLLEY_JOINT_COMMIT", producer},
};

void check_handler_table(const volley_handler_class& t, std::uint64_t flags) {
    require((t.poll == nullptr) == (t.interrupt == nullptr), "it has only one of poll and interrupt",
            "offer both or neither");
    if (t.poll == nullptr) return;
    require((flags & VOLLEY_ASYNC) != 0, "it has a poll without VOLLEY_ASYNC",
            "declare VOLLEY_ASYNC, or leave poll NULL");
    require((flags & VOLLEY_THREAD_SAFE) == 0, "it has a poll and VOLLEY_THREAD_SAFE",
            "poll is for a handler that one thread uses: drop one of them");
}

Verdict class_description(const Setting& setting, const Setting&) {
    const Subject subject = subject_of(setting.file, setting.kind, setting.class_name);
    const volley_class& c = *subject.known.description;
    const auto* table_size = static_cast<const std::uint32_t*>(subject.raw->functions);
    require(*table_size % 8 == 0, "the struct_size of its functions is " + std::to_string(*table_size),
            "set it to sizeof");
    for (const Flag& flag : flags_known)
        require((c.flags & flag.bit) == 0 || (flag.kinds & (1u << setting.kind)) != 0,
                std::string("it has the flag ") + flag.name + ", which is not for a " +
                    plugins::kind_name(setting.kind),
                "remove the flag");
    if (setting.kind == VOLLEY_KIND_HANDLER)
        check_handler_table(*static_cast<const volley_handler_class*>(c.functions), c.flags);
    for (const char* const* id = c.extensions; id != nullptr && *id != nullptr; ++id)
        require(std::string_view(*id).find('.') != std::string_view::npos &&
                    std::string_view(*id).find('/') != std::string_view::npos,
                std::string("the id of an extension is \"") + *id + "\"",
                "ids are NAME/REVISION, with a dot in NAME");
    require(text::is_utf8(text_or_nothing(c.summary)), "its summary is no UTF-8",
            "all texts of a description are UTF-8");
    if (text_or_nothing(c.summary).empty())
        doubt("it has no summary", "say in volley_class.summary what it is");
    return conformance::passed();
}

Verdict schema(const Setting& setting, const Setting&) {
    const Subject subject = subject_of(setting.file, setting.kind, setting.class_name);
    const char* text = subject.known.description->config_schema;
    if (text == nullptr)
        return {
            Status::warn,
            "it has no config_schema; with one, volleyd --check finds a wrong key with its line and column"};
    const auto wrong = schema_error(text);
    require(!wrong, "its config_schema is no valid JSON Schema: " + wrong.value_or(""),
            "correct it: draft-07");
    const auto defaults = default_error(text);
    require(!defaults, "its config_schema contradicts itself: " + defaults.value_or(""),
            "a default fits its own rules");
    return conformance::passed();
}

// Functions of known extensions that are required, as offsets of pointers.
struct Known {
    std::vector<std::size_t> required;
    std::uint32_t kinds;
};

const std::map<std::string, Known>& known_extensions() {
    static const std::map<std::string, Known> all{
        {VOLLEY_EXT_PARTITIONS, {{offsetof(volley_ext_partitions, listen)}, consumer}},
        {VOLLEY_EXT_LOG, {{offsetof(volley_ext_log, commit)}, consumer}},
        {VOLLEY_EXT_LEASE, {{offsetof(volley_ext_lease, extend)}, consumer}},
        {VOLLEY_EXT_INSPECT, {{}, consumer | producer}},
        {VOLLEY_EXT_HISTORY, {{offsetof(volley_ext_history, between)}, consumer}},
        {VOLLEY_EXT_REMOVAL, {{offsetof(volley_ext_removal, remove_all)}, consumer}},
        {VOLLEY_EXT_LAG, {{offsetof(volley_ext_lag, lags)}, consumer}},
        {VOLLEY_EXT_IDENTITY, {{offsetof(volley_ext_identity, identity)}, consumer}},
        {VOLLEY_EXT_ATOMIC,
         {{offsetof(volley_ext_atomic, joins), offsetof(volley_ext_atomic, commit)}, producer}},
        {VOLLEY_EXT_ABILITIES, {{}, producer}},
    };
    return all;
}

void check_extension(const std::string& id, const Known& known, const void* table, std::uint32_t kind) {
    require((known.kinds & (1u << kind)) != 0,
            "it offers " + id + ", which is not for a " + plugins::kind_name(kind), "remove it");
    const auto* bytes = static_cast<const char*>(table);
    std::uint32_t size = 0;
    std::memcpy(&size, bytes, sizeof size);
    require(size >= 8, "the struct_size of " + id + " is " + std::to_string(size), "set it to sizeof");
    for (const std::size_t offset : known.required) {
        void* function = nullptr;
        if (size >= offset + sizeof function) std::memcpy(&function, bytes + offset, sizeof function);
        require(function != nullptr, id + " lacks a required function",
                "fill in its table, or do not offer it");
    }
}

Verdict extensions(const Setting& setting, const Setting&) {
    std::string offered;
    with_life(setting, [&](auto& life) {
        life.must_create();
        const Subject subject = subject_of(setting.file, setting.kind, setting.class_name);
        std::vector<std::string> listed;
        for (const char* const* id = subject.known.description->extensions; id != nullptr && *id != nullptr;
             ++id)
            listed.emplace_back(*id);
        for (const char* unknown :
             {"volley.no-such-extension/1", "com.example.unknown/9", "", "volley.lease/999"})
            require(life.extension(unknown) == nullptr,
                    std::string("get_extension offers the unknown id \"") + unknown + "\"",
                    "return NULL for every id that it does not know");
        for (const auto& [id, known] : known_extensions()) {
            const void* table = life.extension(id.c_str());
            if (table == nullptr) continue;
            require(std::find(listed.begin(), listed.end(), id) != listed.end(),
                    "it offers " + id + ", but its class does not list it",
                    "add the id to volley_class.extensions");
            check_extension(id, known, table, setting.kind);
            offered += (offered.empty() ? "" : ", ") + id;
        }
        life.destroy();
    });
    return conformance::passed(offered);
}

}  // namespace

std::vector<Check> class_checks() {
    return {
        {"class", "Flags, functions and texts of the class fit together", Of::any_class, false,
         &class_description},
        {"schema", "config_schema is valid, and its defaults fit it", Of::any_class, false, &schema},
        {"extensions", "What get_extension offers is listed and complete; unknown ids give NULL",
         Of::any_class, false, &extensions},
    };
}

}  // namespace volley::cli::plugin_check
