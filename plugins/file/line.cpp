#include "line.hpp"

#include <vector>

#include "volley/utf8.hpp"

namespace volley::file {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Recognizes JSON without a limit of depth or of the size of numbers.
class JsonScanner {
public:
    explicit JsonScanner(std::string_view text) : text_(text) {}

    bool is_whole() {
        if (!is_utf8(text_)) return false;
        while (expects_ != Expects::end || !at_end()) {
            while (!at_end() && is_blank(text_[at_])) ++at_;
            if (at_end()) return expects_ == Expects::end;
            if (!step()) return false;
        }
        return true;
    }

private:
    enum class Expects { value, value_or_end, key, key_or_end, colon, comma_or_end, end };

    bool at_end() const { return at_ >= text_.size(); }
    bool take(char c) { return !at_end() && text_[at_] == c && ++at_ != 0; }

    bool step() {
        switch (expects_) {
            case Expects::value_or_end:
                return take(']') ? close() : value();
            case Expects::value:
                return value();
            case Expects::key_or_end:
                return take('}') ? close() : key();
            case Expects::key:
                return key();
            case Expects::colon:
                expects_ = Expects::value;
                return take(':');
            case Expects::comma_or_end:
                if (take(in_object_.back() ? '}' : ']')) return close();
                expects_ = in_object_.back() ? Expects::key : Expects::value;
                return take(',');
            case Expects::end:
                break;
        }
        return false;
    }
    bool open(bool is_object) {
        in_object_.push_back(is_object);
        expects_ = is_object ? Expects::key_or_end : Expects::value_or_end;
        return true;
    }
    bool close() {
        in_object_.pop_back();
        return after_value();
    }
    bool after_value() {
        expects_ = in_object_.empty() ? Expects::end : Expects::comma_or_end;
        return true;
    }
    bool key() {
        expects_ = Expects::colon;
        return take('"') && string();
    }
    bool value() {
        if (take('{')) return open(true);
        if (take('[')) return open(false);
        if (take('"')) return string() && after_value();
        for (const std::string_view word : {"true", "false", "null"}) {
            if (text_.substr(at_, word.size()) != word) continue;
            at_ += word.size();
            return after_value();
        }
        return number() && after_value();
    }
    bool string() {
        while (!at_end()) {
            const char c = text_[at_++];
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < ' ') return false;
            if (c == '\\' && !escape()) return false;
        }
        return false;
    }
    bool escape() {
        if (at_end()) return false;
        const char c = text_[at_++];
        if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
        const std::string_view digits = text_.substr(at_, 4);
        at_ += 4;
        return digits.size() == 4 &&
               digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    }
    bool digits() {
        const std::size_t begin = at_;
        while (!at_end() && is_digit(text_[at_])) ++at_;
        return at_ > begin;
    }
    bool number() {
        take('-');
        if (!take('0') && !digits()) return false;
        if (take('.') && !digits()) return false;
        if (!take('e') && !take('E')) return true;
        if (!take('+')) take('-');
        return digits();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    Expects expects_ = Expects::value;
    std::vector<bool> in_object_;
};

bool is_json(std::string_view text) { return JsonScanner(text).is_whole(); }

// Requires: is_json(text).
void append_compact(std::string_view text, std::string& out) {
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string && c == '\\') {
            out.append(text, i++, 2);
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (in_string || !is_blank(c)) out.push_back(c);
    }
}

}  // namespace

const char* append_line(std::string_view body, std::string& out) {
    if (body.empty()) return "an empty body would be an empty line, which is no message";
    const bool has_newline = body.find('\n') != std::string_view::npos || body.back() == '\r';
    if (!has_newline) {
        out.append(body);
    } else if (is_json(body)) {
        append_compact(body, out);
    } else {
        return "the body contains newlines and is no JSON, so it cannot be one line of the file";
    }
    out.push_back('\n');
    return nullptr;
}

bool is_whole_json(std::string_view text) {
    return !text.empty() && (text[0] == '{' || text[0] == '[') && is_json(text);
}

}  // namespace volley::file
