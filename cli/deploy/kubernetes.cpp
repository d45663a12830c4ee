#include <algorithm>
#include <string_view>

#include "deploy/targets.hpp"
#include "deploy/yaml_text.hpp"

namespace volley::cli::deploy {

namespace {

bool is_relative(const std::string& path) { return path.empty() || path.front() != '/'; }

std::vector<std::string> mounted_secrets(const Needs& needs) {
    std::vector<std::string> out;
    for (const std::string& file : needs.references.files)
        if (is_relative(file)) out.push_back(file);
    return out;
}

// How to make the Secret, as a comment. The values are the user's.
std::string secret_steps(const Needs& needs) {
    std::string sources;
    for (const Variable& one : needs.references.variables)
        if (one.required) sources += " \\\n#     --from-literal=" + one.name + "=…";
    for (const std::string& file : mounted_secrets(needs))
        sources += " \\\n#     --from-file=" + object_key(file) + "=" + file;
    std::string out;
    if (!sources.empty())
        out =
            "# First, the Secret with what the configuration reads from outside:\n#   kubectl create secret "
            "generic " +
            needs.name + sources;
    for (const Variable& one : needs.references.variables)
        if (!one.required)
            out += (out.empty() ? "# " : "\n# ") + one.name +
                   " has a default. For another value, add it to a Secret named " + needs.name + ".";
    return out;
}

std::string data(const Needs& needs) {
    std::string out = block("volley.yml", needs.text, 2);
    for (const ProjectFile& file : needs.beside) out += "\n" + block(object_key(file.path), file.text, 2);
    return out;
}

std::string replicas(const Needs& needs, const Target& target) {
    if (!needs.disk.one_replica.empty())
        return "  # One, because " + needs.disk.one_replica + ".\n  replicas: 1";
    if (target.keda) return "  # No replicas: the ScaledObject sets them.";
    return "  replicas: 2";
}

std::string strategy(const Needs& needs) {
    const std::string_view chart = template_text("deployment.yaml");
    if (!needs.disk.one_replica.empty())
        return "  strategy:\n    # Two pods must not have the same claim.\n    type: Recreate";
    return "  strategy:\n    # A new pod is ready before an old one drains.\n    type: RollingUpdate\n" +
           cut_block(chart, "rollingUpdate: {maxSurge: 1, maxUnavailable: 0}", true, 4);
}

std::string environment(const Needs& needs) {
    std::string out;
    if (!needs.probed.given) out += "\n            - {name: VOLLEY_LISTEN, value: \"0.0.0.0:3000\"}";
    for (const Variable& one : needs.references.variables)
        out += "\n            - name: " + yaml_string(one.name) +
               "\n              valueFrom: {secretKeyRef: {name: " + needs.name +
               ", key: " + yaml_string(one.name) + (one.required ? "" : ", optional: true") + "}}";
    return out.empty() ? out : "          env:" + out;
}

// The chart's probes. What listens on loopback only is asked from inside.
std::string probes(const Needs& needs) {
    if (!needs.probed.enabled) return {};
    const std::string_view chart = template_text("deployment.yaml");
    std::string out =
        "          # Liveness does not depend on a broker: an outage must not restart every pod.";
    for (const char* probe : {"startupProbe:", "livenessProbe:", "readinessProbe:"})
        out += "\n" + cut_block(chart, probe, true, 10);
    if (!needs.probed.loopback) return out;
    const std::string command =
        "exec: {command: [volley, --config, " + container_folder(needs) + "/volley.yml, health";
    for (const auto& [path, words] :
         {std::pair<std::string, const char*>{"/healthz", "]}"}, {"/readyz", ", --ready]}"}}) {
        const std::string request = "httpGet: {path: " + path + ", port: operations}";
        for (std::size_t at = out.find(request); at != std::string::npos; at = out.find(request, at))
            out.replace(at, request.size(), command + words);
    }
    return out;
}

std::string ports(const Needs& needs) {
    if (!needs.probed.enabled) return {};
    return "          ports:\n            - {name: operations, containerPort: " +
           std::to_string(needs.probed.port) + "}";
}

std::string init_containers(const Needs& needs) {
    if (!needs.plugins) return {};
    return "      # Connectors and handlers in shared objects. This image is yours: it copies them to "
           "/plugins, where they are found\n"
           "      # by name.\n"
           "      initContainers:\n"
           "        - name: plugins\n"
           "          image: " +
           needs.name +
           "-plugins:1\n"
           "          command: [cp, -r, /handlers/., /plugins/]\n"
           "          securityContext:\n" +
           cut_block(template_text("values.yaml"), "securityContext:", false, 12) +
           "\n          volumeMounts:\n            - {name: plugins, mountPath: /plugins}";
}

std::string mounts(const Needs& needs) {
    std::string out;
    const auto add = [&out](const std::string& line) {
        out += (out.empty() ? "" : "\n") + std::string(12, ' ') + line;
    };
    if (!needs.disk.relative) {
        add("- {name: config, mountPath: /etc/volley, readOnly: true}");
    } else {
        // One by one: the folder itself is the volume that can be written.
        add("- {name: config, mountPath: /var/lib/volley/volley.yml, subPath: volley.yml, readOnly: true}");
        for (const ProjectFile& file : needs.beside)
            add("- {name: config, mountPath: " + yaml_string("/var/lib/volley/" + file.path) +
                ", subPath: " + yaml_string(file.path) + ", readOnly: true}");
        for (const std::string& file : mounted_secrets(needs))
            add("- {name: config, mountPath: " + yaml_string("/var/lib/volley/" + file) +
                ", subPath: " + yaml_string(file) + ", readOnly: true}");
    }
    add("- {name: state, mountPath: /var/lib/volley}");
    for (const std::string& folder : needs.disk.writable)
        if (folder != "/var/lib/volley" && folder != "/tmp" && folder != "/")
            add("- {name: state, mountPath: " + yaml_string(folder) +
                ", subPath: " + object_key(folder.substr(1)) + "}");
    add("- {name: tmp, mountPath: /tmp}");
    if (needs.plugins) add("- {name: plugins, mountPath: /plugins, readOnly: true}");
    return out;
}

std::string volumes(const Needs& needs) {
    std::string out =
        "        - name: config\n          projected:\n            sources:\n              - configMap:\n"
        "                  name: " +
        needs.name +
        "\n                  items:\n"
        "                    - {key: volley.yml, path: volley.yml}";
    for (const ProjectFile& file : needs.beside)
        out += "\n                    - {key: " + object_key(file.path) +
               ", path: " + yaml_string(file.path) + "}";
    const auto files = mounted_secrets(needs);
    if (!files.empty())
        out +=
            "\n              - secret:\n                  name: " + needs.name + "\n                  items:";
    for (const std::string& file : files)
        out += "\n                    - {key: " + object_key(file) + ", path: " + yaml_string(file) + "}";
    if (needs.disk.one_replica.empty())
        out +=
            "\n        # The crash journal: it survives a restart of the container, which is what it is "
            "for.\n"
            "        - name: state\n          emptyDir: {}";
    else
        out += "\n        - name: state\n          persistentVolumeClaim: {claimName: " + needs.name + "}";
    out += "\n        - name: tmp\n          emptyDir: {}";
    if (needs.plugins) out += "\n        - name: plugins\n          emptyDir: {}";
    return out;
}

std::string claim(const Needs& needs) {
    if (needs.disk.one_replica.empty()) return {};
    return "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: " + needs.name +
           "\n  labels: {app.kubernetes.io/name: " + needs.name +
           "}\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests: {storage: 1Gi}\n---";
}

std::string scaled_object(const Needs& needs) {
    std::string triggers;
    for (const Trigger& trigger : needs.triggers) {
        triggers += "    - type: " + trigger.type + "\n      metadata:\n";
        for (const auto& [key, value] : trigger.metadata)
            triggers += "        " + key + ": " + yaml_string(value) + "\n";
    }
    triggers.pop_back();
    return fill(template_text("scaledobject.yaml"), {{"name", needs.name}, {"triggers", triggers}});
}

// What standard output says of KEDA.
std::string scaling(const Needs& needs, const Target& target) {
    if (!needs.disk.one_replica.empty() || needs.triggers.empty())
        return target.keda
                   ? "# No ScaledObject: " +
                         (needs.disk.one_replica.empty() ? "no input has a depth that KEDA can ask for"
                                                         : needs.disk.one_replica) +
                         "."
                   : std::string();
    if (!target.keda) return "# With --keda: a ScaledObject that adds replicas while messages wait.";
    std::string out = "---\n" + scaled_object(needs);
    out.pop_back();
    return out;
}

}  // namespace

std::vector<ProjectFile> kubernetes(const Needs& needs, const Target& given) {
    Target target = given;
    const bool scales = needs.disk.one_replica.empty() && !needs.triggers.empty();
    const std::string said_of_scaling = scaling(needs, target);
    target.keda = target.keda && scales;
    const std::string_view values = template_text("values.yaml");
    std::string arguments;
    if (needs.disk.relative)
        arguments = "          args: [--config, " + container_folder(needs) + "/volley.yml]";
    std::string text = fill(template_text("kubernetes.yaml"),
                            {{"name", needs.name},
                             {"notes", notes_as_comments(needs)},
                             {"secret-steps", secret_steps(needs)},
                             {"data", data(needs)},
                             {"claim", claim(needs)},
                             {"replicas", replicas(needs, target)},
                             {"strategy", strategy(needs)},
                             {"checksum", needs.checksum},
                             {"grace", std::to_string(needs.grace_seconds)},
                             {"pod-security", cut_block(values, "podSecurityContext:", false, 8)},
                             {"init", init_containers(needs)},
                             {"image", yaml_string(image_of(needs, target))},
                             {"arguments", arguments},
                             {"env", environment(needs)},
                             {"ports", ports(needs)},
                             {"probes", probes(needs)},
                             {"resources", cut_block(values, "resources:", false, 12)},
                             {"security", cut_block(values, "securityContext:", false, 12)},
                             {"mounts", mounts(needs)},
                             {"volumes", volumes(needs)},
                             {"scaling", said_of_scaling}});
    return {{needs.name + ".yaml", std::move(text)}};
}

}  // namespace volley::cli::deploy
