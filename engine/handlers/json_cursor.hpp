// Reads one JSON text from front to back without building a document: the values that nobody needs are
// checked and stay as they are written. The rules are those of docs/bodies.md: UTF-8, bounded depth, no NaN,
// no half of a surrogate pair. The first fault ends the reading; every later call returns nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::handlers {

class JsonCursor {
public:
    enum class Type : std::uint8_t { object, array, string, number, yes, no, null, none };

    explicit JsonCursor(std::string_view text) : text_(text) {}

    // What begins here. `none`: no value, which is a fault once it is read.
    Type type();

    // Walks an object or an array; `first` is true for the first call. Returns false at its end and on a
    // fault. `name` is the text between the quotes, escapes included.
    bool next_member(bool& first, std::string_view& name);
    bool next_element(bool& first);

    // Returns the text of the value that begins here: checked, and not deeper than `levels`. A string's is
    // without its quotes.
    std::string_view value(std::size_t levels);

    // Nothing but white space is left; else a fault.
    void end();

    bool failed() const { return !why_.empty(); }
    const std::string& why() const { return why_; }
    void fail(std::string why);

private:
    void skip_space();
    bool expect(char c, const char* what);
    bool skip_string();
    bool skip_escape();
    bool skip_utf8();
    bool skip_number();
    bool skip_word(std::string_view word);
    bool skip_value(std::size_t levels);
    bool skip_members(std::size_t levels);
    bool skip_elements(std::size_t levels);
    bool no_value();
    bool is_at(char c) const { return at_ < text_.size() && text_[at_] == c; }
    std::string here() const { return " at byte " + std::to_string(at_); }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t most_levels_ = 0;  // of the value at hand, for the words
    std::string why_;
};

// The text of a string of JSON: `raw` itself where it has no escapes, else appended to `storage`, which must
// have room for raw.size() more bytes. Requires: `raw` was checked by a JsonCursor.
std::string_view unescaped(std::string_view raw, std::string& storage);

// Appends `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

}  // namespace volley::handlers
