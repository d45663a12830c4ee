#include "config/yaml_places.hpp"

#include <algorithm>

namespace volley::config {

Mark Columns::place(const std::string& file, const YAML::Mark& mark) {
    const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
    auto byte = static_cast<std::size_t>(std::max(mark.column, 0));
    if (line < lines_.size()) byte = std::min(byte, lines_[line].size());
    if (line != line_ || byte < byte_) {
        line_ = line;
        byte_ = characters_ = 0;
    }
    for (; byte_ < byte; ++byte_) {
        if (line >= lines_.size() || begins_character(lines_[line][byte_])) ++characters_;
    }
    return {file, static_cast<int>(line) + 1, static_cast<int>(characters_) + 1, {}};
}

std::string_view Columns::rest(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
    const auto byte = static_cast<std::size_t>(std::max(mark.column, 0));
    if (line >= lines_.size() || byte > lines_[line].size()) return {};
    return std::string_view(lines_[line]).substr(byte);
}

bool Columns::is_closed(const YAML::Mark& mark) const {
    std::string_view text = rest(mark);
    if (text.empty() || (text[0] != '"' && text[0] != '\'')) return true;
    const char quote = text[0];
    text.remove_prefix(1);
    for (auto line = static_cast<std::size_t>(mark.line);;) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
            if (text[i] == (quote == '"' ? '\\' : quote) && (quote == '"' || doubled))
                ++i;
            else if (text[i] == quote)
                return true;
        }
        if (++line >= lines_.size()) return false;
        text = lines_[line];
    }
}

}  // namespace volley::config
