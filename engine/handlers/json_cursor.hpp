// Reads a JSON text from beginning to end without building a document. Values that are not needed are
// checked, and not decoded. The rules are those of docs/bodies.md: UTF-8, limited depth, no NaN, no half of a
// surrogate pair. After the first error every call returns nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::handlers {

class JsonCursor {
public:
    enum class Type : std::uint8_t { object, array, string, number, yes, no, null, none };

    explicit JsonCursor(std::string_view text) : text_(text) {}

    // The kind of the next value. `none`: there is no value, and reading it is an error.
    Type type();

    // Iterates over an object or an array; `first` is true for the first call. Returns false at the end and
    // after an error. `name` is the text between the quotes, with its escapes.
    bool next_member(bool& first, std::string_view& name);
    bool next_element(bool& first);

    // Returns the text of the next value, which is valid and at most `levels` deep. The text of a string is
    // without its quotes.
    std::string_view value(std::size_t levels);

    // Requires that only white space is left; anything else is an error.
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
    std::size_t most_levels_ = 0;  // of the current value, for messages
    std::string why_;
};

// Returns a string without its escapes: `raw` itself if it has none, otherwise appended to `storage`.
// Requires: `storage` has room for raw.size() more bytes, and a JsonCursor has checked `raw`.
std::string_view unescaped(std::string_view raw, std::string& storage);

// Appends `text`, which is UTF-8, as a JSON string.
void append_json_string(std::string& out, std::string_view text);

}  // namespace volley::handlers
