#include "plugins/nearest.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace volley::plugins {

namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t longest = 256;  // the cost is the product of the lengths
    if (word.size() > longest) return {};
    std::size_t best = std::max<std::size_t>((word.size() + 2) / 3, 1) + 1;
    std::string found;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > longest) continue;
        const std::size_t d = distance(word, candidate);
        if (d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const std::string found = nearest(word, candidates);
    return found.empty() ? std::string() : "; did you mean \"" + found + "\"?";
}

}  // namespace volley::plugins
