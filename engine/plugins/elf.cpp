#include "plugins/elf.hpp"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <fstream>

namespace volley::plugins {

namespace {

constexpr unsigned char own_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

template <typename Header>
bool read_at(std::ifstream& in, std::uint64_t offset, Header& header) {
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(reinterpret_cast<char*>(&header), sizeof header);
    return static_cast<bool>(in);
}

}  // namespace

bool is_cut_off(const std::filesystem::path& file) {
    std::error_code unknown;
    const std::uint64_t size = std::filesystem::file_size(file, unknown);
    std::ifstream in(file, std::ios::binary);
    ElfW(Ehdr) elf{};
    if (unknown || !read_at(in, 0, elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (elf.e_ident[EI_CLASS] != own_class) return false;
    for (unsigned i = 0; i < elf.e_phnum; ++i) {
        ElfW(Phdr) segment{};
        if (!read_at(in, elf.e_phoff + std::uint64_t{i} * elf.e_phentsize, segment)) return true;
        if (segment.p_type != PT_LOAD) continue;
        if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) return true;
    }
    return false;
}

}  // namespace volley::plugins
