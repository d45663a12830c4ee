// The texts of `volley explain CODE`.
#include "config/diagnostics.hpp"

namespace volley::config {

namespace {

struct Explanation {
    const char* code;
    const char* text;
};
constexpr Explanation all[] = {
    {"V0100",
     "A file that cannot be read: the configuration, or one that it names. Check its path and its "
     "permissions; a\n"
     "path inside a configuration is relative to the configuration's folder."},
    {"V0101",
     "The file is no YAML that is read. Common causes: a tab used for indentation, a missing space after "
     "a colon, a\n"
     "value with a colon, braces or a leading @ that is not in quotes, a quote or a bracket that is "
     "never closed.\n"
     "Bounds: 1 MiB, 32 levels, 100,000 values, one document; the text is UTF-8."},
    {"V0102",
     "A key stands twice in one mapping. YAML readers silently take one of the two; Volley takes none."},
    {"V0103",
     "An alias (*name) of nothing, or of a value that it is part of; or a tag (!!str). A value that "
     "begins "
     "with\n"
     "&name can be used again as *name further down, and <<: *name takes over the keys of a mapping. "
     "Tags "
     "are\n"
     "refused: text that looks like a number is written in quotes."},
    {"V0104",
     "An unknown key. Volley ignores nothing: a key that it does not know is a mistake. "
     "docs/configuration.md has all\n"
     "of them; the keys of a connector stand under the queue's `config:`."},
    {"V0105",
     "A value of the wrong type. Durations are written 100ms, 30s, 5m or 1h; sizes 512, 64 KiB, 64 MiB; "
     "lists [a, b];\n"
     "truth true or false."},
    {"V0106", "A value outside its range."},
    {"V0107", "A key and its older name are both given, or a name that stands above already. Keep one."},
    {"V0108",
     "A key is missing that has no default, or has no value. A configuration needs `queues:` and "
     "`components:`; a\n"
     "queue needs a `type:`, a component an `input:`."},
    {"V0109", "A key that this version does not carry out yet. It is refused rather than ignored."},
    {"V0110", "A name that does not exist: a component names a queue that is not in `queues:`."},
    {"V0111",
     "Braces of a template language, {{name}}. Write ${NAME} for an environment variable, in quotes "
     "inside { }."},
    {"V0112",
     "A variable that is not set, or a file that is not there. ${NAME:-default} gives a default, "
     "${NAME:?message} an\n"
     "error of your own, ${file:PATH} the content of a file; $${ is a literal ${."},
    {"V0113", "Two things of one name, or one thing named twice."},
    {"V0114", "Settings that contradict each other, or that cannot do what they seem to."},
    {"V0115", "A queue that no component uses. It is not opened."},
    {"V0116",
     "A key or value of py-volley was read; the note says what it became. `volley migrate FILE` writes "
     "the file anew."},
    {"V0117",
     "A value of py-volley that has no counterpart: a Python class. `volley migrate FILE` says what to "
     "write instead."},
    {"V0201",
     "A connector or handler that cannot be found or loaded: a shared object, searched in --plugin-dir, "
     "plugin_dirs,\n"
     "VOLLEY_PLUGIN_PATH and the installation. `volley plugins` lists what is found."},
    {"V0202", "A key or value of `config:` that the connector or handler does not accept."},
    {"V0203",
     "A JSON Schema that cannot be used: no JSON, of a later draft than draft-07, or with a rule that "
     "there is not."},
    {"V0204",
     "on_fail: requeue, and the input is a log: its progress is one offset, so a single message cannot "
     "be "
     "put back. Give it a dead_letter_queue, or stop."},
    {"V0205",
     "Two components read one topic in one consumer group. The group's members share the topic, so each "
     "component would see only a part of the messages."},
    {"V0206",
     "A component reads Kafka in a consumer group that is named after the configuration file, because "
     "neither "
     "`app` nor\n"
     "`group.id` is given. Two services whose files have one name share the group, and each gets a part of "
     "the "
     "messages;\n"
     "a file that is renamed makes a new group, which begins at the start of the topic. Give the file an "
     "`app:`."},
    {"V0207",
     "A member of a JSON Schema that checks nothing: a misspelt keyword, one of a later draft than draft-07, "
     "or "
     "one\n"
     "beside a `$ref`. A remark of your own begins with `x-`."},
};

}  // namespace

std::vector<std::string> explained_codes() {
    std::vector<std::string> codes;
    for (const Explanation& e : all) codes.emplace_back(e.code);
    return codes;
}

std::string explain_all() {
    std::string out;
    for (const Explanation& e : all) out += std::string(e.code) + ": " + e.text + "\n";
    return out;
}

std::optional<std::string> explain(std::string_view code) {
    for (const Explanation& e : all) {
        if (code == e.code) return std::string(e.code) + ": " + e.text + "\n";
    }
    return std::nullopt;
}

}  // namespace volley::config
