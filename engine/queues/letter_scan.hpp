// Walks through the letters of a dead-letter queue without taking them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "queues/inspection.hpp"
#include "queues/letter.hpp"
#include "queues/letter_filter.hpp"

namespace volley::queues {

// A place between two letters. A client keeps it as text between two requests.
struct Place {
    std::uint64_t skip = 0;  // so many letters are before it
    std::string last;        // the id of the last of them; empty: none, or it is not known

    std::string text() const;
    // Returns nothing if the text is not one that text() returns.
    static std::optional<Place> read(const std::string& text);
};

// How many letters a page may have, so that bodies of a page take a bounded amount of memory.
class PageSize {
public:
    std::uint64_t next() const { return next_; }
    // A page has come.
    void saw(const std::vector<volley_message>& page);

private:
    std::uint64_t next_ = 16;
};

// Moves the place to where its last letter is now, because others remove letters. If that one is not found
// before `ends` returns true, which it asks for each page, it moves to the beginning: letters may be seen
// twice, and none is missed. Errors: the connector's.
Result<void> find_again(Inspection& inspection, Place& place, const std::function<bool()>& ends);

// Calls `take` for each letter behind `place` that matches, and moves `place` behind it. Ends when `take`
// returns false, when `ends` returns true, which it asks for each page, or behind the last letter. Returns
// whether it reached the last letter. `take` must not call the inspection. Errors: the connector's.
Result<bool> scan(Inspection& inspection, const LetterFilter& filter, Place& place,
                  const std::function<bool(Letter&&)>& take, const std::function<bool()>& ends);

}  // namespace volley::queues
