#include <algorithm>

#include "deploy/targets.hpp"

namespace volley::cli::deploy {

namespace {

// Replaces every occurrence.
void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

// Replaces the lines that begin so. `by` is whole lines, or empty.
void replace_lines(std::string& text, const std::string& begin, const std::string& by) {
    bool placed = false;
    std::size_t at = text.rfind(begin, 0) == 0 ? 0 : text.find("\n" + begin);
    while (at != std::string::npos) {
        if (text[at] == '\n') ++at;
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        text.replace(at, end - at, placed ? "" : by);
        at = text.find("\n" + begin, at + (placed ? 0 : by.size()) - (at > 0 ? 1 : 0));
        placed = true;
    }
}

// As a value in a unit, where % begins a specifier.
std::string in_unit(std::string text) {
    replace_all(text, "%", "%%");
    return text;
}

// A name that systemd accepts for a credential; empty: it has none.
bool is_credential(const std::string& file) { return !file.empty() && file.find('/') == std::string::npos; }

std::string credentials(const Needs& needs) {
    std::string out;
    for (const std::string& file : needs.references.files) {
        if (is_credential(file))
            out += "LoadCredential=" + in_unit(file) + ":/etc/volley/secrets/" + in_unit(file) + "\n";
        else
            out += "# The user volley must be able to read the secret " + file + ".\n";
    }
    return out;
}

std::string writable(const Needs& needs) {
    std::string out;
    for (const std::string& folder : needs.disk.writable)
        if (folder.rfind("/var/lib/volley", 0) != 0 && folder != "/tmp")
            out += "ReadWritePaths=" + in_unit(folder) + "\n";
    return out;
}

std::string environment_file(const Needs& needs) {
    std::string out = "# " + needs.name +
                      ".env: the variables that the configuration reads. Only root can read it: mode 600.\n"
                      "# Handlers inherit them: docs/systemd.md.\n";
    for (const Variable& one : needs.references.variables)
        out += one.required ? one.name + "=\n" : "# It has a default:\n#" + one.name + "=\n";
    return out;
}

std::string header(const Needs& needs, const std::string& folder) {
    const bool has_variables = !needs.references.variables.empty();
    std::string out =
        "# " + needs.name +
        ".service: written by `volley deploy systemd`. docs/systemd.md says what each setting means.\n"
        "# Configuration " +
        needs.checksum +
        ". Install:\n"
        "#   install -m 644 " +
        needs.file + " " + folder + "/" + needs.name + ".yml\n";
    for (const ProjectFile& file : needs.beside)
        out += "#   install -D -m 644 " + file.path + " " + folder + "/" + file.path + "\n";
    for (const std::string& file : needs.references.files)
        if (is_credential(file))
            out += "#   install -D -m 600 " + file + " /etc/volley/secrets/" + file + "\n";
    if (has_variables)
        out += "#   install -m 600 " + needs.name + ".env /etc/volley/" + needs.name + ".env   # see " +
               needs.name + ".env.example\n";
    out += "#   install -m 644 " + needs.name +
           ".service /etc/systemd/system/\n"
           "#   systemctl enable --now " +
           needs.name + "\n";
    if (has_variables) {
        out += "# Variables:";
        for (const Variable& one : needs.references.variables)
            out += " " + one.name + (one.required ? "" : " (has a default)");
        out += "\n";
    }
    if (!needs.disk.one_replica.empty()) out += "# One machine, because " + needs.disk.one_replica + ".\n";
    if (needs.plugins)
        out += "# Shared objects are looked for in plugin_dirs, and in /usr/lib/volley/plugins.\n";
    const std::string notes = notes_as_comments(needs);
    return notes.empty() ? out : out + notes + "\n";
}

}  // namespace

std::vector<ProjectFile> systemd(const Needs& needs, const Target& /*target*/) {
    const std::string folder = needs.disk.relative ? "/var/lib/volley" : "/etc/volley";
    std::string unit(template_text("volleyd.service"));
    unit.erase(0, unit.find("[Unit]"));
    const bool required = std::any_of(needs.references.variables.begin(), needs.references.variables.end(),
                                      [](const Variable& one) { return one.required; });
    replace_lines(unit, "Description=", "Description=Volley queue workers: " + needs.name + "\n");
    replace_all(unit, "/etc/volley/volley.yml", folder + "/" + needs.name + ".yml");
    // Without the dash, the unit does not start without the file.
    replace_lines(unit, "EnvironmentFile=",
                  needs.references.variables.empty()
                      ? ""
                      : std::string("EnvironmentFile=") + (required ? "" : "-") + "/etc/volley/" +
                            needs.name + ".env\n");
    replace_lines(unit, "TimeoutStopSec=", "TimeoutStopSec=" + std::to_string(needs.grace_seconds) + "\n");
    replace_lines(unit, "RuntimeDirectory=", "RuntimeDirectory=volley/" + needs.name + "\n");
    replace_lines(unit, "# A secret that the configuration reads", "");
    replace_lines(unit, "#LoadCredential=", credentials(needs) + writable(needs));
    std::vector<ProjectFile> files{{needs.name + ".service", header(needs, folder) + unit}};
    if (!needs.references.variables.empty())
        files.push_back({needs.name + ".env.example", environment_file(needs)});
    return files;
}

}  // namespace volley::cli::deploy
