// Checks of a file and of what it says of itself. Nothing is created.
#include <elf.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "plugin_check/loaded.hpp"
#include "plugin_check/suite.hpp"
#include "text/text.hpp"

namespace volley::cli::plugin_check {

namespace {

Verdict loads(const Setting& setting, const Setting&) {
    const Loaded loaded = load(setting.file);
    const auto description = described(loaded, setting.file);
    require(!description->classes.empty(), "it has no classes",
            "a plugin has at least one consumer, producer or handler");
    std::string names;
    for (const auto& c : description->classes)
        names +=
            (names.empty() ? "" : ", ") + std::string(plugins::kind_name(c->head.kind)) + " " + c->head.name;
    return conformance::passed(names);
}

void check_text(const char* text, const std::string& name, bool is_wanted) {
    if (text == nullptr || *text == '\0') {
        if (is_wanted)
            doubt("it states no " + name,
                  "fill in volley_plugin." + name + ": volley plugins and support need it");
        return;
    }
    require(text::is_utf8(text), name + " is no UTF-8", "all texts of a description are UTF-8");
}

bool starts_with_numbers(const std::string& version) {
    const std::size_t dot = version.find('.');
    return dot != std::string::npos && dot > 0 && version.find_first_not_of("0123456789") == dot &&
           dot + 1 < version.size() && version[dot + 1] >= '0' && version[dot + 1] <= '9';
}

Verdict description(const Setting& setting, const Setting&) {
    const Loaded loaded = load(setting.file);
    const auto known = described(loaded, setting.file);
    const volley_plugin& p = known->plugin;
    require(loaded.plugin->struct_size % 8 == 0,
            "volley_plugin.struct_size is " + std::to_string(loaded.plugin->struct_size),
            "set it to sizeof(volley_plugin)");
    require(p.needs_minor <= p.abi_minor, "needs_minor is above abi_minor", "abi_minor is VOLLEY_ABI_MINOR");
    check_text(p.name, "name", true);
    check_text(p.version, "version", true);
    check_text(p.author, "author", false);
    check_text(p.license, "license", true);
    check_text(p.summary, "summary", true);
    check_text(p.url, "url", false);
    if (!starts_with_numbers(p.version))
        doubt("its version is \"" + std::string(p.version) + "\"", "use a semantic version: 1.0.0");
    return conformance::passed(std::string(p.name) + " " + p.version);
}

// Names of the defined symbols that the file exports, without those of the linker. Empty: it cannot be read.
std::set<std::string> exported(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream read;
    read << in.rdbuf();
    const std::string bytes = read.str();
    const auto at = [&]<typename T>(std::size_t offset, T& out) {
        if (offset > bytes.size() || bytes.size() - offset < sizeof out) return false;
        std::memcpy(&out, bytes.data() + offset, sizeof out);
        return true;
    };
    std::set<std::string> names;
    Elf64_Ehdr head{};
    if (!at(0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return names;
    for (std::size_t s = 0; s < head.e_shnum; ++s) {
        Elf64_Shdr section{}, texts{};
        if (!at(head.e_shoff + s * sizeof section, section) || section.sh_type != SHT_DYNSYM) continue;
        if (!at(head.e_shoff + section.sh_link * sizeof texts, texts)) continue;
        Elf64_Sym symbol{};
        for (std::size_t n = 0;
             n < section.sh_size / sizeof symbol && at(section.sh_offset + n * sizeof symbol, symbol); ++n) {
            const std::size_t text = texts.sh_offset + symbol.st_name;
            if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || text >= bytes.size()) continue;
            if (ELF64_ST_BIND(symbol.st_info) != STB_LOCAL) names.insert(bytes.c_str() + text);
        }
    }
    for (const char* of_linker : {"_init", "_fini", "_edata", "_end", "__bss_start"}) names.erase(of_linker);
    return names;
}

Verdict exports(const Setting& setting, const Setting&) {
    auto names = exported(setting.file);
    names.erase(VOLLEY_ENTRY_SYMBOL);
    if (names.empty()) return conformance::passed();
    return {Status::warn, "it exports " + std::to_string(names.size()) + " other symbols, such as " +
                              *names.begin() +
                              "; link it with a version script (volley_add_plugin() does), so that it cannot "
                              "collide with others"};
}

}  // namespace

std::vector<Check> file_checks() {
    return {
        {"loads", "The file is loaded, and describes classes", Of::file, false, &loads},
        {"description", "The description of the file is complete and valid", Of::file, false, &description},
        {"exports", "The file exports its entry and nothing else", Of::file, false, &exports},
    };
}

}  // namespace volley::cli::plugin_check
