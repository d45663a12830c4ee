// Headers as JSON, so that SQL can read and write them: [["name", "value"], …] in order. A value that is not
// UTF-8 is {"base64": "…"}, an absent one null. {"name": "value"} is also read. Thread: any.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "volley/view.hpp"

namespace volley::sqlite {

struct OwnedHeader {
    std::string name;
    std::string value;
    bool absent = false;
};

void write_headers(const volley_header* headers, std::uint32_t count, std::string& out);

// Numbers, true and false, which other programs write, are read as text. Returns false if the text does not
// have this form; then `out` is empty.
bool read_headers(std::string_view json, std::vector<OwnedHeader>& out);

}  // namespace volley::sqlite
