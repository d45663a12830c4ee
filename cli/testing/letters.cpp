#include "testing/letters.hpp"

#include <algorithm>
#include <charconv>

namespace volley::cli::testing {

namespace {

using Lines = std::vector<std::string>;

std::string header_text(const Stored& stored, std::string_view name) {
    const std::string* const found = header_of(stored, name);
    return found == nullptr ? std::string() : *found;
}

Lines letter_lines(const ExpectedLetter& letter) {
    Lines lines{"message " + std::to_string(letter.message)};
    if (!letter.reason.empty()) lines.push_back("reason: " + letter.reason);
    if (letter.attempts) lines.push_back("attempts: " + std::to_string(*letter.attempts));
    if (!letter.error.empty()) lines.push_back("error: " + letter.error);
    return lines;
}

Lines letter_lines(const Stored& stored) {
    return {"message " + header_text(stored, "volley-message-id"),
            "reason: " + header_text(stored, "volley-reason"),
            "attempts: " + header_text(stored, "volley-attempts"),
            "error: " + header_text(stored, "volley-error")};
}

// What the other side does not say is left out, and a part of an error counts as the error.
Lines letter_lines(const ExpectedLetter& wanted, const Stored& stored) {
    Lines lines{"message " + header_text(stored, "volley-message-id")};
    if (!wanted.reason.empty()) lines.push_back("reason: " + header_text(stored, "volley-reason"));
    if (wanted.attempts) lines.push_back("attempts: " + header_text(stored, "volley-attempts"));
    const std::string error = header_text(stored, "volley-error");
    if (!wanted.error.empty())
        lines.push_back("error: " + (error.find(wanted.error) != std::string::npos ? wanted.error : error));
    else if (lines != letter_lines(wanted))
        lines.push_back("error: " + error);
    return lines;
}

}  // namespace

const std::string* header_of(const Stored& stored, std::string_view name) {
    for (const codec::Header& header : stored.headers)
        if (header.name == name && header.value) return &*header.value;
    return nullptr;
}

bool is_letter_record(const Stored& stored) { return header_of(stored, "volley-reason") != nullptr; }

MessageNumber message_of(const Stored& stored) {
    const std::string text = header_text(stored, "volley-message-id");
    MessageNumber number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::vector<Difference> compare_dead_letters(std::vector<ExpectedLetter> wanted,
                                             std::vector<const Stored*> got, const Mark& place) {
    std::vector<Difference> found;
    std::stable_sort(got.begin(), got.end(),
                     [](const Stored* a, const Stored* b) { return message_of(*a) < message_of(*b); });
    std::stable_sort(wanted.begin(), wanted.end(),
                     [](const ExpectedLetter& a, const ExpectedLetter& b) { return a.message < b.message; });
    constexpr MessageNumber none = ~MessageNumber{0};
    auto w = wanted.begin();
    auto g = got.begin();
    while (w != wanted.end() || g != got.end()) {
        const MessageNumber of_wanted = w == wanted.end() ? none : w->message;
        const MessageNumber of_got = g == got.end() ? none : message_of(**g);
        const MessageNumber message = std::min(of_got, of_wanted);
        const std::string what = "dead letter of message " + std::to_string(message);
        if (of_wanted > of_got)
            found.push_back({place, what, {"(none)"}, letter_lines(**g)});
        else if (of_got > of_wanted)
            found.push_back({w->mark, what, letter_lines(*w), {"(none)"}});
        else if (const Lines lines = letter_lines(*w, **g); lines != letter_lines(*w))
            found.push_back({w->mark, what, letter_lines(*w), lines});
        if (of_got == message) ++g;
        if (of_wanted == message) ++w;
    }
    return found;
}

}  // namespace volley::cli::testing
