#include "handlers/answer.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "handlers/json_cursor.hpp"
#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

using Type = JsonCursor::Type;

// Limits of an answer. The shortest outputs take much more memory here than in the line.
constexpr std::size_t most_outputs = 100'000;
constexpr std::size_t most_headers = 1'000'000;

// The value of a protocol field. null, false and "" count as absent.
struct Field {
    enum class Kind : std::uint8_t { absent, yes, text, number, other } kind = Kind::absent;
    std::string_view raw;
};

Field read_field(JsonCursor& in) {
    const Type type = in.type();
    Field field;
    field.raw = in.value(deepest_body);
    if (in.failed()) return field;
    switch (type) {
        case Type::yes:
            field.kind = Field::Kind::yes;
            break;
        case Type::string:
            if (!field.raw.empty()) field.kind = Field::Kind::text;
            break;
        case Type::number:
            field.kind = Field::Kind::number;
            break;
        case Type::object:
        case Type::array:
            field.kind = Field::Kind::other;
            break;
        default:
            break;
    }
    return field;
}

// Returns a whole number in any spelling of a serializer: 500, "500", 500.0, 5e2. `up`: rounds fractions up.
std::optional<std::uint64_t> whole_number(std::string_view text, bool up) {
    const char* const end = text.data() + text.size();
    std::uint64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc() && read.ptr == end)
        return whole;
    double number = 0;
    const auto read = std::from_chars(text.data(), end, number);
    constexpr double exact = 9007199254740992.0;  // doubles are exact up to here
    if (read.ec != std::errc() || read.ptr != end || !(number >= 0 && number <= exact)) return std::nullopt;
    if (!up && std::floor(number) != number) return std::nullopt;
    return static_cast<std::uint64_t>(std::ceil(number));
}

bool is_number(const Field& field) {
    return field.kind == Field::Kind::number || field.kind == Field::Kind::text;
}

// Accepting such an answer would ack the message and lose the outputs that the author meant to send.
bool belongs_into_output(std::string_view name) {
    return name == "body" || name == "text" || name == "base64" || name == "tombstone" || name == "queue" ||
           name == "output";
}

class AnswerReader {
public:
    AnswerReader(std::string_view line, Answer& answer) : in_(line), answer_(answer) {
        answer.clear();
        // Decoding never makes a text longer, so `texts` does not move and views of it stay valid.
        if (line.find('\\') != std::string_view::npos || line.find("base64") != std::string_view::npos)
            answer.texts.reserve(line.size());
    }
    std::optional<std::string> read();

private:
    void read_member(std::string_view name);
    void read_outcome(Answer::Kind kind, std::string_view name);
    void read_outputs();
    void read_output();
    bool read_body_member(std::string_view name, AnswerOutput& output);
    void finish_body(AnswerOutput& output);
    void read_key(std::string_view name, AnswerOutput& output);
    void read_headers(AnswerOutput& output);
    void read_header_pairs();
    void read_header_values(volley_view name);
    std::optional<volley_view> read_header_text(bool may_be_absent);

    std::string_view text(const Field& field) { return unescaped(field.raw, answer_.texts); }
    std::optional<std::string_view> from_base64(const Field& field);
    std::uint64_t milliseconds(std::string_view name);
    void wrong(std::string_view name, const char* expected) {
        in_.fail("\"" + std::string(name) + "\" is not " + expected);
    }

    // The fields of an output that can give its body.
    struct Body {
        std::optional<std::string_view> text;
        std::optional<std::string_view> base64;
        std::optional<std::string_view> json;
        bool json_is_null = false;
        bool tombstone = false;
    };

    JsonCursor in_;
    Answer& answer_;
    Body body_;  // of the current output
    bool hello_ = false;
};

std::optional<std::string> AnswerReader::read() {
    if (in_.type() != Type::object) return "no JSON object";
    std::string_view name;
    for (bool first = true; in_.next_member(first, name);) read_member(name);
    if (!in_.failed()) in_.end();
    if (in_.failed()) return in_.why();
    if (hello_ && !answer_.id) {
        answer_.kind = Answer::Kind::hello;
    } else if (!answer_.id) {
        return "it has no \"id\" of a message";
    }
    return std::nullopt;
}

