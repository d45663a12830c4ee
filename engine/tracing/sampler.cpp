#include "tracing/sampler.hpp"

#include <charconv>
#include <system_error>

namespace volley::tracing {

namespace {

constexpr std::uint64_t all = std::uint64_t{1} << 63U;

std::uint64_t bound_of(std::string_view ratio, bool* is_wrong) {
    if (ratio.empty()) return all;
    double number = 0;
    const auto [end, error] = std::from_chars(ratio.data(), ratio.data() + ratio.size(), number);
    if (error != std::errc() || end != ratio.data() + ratio.size() || !(number >= 0 && number <= 1)) {
        *is_wrong = true;
        return all;
    }
    return static_cast<std::uint64_t>(number * static_cast<double>(all));
}

}  // namespace

std::optional<Sampler> sampler_named(std::string_view name, std::string_view argument,
                                     bool* is_argument_wrong) {
    constexpr std::string_view prefix = "parentbased_";
    Sampler sampler;
    sampler.is_parent_based = name.substr(0, prefix.size()) == prefix;
    if (sampler.is_parent_based) name.remove_prefix(prefix.size());
    if (name == "always_on") {
        sampler.bound = all;
    } else if (name == "always_off") {
        sampler.bound = 0;
    } else if (name == "traceidratio") {
        sampler.bound = bound_of(argument, is_argument_wrong);
    } else {
        return std::nullopt;
    }
    return sampler;
}

}  // namespace volley::tracing
