#include "queues/letter_scan.hpp"

#include <algorithm>
#include <vector>

#include "text/number.hpp"
#include "volley/view.hpp"

namespace volley::queues {

namespace {

// Bodies of a page are in memory at the same time.
constexpr std::uint64_t letters_per_page = 128;

}  // namespace

std::string Place::text() const { return std::to_string(skip) + ':' + last; }

std::optional<Place> Place::read(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto skip = text::whole_number(text.substr(0, colon));
    if (!skip) return std::nullopt;
    return Place{*skip, text.substr(colon + 1)};
}

Result<void> find_again(Inspection& inspection, Place& place) {
    if (place.skip == 0 || place.last.empty()) return {};
    const auto before = inspection.peek(place.skip - 1, 1);
    if (!before) return before.error();
    if (!(*before)->empty() && text_of((*before)->front().id) == place.last) return {};
    // Letters before it were removed, so it can only have moved forward.
    const std::uint64_t end = place.skip;
    for (std::uint64_t seen = 0; seen < end;) {
        const auto page = inspection.peek(seen, std::min(letters_per_page, end - seen));
        if (!page) return page.error();
        if ((*page)->empty()) break;
        for (const volley_message& message : **page) {
            ++seen;
            if (text_of(message.id) != place.last) continue;
            place.skip = seen;
            return {};
        }
    }
    place = {};
    return {};
}

Result<bool> scan(Inspection& inspection, const LetterFilter& filter, Place& place,
                  const std::function<bool(Letter&&)>& take, const std::function<bool()>& ends) {
    for (;;) {
        const auto page = inspection.peek(place.skip, letters_per_page);
        if (!page) return page.error();
        if ((*page)->empty()) return true;
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