void AnswerReader::read_member(std::string_view name) {
    if (name == "outputs") return read_outputs();
    if (name == "retry") return read_outcome(Answer::Kind::retry, name);
    if (name == "fail") return read_outcome(Answer::Kind::fail, name);
    if (name == "drop") return read_outcome(Answer::Kind::drop, name);
    if (name == "after_ms") {
        answer_.after_ms = milliseconds(name);
        return;
    }
    const Field field = read_field(in_);
    const bool given = field.kind != Field::Kind::absent;
    if (name == "id") {
        answer_.id = is_number(field) ? whole_number(field.raw, false) : std::nullopt;
        if (given && !answer_.id) wrong(name, "the id of a message");
    } else if (name == "skipped") {
        if (field.kind == Field::Kind::yes && answer_.kind == Answer::Kind::done)
            answer_.kind = Answer::Kind::skipped;
    } else if (name == "volley") {
        hello_ = given;
    } else if (name == "chains") {
        answer_.keeps_groups = field.kind == Field::Kind::yes;
    } else if (name == "cancels") {
        answer_.takes_cancels = field.kind == Field::Kind::yes;
    } else if (name == "source") {
        answer_.takes_source = field.kind == Field::Kind::yes;
    } else if (name == "batches") {
        answer_.takes_batches = field.kind == Field::Kind::yes;
    } else if (name == "more") {
        answer_.has_more = field.kind == Field::Kind::yes;
    } else if (given && belongs_into_output(name)) {
        in_.fail("\"" + std::string(name) + "\" stands outside of \"outputs\"");
    }
}

// If an answer has several, the most severe counts: retry, fail, drop, skipped.
void AnswerReader::read_outcome(Answer::Kind kind, std::string_view name) {
    const Field field = read_field(in_);
    if (in_.failed() || field.kind == Field::Kind::absent) return;
    if (field.kind != Field::Kind::text && field.kind != Field::Kind::yes)
        return wrong(name, "a text with the reason");
    const bool graver = answer_.kind == Answer::Kind::done || kind < answer_.kind;
    if (!graver) return;
    answer_.kind = kind;
    answer_.why = field.kind == Field::Kind::text ? text(field) : std::string_view();
}

// Negative values count as 0.
std::uint64_t AnswerReader::milliseconds(std::string_view name) {
    const Field field = read_field(in_);
    if (in_.failed() || field.kind == Field::Kind::absent) return 0;
    if (is_number(field)) {
        if (field.raw.front() == '-' && whole_number(field.raw.substr(1), true)) return 0;
        if (const auto number = whole_number(field.raw, true)) return *number;
    }
    wrong(name, "a number of milliseconds");
    return 0;
}

void AnswerReader::read_outputs() {
    if (in_.type() != Type::array) {
        const Field field = read_field(in_);
        if (!in_.failed() && field.kind != Field::Kind::absent) wrong("outputs", "a list");
        return;
    }
    answer_.outputs.clear();
    answer_.headers.clear();
    for (bool first = true; in_.next_element(first);) read_output();
}

void AnswerReader::read_output() {
    if (in_.type() != Type::object) {
        in_.value(deepest_body);
        if (!in_.failed()) in_.fail("an output is not an object");
        return;
    }
    AnswerOutput output;
    body_ = {};
    std::string_view name;
    for (bool first = true; in_.next_member(first, name);) {
        if (read_body_member(name, output)) continue;
        if (name == "headers") {
            read_headers(output);
        } else if (name == "key" || name == "key_base64") {
            read_key(name, output);
        } else if (name == "delay_ms") {
            output.delay_ms = milliseconds(name);
        } else if (name == "without_key") {
            output.without_key = read_field(in_).kind == Field::Kind::yes;
        } else if (name == "without_headers") {
            output.without_headers = read_field(in_).kind == Field::Kind::yes;
        } else if (name == "partition") {
            const Field field = read_field(in_);
            const auto number = is_number(field) ? whole_number(field.raw, false) : std::nullopt;
            if (number && *number <= std::numeric_limits<std::int32_t>::max())
                output.partition = static_cast<std::int32_t>(*number);
            else if (!in_.failed() && field.kind != Field::Kind::absent && field.raw != "-1")
                wrong(name, "the number of a partition");
        } else {
            in_.value(deepest_body);
        }
    }
    if (in_.failed()) return;
    finish_body(output);
    if (answer_.outputs.size() == most_outputs)
        return in_.fail("it has more than " + std::to_string(most_outputs) + " outputs");
    answer_.outputs.push_back(output);
}

