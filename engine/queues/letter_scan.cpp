#include "queues/letter_scan.hpp"

#include <algorithm>
#include <vector>

#include "text/number.hpp"
#include "volley/view.hpp"

namespace volley::queues {

namespace {

constexpr std::uint64_t bytes_per_page = 8U << 20U;
constexpr std::uint64_t growth = 16;  // at most, from one page to the next

}  // namespace

void PageSize::saw(const std::vector<volley_message>& page) {
    std::uint64_t bytes = 1;
    for (const volley_message& message : page) bytes += message.body.size + message.key.size;
    const std::uint64_t fit = page.size() * bytes_per_page / bytes;
    next_ = std::clamp<std::uint64_t>(std::min(fit, growth * next_), 1, Inspection::longest_page);
}

std::string Place::text() const { return std::to_string(skip) + ':' + last; }

std::optional<Place> Place::read(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto skip = text::whole_number(text.substr(0, colon));
    if (!skip) return std::nullopt;
    return Place{*skip, text.substr(colon + 1)};
}

Result<void> find_again(Inspection& inspection, Place& place, const std::function<bool()>& ends) {
    if (place.skip == 0 || place.last.empty()) return {};
    // Letters before it were removed, so it can only have moved forward, and mostly by a few places.
    PageSize size;
    std::uint64_t count = 1;
    for (std::uint64_t end = place.skip; end > 0; count = size.next()) {
        const std::uint64_t begin = end - std::min(count, end);
        const auto page = inspection.peek(begin, end - begin);
        if (!page) return page.error();
        std::uint64_t at = begin;
        for (const volley_message& message : **page) {
            ++at;
            if (text_of(message.id) != place.last) continue;
            place.skip = at;
            return {};
        }
        if (!(*page)->empty() && end != place.skip) size.saw(**page);
        if (ends()) break;
        end = begin;
    }
    place = {};
    return {};
}

Result<bool> scan(Inspection& inspection, const LetterFilter& filter, Place& place,
                  const std::function<bool(Letter&&)>& take, const std::function<bool()>& ends) {
    PageSize size;
    for (;;) {
        const auto page = inspection.peek(place.skip, size.next());
        if (!page) return page.error();
        if ((*page)->empty()) return true;
        size.saw(**page);
        for (const volley_message& message : **page) {
            Letter letter = read_letter(message);
            ++place.skip;
            place.last = letter.id;
            if (filter.matches(letter) && !take(std::move(letter))) return false;
        }
        if (ends()) return false;
    }
}

}  // namespace volley::queues
