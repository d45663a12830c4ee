#include "deploy/targets.hpp"
#include "deploy/yaml_text.hpp"

namespace volley::cli::deploy {

namespace {

std::string lines_under(const std::string& head, const std::string& lines) {
    return lines.empty() ? lines : head + lines;
}

std::string compose_environment(const Needs& needs) {
    std::string out;
    if (!needs.probed.given) out += "\n      VOLLEY_LISTEN: 0.0.0.0:3000";
    if (!needs.references.files.empty()) out += "\n      CREDENTIALS_DIRECTORY: /run/secrets";
    for (const Variable& one : needs.references.variables)
        out += "\n      " + one.name + ":" +
               (one.required ? " \"${" + one.name + ":?set it in .env}\"" : " # from .env, if it is there");
    return lines_under("    environment:", out);
}

// Compose replaces $NAME in all values.
std::string without_variables(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '$' ? std::string("$$") : std::string(1, c);
    return out;
}

std::string compose_mounts(const Needs& needs) {
    const std::string folder = container_folder(needs);
    std::string out =
        "      - " + yaml_string(without_variables("./" + needs.file + ":" + folder + "/volley.yml:ro"));
    for (const ProjectFile& file : needs.beside)
        out += "\n      - " +
               yaml_string(without_variables("./" + file.path + ":" + folder + "/" + file.path + ":ro"));
    out += "\n      - state:/var/lib/volley";
    for (const std::string& path : needs.disk.writable)
        if (path != "/var/lib/volley" && path != "/tmp" && path != "/")
            out += "\n      - " + yaml_string(without_variables(path + ":" + path)) +
                   " # must belong to 65532:65532";
    if (needs.plugins)
        out += "\n      - ./plugins:/plugins:ro # the shared objects of connectors and handlers";
    return out;
}

std::string used_secrets(const Needs& needs) {
    std::string out;
    for (const std::string& file : needs.references.files)
        if (file.front() != '/')
            out += "\n      - {source: " + object_key(file) + ", target: " + yaml_string(file) + "}";
    return lines_under("    secrets:", out);
}

std::string secrets(const Needs& needs) {
    std::string out;
    for (const std::string& file : needs.references.files)
        if (file.front() != '/')
            out += "\n  " + yaml_string(file) +
                   ": {file: " + yaml_string(without_variables("./secrets/" + file)) + "}";
    return lines_under("secrets:", out);
}

}  // namespace

std::vector<ProjectFile> compose(const Needs& needs, const Target& target) {
    const std::string port = std::to_string(needs.probed.port);
    std::string text = fill(
        template_text("compose.yaml"),
        {{"name", needs.name},
         {"notes", notes_as_comments(needs)},
         {"file", needs.file},
         {"image", yaml_string(without_variables(image_of(needs, target)))},
         {"checksum", needs.checksum},
         {"grace", std::to_string(needs.grace_seconds)},
         {"one", needs.disk.one_replica.empty()
                     ? ""
                     : "    # One container, because " + needs.disk.one_replica + "."},
         {"arguments",
          needs.disk.relative ? "    command: [--config, " + container_folder(needs) + "/volley.yml]" : ""},
         {"environment", compose_environment(needs)},
         {"ports", needs.probed.enabled && !needs.probed.loopback
                       ? "    ports: [\"127.0.0.1:" + port + ":" + port + "\"]"
                       : ""},
         {"health", needs.disk.relative ? "    healthcheck:\n      test: [CMD, volley, --config, " +
                                              container_folder(needs) + "/volley.yml, health]"
                                        : ""},
         {"mounts", compose_mounts(needs)},
         {"used-secrets", used_secrets(needs)},
         {"secrets", secrets(needs)}});
    std::vector<ProjectFile> files{{"compose.yaml", std::move(text)}, {needs.file, needs.text}};
    files.insert(files.end(), needs.beside.begin(), needs.beside.end());
    return files;
}

}  // namespace volley::cli::deploy