bool AnswerReader::read_body_member(std::string_view name, AnswerOutput& output) {
    if (name == "body") {
        body_.json_is_null = in_.type() == Type::null;
        const bool quoted = in_.type() == Type::string;
        const std::string_view json = in_.value(deepest_body);
        if (in_.failed()) return true;
        body_.json = quoted ? std::string_view(json.data() - 1, json.size() + 2) : json;
        return true;
    }
    if (name != "text" && name != "base64" && name != "tombstone" && name != "queue") return false;
    const bool is_string = in_.type() == Type::string;
    const Field field = read_field(in_);
    if (in_.failed()) return true;
    if (name == "tombstone") {
        body_.tombstone = field.kind == Field::Kind::yes;
        if (field.kind != Field::Kind::yes && field.kind != Field::Kind::absent) wrong(name, "true or false");
        return true;
    }
    if (field.kind != Field::Kind::absent && !is_string) {
        wrong(name, "a text");
    } else if (name == "queue") {
        if (field.kind == Field::Kind::text) output.queue = text(field);
    } else if (is_string) {
        if (name == "text")
            body_.text = text(field);
        else if (body_.base64 = from_base64(field); !body_.base64)
            wrong(name, "valid base64");
    }
    return true;
}

// An empty text or a body of null counts only if there is no other body.
void AnswerReader::finish_body(AnswerOutput& output) {
    const bool text = body_.text && !body_.text->empty();
    const bool bytes = body_.base64 && !body_.base64->empty();
    const bool json = body_.json && !body_.json_is_null;
    const int given = int{text} + int{bytes} + int{json} + int{body_.tombstone};
    if (given > 1)
        return in_.fail("an output has more than one of \"body\", \"text\", \"base64\", \"tombstone\"");
    if (body_.tombstone) return;
    if (text || (!bytes && !json && body_.text))
        output.body = body_.text;
    else if (bytes || (!json && body_.base64))
        output.body = body_.base64;
    else if (body_.json)
        output.body = body_.json;
    else
        in_.fail("an output has no \"body\", \"text\", \"base64\" or \"tombstone\"");
}

std::optional<std::string_view> AnswerReader::from_base64(const Field& field) {
    std::string escaped;  // not in `texts`, which has room for only one of the two
    const auto bytes = text::from_base64(unescaped(field.raw, escaped));
    if (!bytes) return std::nullopt;
    const std::size_t begin = answer_.texts.size();
    answer_.texts += *bytes;
    return std::string_view(answer_.texts).substr(begin);
}

void AnswerReader::read_key(std::string_view name, AnswerOutput& output) {
    const Field field = read_field(in_);
    if (in_.failed() || field.kind == Field::Kind::absent) return;
    if (!is_number(field)) return wrong(name, "a text");
    if (name == "key") {
        output.key = text(field);
    } else if (const auto bytes = from_base64(field)) {
        output.key = bytes;
    } else {
        wrong(name, "valid base64");
    }
}

void AnswerReader::read_headers(AnswerOutput& output) {
    output.first_header = answer_.headers.size();
    if (in_.type() == Type::object) {
        std::string_view name;
        for (bool first = true; in_.next_member(first, name);)
            read_header_values(view_of(unescaped(name, answer_.texts)));
    } else if (in_.type() == Type::array) {
        read_header_pairs();
    } else {
        const Field field = read_field(in_);
        if (!in_.failed() && field.kind != Field::Kind::absent)
            wrong("headers", "an object or a list of pairs");
    }
    output.header_count = static_cast<std::uint32_t>(answer_.headers.size() - output.first_header);
    if (answer_.headers.size() > most_headers)
        in_.fail("its outputs have more than " + std::to_string(most_headers) + " headers");
}

