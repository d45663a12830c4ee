#include "plugin_check/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "config/bind.hpp"
#include "config/diagnostics.hpp"
#include "config/read_file.hpp"
#include "config/tree.hpp"
#include "conformance/report.hpp"
#include "plugin_check/suite.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"
#include "text/json_text.hpp"

namespace volley::cli::plugin_check {

namespace fs = std::filesystem;

namespace {

using conformance::Finding;

void complain(const std::string& text) { std::fprintf(stderr, "volley-plugin-check: %s\n", text.c_str()); }

bool holds(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Where relative paths of the configuration begin: the folder of its file, else a folder that is removed at
// the end.
class BaseDir {
public:
    explicit BaseDir(const std::string& config_file) {
        if (!config_file.empty()) {
            path_ = fs::absolute(config_file).parent_path();
            return;
        }
        std::string name = (fs::temp_directory_path() / "volley-plugin-check-XXXXXX").string();
        if (mkdtemp(name.data()) != nullptr) path_ = name;
        is_ours_ = !path_.empty();
    }
    ~BaseDir() {
        std::error_code ignored;
        if (is_ours_) fs::remove_all(path_, ignored);
    }
    BaseDir(const BaseDir&) = delete;
    BaseDir& operator=(const BaseDir&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
    bool is_ours_ = false;
};

// One class that was asked for.
struct Chosen {
    std::string file;
    ClassName known;
};

class Run {
public:
    Run(const Arguments& arguments, std::vector<Check> checks, Setting base,
        std::chrono::milliseconds deadline)
        : arguments_(arguments), checks_(std::move(checks)), base_(std::move(base)), deadline_(deadline) {}

    // Returns whether the file was loaded, and has the class that was asked for.
    void file(const Spec& spec) {
        const std::string name = fs::path(spec.file).filename().string();
        Setting setting = base_;
        setting.file = spec.file;
        for (const Check& check : checks_) {
            if (check.of != Of::file) continue;
            const bool is_first = check.name == "loads";
            if (!is_first && !is_wanted(check, name)) continue;
            const Verdict verdict = in_child(deadline_, [&] { return check.run(setting, setting); });
            if (is_first && verdict.status != Status::fail) choose(spec, classes_in(verdict.reason));
            if (is_wanted(check, name) || verdict.status == Status::fail) add(name, check, verdict);
            if (is_first && verdict.status == Status::fail) return;
        }
    }

    void classes() {
        for (const Chosen& chosen : chosen_) {
            for (const Check& check : checks_)
                if (is_of(check.of, chosen.known.kind) && is_wanted(check, chosen.known.name))
                    one(check, chosen.known.name, chosen, chosen);
        }
    }

    void pairs() {
        const auto consumers = of_kind(VOLLEY_KIND_CONSUMER), producers = of_kind(VOLLEY_KIND_PRODUCER);
        if (consumers.empty() && producers.empty()) return;
        const bool is_pair = consumers.size() == 1 && producers.size() == 1;
        const std::string label = is_pair ? consumers[0].known.name + "+" + producers[0].known.name : "pair";
        for (const Check& check : checks_) {
            if (check.of != Of::pair || !is_wanted(check, label)) continue;
            if (is_pair)
                one(check, label, consumers[0], producers[0]);
            else
                add(label, check,
                    conformance::skipped(
                        "it needs one consumer and one producer: name both, as file.so:Class"));
        }
    }

    const std::vector<Finding>& findings() const { return findings_; }

private:
    static bool is_of(Of of, std::uint32_t kind) {
        return of == Of::any_class || (of == Of::consumer && kind == VOLLEY_KIND_CONSUMER) ||
               (of == Of::producer && kind == VOLLEY_KIND_PRODUCER) ||
               (of == Of::handler && kind == VOLLEY_KIND_HANDLER);
    }

    bool is_wanted(const Check& check, const std::string& label) const {
        return arguments_.only.empty() || holds(arguments_.only, check.name) ||
               holds(arguments_.only, label + "/" + check.name);
    }

    std::vector<Chosen> of_kind(std::uint32_t kind) const {
        std::vector<Chosen> out;
        for (const Chosen& chosen : chosen_)
            if (chosen.known.kind == kind) out.push_back(chosen);
        return out;
    }

    void choose(const Spec& spec, const std::vector<ClassName>& classes) {
        std::vector<std::string> names;
        bool found = false;
        for (const ClassName& c : classes) {
            names.push_back(c.name);
            if (!spec.class_name.empty() && spec.class_name != c.name) continue;
            chosen_.push_back({spec.file, c});
            found = true;
        }
        if (found) return;
        const std::string near = config::nearest(spec.class_name, names);
        std::string advice;
        for (const std::string& name : names) advice += (advice.empty() ? "it has " : ", ") + name;
        if (!near.empty()) advice = "did you mean " + near + "?";
        findings_.push_back({fs::path(spec.file).filename().string() + "/class",
                             {Status::fail, "it has no class " + spec.class_name + "; " + advice}});
        print();
    }

    void one(const Check& check, const std::string& label, const Chosen& first, const Chosen& second) {
        Setting setting = of(first), partner = of(second);
        partner.value = setting.value;
        if (check.needs_store && !setting.is_live())
            return add(label, check,
                       conformance::skipped("it needs a store: give --config, '{}' if no key is needed"));
        add(label, check, in_child(deadline_, [&] { return check.run(setting, partner); }));
    }

    Setting of(const Chosen& chosen) {
        Setting setting = base_;
        setting.file = chosen.file;
        setting.kind = chosen.known.kind;
        setting.class_name = chosen.known.name;
        if (setting.value.empty())
            setting.value = "volley-check-" + std::to_string(getpid()) + "-" + std::to_string(++values_);
        return setting;
    }

    void add(const std::string& label, const Check& check, Verdict verdict) {
        if (verdict.status == Status::fail && holds(arguments_.tolerate, check.name))
            verdict.status = Status::warn;
        findings_.push_back({label + "/" + check.name, std::move(verdict)});
        print();
    }

    void print() const {
        if (arguments_.json) return;
        print_bytes(text_line(findings_.back()));
        std::fflush(stdout);
    }

    const Arguments& arguments_;
    std::vector<Check> checks_;
    Setting base_;
    std::chrono::milliseconds deadline_;
    std::vector<Chosen> chosen_;
    std::vector<Finding> findings_;
    std::size_t values_ = 0;
};

bool are_names(const std::vector<std::string>& names, const std::vector<Check>& checks) {
    std::vector<std::string> known;
    for (const Check& check : checks) known.push_back(check.name);
    for (const std::string& name : names) {
        const std::string bare = name.substr(name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1);
        if (holds(known, bare)) continue;
        const std::string near = config::nearest(bare, known);
        complain("there is no check \"" + bare + "\"" +
                 (near.empty() ? "; --list shows all" : "; did you mean \"" + near + "\"?"));
        return false;
    }
    return true;
}

// The JSON of a YAML mapping; what cannot be read is told.
std::optional<std::string> json_of_yaml(const std::string& text, const std::string& file) {
    config::Diagnostics diagnostics(text);
    const config::Node root = config::read_yaml(text, file, diagnostics);
    for (const config::Diagnostic& d : diagnostics.take()) {
        complain("--config " + file + ":" + std::to_string(d.mark.line) + ": " + d.text);
        if (d.severity == config::Diagnostic::Severity::error) return std::nullopt;
    }
    if (root.kind == config::Node::Kind::mapping) return config::to_json(root);
    complain("--config is neither a JSON object nor a YAML mapping: " + file);
    return std::nullopt;
}

bool is_json(const std::string& text, bool must_be_object) {
    const text::JsonText json(text);
    return !json.tree.HasParseError() && (!must_be_object || json.tree.IsObject());
}

// Sets the configuration. Returns the file that it came from, empty for a text, or nothing if it cannot be
// used.
std::optional<std::string> read_config(const std::string& given, Setting& base) {
    if (given.empty()) return given;
    base.has_config = true;
    base.config = given;
    std::string file;
    if (given.find_first_of("{[\"") == std::string::npos) {
        constexpr std::size_t most_bytes = std::size_t{1} << 20;
        const auto read = config::read_file(given, most_bytes);
        if (!read.text) {
            complain("--config " + given + " cannot be read: " + read.why);
            return std::nullopt;
        }
        base.config = *read.text;
        file = given;
        if (is_json(base.config, true)) return file;
        const auto json = json_of_yaml(base.config, file);
        if (!json) return std::nullopt;
        base.config = *json;
        return file;
    }
    if (is_json(base.config, true)) return file;
    complain("--config is no JSON object: " + given);
    return std::nullopt;
}

int print_list(const std::vector<Check>& checks) {
    for (const Check& check : checks) std::printf("%-18s%s\n", check.name.c_str(), check.about.c_str());
    return exit_ok;
}

}  // namespace

int run(const Arguments& arguments) {
    auto checks = all_checks();
    if (arguments.list) return print_list(checks);
    if (arguments.files.empty()) {
        complain("give a file: volley-plugin-check postgres.so --config '{\"dsn\": \"…\"}'");
        return exit_usage;
    }
    const auto deadline = config::parse_duration(arguments.timeout);
    if (!deadline || deadline->count() <= 0) {
        complain("--timeout is not a duration: \"" + arguments.timeout + "\"; write 10s or 500ms");
        return exit_usage;
    }
    if (!is_json(arguments.body, false)) {
        complain("--body is not JSON: " + arguments.body);
        return exit_usage;
    }
    if (!are_names(arguments.only, checks) || !are_names(arguments.tolerate, checks)) return exit_usage;
    Setting base;
    const auto config_file = read_config(arguments.config, base);
    if (!config_file) return exit_usage;
    const BaseDir base_dir(*config_file);
    if (base_dir.path().empty()) {
        complain("no temporary folder can be made");
        return exit_cannot_create;
    }
    base.base_dir = base_dir.path().string();
    base.value = arguments.value;
    base.body = arguments.body;
    base.seed = arguments.seed;
    Run all(arguments, std::move(checks), base, *deadline);
    for (const std::string& file : arguments.files) all.file(parse_spec(file));
    all.classes();
    all.pairs();
    if (arguments.json)
        print_json(json_report(arguments.files, all.findings()));
    else
        print_bytes(summary(all.findings()));
    return count_of(all.findings(), Status::fail) == 0 ? exit_ok : exit_some_failed;
}

}  // namespace volley::cli::plugin_check
