#include "queues/letter_scan.hpp"

#include <algorithm>
#include <vector>

#include "text/number.hpp"
#include "volley/view.hpp"

namespace volley::queues {

namespace {

constexpr std::uint64_t most_per_page = 256;
constexpr std::uint64_t bytes_per_page = 8U << 20U;

}  // namespace

void PageSize::saw(const std::vector<volley_message>& page) {
    std::uint64_t bytes = 1;
    for (const volley_message& message : page) bytes += message.body.size + message.key.size;
    const std::uint64_t fit = page.size() * bytes_per_page / bytes;
    next_ = std::clamp<std::uint64_t>(std::min(fit, 4 * next_), 1, most_per_page);
}

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
    PageSize size;
    for (std::uint64_t seen = 0; seen < end;) {
        const auto page = inspection.peek(seen, std::min(size.next(), end - seen));
        if (!page) return page.error();
        if ((*page)->empty()) break;
        size.saw(**page);
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