void AnswerReader::read_header_pairs() {
    for (bool first = true; in_.next_element(first);) {
        std::optional<volley_view> name;
        int parts = 0;
        for (bool first_part = true; in_.next_element(first_part); ++parts) {
            const auto part = read_header_text(parts > 0);
            if (!part) return;
            if (parts == 0)
                name = part;
            else if (parts == 1)
                answer_.headers.push_back({*name, *part});
        }
        if (in_.failed()) return;
        if (parts != 2) return in_.fail("a header is not a pair of name and value");
    }
}

// One value, or the list of values of a repeated name.
void AnswerReader::read_header_values(volley_view name) {
    if (in_.type() != Type::array) {
        if (const auto value = read_header_text(true)) answer_.headers.push_back({name, *value});
        return;
    }
    for (bool first = true; in_.next_element(first);) {
        const auto value = read_header_text(true);
        if (!value) return;
        answer_.headers.push_back({name, *value});
    }
}

// A string, {"base64":"…"}, a number or a boolean as it is written, or null.
std::optional<volley_view> AnswerReader::read_header_text(bool may_be_absent) {
    const Type type = in_.type();
    if (type == Type::object) {
        std::optional<volley_view> bytes;
        std::string_view name;
        for (bool first = true; in_.next_member(first, name);) {
            const bool is_string = in_.type() == Type::string;
            const Field field = read_field(in_);
            if (in_.failed()) return std::nullopt;
            const auto decoded = name == "base64" && is_string ? from_base64(field) : std::nullopt;
            if (decoded) bytes = view_of(*decoded);
        }
        if (!in_.failed() && !bytes) in_.fail("a header is an object without \"base64\"");
        return bytes;
    }
    const std::string_view raw = in_.value(deepest_body);
    if (in_.failed()) return std::nullopt;
    if (type == Type::null && may_be_absent) return volley_view{};
    if (type == Type::array || type == Type::null) {
        in_.fail("a header is not a text");
        return std::nullopt;
    }
    return view_of(type == Type::string ? unescaped(raw, answer_.texts) : raw);
}

}  // namespace

void Answer::clear() {
    constexpr std::size_t kept = 1 << 20;  // bytes; memory for large answers is freed
    if (texts.capacity() > kept) texts = std::string();
    if (outputs.capacity() * sizeof(AnswerOutput) > kept) outputs = std::vector<AnswerOutput>();
    if (headers.capacity() * sizeof(volley_header) > kept) headers = std::vector<volley_header>();
    kind = Kind::done;
    id.reset();
    why = {};
    after_ms = 0;
    keeps_groups = takes_cancels = takes_source = takes_batches = has_more = false;
    outputs.clear();
    headers.clear();
    texts.clear();
}

std::optional<std::string> parse_answer(std::string_view line, Answer& answer) {
    return AnswerReader(line, answer).read();
}

// Follows only quotes and brackets, up to the first member "id" of the outermost object.
std::optional<std::uint64_t> named_id(std::string_view line) {
    std::size_t depth = 0;
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char c = line[at];
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && depth > 0) --depth;
        if (c != '"') continue;
        const std::size_t begin = ++at;
        while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2U : 1U;
        if (at >= line.size()) return std::nullopt;
        if (depth != 1 || line.substr(begin, at - begin) != "id") continue;
        const std::size_t colon = line.find_first_not_of(" \t\r\n", at + 1);
        if (colon == std::string_view::npos || line[colon] != ':') continue;
        std::size_t value = line.find_first_not_of(" \t\r\n", colon + 1);
        if (value == std::string_view::npos) return std::nullopt;
        if (line[value] == '"') ++value;
        const std::size_t end = line.find_first_of("\",} \t\r\n", value);
        if (end == std::string_view::npos) return std::nullopt;  // digits may be missing
        return whole_number(line.substr(value, end - value), false);
    }
    return std::nullopt;
}

}  // namespace volley::handlers
