#include "plugin_check/loaded.hpp"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "plugin_check/child.hpp"
#include "plugins/elf.hpp"
#include "plugins/wall.hpp"

namespace volley::cli::plugin_check {

namespace fs = std::filesystem;

Spec parse_spec(const std::string& text) {
    Spec spec{text, {}};
    const std::size_t colon = text.rfind(':');
    if (colon != std::string::npos && text.find('/', colon) == std::string::npos)
        spec = {text.substr(0, colon), text.substr(colon + 1)};
    std::error_code missing;
    if (const auto absolute = fs::canonical(spec.file, missing); !missing) spec.file = absolute.string();
    return spec;
}

Loaded load(const std::string& file) {
    if (plugins::is_cut_off(file)) broken(file + " is cut off: its end is missing", "copy or build it again");
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const std::string why = dlerror();
        broken("it cannot be loaded: " + why,
               why.find("undefined symbol") != std::string::npos
                   ? "link it with -Wl,-z,defs, so that a missing symbol fails its build"
                   : "give the path of a shared object that was built for this machine");
    }
    void* symbol = dlsym(library, VOLLEY_ENTRY_SYMBOL);
    require(symbol != nullptr, "it does not export " VOLLEY_ENTRY_SYMBOL,
            "build it with volley_add_plugin() and VOLLEY_PLUGIN(…), or export the function");
    volley_plugin_entry entry = nullptr;
    std::memcpy(&entry, &symbol, sizeof entry);

    Loaded loaded;
    loaded.host =
        std::make_unique<plugins::detail::Host>(fs::path(file).filename().string(), plugins::Services{}, "{}",
                                                "", fs::path(file).parent_path().string());
    volley_error error = plugins::empty_error();
    note(VOLLEY_ENTRY_SYMBOL);
    loaded.plugin = entry(loaded.host->get(), &error);
    require(loaded.plugin != nullptr,
            std::string(VOLLEY_ENTRY_SYMBOL " returned NULL: ") +
                (error.text[0] != '\0' ? error.text : "it gives no reason"),
            "return the description, or say in the error what is missing");
    note("its description, which it has not filled in");
    return loaded;
}

std::unique_ptr<plugins::Description> described(const Loaded& loaded, const std::string& file) {
    auto description = plugins::describe(*loaded.plugin, fs::path(file).filename().string());
    if (!description) conclude({Status::fail, description.error().text});
    note("");
    return std::move(*description);
}

Subject subject_of(const std::string& file, std::uint32_t kind, const std::string& class_name) {
    struct Known {
        Loaded loaded;
        std::unique_ptr<plugins::Description> description;
    };
    // The entry is called once for each file. Nothing is freed: instances refer to it until the child ends.
    static std::map<std::string, Known>& files = *new std::map<std::string, Known>;
    if (!files.contains(file)) {
        Known known{load(file), nullptr};
        known.description = described(known.loaded, file);
        files.emplace(file, std::move(known));
    }
    const Known& known = files.at(file);
    const volley_plugin* plugin = known.loaded.plugin;
    for (const auto& c : known.description->classes) {
        if (c->head.kind != kind || class_name != c->head.name) continue;
        for (std::uint32_t i = 0; i < plugin->class_count; ++i)
            if (plugin->classes[i]->kind == kind && class_name == plugin->classes[i]->name)
                return {plugin->classes[i], {&c->head, &known.description->plugin, file}};
    }
    broken("it has no class " + class_name, "volley plugins shows the classes of a file");
}

}  // namespace volley::cli::plugin_check
