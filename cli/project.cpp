#include "project.hpp"

#include <algorithm>

#include "templates.hpp"

namespace volley::cli {

namespace {

constexpr std::size_t longest_app = 60;  // bytes
constexpr std::string_view common = "project/";
constexpr std::string_view git_ignore = "gitignore";  // with a dot, git would obey it in this tree

// The text of a template, without the line break at its end.
std::string part(const std::string& name) {
    for (const Template& one : templates()) {
        if (one.path == "parts/" + name + ".md") return std::string(one.text.substr(0, one.text.size() - 1));
    }
    return {};
}

std::string needs(const Project& p) {
    std::string out = "- " + std::string(p.handler->needs) + "\n" + part(std::string(p.from->name));
    if (p.to != p.from) out += "\n" + part(std::string(p.to->name));
    return out;
}

std::string test(const HandlerChoice& handler) {
    const std::string of_component =
        "```sh\nvolley test\n```\n\n"
        "It tests the component: `tests/orders.yml` says what goes in and what must come out, with retries "
        "and dead\n"
        "letters. No queue is touched, and no time passes.";
    if (handler.test.empty()) return "\n## Test it\n\n" + of_component;
    return "\n## Test it\n\n```sh\n" + std::string(handler.test) +
           "\n```\n\nIt tests the handler alone.\n\n" + of_component;
}

std::string change(const HandlerChoice& handler) {
    if (handler.source.empty())
        return "- `forward` computes nothing. For a handler of your own, write for example\n"
               "  `handler: {exec: [python3, ship.py]}`, or begin with `volley init --handler python`.";
    return "- Your code goes into `" + std::string(handler.source) +
           "`, and the rules for a message into `order.schema.json`. After a change" +
           (handler.build.empty() ? "," : ", build again and") +
           " restart\n  volleyd. After a change of `volley.yml` alone, SIGHUP is enough.";
}

std::vector<Replacement> replacements(const Project& p) {
    return {{"app", p.app},
            {"from", std::string(p.from->name)},
            {"to", std::string(p.to->name)},
            {"from-config", std::string(p.from->config)},
            {"to-config", std::string(p.to->config)},
            {"handler", std::string(p.handler->configuration)},
            {"state-dir",
             p.handler->in_process
                 ? "# Where the crash journal is kept, which finds a message that kills the process.\n"
                   "state_dir: state"
                 : ""},
            {"does", p.handler->makes_shipments ? "makes a shipment of each, and sends it to"
                                                : "and sends each of them, as it is, to"},
            {"files", part(std::string(p.handler->name))},
            {"needs", needs(p)},
            {"build", std::string(p.handler->build)},
            {"output", part(p.handler->makes_shipments ? "shipments" : "orders")},
            {"test", test(*p.handler)},
            {"change", change(*p.handler)}};
}

// The replacement that begins at `text`, or null. `text` begins with an @.
const Replacement* placeholder_at(std::string_view text, const std::vector<Replacement>& replacements) {
    const std::size_t end = text.find('@', 1);
    if (end == std::string_view::npos) return nullptr;
    const auto found = std::find_if(replacements.begin(), replacements.end(), [&](const Replacement& one) {
        return one.first == text.substr(1, end - 1);
    });
    return found == replacements.end() ? nullptr : &*found;
}

}  // namespace

std::string fill(std::string_view text, const std::vector<Replacement>& replacements) {
    std::string out;
    while (!text.empty()) {
        const std::size_t at = std::min(text.find('@'), text.size());
        out += text.substr(0, at);
        text.remove_prefix(at);
        if (text.empty()) break;
        const Replacement* found = placeholder_at(text, replacements);
        if (found == nullptr) {
            out += '@';
            text.remove_prefix(1);
            continue;
        }
        text.remove_prefix(found->first.size() + 2);
        const bool alone = (out.empty() || out.back() == '\n') && !text.empty() && text.front() == '\n';
        if (alone && found->second.empty())
            text.remove_prefix(1);
        else
            out += found->second;
    }
    return out;
}

std::string app_name(std::string_view folder) {
    std::string out;
    for (const char c : folder) {
        const bool fits =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (fits)
            out += c;
        else if (!out.empty() && out.back() != '-')
            out += '-';
        if (out.size() == longest_app) break;
    }
    while (!out.empty() && out.back() == '-') out.pop_back();
    return out.empty() ? "ship" : out;
}

std::vector<ProjectFile> project_files(const Project& project) {
    const std::vector<Replacement> values = replacements(project);
    const std::string own = std::string(project.handler->name) + "/";
    const std::string of_outputs = project.handler->makes_shipments ? "shipments/" : "orders/";
    std::vector<ProjectFile> files;
    for (const Template& one : templates()) {
        for (const std::string& folder : {own, of_outputs})
            if (one.path.rfind(folder, 0) == 0)
                files.push_back({std::string(one.path.substr(folder.size())), std::string(one.text)});
        if (one.path.rfind(common, 0) != 0) continue;
        const std::string_view name = one.path.substr(common.size());
        files.push_back({(name == git_ignore ? "." : "") + std::string(name), std::string(one.text)});
        if (name == "volley.yml" || name == "README.md") files.back().text = fill(one.text, values);
    }
    std::stable_partition(files.begin(), files.end(),
                          [](const ProjectFile& file) { return file.path == "volley.yml"; });
    return files;
}

}  // namespace volley::cli
